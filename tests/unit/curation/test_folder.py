"""Pictures on this machine: what names and people.csv say, and that a faulty one is named and stops everything."""

from pathlib import Path
from typing import Any

import pytest

from core.errors import SourceBroken
from curation.candidate import Candidate
from curation.sources.folder import Folder
from curation.stage import Drop

PEOPLE = "person,born,sex,licence,author\nAnn,1952-03-11,f,CC0-1.0,Bob\nCarl,1960,,,\n"


def laid_out(folder: Path, *names: str, people: str | None = PEOPLE) -> Path:
    """A folder with files of these names; nothing looks into them."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a picture")
    if people is not None:
        (folder / "people.csv").write_text(people, encoding="utf-8")
    return folder


def found(folder: Path, **settings: Any) -> list[Candidate | Drop]:
    return list(Folder(folder=folder, **settings).candidates(lambda _url, _parameters: None))


def one(folder: Path, name: str, people: str | None = PEOPLE) -> Candidate:
    made = found(laid_out(folder, name, people=people))[0]
    assert isinstance(made, Candidate)
    return made


def test_a_picture_becomes_a_candidate(tmp_path: Path) -> None:
    folder = tmp_path / "family"
    assert one(folder, "Ann/1990-06-01 wedding.jpg") == Candidate(
        picture_id="family/Ann/1990-06-01 wedding.jpg",
        person_id="Ann",
        path=str((folder / "Ann" / "1990-06-01 wedding.jpg").resolve()),
        born="1952-03-11",
        captured="1990-06-01",
        sex="female",
        licence="CC0-1.0",
        author="Bob",
    )


NAMES: dict[str, tuple[str | None, float | None]] = {
    "ann_31.jpg": (None, 31.0),
    "31.jpg": (None, 31.0),
    "0012_31.jpg": (None, 31.0),
    "IMG_2001_31.png": (None, 31.0),
    "19900601_31.jpg": (None, 31.0),
    "1990.jpg": ("1990", None),
    "1990 wedding.jpg": ("1990", None),
    "1990-06.jpg": ("1990-06", None),
    "1990-06-01.webp": ("1990-06-01", None),
    "1990-06-01_2.jpg": ("1990-06-01", None),
    "1990_31.jpg": ("1990", None),
    "2001-wedding.jpg": ("2001", None),
}


@pytest.mark.parametrize(("name", "said"), NAMES.items())
def test_names_say_an_age_or_a_date(name: str, said: tuple[str | None, float | None], tmp_path: Path) -> None:
    made = one(tmp_path, f"Ann/{name}")
    assert (made.captured, made.age_min_years) == said
    assert made.age_max_years == made.age_min_years


def test_an_age_needs_no_table(tmp_path: Path) -> None:
    made = one(tmp_path, "Dora/dora_4.jpg", people=None)
    assert (made.person_id, made.age_min_years, made.born, made.licence) == ("Dora", 4.0, None, None)


def test_folders_above_the_person_belong_to_the_name(tmp_path: Path) -> None:
    assert one(tmp_path, "Smith/Ann/x_31.jpg").person_id == "Smith/Ann"


def test_the_order_is_that_of_the_names_and_other_files_are_passed_over(tmp_path: Path) -> None:
    laid_out(tmp_path, "Carl/b_7.jpg", "Ann/b_3.jpg", "Ann/a_4.jpg", "Ann/notes.txt", "Ann/.hidden_5.jpg")
    made = [candidate.picture_id for candidate in found(tmp_path) if isinstance(candidate, Candidate)]
    assert [name.partition("/")[2] for name in made] == ["Ann/a_4.jpg", "Ann/b_3.jpg", "Carl/b_7.jpg"]


FAULTS = {
    "31.jpg": "it lies in no person's folder",
    "unknown/31.jpg": "names nobody",
    "Ann/portrait.jpg": "age 'portrait' is no whole number",
    "Ann/ann_131.jpg": "age '131' is no whole number",
    "Ann/ann_-3.jpg": "age '-3' is no whole number",
    "Ann/1990-13.jpg": "1990-13 is no date",
    "Ann/1990-02-30 party.jpg": "1990-02-30 is no date",
    "Ann/1950.jpg": "a photo from 1950 cannot show someone born 1952-03-11",
    "Dora/1990.jpg": "say in people.csv when Dora was born",
}


@pytest.mark.parametrize(("name", "reason"), FAULTS.items())
def test_a_faulty_name_is_told_and_nothing_is_used(name: str, reason: str, tmp_path: Path) -> None:
    laid_out(tmp_path, "Ann/ann_4.jpg", name)
    with pytest.raises(SourceBroken) as caught:
        found(tmp_path)
    assert f"{name}: " in str(caught.value)
    assert reason in str(caught.value)
    made = found(tmp_path, drop=True)
    assert sum(isinstance(candidate, Candidate) for candidate in made) == 1
    dropped = [candidate for candidate in made if isinstance(candidate, Drop)]
    assert [drop.reason for drop in dropped] == ["faulty name"]
    assert reason in dropped[0].detail


@pytest.mark.parametrize(
    ("people", "fault"),
    [
        ("name,born\nAnn,1952\n", r"lacks the column\(s\) person"),
        ("person,birthday\nAnn,1952\n", "unknown column birthday"),
        ("person,born\nAnn,1952-02-30\n", "people.csv, line 2: 1952-02-30 is no date"),
        ("person,sex\nAnn,x\n", "people.csv, line 2: sex 'x'"),
        ("person,born\nAnn,1952\nAnn,1953\n", "people.csv, line 3: Ann is there twice"),
        ("person,born\nunknown,1952\n", "people.csv, line 2: person 'unknown' names nobody"),
        ("person,born\nAnn\n", "people.csv, line 2: it has 1 cells"),
    ],
)
@pytest.mark.parametrize("drop", [True, False])
def test_a_faulty_table_stops_everything(people: str, fault: str, drop: bool, tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match=fault):
        found(laid_out(tmp_path, "Ann/ann_4.jpg", people=people), drop=drop)


def test_no_folder_and_no_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match="There is no folder"):
        found(tmp_path / "absent")
    with pytest.raises(SourceBroken, match="holds no picture"):
        found(laid_out(tmp_path, "Ann/notes.txt"))


def test_what_publishing_needs_can_be_said(tmp_path: Path) -> None:
    people = (
        "person,born,licence,author,attribution,source_url\n"
        "Ann,1952-03-11,CC-BY-4.0,Bob,Photo: Bob,https://example.org/album\n"
    )
    made = one(tmp_path / "family", "Ann/1990-06-01.jpg", people)
    assert (made.author, made.attribution) == ("Bob", "Photo: Bob")
    assert made.source_url == "https://example.org/album"
