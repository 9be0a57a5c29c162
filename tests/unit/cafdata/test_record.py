"""What a record takes, what it refuses and by what name, and its way to a row and back."""

import dataclasses
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cafdata.dates import age_between, date_precision, first_day, last_day
from cafdata.duplicates import distance_bits
from cafdata.migration import migrate
from cafdata.picture_hash import measure, perceptual_hash
from cafdata.record import REQUIRED, AgeLabel, Record
from cafdata.schema import METADATA_COLUMNS, record_schema
from core.errors import BadImage
from core.images import encode_png
from tests.drawn import face

LABEL = AgeLabel(annotator="anna", verdict="age", age_years=31, confidence=4, labelled_at="2025-02-01T10:00:00Z")

LEAST: dict[str, Any] = {
    "picture_id": "p1",
    "person_id": "anna",
    "sha256": "ab" * 32,
    "phash": "0123456789abcdef",
    "age_min_years": 30,
    "age_max_years": 33.5,
    "age_provenance": "given",
    "width_px": 64,
    "height_px": 80,
}

FULL: dict[str, Any] = LEAST | {
    "age_provenance": "dates",
    "sex": "female",
    "ethnicity": "Asian",
    "captured": "1999-05",
    "born": "1967",
    "died": "2011-03-05",
    "source_url": "https://commons.example.org/wiki/File:A.jpg",
    "source_revision": "123",
    "author": "بهار‌ها",
    "licence": "CC-BY-4.0",
    "licence_url": "https://creativecommons.org/licenses/by/4.0/",
    "attribution": "Photo by A. B., CC BY 4.0",
    "box": (1.0, 2.0, 30.5, 40.0),
    "points": ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0)),
    "points_convention": "arcface5",
    "framing": "utkface",
    "quality": (("sharpness", 0.25), ("yaw", -3.0)),
    "split": "train",
    "labels": (LABEL, AgeLabel(annotator="bo", verdict="child", labelled_at="2025-02-01T10:00:00+01:00")),
    "is_synthetic": False,
}


def test_a_full_record_comes_back_from_arrow() -> None:
    record = Record(**FULL)
    table = pa.Table.from_pylist([record.to_row() | {"image": None}], schema=record_schema())
    assert Record.from_row(table.to_pylist()[0]) == record


def test_a_least_record_comes_back_and_absent_fields_are_their_defaults() -> None:
    record = Record(**LEAST)
    assert Record.from_row(record.to_row()) == record
    assert Record.from_row(LEAST) == record
    assert Record.from_row(LEAST | {"quality": None, "labels": None}) == record
    assert set(REQUIRED) == set(LEAST)


def test_rows_have_the_columns_of_the_schema() -> None:
    assert tuple(Record(**FULL).to_row()) == METADATA_COLUMNS
    assert tuple(record_schema().names) == (*METADATA_COLUMNS, "image")


@pytest.mark.parametrize(
    ("least", "most", "group10", "group4"),
    [
        (20, 29.9, "20-29", "15-29"),
        (20, 30, None, None),
        (2.99, 2.99, "0-2", None),
        (14, 14.9, "10-14", None),
        (14, 15, None, None),
        (70, 130, "70+", "50+"),
        (50, 69, "50-69", "50+"),
    ],
)
def test_a_group_holds_the_whole_interval(least: float, most: float, group10: str | None, group4: str | None) -> None:
    record = Record(**LEAST | {"age_min_years": least, "age_max_years": most})
    assert (record.group10, record.group4) == (group10, group4)
    assert record.age_years == (least + most) / 2


REFUSED: list[tuple[str, object]] = [
    ("version", 0),
    ("version", 2),
    ("version", True),
    ("picture_id", ""),
    ("picture_id", " p1"),
    ("picture_id", "=1+1"),
    ("picture_id", "@SUM(A1)"),
    ("picture_id", "p" * 201),
    ("picture_id", "a\0b"),
    ("picture_id", "a\u202eb"),
    ("picture_id", 7),
    ("person_id", "unknown"),
    ("person_id", "NaN"),
    ("person_id", None),
    ("sha256", "AB" * 32),
    ("sha256", "ab"),
    ("phash", "0123456789abcdeg"),
    ("age_min_years", -5),
    ("age_min_years", 1e9),
    ("age_min_years", "abc"),
    ("age_min_years", math.nan),
    ("age_min_years", None),
    ("age_min_years", True),
    ("age_max_years", [31]),
    ("age_max_years", 29),
    ("age_provenance", "guess"),
    ("age_provenance", "synthetic"),
    ("age_provenance", "dates"),
    ("sex", "f"),
    ("ethnicity", "  "),
    ("captured", "1999-13"),
    ("captured", "99"),
    ("captured", 1999),
    ("born", "1999-00"),
    ("died", "2001-02-29"),
    ("source_url", "ftp://example.org/a"),
    ("source_url", "javascript:alert(1)"),
    ("licence_url", "CC-BY"),
    ("author", "a\nb"),
    ("author", "x" * 2001),
    ("box", (1.0, 2.0, 1.0, 3.0)),
    ("box", (1.0, 2.0, 3.0)),
    ("box", (1.0, 2.0, math.inf, 3.0)),
    ("points", ((1.0, 2.0),) * 5),
    ("points_convention", "arcface5"),
    ("width_px", 0),
    ("height_px", 1.5),
    ("quality", (("a", 1.0), ("a", 2.0))),
    ("quality", (("a", math.nan),)),
    ("split", "dev"),
    ("is_synthetic", 1),
]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=[f"{name}={value!r}"[:50] for name, value in REFUSED])
def test_what_cannot_be_is_refused_by_field_and_value(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Record(**LEAST | {name: value})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"born": "2000", "captured": "1999-12"}, "born 2000 is after captured 1999-12"),
        ({"captured": "2000-05-04", "died": "2000-05-03"}, "captured 2000-05-04 is after died"),
        ({"points": ((1.0, 2.0),) * 4, "points_convention": "dlib5"}, "points are five"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Record(**LEAST | change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"embedding": [0.1]}, "unknown field embedding"),
        ({"phash": None}, "phash is missing"),
        ({"group10": 4}, "group10 is 4 but the age interval says 6"),
        ({"points": 7}, "points has another shape"),
        ({"labels": [{"annotator": "a"}]}, "labels has another shape"),
        ({"labels": [{"annotator": "a", "verdict": "age", "age_years": -1, "labelled_at": "x"}]}, "age_years"),
    ],
)
def test_rows_of_another_shape_are_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Record.from_row(Record(**LEAST).to_row() | change)


