"""How well people agree on ages, and how far each of them is off.

Krippendorff's alpha is 1 for agreement in everything and 0 for what chance would give; it takes any number of
annotators and missing answers. ICC(2,1) and ICC(2,k) (Shrout and Fleiss) say how much of the variation lies between
pictures, for one annotator and for the mean of k; they need pictures that all of the k saw.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

LEAST_RATINGS: Final = 5
"""Fewer common ratings say nothing of an annotator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rating:
    """What one annotator said of one picture."""

    picture_id: str
    annotator: str
    age_years: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Correlation:
    """Intraclass correlation of annotators who share many pictures."""

    single: float
    """ICC(2,1): of one annotator's answers."""
    mean: float
    """ICC(2,k): of the mean of all k."""
    num_pictures: int
    """That all of them saw."""
    annotators: tuple[str, ...]


def alpha_interval(ratings: Iterable[Rating]) -> float | None:
    """Krippendorff's alpha with squared differences of years; None where no picture has two ratings.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability; squares of differences are summed by their
    moments, which is the same and takes no table of all values.
    """
    _, values, units, counts = _pairable(ratings)
    return _alpha(values, units, counts)


def alpha_ordinal(ratings: Iterable[Rating]) -> float | None:
    """Krippendorff's alpha of ranks; None where no picture has two ratings.

    His ordinal difference of two values is that of their mean ranks among all values, so this is `alpha_interval`
    of the ranks.
    """
    _, values, units, counts = _pairable(ratings)
    if not len(values):
        return None
    _, places, copies = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(copies) - copies / 2
    return _alpha(ranks[places], units, counts)


def intraclass(table: Numbers) -> tuple[float, float]:
    """ICC(2,1) and ICC(2,k).

    Args:
        table: (N, k) float64, years; a row for each picture, a column for each annotator; N and k at least 2.
    Raises:
        ValueError: fewer rows or columns, or all numbers are the same.
    Source: Shrout and Fleiss 1979, table 3.
    """
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError(f"an intraclass correlation takes 2 pictures and 2 annotators or more, got {table.shape}")
    num, k = table.shape
    mean = table.mean()
    between = k * ((table.mean(axis=1) - mean) ** 2).sum() / (num - 1)
    judges = num * ((table.mean(axis=0) - mean) ** 2).sum() / (k - 1)
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + mean
    error = (rest**2).sum() / ((num - 1) * (k - 1))
    single = between + (k - 1) * error + k * (judges - error) / num
    average = between + (judges - error) / num
    if single == 0 or average == 0:
        raise ValueError("all ratings are the same; there is nothing to correlate")
    return float((between - error) / single), float((between - error) / average)


def correlation(ratings: Sequence[Rating]) -> Correlation | None:
    """ICC of annotators who share many pictures.

    The two who have most pictures in common begin; whoever leaves most of these is added next, as long as two pictures
    stay. Of the groups on the way the one counts whose common pictures make the most ratings. None where no two
    annotators have two pictures in common, or all ratings are the same.
    """
    said = {name: set(pictures) for name, pictures in _by_annotator(ratings).items()}
    names = sorted(said)
    pairs = [(one, other) for number, one in enumerate(names) for other in names[number + 1 :]]
    if not pairs:
        return None
    first, second = max(pairs, key=lambda pair: len(said[pair[0]] & said[pair[1]]))
    chosen, common = [first, second], said[first] & said[second]
    best: tuple[int, list[str], set[str]] = (0, [], set())
    while len(common) >= 2:
        if len(chosen) * len(common) > best[0]:
            best = (len(chosen) * len(common), list(chosen), common)
        others = [name for name in names if name not in chosen]
        if not others:
            break
        chosen.append(max(others, key=lambda name: len(common & said[name])))
        common = common & said[chosen[-1]]
    return _correlation_of(ratings, sorted(best[1]), sorted(best[2])) if best[1] else None


def _correlation_of(ratings: Sequence[Rating], names: Sequence[str], pictures: Sequence[str]) -> Correlation | None:
    """ICC of these annotators on pictures that all of them saw; None where all ratings are the same."""
    said = _by_annotator(ratings)
    table = np.array([[said[name][picture] for name in names] for picture in pictures])
    try:
        single, mean = intraclass(table)
    except ValueError:
        return None
    return Correlation(single=single, mean=mean, num_pictures=len(pictures), annotators=tuple(names))


@dataclass(frozen=True, kw_only=True, slots=True)
class Deviation:
    """How far an annotator's ages are from what they are held against."""

    num: int
    """Ratings that could be held against something."""
    bias_years: float
    """Mean difference; above 0 says too old."""
    spread_years: float
    """Standard deviation of the differences."""


def deviation(differences: Sequence[float]) -> Deviation | None:
    """Bias and spread of differences in years; None for fewer than five."""
    if len(differences) < LEAST_RATINGS:
        return None
    found = np.asarray(differences, np.float64)
    return Deviation(num=len(found), bias_years=float(found.mean()), spread_years=float(found.std(ddof=1)))


def leave_one_out(ratings: Iterable[Rating]) -> dict[tuple[str, str], float]:
    """(picture, annotator) -> years above the mean of what the others said of that picture."""
    pictures, values, units, counts = _pairable(ratings)
    sums = np.bincount(units, values) if len(values) else np.zeros(0)
    others = (sums[units] - values) / (counts[units] - 1) if len(values) else values
    return {
        (one.picture_id, one.annotator): float(value - other)
        for one, value, other in zip(pictures, values, others, strict=True)
    }


def _by_annotator(ratings: Iterable[Rating]) -> dict[str, dict[str, float]]:
    said: dict[str, dict[str, float]] = {}
    for one in ratings:
        said.setdefault(one.annotator, {})[one.picture_id] = one.age_years
    return said


def _pairable(ratings: Iterable[Rating]) -> tuple[list[Rating], Numbers, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The ratings of pictures with two or more, their values, the number of each one's picture, and ratings of each."""
    kept = list(ratings)
    numbers: dict[str, int] = {}
    units = np.array([numbers.setdefault(one.picture_id, len(numbers)) for one in kept], np.int64)
    counts = np.bincount(units, minlength=len(numbers)) if kept else np.zeros(0, np.int64)
    chosen = [one for one, unit in zip(kept, units, strict=True) if counts[unit] > 1]
    again: dict[str, int] = {}
    units = np.array([again.setdefault(one.picture_id, len(again)) for one in chosen], np.int64)
    values = np.array([one.age_years for one in chosen], np.float64)
    return chosen, values, units, np.bincount(units, minlength=len(again)) if chosen else np.zeros(0, np.int64)


def _alpha(values: Numbers, units: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> float | None:
    """1 - observed / expected squared difference; 1 where all values are the same."""
    if not len(values):
        return None
    centred = values - values.mean()
    sums, squares = np.bincount(units, centred), np.bincount(units, centred**2)
    # Over all ordered pairs of a unit, (a - b)^2 sums to 2 (m S2 - S1^2).
    observed = (2 * (counts * squares - sums**2) / (counts - 1)).sum() / len(values)
    total = len(values)
    expected = 2 * (total * (centred**2).sum() - centred.sum() ** 2) / (total * (total - 1))
    return 1.0 if expected == 0 else float(1 - observed / expected)
