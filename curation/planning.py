"""What to look for next: pictures of people at ages at which they are not seen yet, most useful first.

The band of a threshold narrows about as one over the root of the number of people with a pair in its cell, so its
square, the variance, falls as one over that number. With n people in a cell the variance is taken as
V(n) = 1 / (n + 1), which is 1 where there is nobody, and one person more lowers it by V(n) - V(n + 1) = V(n) / (n + 2).
A picture of a person in a group makes a pair with each other group in which that person is seen; its gain is the sum
of what these pairs take off the variances of their cells. A person counts once in a cell, however many pictures there
are, so a second picture in a group gains nothing.

Where a threshold table is at hand, V is the square of the cell's band as the table has it, as a share of the widest
band; a cell without a band counts as the widest.

Tasks are chosen one after the other, the people of a cell counted as if those before had been found: of fifty people
who all could fill the same empty cell not all fifty come first. Pairs of two pictures that are yet to be found count
for nothing.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cafdata import fields
from cafdata.dates import first_day, last_day
from cafdata.record import Record
from core.ages import TEN
from core.files import write_atomic
from core.thresholds import CELLS, ThresholdTable
from curation.coverage import Coverage, coverage_of
from curation.minors import ADULT_YEARS, is_grown_up

WIKIDATA: Final = "wikidata/"
GAIN_DIGITS: Final = 12
"""Gains that differ in less are the same: sums in another order round otherwise."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A person to look for at an age."""

    person_id: str
    group: str
    """Name of the group in core.ages.TEN."""
    years: tuple[int, int]
    """First and last calendar year in which the person may be of that age; alive, and not after today."""
    gain: float
    """What a picture is worth, above 0: see the module."""
    search: str
    """What to type into a search: on Commons for a person of Wikidata, else name and years."""

    def to_row(self) -> dict[str, Any]:
        """As JSON has it; `years` are all of them, one by one."""
        return {
            "person_id": self.person_id,
            "group": self.group,
            "years": list(range(self.years[0], self.years[1] + 1)),
            "gain": self.gain,
            "search": self.search,
        }


def plan(
    records: Iterable[Record], table: ThresholdTable | None, count: int, *, today: date, childhood: bool = False,
    is_findable: Callable[[str], bool] | None = None,
) -> list[Task]:  # fmt: skip
    """The most useful tasks, most useful first.

    People whose date of birth no record says get none, nor does anybody who may be under 18 today.

    Args:
        records: of an archive, in any order.
        table: thresholds with their bands; None: all cells weigh the same but for their people.
        count: at most so many tasks.
        today: no task is for later.
        childhood: whether pictures of today's adults as children are wanted; else years before 18 are left out.
        is_findable: which people, by name, can be looked for; the others get no task and count among those who are
            seen. None: all.
    """
    fields.whole("count", count, 0)
    coverage = coverage_of(records)
    years = [_years_of(coverage, number, today, childhood=childhood) for number in range(len(coverage.person_ids))]
    seen = coverage.is_seen.astype(np.float64)
    is_open = np.array([[one is not None for one in row] for row in years], dtype=bool).reshape(seen.shape) & (
        seen == 0
    )
    if is_findable is not None:
        is_open &= np.array([is_findable(name) for name in coverage.person_ids], dtype=bool)[:, None]
    people = coverage.people_per_cell().astype(np.float64)
    widths = None if table is None else squared_bands(table)
    tasks: list[Task] = []
    while len(tasks) < count:
        gains = np.round(seen @ drops(people, widths), GAIN_DIGITS) * is_open
        if not gains.size or gains.max() <= 0:
            break
        person, group = np.unravel_index(int(gains.argmax()), gains.shape)
        span = years[person][group]
        assert span is not None
        name = coverage.person_ids[person]
        tasks.append(
            Task(
                person_id=name,
                group=TEN.names[group],
                years=span,
                gain=float(gains[person, group]),
                search=search_of(name, span),
            )
        )
        others = seen[person] > 0
        people[group, others] += 1
        people[others, group] += 1
        is_open[person, group] = False
    return tasks


def drops(people: Numbers, squared_widths: Numbers | None = None) -> Numbers:
    """(10, 10) by how much one person more lowers the variance of each cell.

    Args:
        people: (10, 10) people with a pair in each cell, symmetric.
        squared_widths: (10, 10) variances that a table says, 0..1; None: 1 / (n + 1).
    """
    variances = 1 / (people + 1) if squared_widths is None else squared_widths
    lowered: Numbers = variances / (people + 2)
    return lowered


def squared_bands(table: ThresholdTable) -> Numbers:
    """(10, 10) squares of the widths of a table's bands as shares of the widest; 1 where there is no band."""
    widths = np.full((len(TEN), len(TEN)), np.nan)
    for younger, older in CELLS:
        cell = table.cell(younger, older)
        if cell is not None and cell.low is not None and cell.high is not None:
            widths[younger, older] = widths[older, younger] = cell.high - cell.low
    widest = np.nanmax(widths, initial=0.0)
    if widest <= 0:
        return np.ones_like(widths)
    shares: Numbers = np.nan_to_num(widths / widest, nan=1.0) ** 2
    return shares


def search_of(person_id: str, years: tuple[int, int]) -> str:
    """What to search for. Commons knows people by their Wikidata id, and its search takes no spans of years."""
    if person_id.startswith(WIKIDATA):
        return f"haswbstatement:P180={person_id.removeprefix(WIKIDATA)}"
    name = person_id.rpartition("/")[2].replace("_", " ")
    return f"{name} {years[0]}-{years[1]}"


def write_tasks(path: Path, tasks: Sequence[Task]) -> None:
    """Write tasks as JSON lines, atomically. The source `wikimedia` reads them where all are of Wikidata's people."""
    write_atomic(path, "".join(json.dumps(task.to_row(), ensure_ascii=False) + "\n" for task in tasks).encode())


def _years_of(coverage: Coverage, number: int, today: date, *, childhood: bool) -> list[tuple[int, int] | None]:
    """For each group the calendar years in which a person may be of it; None: not to be looked for."""
    born, died = coverage.born[number], coverage.died[number]
    last = today if died is None else min(today, last_day(died))
    if born is None or not is_grown_up(born, died, today):
        return [None] * len(TEN)
    spans: list[tuple[int, int] | None] = []
    for group, first_years in enumerate(TEN.first_years):
        begin = birthday(first_day(born), first_years).year
        if not childhood and first_years < ADULT_YEARS:
            # The first year of which every day lies at or after the birthday.
            of_age = birthday(last_day(born), ADULT_YEARS)
            begin = of_age.year + ((of_age.month, of_age.day) != (1, 1))
        end = last.year
        if group + 1 < len(TEN):
            before = birthday(last_day(born), TEN.first_years[group + 1]) - timedelta(days=1)
            end = min(end, before.year)
        spans.append((begin, end) if begin <= end else None)
    return spans


def birthday(born: date, years: int) -> date:
    """Day on which somebody becomes so old; born on 29 February, 1 March in other years."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)
