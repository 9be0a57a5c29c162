"""How old somebody is on a picture: from dates, else as a list says it; and an estimator as a cross-check.

The estimator never makes a label. Where it reads an age far from the label, in spreads of its own errors at that age,
a person looks at the picture. Many look younger or older than they are, and on all of their pictures: what the others
of one person have in common is taken off first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from cafdata.dates import age_between, first_day, last_day
from cafdata.fields import OLDEST_YEARS
from cafdata.queue import ReviewItem
from core.ages import TEN
from curation.candidate import Candidate
from curation.stage import Drop

STAGE: Final = "age"
SOURCE: Final = "curation age"
NORMAL: Final = 1.2533
"""Standard deviation of a normal distribution in mean absolute deviations, sqrt(pi / 2)."""
DOUBTFUL: Final = 2.1
"""Spreads from which a picture is looked at: 72 % of exchanged labels of UTKFace's eval faces, 4.4 % of the others."""
MIN_OTHERS: Final = 3
"""Other pictures of a person from which on they say whether the person looks young or old."""
TRUST: Final = 3.0
"""What the others have in common is taken off by n / (n + 3)."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeLabelled:
    """The age on a picture, as an interval, and how it is known."""

    age_min_years: float
    """0..130."""
    age_max_years: float
    age_provenance: Literal["dates", "given"]
    doubts: tuple[str, ...] = ()
    """What does not fit together, for a person to look at."""


def label(candidate: Candidate) -> AgeLabelled | Drop:
    """The age interval of a candidate: from its dates if it has both, else the list's own."""
    given: tuple[float, float] | None = None
    if candidate.age_min_years is not None and candidate.age_max_years is not None:
        given = (candidate.age_min_years, candidate.age_max_years)
    if candidate.born is None or candidate.captured is None:
        if given is None:
            missing = "date of birth" if candidate.born is None else "date of the photo"
            return Drop(stage=STAGE, reason="no age", detail=f"no {missing}, and no age in the list")
        return AgeLabelled(age_min_years=given[0], age_max_years=given[1], age_provenance="given")
    born, captured = candidate.born, candidate.captured
    if last_day(captured) < first_day(born):
        return Drop(stage=STAGE, reason="photo from before the birth", detail=f"{captured}, born {born}")
    if candidate.died is not None and first_day(captured) > last_day(candidate.died):
        return Drop(stage=STAGE, reason="photo from after the death", detail=f"{captured}, died {candidate.died}")
    low_years, high_years = age_between(born, captured)
    if high_years > OLDEST_YEARS:
        return Drop(stage=STAGE, reason="older than anybody", detail=f"{captured}, born {born}")
    doubts: tuple[str, ...] = ()
    # A list counts whole years: somebody of 30 is 30.0 to 30.999.
    if given is not None and not (given[0] <= high_years + 1 and low_years <= given[1] + 1):
        said = f"the list says {given[0]:g} to {given[1]:g}"
        doubts = (f"by its dates the person is {low_years:.1f} to {high_years:.1f}, but {said}",)
    return AgeLabelled(age_min_years=low_years, age_max_years=high_years, age_provenance="dates", doubts=doubts)


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeErrors:
    """How an estimator errs on faces that it never saw, for each of the ten groups (core.ages.TEN)."""

    mean_error_years: tuple[float, ...]
    """Mean absolute error."""
    bias_years: tuple[float, ...]
    """Mean of reading minus label."""

    def __post_init__(self) -> None:
        if len(self.mean_error_years) != len(TEN) or len(self.bias_years) != len(TEN):
            raise ValueError(
                f"errors are given for {len(TEN)} groups, got {len(self.mean_error_years)}, {len(self.bias_years)}"
            )
        if min(self.mean_error_years) <= 0:
            raise ValueError(f"mean errors lie above 0 years, got {self.mean_error_years}")

    def expected_years(self, ages_years: npt.ArrayLike) -> Numbers:
        """What is read on average of faces of these ages."""
        ages = np.asarray(ages_years, dtype=np.float64)
        return ages + np.interp(ages, TEN.typical_years, self.bias_years)

    def spread_years(self, age_min_years: npt.ArrayLike, age_max_years: npt.ArrayLike) -> Numbers:
        """Standard deviation of what is read at the age of each interval where it is greatest."""
        low, high = np.asarray(age_min_years, dtype=np.float64), np.asarray(age_max_years, dtype=np.float64)
        typical, errors = np.array(TEN.typical_years), np.array(self.mean_error_years)
        is_within = (typical >= low[..., None]) & (typical <= high[..., None])
        at_ends = np.maximum(np.interp(low, typical, errors), np.interp(high, typical, errors))
        return np.asarray(NORMAL * np.maximum(at_ends, np.where(is_within, errors, 0.0).max(axis=-1)))


