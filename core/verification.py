"""Whether two faces of two ages are one person, and what of that a generated face may show.

Two people's scores and one person's two scores overlap the more, the further apart the ages lie. One threshold for
all ages therefore lets strangers pass as children and turns people away decades later; a threshold of its own for
each pair of age groups (core.thresholds) keeps the rate of false accepts. Both verdicts stand side by side here.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.ages import TEN
from core.identity import cosine
from core.published import (
    ARCFACE,
    FACEPP,
    FACEPP_THRESHOLDS,
    PairStatistics,
    Table,
    group_numbers,
    published_false_accept_rate,
    published_genuine_rate,
    published_threshold,
)
from core.thresholds import QUANTILE_LEVELS, RANGES, Cell, ThresholdTable

__all__ = [
    "ARCFACE",
    "FACEPP",
    "FACEPP_THRESHOLDS",
    "Band",
    "PairStatistics",
    "Verification",
    "band_for_ages",
    "published_false_accept_rate",
    "published_genuine_rate",
    "published_threshold",
    "same_person_band",
    "score_to_cosine",
    "told_apart",
    "verify",
    "verify_score",
]


def score_to_cosine(score: npt.ArrayLike) -> Table:
    """ArcFace scores 0..100 to cosines -1..1: score = 50 (1 + cos), as inferred from 50 for unrelated faces."""
    scores = np.asarray(score, dtype=np.float64)
    if not np.all((scores >= 0) & (scores <= 100)):
        raise ValueError(f"scores must lie in 0..100, got {score!r}")
    return np.asarray(scores / 50 - 1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Band:
    """Cosines of one person's embeddings at two ages. All fields have the shape of what was asked for."""

    mean: Table
    """Float64, -1..1."""
    std: Table
    """Float64, standard deviation about the mean."""
    low: Table
    """Float64: lower end of the band; below it a face is less like itself than most people are."""


def same_person_band(group_a: npt.ArrayLike, group_b: npt.ArrayLike, *, num_std: float = 1.0) -> Band:
    """How alike one person's ArcFace embeddings are between two of the ten groups.

    Args:
        group_a: () or (N,) group numbers, 0..9.
        group_b: the same shape; the order of the two does not matter.
        num_std: how many standard deviations below the mean the band begins.
    Returns:
        fields of shape () or (N,).
    Raises:
        ValueError: no such group.
    """
    a, b = group_numbers(group_a), group_numbers(group_b)
    return _band(ARCFACE.same_mean[a, b], ARCFACE.same_std[a, b], num_std)


def band_for_ages(age_a_years: npt.ArrayLike, age_b_years: npt.ArrayLike, *, num_std: float = 1.0) -> Band:
    """The same between two ages: means and deviations of the nearest groups, mixed by the ages' soft codes.

    Args:
        age_a_years: (N,) years, 0..130.
        age_b_years: (N,) years; the order of the two does not matter.
        num_std: how many standard deviations below the mean the band begins.
    Returns:
        fields of shape (N,); at the typical ages of two groups just what `same_person_band` says of them.
    Raises:
        ValueError: an age out of range, or not as many of one as of the other.
    """
    a, b = TEN.soft_code(age_a_years).astype(np.float64), TEN.soft_code(age_b_years).astype(np.float64)
    if a.shape != b.shape:
        raise ValueError(f"{len(a)} ages on one side but {len(b)} on the other")
    mean = np.einsum("ni,ij,nj->n", a, ARCFACE.same_mean, b)
    return _band(mean, np.einsum("ni,ij,nj->n", a, ARCFACE.same_std, b), num_std)


