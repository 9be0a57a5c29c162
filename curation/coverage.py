"""Who of an archive is seen at which ages, and how many people stand behind each pair of age groups."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cafdata.heatmap import coverage_heatmap
from cafdata.record import Record, group_number
from core.ages import TEN
from core.images import Photo

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Coverage:
    """Pictures of P people in each of the ten groups. About 300 bytes a person."""

    person_ids: tuple[str, ...]
    """By name."""
    counts: Counts
    """(P, 10) int64: pictures whose whole age interval lies in the group; made pictures count for nothing."""
    born: tuple[str | None, ...]
    """As the records say, the most precise date; None where they do not, or contradict each other."""
    died: tuple[str | None, ...]
    """The same."""

    @property
    def is_seen(self) -> npt.NDArray[np.bool_]:
        """(P, 10): whether there is a picture."""
        return self.counts > 0

    def people_per_cell(self) -> Counts:
        """(10, 10) int64, symmetric: people with a picture in either group, on the diagonal with two in the one."""
        seen = self.is_seen.astype(np.int64)
        people: Counts = seen.T @ seen
        np.fill_diagonal(people, (self.counts > 1).sum(axis=0))
        return people

    def heatmap(self) -> Photo:
        """(H, W, 3) uint8 RGB: a row a person, those who begin youngest first (cafdata.heatmap)."""
        order = np.lexsort([*(~self.is_seen).T[::-1]])
        return coverage_heatmap(self.counts[order])


def coverage_of(records: Iterable[Record]) -> Coverage:
    """Count the records of an archive, in any order, each read once. Holds no records."""
    counts: dict[str, Counts] = {}
    dates: dict[str, tuple[set[str], set[str]]] = {}
    for record in records:
        if record.is_synthetic:
            continue
        row = counts.setdefault(record.person_id, np.zeros(len(TEN), dtype=np.int64))
        if (number := group_number(TEN, record.age_min_years, record.age_max_years)) is not None:
            row[number] += 1
        for known, value in zip(
            dates.setdefault(record.person_id, (set(), set())), (record.born, record.died), strict=True
        ):
            if value is not None:
                known.add(value)
    people = sorted(counts)
    return Coverage(
        person_ids=tuple(people),
        counts=np.array([counts[name] for name in people], dtype=np.int64).reshape(-1, len(TEN)),
        born=tuple(_agreed(dates[name][0]) for name in people),
        died=tuple(_agreed(dates[name][1]) for name in people),
    )


def _agreed(dates: set[str]) -> str | None:
    """The most precise of several dates, if all others say the same less precisely."""
    longest = max(sorted(dates), key=len, default=None)
    return longest if longest is not None and all(longest.startswith(one) for one in dates) else None