ERRORS: Final[dict[str, AgeErrors]] = {
    "age-estimator-128": AgeErrors(
        mean_error_years=(0.66, 1.74, 2.88, 2.55, 3.72, 5.61, 5.13, 7.47, 7.12, 6.49),
        bias_years=(0.53, 0.97, 1.47, -0.38, 1.69, 1.56, 0.23, -1.35, -1.25, -4.58),
    ),
}
"""By estimator. Source: its card in models/, written by `python -m training export-estimator`: 550 held-out faces."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ReadFaces:
    """N pictures with their labels and what an estimator read. Raises ValueError for what does not fit."""

    picture_ids: Sequence[str]
    """N names."""
    person_ids: Sequence[str]
    """N names of people."""
    age_min_years: Numbers
    """(N,) float64: youngest by the label."""
    age_max_years: Numbers
    """(N,) float64: oldest."""
    read_years: Numbers
    """(N,) float64: as the estimator reads it."""

    def __post_init__(self) -> None:
        count = len(self.picture_ids)
        shapes = (self.age_min_years.shape, self.age_max_years.shape, self.read_years.shape)
        if len(self.person_ids) != count or set(shapes) != {(count,)}:
            raise ValueError(f"{count} pictures, but {len(self.person_ids)} people and ages of shapes {shapes}")
        if not np.all((self.age_min_years >= 0) & (self.age_min_years <= self.age_max_years)):
            raise ValueError("age intervals begin at 0 years or later, the younger end first")


def disagreement(age_min_years: npt.ArrayLike, age_max_years: npt.ArrayLike, read_years: npt.ArrayLike,
                 errors: AgeErrors) -> Numbers:  # fmt: skip
    """How many spreads a reading lies from what is expected of a label: below 0 too young, above 0 too old.

    0 for what is expected of an age within the interval. The spread is that of the label's age: taking the width of
    the reading's own interval instead finds fewer exchanged labels (70 % against 75 % at 5 % false alarms).

    Args:
        age_min_years: (N,) youngest by the label.
        age_max_years: (N,) oldest.
        read_years: (N,) as the estimator reads it.
        errors: of that estimator.
    Returns:
        (N,) float64.
    """
    read = np.asarray(read_years, dtype=np.float64)
    below = np.minimum(read - errors.expected_years(age_min_years), 0.0)
    above = np.maximum(read - errors.expected_years(age_max_years), 0.0)
    apart: Numbers = (below + above) / errors.spread_years(age_min_years, age_max_years)
    return apart


def own_disagreement(faces: ReadFaces, errors: AgeErrors) -> Numbers:
    """The same without what the other pictures of a person have in common, if there are three or more of them.

    Returns:
        (N,) float64, the same whatever the order of the faces.
    """
    plain = disagreement(faces.age_min_years, faces.age_max_years, faces.read_years, errors)
    own = plain.copy()
    rows: dict[str, list[int]] = {}
    for row, person in enumerate(faces.person_ids):
        rows.setdefault(person, []).append(row)
    for members in rows.values():
        count = len(members) - 1
        if count < MIN_OTHERS:
            continue
        values = plain[members]
        for place, row in enumerate(members):
            in_common = float(np.median(np.delete(values, place)))
            own[row] -= in_common * count / (count + TRUST)
    return own


def doubtful(faces: ReadFaces, errors: AgeErrors, *, added_at: str) -> tuple[ReviewItem, ...]:
    """Pictures whose label is to be looked at, by picture id.

    Args:
        added_at: ISO 8601, for the review items.
    """
    apart = own_disagreement(faces, errors)
    items = []
    for row in sorted(np.flatnonzero(np.abs(apart) >= DOUBTFUL).tolist(), key=lambda row: faces.picture_ids[row]):
        low, high = faces.age_min_years[row], faces.age_max_years[row]
        labelled = f"{low:.0f}" if round(low) == round(high) else f"{low:.0f} to {high:.0f}"
        reason = (
            f"the label says {labelled}, the face looks {faces.read_years[row]:.0f}: "
            f"{abs(apart[row]):.1f} usual errors too {'old' if apart[row] > 0 else 'young'}"
        )
        items.append(
            ReviewItem(
                kind="picture",
                picture_ids=(faces.picture_ids[row],),
                reason=reason,
                source=SOURCE,
                added_at=added_at,
            )
        )
    return tuple(items)
