"""Agreement of an archive's annotators, as a report: how well they agree, who is off how far, what to ask again."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cafdata.record import AgeLabel, Record
from core.ages import TEN
from curation.labelling.agreement import (
    Correlation,
    Deviation,
    Rating,
    alpha_interval,
    alpha_ordinal,
    correlation,
    deviation,
    leave_one_out,
)
from curation.labelling.evidence import ADJUDICATOR, latest
from curation.labelling.selection import known_age_years

AGAIN: Final = 20
"""Pictures that are named for another look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotator:
    """How one annotator labels."""

    name: str
    num_labels: int
    """Pictures labelled, with an age or without."""
    beside_others: Deviation | None
    """Against the mean of what others say of the same pictures."""
    beside_gold: Deviation | None
    """Against pictures whose age is known to the year."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """A picture that should be labelled again."""

    picture_id: str
    range_years: float
    """Between the youngest and the oldest age that somebody named."""
    num_labels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementReport:
    """Agreement in an archive."""

    num_pictures: int
    """With an age from two or more annotators."""
    num_ratings: int
    """Ages, the last word of each annotator for each picture."""
    alpha_interval: float | None
    alpha_ordinal: float | None
    intraclass: Correlation | None
    annotators: tuple[Annotator, ...]
    groups: dict[str, Deviation]
    """By age group of what annotators say on the mean: how far single ratings are from the others'."""
    gold: Deviation | None
    """All ratings of gold pictures against the known age."""
    again: tuple[Again, ...]
    """Pictures of which people say the most different things, the worst first."""

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return values


def agreement(records: Iterable[Record]) -> AgreementReport:
    """Agreement of the annotators in these records. Adjudicators, who see what is in dispute, are left out."""
    labelled = {one.picture_id: one for one in records if one.labels}
    said = {name: _annotators(record) for name, record in labelled.items()}
    ratings = [
        Rating(picture_id=name, annotator=label.annotator, age_years=label.age_years)
        for name, labels in said.items()
        for label in labels
        if label.age_years is not None
    ]
    by_picture: defaultdict[str, list[float]] = defaultdict(list)
    for rating in ratings:
        by_picture[rating.picture_id].append(rating.age_years)
    apart = leave_one_out(ratings)
    known = {name: age for name, record in labelled.items() if (age := known_age_years(record)) is not None}
    off = [(one.annotator, one.age_years - known[one.picture_id]) for one in ratings if one.picture_id in known]
    by_group: defaultdict[str, list[float]] = defaultdict(list)
    for (picture, _), difference in apart.items():
        mean = sum(by_picture[picture]) / len(by_picture[picture])
        by_group[TEN.names[TEN.index_of(mean)]].append(difference)
    groups = {name: deviation(by_group[name]) for name in TEN.names if name in by_group}
    shared = {name: ages for name, ages in by_picture.items() if len(ages) > 1}
    return AgreementReport(
        num_pictures=len(shared),
        num_ratings=len(ratings),
        alpha_interval=alpha_interval(ratings),
        alpha_ordinal=alpha_ordinal(ratings),
        intraclass=correlation(ratings),
        annotators=tuple(_annotator(name, said.values(), apart, off) for name in _names(said.values())),
        groups={name: found for name, found in groups.items() if found is not None},
        gold=deviation([difference for _, difference in off]),
        again=_again(shared),
    )


def _annotators(record: Record) -> list[AgeLabel]:
    """The last word of each annotator who is no adjudicator."""
    return [label for label in latest(record.labels) if not label.annotator.startswith(ADJUDICATOR)]


def _names(said: Iterable[Sequence[AgeLabel]]) -> list[str]:
    return sorted({label.annotator for labels in said for label in labels})


def _annotator(
    name: str,
    said: Iterable[Sequence[AgeLabel]],
    apart: dict[tuple[str, str], float],
    off: Sequence[tuple[str, float]],
) -> Annotator:
    return Annotator(
        name=name,
        num_labels=sum(label.annotator == name for labels in said for label in labels),
        beside_others=deviation([difference for (_, who), difference in apart.items() if who == name]),
        beside_gold=deviation([difference for who, difference in off if who == name]),
    )


def _again(shared: dict[str, list[float]]) -> tuple[Again, ...]:
    found = [
        Again(picture_id=name, range_years=max(ages) - min(ages), num_labels=len(ages))
        for name, ages in shared.items()
        if max(ages) > min(ages)
    ]
    found.sort(key=lambda one: (-one.range_years, one.picture_id))
    return tuple(found[:AGAIN])