def _band(mean_score: npt.ArrayLike, std_score: npt.ArrayLike, num_std: float) -> Band:
    """From scores to cosines."""
    if not num_std >= 0:
        raise ValueError(f"num_std must be 0 or more, got {num_std}")
    mean, std = score_to_cosine(mean_score), np.asarray(std_score) / 50
    return Band(mean=mean, std=std, low=mean - num_std * std)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Two faces held against each other."""

    recogniser: str
    """Whose score it is."""
    score: float
    """On the scale of the recogniser's table."""
    highest_score: float
    """The highest that this scale knows."""
    ages_years: tuple[float, float]
    """0..130."""
    groups: tuple[int, int]
    """Their groups of the ten."""
    false_accept_rate: float | None
    """The rate that both thresholds are for; None where the table does not know."""
    one_size_threshold: float | None
    """The one threshold for all ages; None where the table has none."""
    cell: Cell | None
    """What the table knows of the two groups, the rectified threshold among it; None where it has none."""

    @property
    def gap_years(self) -> float:
        """Years between the two."""
        return abs(self.ages_years[0] - self.ages_years[1])

    @property
    def threshold(self) -> float | None:
        """The rectified threshold; None where there is none for these groups."""
        return None if self.cell is None else self.cell.threshold

    @property
    def passes_one_size(self) -> bool | None:
        """Verdict by the one threshold for all ages; None without one."""
        return None if self.one_size_threshold is None else self.score >= self.one_size_threshold

    @property
    def passes_rectified(self) -> bool | None:
        """Verdict by the threshold of these groups; None without one."""
        return None if self.threshold is None else self.score >= self.threshold

    @property
    def percentile(self) -> float | None:
        """Percent, 1..99, of real pairs of one person in these groups that score less; None: not measured.

        Beyond the outermost quantiles known it stays at theirs.
        """
        if self.cell is None or self.cell.same_quantiles is None:
            return None
        return float(np.interp(self.score, self.cell.same_quantiles, QUANTILE_LEVELS)) * 100

    @property
    def sentence(self) -> str:
        """What it comes to, in plain words; ages in whole years begun, as groups count them."""
        ages = f"ages {int(self.ages_years[0])} and {int(self.ages_years[1])}"
        names = " and ".join(TEN.names[group] for group in sorted(set(self.groups)))
        threshold, passes = self.threshold, self.passes_rectified
        if threshold is None or passes is None:
            return f"No verdict: there is no threshold of {self.recogniser} for {names} ({ages}), and none is guessed."
        score, limit, one_size = told_apart(self.score, threshold, self.one_size_threshold)
        told = "probably the same person" if passes else "not enough alike to be called the same person"
        said = f"At {ages} these two are {told}: score {score}, threshold {limit} for {names}"
        if threshold > self.highest_score:
            said = f"At {ages} no score of {self.recogniser} can say that two are the same person, {score} no more "
            said += f"than any other: the threshold {limit} for {names} lies above the highest, {self.highest_score:g}"
        elif self.false_accept_rate is not None:
            said += f", which lets {_one_in(self.false_accept_rate)} pairs of strangers pass"
        if self.passes_one_size is not None and self.passes_one_size != passes:
            verdict = "called them the same" if self.passes_one_size else "turned them away"
            said += f"; one threshold for all ages ({one_size}) would have {verdict}"
        genuine = None if self.cell is None else self.cell.genuine_rate
        if genuine is None:
            return f"{said}. How many real pairs of these ages would pass was not measured."
        said += f". Of real pairs of these ages {genuine:.0%} pass"
        return f"{said}." if self.percentile is None else f"{said}; {self._share_below} score lower than these two."

    @property
    def _share_below(self) -> str:
        """The percentile as people say it."""
        assert self.cell is not None and self.cell.same_quantiles is not None and self.percentile is not None
        quantiles = self.cell.same_quantiles
        if self.score < quantiles[0]:
            return f"fewer than {QUANTILE_LEVELS[0]:.0%}"
        return f"{'more than ' if self.score > quantiles[-1] else ''}{self.percentile / 100:.0%}"


def verify(one: npt.ArrayLike, other: npt.ArrayLike, ages_years: tuple[float, float],
           table: ThresholdTable) -> Verification:  # fmt: skip
    """Hold two faces against each other by their embeddings.

    Args:
        one: (D,) embedding of the recogniser that the table is for.
        other: (D,) embedding of the same recogniser.
        ages_years: their ages, 0..130; the order of the two does not matter.
        table: thresholds for cosines.
    Raises:
        ValueError: embeddings of two recognisers, an age that is none, or a table for other scores.
    """
    if table.scale != "cosine":
        raise ValueError(f"the table of {table.recogniser} is for scores {table.scale}, not for cosines")
    return verify_score(cosine(one, other), ages_years, table)


def verify_score(score: float, ages_years: tuple[float, float], table: ThresholdTable) -> Verification:
    """The same by a recorded score, on the table's scale. Raises ValueError for a score or age that is none."""
    low, high = RANGES[table.scale]
    if not low <= score <= high:
        raise ValueError(f"a score of {table.recogniser} lies in {low:g}..{high:g}, got {score}")
    groups = (TEN.index_of(ages_years[0]), TEN.index_of(ages_years[1]))
    return Verification(
        recogniser=table.recogniser,
        score=float(score),
        highest_score=high,
        ages_years=(float(ages_years[0]), float(ages_years[1])),
        groups=groups,
        false_accept_rate=table.false_accept_rate,
        one_size_threshold=table.one_size_threshold,
        cell=table.cell(*groups),
    )


def told_apart(score: float, threshold: float, one_size: float | None) -> tuple[str, str, str]:
    """The three as people write them: three digits, more where the score would read as a threshold that it is not."""
    others = [threshold] if one_size is None else [threshold, one_size]
    for digits in range(3, 10):
        said = [f"{value:.{digits}g}" for value in (score, *others)]
        if all(text != said[0] or value == score for text, value in zip(said[1:], others, strict=True)):
            break
    return said[0], said[1], said[-1]


def _one_in(rate: float) -> str:
    """A rate as people say it: "one in 1,000"."""
    return f"one in {1 / rate:,.0f}"
