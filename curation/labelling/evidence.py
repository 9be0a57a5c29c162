"""How old a picture is by all that is known: dates, people who looked, and a network as a witness only.

Dates that are documented bound the age; people narrow a wide interval but never widen it or move out of it. Where
nothing is documented, the people's interval is the age ("annotators"). Where people narrowed what dates said it is
"combined". What the network reads never decides: it can only raise a doubt, as people who contradict the dates do.
The outcome follows from a record's dates and labels alone, so it may be computed again at any time.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cafdata.dates import age_between
from cafdata.fields import OLDEST_YEARS
from cafdata.record import AgeLabel, AgeProvenance, Record, Verdict
from cafdata.summary import AGE_READ

ADJUDICATOR: Final = "adjudicator-"
"""Begins the name of somebody whose word outweighs the annotators'."""
FINAL: Final = ("given", "synthetic")
"""Provenances that labels do not change."""
LEAST_WIDTH_YEARS: Final = 2.0
"""To each side of what people say, however many agree."""
WIDTH_PER_YEAR: Final = 0.1
"""And a tenth of the age: people misjudge the old by more years than the young."""
NORMAL: Final = 1.4826
"""Median absolute deviation -> standard deviation of a normal distribution."""
DISPUTE_YEARS: Final = 8.0
"""Furthest two annotators may be apart, and a tenth of the age more, before somebody else has to decide."""
WITNESS_YEARS: Final = 12.0
"""How far outside an interval the network has to read before that is worth a look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeFinding:
    """The age of a picture by all evidence."""

    min_years: float
    """Youngest, 0..130."""
    max_years: float
    """Oldest."""
    provenance: AgeProvenance
    """Where it comes from."""
    doubts: tuple[str, ...] = ()
    """What a person has to look at, in words that are the same for all pictures of one kind."""


def moment(label: AgeLabel) -> datetime:
    """When a label was given."""
    return datetime.fromisoformat(label.labelled_at)


def latest(labels: Iterable[AgeLabel]) -> list[AgeLabel]:
    """The last word of each annotator, by name."""
    last: dict[str, AgeLabel] = {}
    for label in sorted(labels, key=moment):
        last[label.annotator] = label
    return [last[name] for name in sorted(last)]


def deciding(labels: Iterable[AgeLabel]) -> list[AgeLabel]:
    """The labels that count: adjudicators' where there are any, else every annotator's."""
    said = latest(labels)
    return [one for one in said if one.annotator.startswith(ADJUDICATOR)] or said


def verdict_of(labels: Iterable[AgeLabel]) -> Verdict | None:
    """What most of those who count say; "age" where as many name one. None without labels.

    One who sees a child is enough for "child": that is looked at whatever the others think.
    """
    verdicts = [label.verdict for label in deciding(labels)]
    if not verdicts or "child" in verdicts:
        return "child" if verdicts else None
    return max(sorted(set(verdicts)), key=verdicts.count)


def seen_interval(labels: Iterable[AgeLabel]) -> tuple[float, float] | None:
    """The age that people see, as an interval; None where nobody who counts names one.

    Its middle is the median, each label counted as often as its stars say (3 without stars). To each side go 2 years
    and a tenth of the age, or, if that is more, twice the spread of the labels (median absolute deviation, as of a
    normal distribution) over the square root of their number. One label in three may be anything without moving it far.
    """
    ages = [label for label in deciding(labels) if label.age_years is not None]
    if not ages:
        return None
    counted = [label.age_years for label in ages for _ in range(label.confidence or 3) if label.age_years is not None]
    middle = statistics.median(counted)
    spread = NORMAL * statistics.median(abs(age - middle) for age in counted)
    half = max(LEAST_WIDTH_YEARS + WIDTH_PER_YEAR * middle, 2 * spread / len(ages) ** 0.5)
    return max(0.0, middle - half), min(float(OLDEST_YEARS), middle + half)


def is_disputed(labels: Iterable[AgeLabel]) -> bool:
    """Whether annotators are of two minds, and no adjudicator has spoken."""
    said = deciding(labels)
    if any(one.annotator.startswith(ADJUDICATOR) for one in said) or len(said) < 2:
        return False
    if len({label.verdict for label in said}) > 1:
        return True
    ages = [label.age_years for label in said if label.age_years is not None]
    return bool(ages) and max(ages) - min(ages) > DISPUTE_YEARS + WIDTH_PER_YEAR * statistics.median(ages)


def age_read(record: Record) -> float | None:
    """What a network read, in years, the middle one where several did; None where none did."""
    read = [value for name, value in record.quality if name.startswith(AGE_READ)]
    return statistics.median(read) if read else None


def weigh(record: Record) -> AgeFinding:
    """The age of a picture by its dates, what its source says, its labels and the network's reading."""
    found, stated, seen = _as_it_is(record), stated_interval(record), seen_interval(record.labels)
    doubts = []
    if seen is not None and stated is None:
        found = AgeFinding(min_years=seen[0], max_years=seen[1], provenance="annotators")
    elif seen is not None and stated is not None:
        are_apart = seen[1] < stated[0] or stated[1] < seen[0]
        if are_apart:
            doubts.append("people see another age than the source says")
        if has_dates(record):
            narrow = stated if are_apart else (max(stated[0], seen[0]), min(stated[1], seen[1]))
            provenance: AgeProvenance = "dates" if narrow == stated else "combined"
            found = AgeFinding(min_years=narrow[0], max_years=narrow[1], provenance=provenance)
    read = age_read(record)
    interval = (found.min_years, found.max_years)
    if read is not None and found.provenance != "estimator" and outside_years(read, interval) > WITNESS_YEARS:
        doubts.append("the network reads another age")
    return replace(found, doubts=tuple(doubts))


def has_dates(record: Record) -> bool:
    """Whether the age follows from two dates, which the source's own word and what we made ourselves outweigh."""
    return record.born is not None and record.captured is not None and record.age_provenance not in FINAL


def stated_interval(record: Record) -> tuple[float, float] | None:
    """What is documented of the age: by both dates, else by the source. None where only people or a network say it."""
    if has_dates(record) and record.born is not None and record.captured is not None:
        youngest, oldest = age_between(record.born, record.captured)
        return youngest, min(oldest, float(OLDEST_YEARS))
    if record.age_provenance in ("estimator", "annotators"):
        return None
    return record.age_min_years, record.age_max_years


def outside_years(age_years: float, interval: Sequence[float]) -> float:
    """How far an age lies outside an interval; 0 inside."""
    return max(interval[0] - age_years, age_years - interval[1], 0.0)


def _as_it_is(record: Record) -> AgeFinding:
    return AgeFinding(min_years=record.age_min_years, max_years=record.age_max_years, provenance=record.age_provenance)
