"""Lists of addresses: what a row may say, and that a faulty one is named and stops everything unless told otherwise."""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SourceBroken
from curation.candidate import Candidate
from curation.sources.urls import UrlList, candidate_of
from curation.stage import Drop

GOOD = {"url": "https://example.org/1.jpg", "person": "Ann", "age": "31"}

Rows = list[dict[str, str]]


def table(path: Path, rows: Rows) -> Path:
    """A list with all columns that any row has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]), path)
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def listed(path: Path, **settings: Any) -> list[Candidate | Drop]:
    return list(UrlList(file=path, **settings).candidates(lambda _url, _parameters: None))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_becomes_a_candidate(suffix: str, tmp_path: Path) -> None:
    row = {
        "url": "https://example.org/1.jpg",
        "person": "José",
        "picture_id": "one",
        "born": "1952-03-11",
        "died": "2001",
        "captured": "1990",
        "sex": "M",
        "author": "Bob",
        "licence": "CC-BY-4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
        "source_url": "https://example.org/about/1",
        "attribution": "Bob, CC BY 4.0",
    }
    assert listed(table(tmp_path / f"list{suffix}", [row, GOOD | {"url": "https://example.org/2.jpg"}]))[
        0
    ] == Candidate(
        picture_id="one",
        person_id="José",
        url="https://example.org/1.jpg",
        born="1952-03-11",
        died="2001",
        captured="1990",
        sex="male",
        author="Bob",
        licence="CC-BY-4.0",
        licence_url="https://creativecommons.org/licenses/by/4.0/",
        source_url="https://example.org/about/1",
        attribution="Bob, CC BY 4.0",
    )


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    rows = [GOOD, GOOD | {"url": "https://example.org/2.jpg", "age": "4.5", "sex": "female"}]
    assert listed(table(tmp_path / "a.csv", rows)) == listed(table(tmp_path / "a.parquet", rows))


def test_numbers_in_parquet_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"url": [GOOD["url"]], "person": [17], "age_min": [3], "age_max": [4.5]}), path)
    made = listed(path)[0]
    assert isinstance(made, Candidate)
    assert (made.person_id, made.age_min_years, made.age_max_years) == ("17", 3.0, 4.5)


def test_a_picture_without_a_name_is_called_after_its_address(tmp_path: Path) -> None:
    rows = [GOOD, GOOD | {"url": "https://example.org/2.jpg"}]
    first, second = listed(table(tmp_path / "a.csv", rows))
    again = listed(table(tmp_path / "b.csv", rows[1:]))
    assert isinstance(first, Candidate) and isinstance(second, Candidate)
    assert first.picture_id.startswith("urls/")
    assert first.picture_id != second.picture_id
    assert again == [second]


FAULTS = {
    "no url": ({"url": ""}, "url is empty"),
    "no person": ({"person": ""}, "person is empty"),
    "nobody": ({"person": "unknown"}, "names nobody"),
    "a formula": ({"person": "=1+1"}, "begins with '='"),
    "another scheme": ({"url": "ftp://example.org/1.jpg"}, "url is an http or https address"),
    "a local file": ({"url": "file:///etc/passwd"}, "url is an http or https address"),
    "spaces in the address": ({"url": "https://example.org/a b.jpg"}, "url is an http or https address"),
    "no age": ({"age": ""}, "it has no age"),
    "born without captured": ({"age": "", "born": "1952"}, "it has no age"),
    "a word for an age": ({"age": "abc"}, "age 'abc' is no number"),
    "age below zero": ({"age": "-5"}, "age is 0 to 130 years, got -5"),
    "age of a billion": ({"age": "1e9"}, "age is 0 to 130 years, got 1e9"),
    "nan": ({"age": "nan"}, "age 'nan' is no number"),
    "age and age_min": ({"age_min": "3", "age_max": "4"}, "leave one out"),
    "age_min alone": ({"age": "", "age_min": "3"}, "age_min and age_max come together"),
    "age_min above age_max": ({"age": "", "age_min": "5", "age_max": "4"}, "age_max_years is 5 to 130, got 4"),
    "no such day": ({"born": "1951-02-29"}, "born: 1951-02-29 is no date"),
    "a date of another form": ({"captured": "3.5.1999"}, "captured: a date is written"),
    "photo before birth": ({"born": "1990", "captured": "1980"}, "cannot show someone born 1990"),
    "of 150 years": ({"born": "1850", "captured": "2000"}, "too far apart"),
    "another sex": ({"sex": "x"}, "sex 'x' is neither"),
    "licence address": ({"licence_url": "creativecommons"}, "licence_url is an http"),
    "turned around": ({"author": "a\u202eb"}, "author holds the unprintable character U+202E"),
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(("changes", "reason"), FAULTS.values(), ids=FAULTS.keys())
def test_a_faulty_row_is_named_and_nothing_is_used(
    changes: dict[str, str], reason: str, suffix: str, tmp_path: Path
) -> None:
    rows = [GOOD | {"url": "https://example.org/0.jpg"}, GOOD | changes]
    path = table(tmp_path / f"list{suffix}", rows)
    place = "line 3" if suffix == ".csv" else "row 2"
    with pytest.raises(SourceBroken) as caught:
        listed(path)
    assert f"list{suffix}, {place}: " in str(caught.value)
    assert reason in str(caught.value)
    made = listed(path, drop=True)
    assert isinstance(made[0], Candidate)
    assert isinstance(made[1], Drop)
    assert (made[1].stage, made[1].reason) == ("source", "faulty row")
    assert reason in made[1].detail


@pytest.mark.parametrize("column", ["url", "picture_id"])
def test_what_is_there_twice_is_named(column: str, tmp_path: Path) -> None:
    rows = [GOOD | {"url": f"https://example.org/{number}.jpg", "picture_id": str(number)} for number in range(3)]
    rows[2][column] = rows[0][column]
    with pytest.raises(SourceBroken, match=f"line 4: it has the same {column} as list.csv, line 2"):
        listed(table(tmp_path / "list.csv", rows))


def test_twenty_faults_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    rows = [GOOD | {"url": f"https://example.org/{number}.jpg", "age": "old"} for number in range(25)]
    with pytest.raises(SourceBroken) as caught:
        listed(table(tmp_path / "list.csv", rows))
    told = str(caught.value)
    assert "25 of its entries" in told
    assert told.count("is no number") == 20
    assert "and 5 more" in told


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.csv", "url,age\nhttps://example.org/1.jpg,3\n", r"lacks the column\(s\) person"),
        ("a.csv", "url,person,licence,license\nhttps://example.org/1.jpg,Ann,,\n", r"unknown column\(s\) license"),
        ("a.csv", "url,person,age,age\nhttps://example.org/1.jpg,Ann,3,4\n", r"column\(s\) age twice"),
        ("a.csv", "", "lacks the column"),
        ("a.csv", "url,person,age\n", "holds no row"),
        ("a.csv", "url,person,age\nhttps://example.org/1.jpg,Ann\n", "it has 2 cells, the header 3"),
        ("a.parquet", "PAR1 not really", "cannot be read as a list"),
        ("a.txt", "url,person,age", "neither .csv nor .parquet"),
    ],
)
def test_what_is_no_list_is_refused(name: str, content: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceBroken, match=fault):
        listed(tmp_path / name)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"url,person,age\nhttps://example.org/1.jpg,J\xe9,3\n")
    with pytest.raises(SourceBroken, match="no CSV in UTF-8"):
        listed(tmp_path / "a.csv")


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match="There is no list"):
        listed(tmp_path / "a.csv")


@given(
    st.dictionaries(
        st.sampled_from(["url", "person", "age", "age_min", "age_max", "born", "captured", "sex", "picture_id"]),
        st.text(max_size=12) | st.sampled_from(["https://example.org/1.jpg", "1952", "1990-05", "44", "NaN", "1e9"]),
    )
)
def test_no_row_breaks_the_reader(row: dict[str, str]) -> None:
    """It is a candidate with an age that can be, or a ValueError."""
    try:
        made = candidate_of(row)
    except ValueError:
        return
    assert made.url is not None
    if made.age_min_years is None:
        assert made.born is not None
        assert made.captured is not None
    else:
        assert made.age_max_years is not None
        assert 0 <= made.age_min_years <= made.age_max_years <= 130
