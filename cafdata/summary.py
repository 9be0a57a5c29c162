"""What an archive holds, counted: people and pictures by age group, gaps, decades, sexes, licences."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cafdata.record import SPLITS, Record, group_number
from core.ages import FOUR, TEN, AgeGroups

GAP_STEP_YEARS: Final = 5
NUM_GAPS: Final = 15
"""Bins of a gap: 0-4, 5-9, ..., 70 and more years."""
UNKNOWN: Final = "not stated"
AGE_READ: Final = "age read by "
"""Begins the name of a quality score that is an age in years, as a network reads it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LicenceCount:
    """What stands under one licence."""

    licence: str
    """As the records say; "not stated" where they do not."""
    licence_url: str | None
    """Address of its text; None where the records give none, or several."""
    pictures: int
    people: int
    authors: int
    """Different authors named."""
    without_author: int
    """Pictures that name none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgesRead:
    """What a network reads on the pictures of an age group, beside their labels."""

    reader: str
    group: str
    """Of the labels."""
    pictures: int
    mean_label_years: float
    mean_read_years: float
    mean_error_years: float
    """Mean of the distances between the two."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Summary:
    """Counts over the records of an archive."""

    pictures: int
    people: int
    synthetic_pictures: int
    """Made, not taken."""
    people_per_group: dict[str, int]
    """Group of `core.ages.TEN` -> people with a picture whose whole age interval lies in it, as the paper counts."""
    pictures_per_group: dict[str, int]
    """Group -> such pictures."""
    pictures_per_group4: dict[str, int]
    """The same for `core.ages.FOUR`."""
    pictures_between_groups: int
    """Pictures whose age interval reaches into two of the ten groups."""
    pairs_per_gap: dict[str, int]
    """Years between two pictures of one person, by the middles of their intervals -> pairs."""
    groups_per_person: dict[str, int]
    """In how many of the ten groups a person has pictures -> people."""
    pictures_per_decade: dict[str, int]
    """Decade of the photo -> pictures."""
    pictures_per_sex: dict[str, int]
    pictures_per_ethnicity: dict[str, int]
    """In the words of the sources."""
    pictures_per_provenance: dict[str, int]
    """Where the age comes from -> pictures."""
    pictures_per_split: dict[str, int]
    people_per_split: dict[str, int]
    pictures_per_framing: dict[str, int]
    licences: tuple[LicenceCount, ...]
    """Most pictures first."""
    ages_read: tuple[AgesRead, ...]
    """By reader and group, from quality scores called "age read by <reader>"."""
    coverage: npt.NDArray[np.int64]
    """(people, 10) pictures of each person in each group: those who begin youngest first."""

    def as_json(self) -> dict[str, Any]:
        """Everything but the coverage as plain values; no person is named."""
        values = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "coverage"
        }
        rows = {name: [dataclasses.asdict(row) for row in getattr(self, name)] for name in ("licences", "ages_read")}
        return values | rows


