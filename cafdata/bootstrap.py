"""Confidence bands of thresholds and rates, by drawing people, not pairs, again and again.

The pairs of one person are not independent, so people are drawn with replacement, and a pair counts as often as
both its people were drawn: the product of the two (Owen 2007, "The pigeonhole bootstrap"). What varies from pair to
pair beyond its people then counts up to three times, so the bands are rather too wide than too narrow.

Nothing is approximated. Where the threshold can lie is so near the top that only the highest scores, in one order
found once, are weighed for each draw; the weight of all pairs is a product of sparse matrices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cafdata.operating import Descending, Plan, Scores

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int32]

DRAWS_AT_ONCE = 32
"""Weights of so many draws stay in the processor's cache."""
MIN_PEOPLE = 10
"""Of fewer people, counted by `even_people`, drawing them again says nothing: of two it always draws the same two."""
SPARE = 1.5
"""So many times the highest scores are weighed that the threshold needs by count; more where a draw needs more."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CellScores:
    """Scores of one cell with the people behind them, numbered from 0."""

    different: Scores
    """(P,) float32, of two people."""
    first: Whole
    """(P,) int32, the one."""
    second: Whole
    """(P,) int32, the other."""
    same: Scores
    """(Q,) float32, of one person."""
    person: Whole
    """(Q,) int32."""
    num_subjects: int
    """People in the cell."""

    def __post_init__(self) -> None:
        if not len(self.different) == len(self.first) == len(self.second) or len(self.same) != len(self.person):
            raise ValueError("every score has its people")
        for people in (self.first, self.second, self.person):
            if len(people) and not 0 <= people.min() <= people.max() < self.num_subjects:
                raise ValueError(f"people are numbered 0..{self.num_subjects - 1}")
        if np.any(self.first == self.second):
            raise ValueError("a different-person pair is of two people")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Draws:
    """What each of B draws of people gives."""

    thresholds: Numbers
    """(B, R) at the plan's rates."""
    genuine_rates: Numbers
    """(B, R) share of same-person pairs that pass the draw's own threshold; NaN where it drew none."""


def draw(scores: CellScores, plan: Plan, num_draws: int, seed: int) -> Draws:
    """Draw the people of a cell again `num_draws` times, with their thresholds and genuine rates.

    A draw in which no two people of a pair appear is drawn again. Takes 0.5 s for a cell of a million different-person
    pairs among some thousand people, a thousand draws at rates of 1e-2 and less, on one core; 3 s where a tail is
    fitted, as its knots begin at the highest fifth.
    """
    if num_draws < 1 or not len(scores.different):
        raise ValueError(f"draws and pairs are one or more, got {num_draws} and {len(scores.different)}")
    generator = np.random.default_rng(seed)
    pairs = _pair_counts(scores)
    top = _Top(scores, round(SPARE * float(plan.shares.max()) * len(scores.different)) + 200)
    found = np.empty((num_draws, len(plan.shares)))
    drawn = np.empty((num_draws, scores.num_subjects), dtype=np.uint8) if len(scores.same) else None
    done = 0
    while done < num_draws:
        weights = draw_people(scores.num_subjects, min(DRAWS_AT_ONCE, num_draws - done), generator)
        totals = np.einsum("sd,sd->d", weights, pairs @ weights, dtype=np.float64)
        for one in np.flatnonzero(totals > 0):
            own = np.ascontiguousarray(weights[:, one])
            while (quantiles := top.quantiles(own, float(totals[one]), plan.shares)) is None:
                top = _Top(scores, 2 * top.num_kept)
            found[done] = quantiles
            if drawn is not None:
                drawn[done] = own
            done += 1
    thresholds = plan.thresholds(found)
    no_rates = np.full(thresholds.shape, np.nan)
    return Draws(
        thresholds=thresholds,
        genuine_rates=no_rates if drawn is None else _genuine(scores, drawn, thresholds),
    )