@pytest.mark.parametrize(
    "change",
    [
        {"age_years": None},
        {"verdict": "not_a_face"},
        {"age_years": 131},
        {"confidence": 6},
        {"labelled_at": "2025-02-01T10:00:00"},
        {"labelled_at": "yesterday"},
        {"annotator": ""},
    ],
)
def test_labels_that_cannot_be_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        AgeLabel(**dataclasses.asdict(LABEL) | change)


@settings(max_examples=300, deadline=None)
@given(
    value=st.one_of(
        st.none(),
        st.booleans(),
        st.text(),
        st.integers(),
        st.floats(),
        st.lists(st.integers()),
        st.binary(max_size=4),
    )
)
def test_an_age_is_a_number_of_years_that_people_reach(value: object) -> None:
    """Whatever comes out of a table: taken if and only if it is a number from 0 to 130."""
    is_age = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 130
    row = LEAST | {"age_min_years": value, "age_max_years": value}
    if is_age:
        assert Record.from_row(row).age_min_years == value
    else:
        with pytest.raises(ValueError, match="age_min_years"):
            Record.from_row(row)


def test_dates_are_as_precise_as_they_are_written() -> None:
    assert [date_precision(text) for text in ("1999", "1999-05", "1999-05-03")] == ["year", "month", "day"]
    assert str(first_day("2000-02")) == "2000-02-01"
    assert str(last_day("2000-02")) == "2000-02-29"
    assert str(last_day("1999")) == "1999-12-31"
    assert Record(**FULL).captured_precision == "month"


@pytest.mark.parametrize(
    ("born", "captured", "least", "most"),
    [
        ("1951", "2004", 52, 53),
        ("1960-07-21", "2000-07-20", 39, 39),
        ("1960-07-21", "2000-07-21", 40, 40),
        ("1960-02-29", "2001-02-28", 40, 40),
        ("1960-02-29", "2001-03-01", 41, 41),
        ("2000", "2000", 0, 0),
        ("1980-05", "2000", 19, 20),
    ],
)
def test_two_dates_leave_the_ages_between(born: str, captured: str, least: int, most: int) -> None:
    youngest, oldest = age_between(born, captured)
    assert (int(youngest), int(oldest)) == (least, most)
    assert youngest <= oldest


def test_a_photo_from_before_the_birth_has_no_age() -> None:
    with pytest.raises(ValueError, match="2000"):
        age_between("2000", "1999-12-31")


def test_a_row_of_version_0_is_brought_up() -> None:
    data = encode_png(np.array(face(30, 1, np.random.default_rng(0))))
    row = {"version": 0, "file": "anna/1.png", "age": 30, "person": "anna", "image": {"bytes": data, "path": "1.png"}}
    record = Record.from_row(migrate(row))
    assert (record.picture_id, record.person_id, record.age_years, record.width_px) == ("anna/1.png", "anna", 30, 64)
    assert record.sha256 == measure(data).sha256
    assert migrate(record.to_row()) == record.to_row()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"version": 2}, "version is 2"),
        ({"version": None}, "version is None"),
        ({"version": -1}, "version is -1"),
        ({"version": 0, "file": "a", "age": 1, "person": "b"}, "image is missing"),
        ({"version": 0, "name": "a"}, "unknown field name"),
    ],
)
def test_rows_that_cannot_be_brought_up_are_refused(row: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        migrate(row)


def test_bytes_that_are_no_picture_have_no_facts() -> None:
    with pytest.raises(BadImage):
        measure(b"abc")


def test_a_mirror_image_and_another_size_have_almost_the_same_hash() -> None:
    drawn = face(40, 0, np.random.default_rng(1), size_px=128)
    draw = np.array(drawn)
    draw[20:60, 5:30] = (200, 40, 40)  # a mark on one side, or mirroring would change nothing
    one = perceptual_hash(draw)
    mirrored = perceptual_hash(np.ascontiguousarray(draw[:, ::-1]))
    assert (int(one, 16) ^ int(mirrored, 16)).bit_count() > 10
    assert distance_bits(one, mirrored) <= 1
    assert distance_bits(one, perceptual_hash(draw[::2, ::2])) <= 4
    assert distance_bits(one, one) == 0
