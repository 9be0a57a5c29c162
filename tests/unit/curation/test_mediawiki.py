"""A wiki's answers: read to their end, in batches, its faults named."""

from collections.abc import Mapping
from typing import Any

import pytest

from core.errors import SourceBroken
from curation.sources.mediawiki import answers, entities
from curation.sources.source import Ask


def says(answer: Any) -> Ask:
    """An API that has one answer to everything."""
    return lambda _url, _parameters: answer


def test_entities_come_fifty_at_a_time_in_order() -> None:
    asked: list[str] = []

    def ask(_url: str, parameters: Mapping[str, str]) -> Any:
        asked.append(parameters["ids"])
        return {"entities": {one: {"id": one} for one in reversed(parameters["ids"].split("|"))}}

    qids = [f"Q{number}" for number in range(120, 0, -1)]
    assert [one["id"] for one in entities(ask, "http://w", qids)] == qids
    assert [len(ids.split("|")) for ids in asked] == [50, 50, 20]


def test_a_wiki_that_reports_a_fault_stops_the_source() -> None:
    said = {"error": {"code": "maxlag", "info": "Waiting for a server"}}
    with pytest.raises(SourceBroken, match=r"http://w refuses wbgetentities \(maxlag: Waiting for a server\)"):
        list(entities(says(said), "http://w", ["Q1"]))
    with pytest.raises(SourceBroken, match="answers no object"):
        list(entities(says(["no"]), "http://w", ["Q1"]))


def test_a_query_is_read_to_its_end_and_no_further() -> None:
    pages: list[Any] = [
        {"continue": {"cmcontinue": "a", "continue": "-||"}, "query": {"n": 1}},
        {"continue": {"cmcontinue": "b", "continue": "-||"}, "query": {"n": 2}},
        {"batchcomplete": True, "query": {"n": 3}},
    ]
    asked: list[str] = []

    def ask(_url: str, parameters: Mapping[str, str]) -> Any:
        asked.append(parameters.get("cmcontinue", ""))
        return pages[len(asked) - 1]

    assert [part["n"] for part in answers(ask, "http://w", {"list": "categorymembers"})] == [1, 2, 3]
    assert asked == ["", "a", "b"]


def test_a_query_that_goes_in_circles_is_stopped() -> None:
    said = {"continue": {"cmcontinue": "a"}, "query": {}}
    with pytest.raises(SourceBroken, match="does not come to an end of categorymembers"):
        list(answers(says(said), "http://w", {"list": "categorymembers"}))