def even_people(*sides: Whole) -> float:
    """How many people would bear as many pairs if each were in equally many; 0 without pairs (Kish 1965, "Survey
    Sampling"). Fifty pairs of one person with fifty others rest on fewer than 4.

    Args:
        sides: (P,) the people of the pairs, one array or both.
    """
    counts = np.bincount(np.concatenate(sides)).astype(np.float64)
    return float(counts.sum() ** 2 / max(1.0, (counts**2).sum()))


def band(values: Numbers, share: float) -> tuple[Numbers, Numbers]:
    """(R,) lower and upper ends between which that share of (B, R) values lies, what is NaN left out."""
    low, high = np.nanquantile(values, [(1 - share) / 2, (1 + share) / 2], axis=0)
    return low, high


class _Top:
    """The highest different-person scores of a cell."""

    def __init__(self, scores: CellScores, num_kept: int) -> None:
        self.num_pairs = len(scores.different)
        self._falling = Descending(scores.different, num_kept)
        self.num_kept = len(self._falling.scores)
        self._first, self._second = scores.first[self._falling.order], scores.second[self._falling.order]

    def quantiles(self, weights: npt.NDArray[np.float32], total: float, shares: Numbers) -> Numbers | None:
        """(K,) quantiles with (S,) weights of people; None if too few of the highest scores are kept for them."""
        # Whole numbers are exact in float32 up to 2^24, beyond which float64 counts on.
        kind = np.float32 if total < 1 << 24 else np.float64
        above: npt.NDArray[np.float32] = np.cumsum(weights[self._first] * weights[self._second], dtype=kind)
        if self.num_kept < self.num_pairs and above[-1] <= shares.max() * total:
            return None
        return self._falling.quantiles(above, total, shares)


def _pair_counts(scores: CellScores) -> Any:
    """(S, S) sparse float32: how many different-person pairs each two people have."""
    from scipy.sparse import coo_array

    ones = np.ones(len(scores.first), dtype=np.float32)
    size = (scores.num_subjects, scores.num_subjects)
    pairs = coo_array((ones, (scores.first, scores.second)), shape=size)
    pairs.has_canonical_format = True  # two people may have several entries: a product adds them up, sorted or not
    return pairs.tocsr()


def draw_people(num_subjects: int, num_draws: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """(S, B) float32: how often each person was drawn in each draw of as many as there are."""
    drawn = generator.integers(0, num_subjects, (num_draws, num_subjects))
    flat = (drawn + np.arange(num_draws)[:, None] * num_subjects).ravel()
    counts = np.bincount(flat, minlength=num_draws * num_subjects).reshape(num_draws, num_subjects)
    return np.ascontiguousarray(counts.T, dtype=np.float32)


def _genuine(scores: CellScores, drawn: npt.NDArray[np.uint8], thresholds: Numbers) -> Numbers:
    """(B, R) share of same-person pairs that pass, by (B, S) draws of people.

    Pairs that pass the thresholds of all draws are counted by person once, those that fail all are left out; only
    those between are weighed.
    """
    num_draws, num_rates = thresholds.shape
    all_pairs = np.bincount(scores.person, minlength=scores.num_subjects).astype(np.float32)
    rates = np.empty((num_draws, num_rates))
    lowest, highest = thresholds.min(0), thresholds.max(0)
    near = np.flatnonzero(scores.same < highest.max())
    same, person = scores.same[near], scores.person[near]
    for rate in range(num_rates):
        is_below = same < highest[rate]
        surely = all_pairs - np.bincount(person[is_below], minlength=scores.num_subjects).astype(np.float32)
        between = np.flatnonzero(is_below & (same >= lowest[rate]))
        between = between[np.argsort(same[between])[::-1]]
        people = person[between]
        counts = len(between) - np.searchsorted(same[between][::-1], thresholds[:, rate], side="left")
        for rows in _parts(num_draws):
            weights = drawn[rows].astype(np.float32)
            total, passing = weights @ all_pairs, weights @ surely
            for one, row in enumerate(range(num_draws)[rows]):
                passing[one] += weights[one][people[: counts[row]]].sum()
            with np.errstate(invalid="ignore"):
                rates[rows, rate] = passing / total
    return rates


def _parts(length: int) -> Iterator[slice]:
    return (slice(start, start + 256) for start in range(0, length, 256))
