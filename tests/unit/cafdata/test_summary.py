"""Counts against records made by hand; the tables show what sources wrote and do nothing else."""

import itertools
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from cafdata.heatmap import SHADES, coverage_heatmap
from cafdata.markdown import cell, table
from cafdata.record import Record
from cafdata.summary import summarise
from cafdata.summary_report import as_markdown, write_summary
from core.images import read_photo


def record(number: int, person: str, youngest: float, oldest: float | None = None, **changes: object) -> Record:
    values: dict[str, object] = {
        "picture_id": f"p{number}",
        "person_id": person,
        "sha256": f"{number:064x}",
        "phash": f"{number:016x}",
        "age_min_years": youngest,
        "age_max_years": youngest if oldest is None else oldest,
        "age_provenance": "given",
        "width_px": 64,
        "height_px": 64,
    }
    return Record(**values | changes)  # type: ignore[arg-type]


CC = {"licence": "CC-BY-4.0", "licence_url": "https://creativecommons.org/licenses/by/4.0/"}
RECORDS = [
    record(1, "ann", 1, sex="female", captured="1999-05", author="Jo", split="train", **CC),
    record(2, "ann", 2.9, sex="female", split="train", **CC),
    record(3, "ann", 24, 25, sex="female", captured="2021", author="Jo", split="train"),
    record(4, "ben", 29, 31, sex="male", split="test", framing="ffhq"),
    record(5, "ben", 72, is_synthetic=True, age_provenance="synthetic", split="test"),
    record(6, "cem", 14.9, author="Al", **CC),
]


def test_counts() -> None:
    found = summarise(iter(RECORDS))
    assert (found.pictures, found.people, found.synthetic_pictures, found.pictures_between_groups) == (6, 3, 1, 1)
    assert {name: count for name, count in found.people_per_group.items() if count} == {
        "0-2": 1,
        "10-14": 1,
        "20-29": 1,
        "70+": 1,
    }
    assert found.pictures_per_group["0-2"] == 2
    assert found.pictures_per_group4 == {"15-29": 1, "30-39": 0, "40-49": 0, "50+": 1}
    assert {name: count for name, count in found.pairs_per_gap.items() if count} == {"0-4": 1, "20-24": 2, "40-44": 1}
    assert found.groups_per_person == {"1": 2, "2": 1}
    assert found.pictures_per_decade == {"1990s": 1, "2020s": 1, "not stated": 4}
    assert found.pictures_per_split == {"train": 3, "test": 2, "not stated": 1}
    assert found.people_per_split == {"train": 1, "test": 1, "not stated": 1}
    np.testing.assert_array_equal(found.coverage.sum(axis=0), [*found.pictures_per_group.values()])
    assert found.coverage[0].tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_licences() -> None:
    first, second = summarise(RECORDS).licences
    assert (first.licence, first.pictures, first.people, first.authors, first.without_author) == (
        "CC-BY-4.0",
        3,
        2,
        2,
        1,
    )
    assert first.licence_url == "https://creativecommons.org/licenses/by/4.0/"
    assert (second.licence, second.pictures, second.licence_url) == ("not stated", 3, None)


def test_gaps_of_seventy_years_and_more_are_one_bin() -> None:
    found = summarise([record(1, "a", 0), record(2, "a", 100), record(3, "a", 71)])
    assert found.pairs_per_gap["70+"] == 2
    assert sum(found.pairs_per_gap.values()) == 3


def test_ages_that_networks_read_stand_beside_the_labels() -> None:
    def read(*ages: float) -> tuple[tuple[str, float], ...]:
        return (*((f"age read by net-{number}", age) for number, age in enumerate(ages)), ("sharpness", 3.0))

    records = [record(1, "a", 20, quality=read(24, 20)), record(2, "b", 22, quality=read(18)), record(3, "c", 70)]
    records.append(record(4, "d", 25, 35, quality=read(99)))
    first, second = summarise(records).ages_read
    assert (first.reader, first.group, first.pictures) == ("net-0", "20-29", 2)
    assert (first.mean_label_years, first.mean_read_years, first.mean_error_years) == (21, 21, 4)
    assert (second.reader, second.mean_error_years) == ("net-1", 0)
    assert "| net-0 | 20-29 | 2 | 21 | 21 | 4 |" in as_markdown(summarise(records))


