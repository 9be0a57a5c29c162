"""People out of Wikidata's answers: who may be collected, what is known of them, how they are found."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from core.errors import SourceBroken
from curation.sources.source import Ask
from curation.sources.statements import Dating
from curation.sources.wikidata import Person, find_people, humans_among, person_of, read_people
from curation.stage import Drop
from tests.wikimedia_json import Json, dated, item_value, person_item, statement

TODAY = date(2026, 11, 25)
BORN = statement("P569", dated("1952-03-11"))


def reason(item: Json) -> str:
    made = person_of(item, 3, TODAY)
    assert isinstance(made, Drop)
    return made.reason


def says(answer: Any) -> Ask:
    """An API that has one answer to everything."""
    return lambda _url, _parameters: answer


def test_a_person_has_what_the_item_says() -> None:
    item = person_item(
        "Q42",
        BORN,
        statement("P570", dated("2001-05-11")),
        statement("P21", item_value("Q6581097")),
        statement("P373", "Douglas Adams"),
        statement("P18", "One.jpg", P585=dated("1990")),
        statement("P18", "Two.jpg"),
    )
    assert person_of(item, 3, TODAY) == Person(
        qid="Q42",
        born="1952-03-11",
        died="2001-05-11",
        sex="male",
        category="Douglas Adams",
        portraits=(("One.jpg", Dating(text="1990")), ("Two.jpg", Dating(refusal="none"))),
        doubts=(),
    )


def test_the_best_ranked_statements_count() -> None:
    item = person_item(
        "Q42",
        BORN,
        statement("P373", "Old", "deprecated"),
        statement("P373", "Plain"),
        statement("P373", "Best", "preferred"),
        statement("P18", "Old.jpg", "deprecated"),
    )
    made = person_of(item, 3, TODAY)
    assert isinstance(made, Person)
    assert (made.category, made.portraits) == ("Best", ())


def test_two_sexes_or_another_one_are_none() -> None:
    for sexes in (("Q6581097", "Q6581072"), ("Q48270",), ()):
        made = person_of(person_item("Q42", BORN, *(statement("P21", item_value(one)) for one in sexes)), 3, TODAY)
        assert isinstance(made, Person)
        assert made.sex is None


def test_who_is_no_person_or_hardly_known_is_left_alone() -> None:
    dog = person_item("Q1", BORN)
    dog["claims"]["P31"] = [statement("P31", item_value("Q144"))]
    assert reason(dog) == "not a person"
    assert reason(person_item("Q2", BORN, num_articles=2)) == "too few Wikipedia articles"
    assert isinstance(person_of(person_item("Q3", BORN, num_articles=3), 3, TODAY), Person)
    assert reason(person_item("Q4", BORN, num_articles=0) | {"sitelinks": []}) == "too few Wikipedia articles"


def test_an_item_of_another_shape_costs_one_person() -> None:
    items = {
        "Q1": {"id": "Q1", "claims": {"P31": 5}},
        "Q2": {"id": "Q2", "claims": [], "sitelinks": []},
        "Q3": {"id": "Q3", "missing": ""},
        "Q4": person_item("Q4", BORN, statement("P18", "A.jpg") | {"qualifiers": []}),
        "Q5": person_item("Q5", BORN),
    }
    made = list(read_people(says({"entities": items}), "http://w", list(items), 3, TODAY))
    assert [one.reason if isinstance(one, Drop) else one.qid for one in made] == [
        "item cannot be read",
        "not a person",
        "item cannot be read",
        "Q5",
    ]


class Service:
    """A query service that knows when people were born and how many sites link to them, as (Q-id, year, links)."""

    def __init__(self, people: list[tuple[str, int, int]]) -> None:
        self.people = people
        self.queries: list[str] = []

    def ask(self, _url: str, parameters: Mapping[str, str]) -> Any:
        query = parameters["query"]
        self.queries.append(query)
        years = [int(year) for year in re.findall(r'"(\d{4})-01-01T00:00:00Z"', query)]
        links, limit, offset = (int(found) for found in re.findall(r"(?:links >= |LIMIT |OFFSET )(\d+)", query))
        fitting = [one for one in self.people if years[0] <= one[1] < years[1] and one[2] >= links]
        fitting.sort(key=lambda one: (-one[2], one[0]))
        rows = fitting[offset : offset + limit]
        return {
            "results": {
                "bindings": [
                    {"person": {"type": "uri", "value": f"http://www.wikidata.org/entity/{qid}"}} for qid, *_ in rows
                ]
            }
        }


PEOPLE = [(f"Q{number}", 1950 + number % 3, number) for number in range(1, 31)]


def found(service: Service, max_people: int, years: range = range(1950, 1953)) -> list[str]:
    return list(find_people(service.ask, "http://sparql", years, 3, max_people))


def test_years_take_turns_and_the_best_known_come_first() -> None:
    assert found(Service(PEOPLE), 6) == ["Q30", "Q27", "Q28", "Q25", "Q29", "Q26"]


def test_pages_go_on_until_enough_are_found_or_all_are() -> None:
    lopsided = [(f"Q{number}", 1950, number) for number in range(3, 20)] + [("Q99", 1952, 9)]
    assert len(found(Service(lopsided), 12)) == 12
    everybody = found(Service(lopsided), 100)
    assert len(everybody) == len(set(everybody)) == 18
    assert "Q99" in everybody


def test_those_with_few_links_are_not_asked_for() -> None:
    assert not {"Q1", "Q2"} & set(found(Service(PEOPLE), 100))


def test_somebody_born_twice_is_found_once() -> None:
    assert found(Service([("Q7", 1950, 9), ("Q7", 1951, 9)]), 10) == ["Q7"]


def test_a_service_that_answers_no_table_is_named() -> None:
    for said in ([], {}, {"results": {"bindings": [{}]}}, {"results": 3}, "busy"):
        with pytest.raises(SourceBroken, match="http://sparql answers no table"):
            list(find_people(says(said), "http://sparql", range(1950, 1951), 3, 5))


def test_people_are_told_from_things_a_hundred_a_query() -> None:
    queries: list[str] = []

    def ask(_url: str, parameters: Mapping[str, str]) -> Any:
        queries.append(parameters["query"])
        named = re.findall(r"wd:(Q\d+)", parameters["query"].partition("}")[0])
        humans = [one for one in named if int(one[1:]) % 2]
        return {"results": {"bindings": [{"person": {"value": f"http://x/entity/{one}"}} for one in humans]}}

    qids = [f"Q{number}" for number in range(1, 251)]
    assert humans_among(ask, "http://sparql", qids) == {one for one in qids if int(one[1:]) % 2}
    assert len(queries) == 3