def summarise(records: Iterable[Record]) -> Summary:
    """Count records, reading each once. Holds a few numbers a picture, no records."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    ages: dict[str, list[float]] = defaultdict(list)
    groups: dict[str, npt.NDArray[np.int64]] = {}
    splits: dict[str, set[str]] = defaultdict(set)
    licences: dict[str, _Licence] = defaultdict(_Licence)
    readings: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for record in records:
        ages[record.person_id].append(record.age_years)
        row = groups.setdefault(record.person_id, np.zeros(len(TEN), dtype=np.int64))
        if (number := _group(TEN, record)) is not None:
            row[number] += 1
            for score, value in record.quality:
                if score.startswith(AGE_READ):
                    readings[score.removeprefix(AGE_READ), number].append((record.age_years, value))
        counts["all"]["synthetic"] += record.is_synthetic
        if (number4 := _group(FOUR, record)) is not None:
            counts["group4"][FOUR.names[number4]] += 1
        counts["decade"][f"{record.captured[:3]}0s" if record.captured else UNKNOWN] += 1
        counts["sex"][record.sex or UNKNOWN] += 1
        counts["ethnicity"][record.ethnicity or UNKNOWN] += 1
        counts["provenance"][record.age_provenance] += 1
        counts["split"][record.split or UNKNOWN] += 1
        counts["framing"][record.framing or UNKNOWN] += 1
        splits[record.split or UNKNOWN].add(record.person_id)
        licences[record.licence or UNKNOWN].add(record)
    coverage = np.array(sorted((tuple(row) for row in groups.values()), key=_youngest_first), dtype=np.int64)
    coverage = coverage.reshape(-1, len(TEN))
    per_group = coverage.sum(axis=0)
    num_pictures = sum(map(len, ages.values()))
    return Summary(
        pictures=num_pictures,
        people=len(ages),
        synthetic_pictures=counts["all"]["synthetic"],
        people_per_group=_named((coverage > 0).sum(axis=0)),
        pictures_per_group=_named(per_group),
        pictures_per_group4={name: counts["group4"][name] for name in FOUR.names},
        pictures_between_groups=num_pictures - int(per_group.sum()),
        pairs_per_gap=_gaps(ages),
        groups_per_person=_sorted(Counter(str(count) for count in (coverage > 0).sum(axis=1))),
        pictures_per_decade=_sorted(counts["decade"]),
        pictures_per_sex=_sorted(counts["sex"]),
        pictures_per_ethnicity=_sorted(counts["ethnicity"]),
        pictures_per_provenance=_sorted(counts["provenance"]),
        pictures_per_split=_by_split(counts["split"]),
        people_per_split=_by_split({split: len(people) for split, people in splits.items()}),
        pictures_per_framing=_sorted(counts["framing"]),
        licences=tuple(
            sorted(
                (found.count(name) for name, found in licences.items()), key=lambda one: (-one.pictures, one.licence)
            )
        ),
        ages_read=tuple(_ages_read(*key, readings[key]) for key in sorted(readings)),
        coverage=coverage,
    )


class _Licence:
    """What has been seen under one licence so far."""

    def __init__(self) -> None:
        self.pictures = self.without_author = 0
        self.people: set[str] = set()
        self.authors: set[str] = set()
        self.urls: set[str | None] = set()

    def add(self, record: Record) -> None:
        """Count one picture."""
        self.pictures += 1
        self.people.add(record.person_id)
        self.urls.add(record.licence_url)
        if record.author is None:
            self.without_author += 1
        else:
            self.authors.add(record.author)

    def count(self, licence: str) -> LicenceCount:
        """The row of the table."""
        return LicenceCount(
            licence=licence,
            licence_url=next(iter(self.urls)) if len(self.urls) == 1 else None,
            pictures=self.pictures,
            people=len(self.people),
            authors=len(self.authors),
            without_author=self.without_author,
        )


def _ages_read(reader: str, group: int, pairs: list[tuple[float, float]]) -> AgesRead:
    labels, read = np.asarray(pairs).T
    return AgesRead(
        reader=reader,
        group=TEN.names[group],
        pictures=len(pairs),
        mean_label_years=round(float(labels.mean()), 1),
        mean_read_years=round(float(read.mean()), 1),
        mean_error_years=round(float(np.abs(labels - read).mean()), 1),
    )


def _group(groups: AgeGroups, record: Record) -> int | None:
    return group_number(groups, record.age_min_years, record.age_max_years)


def _youngest_first(row: tuple[int, ...]) -> tuple[int, ...]:
    """People seen in a younger group come before those who are not; among these the next group decides."""
    return tuple(-min(count, 1) for count in row) + tuple(-count for count in row)


def _named(values: npt.NDArray[np.int64]) -> dict[str, int]:
    return dict(zip(TEN.names, values.tolist(), strict=True))


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    """By name, what is not stated last."""
    return {name: counts[name] for name in sorted(counts, key=lambda name: (name == UNKNOWN, name))}


def _by_split(counts: Mapping[str, int]) -> dict[str, int]:
    return {split: counts[split] for split in (*SPLITS, UNKNOWN) if split in counts}


def _gaps(ages: Mapping[str, list[float]]) -> dict[str, int]:
    """Pairs of one person's pictures in each bin of the years between them."""
    counts = np.zeros(NUM_GAPS, dtype=np.int64)
    starts = range(0, NUM_GAPS * GAP_STEP_YEARS, GAP_STEP_YEARS)
    for years in ages.values():
        # Counted by edges, not pair by pair: a person may have ten thousand pictures.
        row = np.sort(years)
        after = np.arange(1, len(row) + 1)
        wider = [len(row) - np.maximum(np.searchsorted(row, row + start, side="left"), after) for start in starts]
        counts -= np.diff([each.sum() for each in wider], append=0)
    names = [f"{start}-{start + GAP_STEP_YEARS - 1}" for start in starts]
    names[-1] = f"{starts[-1]}+"
    return dict(zip(names, counts.tolist(), strict=True))
