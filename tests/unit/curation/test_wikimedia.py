"""The source's settings and tasks, and what becomes of a file as a picture of a person; the rest is in integration."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from core.errors import SourceBroken
from curation.candidate import Candidate
from curation.sources.commons import File, file_of
from curation.sources.wikidata import Person
from curation.sources.wikimedia import Wikimedia, candidate_of, read_tasks
from curation.stage import Drop
from tests.wikimedia_json import Json, dated, file_page, item_value, media_entity, person_item, statement

TODAY = date(2026, 11, 25)
WORDS = {"Artist": "Ann", "LicenseShortName": "CC BY-SA 4.0"}
PERSON = Person(
    qid="Q42", born="1952-03-11", died=None, sex="male", category="X", portraits=(), doubts=("date of birth: odd",)
)


def file(*statements: Json, **changes: Any) -> File:
    page = file_page(
        7, "File:A.jpg", "https://up.example.org/a.jpg", "https://example.org/File:A.jpg", WORDS, **changes
    )
    made = file_of(page, media_entity(7, *statements), TODAY)
    assert isinstance(made, File)
    return made


def taken(text: str = "1990-06-01") -> Json:
    return statement("P571", dated(text))


def depicts(*qids: str) -> list[Json]:
    return [statement("P180", item_value(qid)) for qid in qids]


def test_a_file_becomes_a_candidate_with_its_provenance() -> None:
    made = candidate_of(PERSON, file(taken(), *depicts("Q42", "Q9")), None, set())
    assert made == Candidate(
        picture_id="wikimedia/M7",
        person_id="wikidata/Q42",
        url="https://up.example.org/a.jpg",
        source_url="https://example.org/File:A.jpg",
        source_revision="9000007",
        author="Ann",
        licence="CC-BY-SA-4.0",
        licence_url="https://creativecommons.org/licenses/by-sa/4.0/",
        attribution="Ann, CC-BY-SA-4.0, via Wikimedia Commons",
        sex="male",
        born="1952-03-11",
        captured="1990-06-01",
        doubts=("date of birth: odd",),
    )


def test_several_people_are_a_doubt_and_somebody_else_alone_is_none() -> None:
    made = candidate_of(PERSON, file(taken(), *depicts("Q42", "Q9", "Q7")), None, {"Q9", "Q7", "Q5000"})
    assert isinstance(made, Candidate)
    assert made.doubts == ("date of birth: odd", "depicts 3 people: Q42, Q7, Q9")
    other = candidate_of(PERSON, file(taken(), *depicts("Q9")), None, {"Q9"})
    assert isinstance(other, Drop)
    assert other.reason == "depicts somebody else"
    hat = candidate_of(PERSON, file(taken(), *depicts("Q80151")), None, set())
    assert isinstance(hat, Candidate)


def test_a_reproduced_painting_is_no_photo() -> None:
    made = candidate_of(PERSON, file(taken(), statement("P6243", item_value("Q1"))), None, set())
    assert isinstance(made, Drop)
    assert made.reason == "picture of a work of art"


def test_an_address_that_is_none_costs_one_picture() -> None:
    made = candidate_of(PERSON, file(taken(), descriptionurl="ftp://example.org/a"), None, set())
    assert isinstance(made, Drop)
    assert made.reason == "says what cannot be"


def test_only_the_people_known_best_may_be_passed_over() -> None:
    assert Wikimedia().may_pass_over("wikimedia/M7") and not Wikimedia().may_pass_over("urls/7")
    assert not Wikimedia(people=("Q42",)).may_pass_over("wikimedia/M7")
    assert not Wikimedia(tasks=Path("t.jsonl")).may_pass_over("wikimedia/M7")


def test_everything_says_who_was_read() -> None:
    """Also somebody who is not collected, of whom there is nothing, or whose files are of no use."""
    born = statement("P569", dated("1952-03-11"))
    items = {
        "Q1": person_item("Q1", born, num_articles=1),
        "Q2": person_item("Q2", born),
        "Q3": person_item("Q3", born, statement("P18", "A.jpg")),
    }

    def ask(_url: str, parameters: Mapping[str, str]) -> Any:
        if parameters["action"] == "wbgetentities":
            return {"entities": {name: items[name] for name in parameters["ids"].split("|") if name in items}}
        page = {"title": "File:A.jpg", "missing": True}
        return {"query": {"pages": [page]} if "titles" in parameters else {}}

    found = list(Wikimedia(people=tuple(items)).candidates(ask))
    assert [(one.reason, one.person_id) for one in found if isinstance(one, Drop)] == [
        ("too few Wikipedia articles", "wikidata/Q1"),
        ("no picture on Commons", "wikidata/Q2"),
        ("file is gone", "wikidata/Q3"),
    ]
    assert len(found) == 3


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"max_people": 0}, "max_people is 1 or more, got 0"),
        ({"min_sitelinks": 2}, "min_sitelinks is 3 or more"),
        ({"born_from": 1980, "born_to": 1970}, "years in order, got 1980 to 1970"),
        ({"max_files": 0}, "max_files is 1 or more"),
        ({"people": ("Q42", "42")}, "items such as Q42, got '42'"),
        ({"people": ("Q42",), "tasks": Path("t.jsonl")}, "leave one out"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Wikimedia(**changes)


def test_tasks_are_people_and_years(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    lines = [
        {"person_id": "wikidata/Q42", "years": [1975, 1982], "why": "an empty cell"},
        {"person_id": "wikidata/Q7", "years": [1990]},
        {"person_id": "wikidata/Q42", "years": [1990]},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    assert read_tasks(path) == {"Q42": frozenset({1975, 1982, 1990}), "Q7": frozenset({1990})}
    assert list(read_tasks(path)) == ["Q42", "Q7"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("nonsense", "line 2: Expecting value"),
        ("[1]", "line 2: a task is an object"),
        ('{"person_id": "Q42", "years": [1990]}', "line 2: person_id is such as wikidata/Q42, got 'Q42'"),
        ('{"person_id": "wikidata/42", "years": [1990]}', "line 2: person_id"),
        ('{"person_id": "wikidata/Q42", "years": []}', "line 2: years is a list"),
        ('{"person_id": "wikidata/Q42", "years": [true]}', "line 2: years is a list"),
        ('{"person_id": "wikidata/Q42", "years": ["1990"]}', "line 2: years is a list"),
        ('{"person_id": "wikidata/Q42"}', "line 2: years is a list"),
    ],
)
def test_a_line_that_is_no_task_is_named(line: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"person_id": "wikidata/Q1", "years": [1990]}\n' + line)
    with pytest.raises(SourceBroken, match=fault):
        read_tasks(path)


def test_no_tasks_are_no_source(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match="There is no file of tasks"):
        read_tasks(tmp_path / "tasks.jsonl")
    (tmp_path / "tasks.jsonl").write_text("\n")
    with pytest.raises(SourceBroken, match="holds no task"):
        read_tasks(tmp_path / "tasks.jsonl")