def test_no_records_at_all() -> None:
    found = summarise([])
    assert (found.pictures, found.people, found.coverage.shape) == (0, 0, (0, 10))
    assert "0 pictures of 0 people" in as_markdown(found)
    assert coverage_heatmap(found.coverage).ndim == 3


def test_the_files_are_written(tmp_path: Path) -> None:
    paths = write_summary(summarise(RECORDS), tmp_path / "new")
    assert [path.name for path in paths] == ["summary.json", "summary.md", "coverage.png"]
    assert json.loads(paths[0].read_text())["pictures"] == 6
    assert "| 20-29 | 1 | 1 |" in paths[1].read_text()
    assert read_photo(paths[2]).shape[1] == 668


def test_json_and_markdown_name_nobody() -> None:
    found = summarise(RECORDS)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["licences"][0]["people"] == 2
    text = json.dumps(found.as_json()) + as_markdown(found)
    for name in ("ann", "ben", "cem", "Jo"):
        assert f'"{name}"' not in text and f" {name} " not in text


PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "a | b",
    "`x` **y** _z_",
    "# title",
    "- item",
    "http://evil.example",
    "@someone",
    "&lt;b&gt;",
    "~~x~~",
    "$x$",
    "\\| x",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_words_of_sources_do_nothing_in_markdown(payload: str) -> None:
    text = as_markdown(summarise([record(1, "a", 3, licence=payload, ethnicity=payload)]))
    row = next(line for line in text.splitlines() if line.startswith("| " + cell(payload)))
    bare = row.replace("\\\\", "").replace("&lt;", "").replace("&gt;", "").replace("&amp;", "")
    for char in "<>&`*_[]()!#~$@:":
        assert bare.count(char) == bare.count("\\" + char), row
    assert bare.replace("\\|", "").count("|") in (3, 7)


def test_cells() -> None:
    assert cell("a\r\nb\u202ec\0") == "a bc"
    assert cell(12345) == "12,345"
    assert table(("x", "n"), [("a", 1)]) == "| x | n |\n| --- | ---: |\n| a | 1 |\n"


@pytest.mark.parametrize("people", [1, 20, 5000])
def test_heatmap_shows_each_column(people: int) -> None:
    coverage = np.zeros((people, 10), dtype=np.int64)
    coverage[:, 3] = 1
    coverage[:, 7] = 9
    picture = coverage_heatmap(coverage)
    assert picture.dtype == np.uint8 and picture.shape[0] < 900 and picture.shape[1] < 800
    colours = [tuple(colour) for colour in picture[62, 20::64].tolist()]
    expected = [SHADES[0]] * 10
    expected[3], expected[7] = SHADES[1], SHADES[4]
    assert colours[:10] == expected


def test_heatmap_wants_ten_columns() -> None:
    with pytest.raises(ValueError, match="coverage is"):
        coverage_heatmap(np.zeros((3, 4), dtype=np.int64))


def test_gaps_as_a_plain_loop_counts_them_and_without_a_list_of_all_pairs() -> None:
    ages = [number * 37 % 128 for number in range(3000)]
    records = [record(number, "a", age) for number, age in enumerate(ages)]
    tracemalloc.start()
    found = summarise(records).pairs_per_gap
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    plain = np.bincount([min(abs(one - other) // 5, 14) for one, other in itertools.combinations(ages, 2)])
    assert [*found.values()] == plain.tolist()
    assert most < 2_000_000  # of 4,498,500 pairs
