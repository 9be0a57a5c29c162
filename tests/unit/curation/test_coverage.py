"""People, groups and cells of made records, counted by hand."""

import numpy as np
import pytest

from cafdata.record import Record
from core.ages import TEN
from curation.coverage import coverage_of

NUMBERS = iter(range(10**6))


def record(person_id: str, age_years: float, **changes: object) -> Record:
    number = next(NUMBERS)
    values: dict[str, object] = {
        "picture_id": f"p{number}",
        "person_id": person_id,
        "sha256": f"{number:064x}",
        "phash": f"{number:016x}",
        "age_min_years": age_years,
        "age_max_years": age_years,
        "age_provenance": "given",
        "width_px": 10,
        "height_px": 10,
    }
    return Record(**values | changes)  # type: ignore[arg-type]


def test_counts_and_cells() -> None:
    rows = [
        record("b", 25),
        record("b", 26),
        record("b", 35),
        record("a", 35),
        record("a", 1),
        record("c", 29, age_max_years=31),  # in none of the groups
        record("d", 80, is_synthetic=True),
    ]
    coverage = coverage_of(reversed(rows))
    assert coverage.person_ids == ("a", "b", "c")
    young, twenties, thirties = (TEN.index_of(age) for age in (1, 25, 35))
    wanted = np.zeros((3, 10), dtype=np.int64)
    wanted[0, [young, thirties]] = 1
    wanted[1, [twenties, thirties]] = 2, 1
    assert np.array_equal(coverage.counts, wanted)
    cells = np.zeros((10, 10), dtype=np.int64)
    cells[young, thirties] = cells[thirties, young] = 1
    cells[twenties, thirties] = cells[thirties, twenties] = 1
    cells[twenties, twenties] = 1
    assert np.array_equal(coverage.people_per_cell(), cells)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ((None, None), None),
        (("1951", None), "1951"),
        (("1951", "1951-07-21"), "1951-07-21"),
        (("1951-07", "1951"), "1951-07"),
        (("1951", "1952"), None),
        (("1951-07-21", "1951-08"), None),
    ],
)
def test_dates_agree_or_are_not_known(said: tuple[str | None, str | None], known: str | None) -> None:
    rows = [record("a", 20, born=one, died=None if one is None else f"20{one[2:]}") for one in said]
    coverage = coverage_of(rows)
    assert coverage.born == (known,)
    assert coverage.died == (None if known is None else f"20{known[2:]}",)


def test_heatmap_shows_the_youngest_first() -> None:
    rows = [record("a", 75), record("b", 1), record("c", 1), record("c", 4)]
    picture = coverage_of(rows).heatmap()
    assert picture.dtype == np.uint8
    again = coverage_of([record("c", 75), record("b", 1), record("a", 1), record("a", 4)]).heatmap()
    assert np.array_equal(picture, again)  # whatever the names
    assert not np.array_equal(picture, coverage_of(rows[:3]).heatmap())


def test_nobody() -> None:
    coverage = coverage_of([])
    assert coverage.counts.shape == (0, 10)
    assert not coverage.people_per_cell().any()
    assert coverage.heatmap().ndim == 3
