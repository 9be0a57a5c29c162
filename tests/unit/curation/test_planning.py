"""Tasks with gains computed by hand; years and children; the bands that finding what was planned narrows."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cafdata.bootstrap import CellScores, band, draw
from cafdata.operating import plan as plan_rates
from cafdata.record import Record
from core.ages import TEN
from core.thresholds import Cell, ThresholdTable
from curation.planning import Task, plan, write_tasks
from curation.sources.wikimedia import is_findable, read_tasks
from tests.unit.curation.test_coverage import record

TODAY = date(2026, 3, 1)
GROUPS = {name: number for number, name in enumerate(TEN.names)}


def people(seen: Sequence[tuple[str, Sequence[float]]], born: str | None = "1940-06-15") -> list[Record]:
    return [record(name, age, born=born) for name, ages in seen for age in ages]


def drop(num_people: int) -> float:
    return 1 / (num_people + 1) - 1 / (num_people + 2)


def test_gains_by_hand() -> None:
    """Three people seen at 25 and 35, one of them at 45 too, one at 25 only."""
    rows = people([("a", (25, 35)), ("b", (25, 35)), ("c", (25, 35, 45)), ("d", (25,))])
    tasks = plan(rows, None, 1000, today=TODAY)
    # Three groups are empty; c makes three pairs in each, in cells of nobody.
    wanted = [("c", group, 3 * drop(0)) for group in ("15-19", "50-69", "70+")]
    # After that one is in these cells, and c was in those with 40-49 before: two pairs each, for a and then for b.
    wanted += [("a", group, 2 * drop(1)) for group in ("15-19", "40-49", "50-69", "70+")]
    wanted += [("b", group, 2 * drop(2)) for group in ("15-19", "40-49", "50-69", "70+")]
    # Last comes who is seen at one age only: one pair each, where three are by now; at 30-39 they are from the start.
    wanted += [("d", group, drop(3)) for group in ("15-19", "30-39", "40-49", "50-69", "70+")]
    assert [(one.person_id, one.group, pytest.approx(one.gain)) for one in tasks] == wanted
    assert len({(one.person_id, one.group) for one in tasks}) == len(tasks) == 4 * 6 - 8
    assert all(one.gain > 0 for one in tasks)


def test_a_gain_falls_with_the_people_who_are_there_already() -> None:
    """Twenty people at 25 and 35, one at 25 only: the cell that twenty are in comes after those that nobody is in."""
    rows = people([*((f"x{number:02d}", (25, 35)) for number in range(20)), ("y", (25,))])
    groups = [one.group for one in plan(rows, None, 80, today=TODAY)]
    assert sorted(groups) == sorted(["15-19", "40-49", "50-69", "70+"] * 20)
    assert ("y", "30-39") in {(one.person_id, one.group) for one in plan(rows, None, 85, today=TODAY)[80:]}
    alone = plan([*rows, *people([("z", (45,))])], None, 1, today=TODAY)[0]
    assert alone.group not in ("20-29", "30-39")
    first = plan(people([("a", (25, 35)), ("b", (25, 35)), ("y", (25,))], born="1990-06-15"), None, 9, today=TODAY)
    # Born in 1990 nobody can be 40 yet: what is left is 15-19, for all three, and y at 30-39, where two are.
    assert [(one.person_id, one.group, one.gain) for one in first] == [
        ("a", "15-19", pytest.approx(2 * drop(0))),
        ("b", "15-19", pytest.approx(2 * drop(1))),
        ("y", "15-19", pytest.approx(drop(2))),
        ("y", "30-39", pytest.approx(drop(2))),
    ]


def table(bands: dict[tuple[str, str], tuple[float, float]]) -> ThresholdTable:
    return ThresholdTable(
        recogniser="made",
        recogniser_sha256=None,
        scale="cosine",
        false_accept_rate=0.001,
        one_size_threshold=None,
        band_share=0.99,
        tail="none",
        data="made",
        data_sha256="0" * 64,
        made_with="a test",
        notes="made",
        cells=tuple(
            Cell(
                younger=GROUPS[younger],
                older=GROUPS[older],
                threshold=(low + high) / 2,
                low=low,
                high=high,
                method="empirical",
            )
            for (younger, older), (low, high) in bands.items()
        ),
    )


def test_wide_bands_come_before_narrow_ones() -> None:
    """One person at 25, alive from 1940 to 1985: 15-19, 30-39 or 40-49."""
    rows = [record("a", 25, born="1940-06-15", died="1985-01-01")]
    bands = {("15-19", "20-29"): (0.3, 0.4), ("20-29", "30-39"): (0.3, 0.5), ("20-29", "40-49"): (0.35, 0.4)}
    assert [(one.group, one.gain) for one in plan(rows, table(bands), 1, today=TODAY)] == [
        ("30-39", pytest.approx(1 / 2))
    ]
    del bands["20-29", "30-39"]
    # A cell without a band counts as the widest; the others as shares of it, squared.
    found = plan(rows, table(bands), 3, today=TODAY)
    assert [one.group for one in found][:2] == ["15-19", "30-39"]
    assert found[0].gain == pytest.approx(1 / 2)
    assert [one.group for one in plan(rows, table({}), 3, today=TODAY)] == [
        one.group for one in plan(rows, None, 3, today=TODAY)
    ]


def spans(born: str | None, *, died: str | None = None, childhood: bool = False) -> dict[str, tuple[int, int]]:
    rows = [record("a", 25, born=born, died=died)]
    return {one.group: one.years for one in plan(rows, None, 99, today=TODAY, childhood=childhood)}


def test_years_follow_from_the_birth() -> None:
    assert spans("1950-06-15", childhood=True) == {
        "0-2": (1950, 1953),
        "3-6": (1953, 1957),
        "7-9": (1957, 1960),
        "10-14": (1960, 1965),
        "15-19": (1965, 1970),
        "30-39": (1980, 1990),
        "40-49": (1990, 2000),
        "50-69": (2000, 2020),
        "70+": (2020, 2026),
    }
    assert spans("1950")["30-39"] == (1980, 1990)
    assert spans("1950-01-01")["30-39"] == (1980, 1989)
    assert spans("1952-02-29")["30-39"] == (1982, 1992)


def test_nobody_is_looked_for_after_death_or_today() -> None:
    assert spans("1950-06-15", died="1995-03") == {"15-19": (1969, 1970), "30-39": (1980, 1990), "40-49": (1990, 1995)}
    assert spans("1990-06-15") == {"15-19": (2009, 2010), "30-39": (2020, 2026)}
    assert spans(None) == {}


def test_children_of_today_and_childhoods() -> None:
    assert spans("2008-03-02", childhood=True) == {}  # 17 today
    assert set(spans("2008-03-01", childhood=True)) == {"0-2", "3-6", "7-9", "10-14", "15-19"}
    assert spans("2008-03-01") == {}  # 18 today: no whole year of age yet
    assert spans("2008", childhood=True) == {}  # may be 17
    assert spans("2000-05", died="2010", childhood=True) == {
        "0-2": (2000, 2003),
        "3-6": (2003, 2007),
        "7-9": (2007, 2010),
        "10-14": (2010, 2010),
    }
    assert spans("1950-06-15")["15-19"] == (1969, 1970)
    assert spans("1950-01-01")["15-19"] == (1968, 1969)


def test_order_and_count() -> None:
    rows = people([(f"p{number}", ages) for number, ages in enumerate([(25,), (25, 35), (45, 75), (25,)])])
    wanted = plan(rows, None, 7, today=TODAY)
    assert len(wanted) == 7
    assert plan(reversed(rows), None, 7, today=TODAY) == wanted
    assert plan(rows, None, 3, today=TODAY) == wanted[:3]
    assert plan(rows, None, 0, today=TODAY) == plan([], None, 5, today=TODAY) == []
    with pytest.raises(ValueError, match="count"):
        plan(rows, None, -1, today=TODAY)


def test_who_cannot_be_looked_for_takes_nobody_s_place() -> None:
    """Sixty people of another source would do more; what they are seen at counts all the same."""
    others = people([(f"fgnet/{number:02d}", (25, 35, 45)) for number in range(60)])
    wikidata = people([(f"wikidata/Q{number}", (25,)) for number in range(1, 4)])
    rows = [*others, *wikidata]
    assert not any(is_findable(one.person_id) for one in plan(rows, None, 20, today=TODAY))
    for count in (1, 5, 1000):
        tasks = plan(rows, None, count, today=TODAY, is_findable=is_findable)
        assert len(tasks) == min(count, 3 * 5)
        assert all(is_findable(one.person_id) for one in tasks)
    # At 30-39 and 40-49 sixty others are seen beside 25 already, so these come last.
    assert {one.group for one in tasks[:9]} == {"15-19", "50-69", "70+"}
    assert tasks[-1].gain == pytest.approx(drop(62))


def test_tasks_as_json_lines(tmp_path: Path) -> None:
    rows = [
        record("wikidata/Q42", 25, born="1952-03-11", died="2001-05-11"),
        record("list/Ana_Müller", 25, born="1990"),
    ]
    path = tmp_path / "tasks.jsonl"
    write_tasks(path, plan(rows, None, 3, today=TODAY)[::2])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"person_id": "list/Ana_Müller", "group": "15-19", "years": [2009, 2010], "gain": 0.5,
         "search": "Ana Müller 2009-2010"},
        {"person_id": "wikidata/Q42", "group": "40-49", "years": list(range(1992, 2002)), "gain": 0.5,
         "search": "haswbstatement:P180=Q42"},
    ]  # fmt: skip


def test_the_source_reads_what_was_planned(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    tasks = plan([record("wikidata/Q42", 25, born="1952-03-11", died="2001-05-11")], None, 9, today=TODAY)
    write_tasks(path, tasks)
    assert [one.years for one in tasks] == [(1971, 1972), (1982, 1992), (1992, 2001)]
    assert read_tasks(path) == {"Q42": {1971, 1972, *range(1982, 2002)}}


def scores_of_cell(rows: Sequence[Record], younger: str, older: str) -> CellScores:
    """Made scores of the people who have a pair in a cell: each of them scores a little higher or lower with all."""
    random = np.random.default_rng(0)
    lean = {f"p{number:03d}": random.normal(0, 0.08) for number in range(200)}
    groups = {name: {one.group10 for one in rows if one.person_id == name} for name in lean}
    there = [name for name in lean if {younger, older} <= groups[name]]
    leans = np.array([lean[name] for name in there])
    first, second = (part.astype(np.int32) for part in np.triu_indices(len(there), 1))
    person = np.arange(len(there), dtype=np.int32).repeat(3)
    return CellScores(
        different=(leans[first] + leans[second] + random.normal(0, 0.1, len(first))).astype(np.float32),
        first=first,
        second=second,
        same=(0.5 + leans[person] + random.normal(0, 0.1, len(person))).astype(np.float32),
        person=person,
        num_subjects=len(there),
    )


def widths(scores: CellScores) -> tuple[float, float]:
    """Of the bands of a threshold at 1 % and of the genuine rate."""
    planned = plan_rates(len(scores.different), (0.01,), knows_persons=True)
    draws = draw(scores, planned, 300, 0)
    ends = [band(values, 0.95) for values in (draws.thresholds, draws.genuine_rates)]
    return tuple(float(high[0] - low[0]) for low, high in ends)  # type: ignore[return-value]


def test_what_is_planned_narrows_the_bands_of_the_scarcest_cell() -> None:
    """Two hundred people at 35, of whom 150 are seen at 25, too, and 20 at 45."""
    ages = [(35, *([25] if number < 150 else []), *([45] if number >= 180 else [])) for number in range(200)]
    rows = people([(f"p{number:03d}", each) for number, each in enumerate(ages)], born="1975-06-15")
    tasks = [one for one in plan(rows, None, 250, today=TODAY) if one.group in ("20-29", "40-49")]
    assert tasks[0].group == "40-49"
    found = [record(one.person_id, 45 if one.group == "40-49" else 25) for one in tasks]
    before, after = (scores_of_cell(each, "30-39", "40-49") for each in (rows, [*rows, *found]))
    assert before.num_subjects == 20
    assert after.num_subjects >= 60
    expected = (before.num_subjects / after.num_subjects) ** 0.5
    for one, other in zip(widths(before), widths(after), strict=True):
        assert other / one == pytest.approx(expected, abs=0.2)


def test_a_task_names_every_year() -> None:
    task = Task(person_id="a", group="0-2", years=(1950, 1953), gain=0.5, search="a 1950-1953")
    assert task.to_row()["years"] == [1950, 1951, 1952, 1953]
