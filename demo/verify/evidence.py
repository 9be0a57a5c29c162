"""What the bundled tables know of two age groups: scores of strangers and of one person, and verdicts that flip.

Two kinds of table are told apart. Where means and deviations were published, scores are taken to be normal, as the
table itself takes them. Where scores were measured, only the thresholds at each rate are kept: three points of the
strangers' tail. Between these points a share is read along a normal tail; beyond them only a bound is known.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from statistics import NormalDist

from core.published import ARCFACE, FACEPP, PairStatistics
from core.thresholds import MIN_PAIRS, QUANTILE_LEVELS, RANGES, Cell, ThresholdTable, bundled_tables

RATES = (0.01, 0.001, 0.0001)
"""Rates of false accepts that there are tables for."""
DEFAULT_RATE = 0.001
STATISTICS = {one.recogniser: one for one in (FACEPP, ARCFACE)}
STANDARD = NormalDist()
Band = tuple[float, float] | None
"""Where a score may lie; None where that is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A part of all pairs, 0..1, of which at least its bounds are known."""

    low: float
    """It is so much at least."""
    high: float
    """And at most this."""

    @property
    def is_exact(self) -> bool:
        """Whether the two bounds are one."""
        return self.low == self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Normal:
    """Scores that are taken to be normal, on the table's scale."""

    mean: float
    """Their mean."""
    std: float
    """Their standard deviation."""
    highest: float
    """End of the scale; what would lie beyond it counts as lying there."""

    def passing(self, threshold: float) -> Share:
        """Part of the pairs that score `threshold` or more; none from a threshold above the scale on."""
        share = 0.0 if threshold > self.highest else 1 - NormalDist(self.mean, self.std).cdf(threshold)
        return Share(low=share, high=share)


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """Scores of which a few quantiles are known."""

    scores: tuple[float, ...]
    """Rising, on the table's scale."""
    shares: tuple[float, ...]
    """Part of the pairs, above 0, below 1, that score as much or more; falling."""
    bands: tuple[Band, ...] = ()
    """Where each score may lie; empty where that is not known of any."""

    def passing(self, threshold: float) -> Share:
        """Part of the pairs that score `threshold` or more: between two known points along a normal tail."""
        after = bisect_left(self.scores, threshold)
        if after < len(self.scores) and self.scores[after] == threshold:
            return Share(low=self.shares[after], high=self.shares[after])
        if after == 0:
            return Share(low=self.shares[0], high=1.0)
        if after == len(self.scores):
            return Share(low=0.0, high=self.shares[-1])
        start, end = self.scores[after - 1], self.scores[after]
        depth = [STANDARD.inv_cdf(share) for share in self.shares[after - 1 : after + 1]]
        share = STANDARD.cdf(depth[0] + (depth[1] - depth[0]) * (threshold - start) / (end - start))
        return Share(low=share, high=share)


Scores = Normal | Points


@dataclass(frozen=True, kw_only=True, slots=True)
class Flips:
    """Verdicts that change when the threshold of two groups takes the place of one for all ages."""

    is_looser: bool
    """The threshold of the groups is the lower one: pairs that were turned away now pass."""
    strangers: Share | None
    """Part of the pairs of two people; None where nothing is known of them."""
    same: Share | None
    """Part of the pairs of one person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The tables of one recogniser and one origin, a rate each."""

    key: str
    """Which: "mobilefacenet_112", "facepp-statistics", "facepp-paper"."""
    tables: tuple[ThresholdTable, ...]
    """At least one; the loosest rate first."""

    @property
    def statistics(self) -> PairStatistics | None:
        """The published means and deviations behind it; None where scores were measured."""
        first = self.tables[0]
        return STATISTICS.get(first.recogniser) if first.recogniser_sha256 is None else None

    @property
    def has_rates(self) -> bool:
        """Whether its thresholds are for a rate that is known: those printed in the paper are not."""
        return self.tables[0].false_accept_rate is not None

    @property
    def highest(self) -> float:
        """The highest score of the scale."""
        return RANGES[self.tables[0].scale][1]

    def table(self, rate: float) -> ThresholdTable:
        """The table for a rate; the only one, where that knows no rate. ValueError for a rate that it lacks."""
        if not self.has_rates:
            return self.tables[0]
        for table in self.tables:
            if table.false_accept_rate is not None and math.isclose(table.false_accept_rate, rate, rel_tol=1e-6):
                return table
        known = ", ".join(str(table.false_accept_rate) for table in self.tables)
        raise ValueError(f"{self.key} has thresholds for rates {known}, none for {rate}")

    def strangers(self, group_a: int, group_b: int) -> Scores | None:
        """Scores of two people of two groups."""
        if self.statistics is not None:
            known = self.statistics
            return self._normal(known.different_mean[group_a, group_b], known.different_std[group_a, group_b])
        found = list(self._tail(group_a, group_b))
        if not found:
            return None
        scores, shares, bands = zip(*found, strict=True)
        return Points(scores=scores, shares=shares, bands=bands)

    def same_person(self, group_a: int, group_b: int) -> Scores | None:
        """Scores of one person at two ages of these groups."""
        if self.statistics is not None:
            known = self.statistics
            return self._normal(known.same_mean[group_a, group_b], known.same_std[group_a, group_b])
        cell = self.tables[0].cell(group_a, group_b)
        if cell is None or cell.same_quantiles is None or cell.num_same < MIN_PAIRS:
            return None
        return Points(scores=cell.same_quantiles, shares=tuple(1 - level for level in QUANTILE_LEVELS))

    def flips(self, group_a: int, group_b: int, rate: float) -> Flips | None:
        """How many verdicts change; None without both thresholds."""
        table = self.table(rate)
        cell = table.cell(group_a, group_b)
        if cell is None or cell.threshold is None or table.one_size_threshold is None:
            return None
        low, high = sorted((cell.threshold, table.one_size_threshold))
        return Flips(
            is_looser=cell.threshold < table.one_size_threshold,
            strangers=between(self.strangers(group_a, group_b), low, high),
            same=between(self.same_person(group_a, group_b), low, high),
        )

    def _tail(self, group_a: int, group_b: int) -> Iterator[tuple[float, float, Band]]:
        """Each threshold with its rate and its band, the lowest first."""
        for table in self.tables:
            cell = table.cell(group_a, group_b)
            if table.false_accept_rate is not None and cell is not None and cell.threshold is not None:
                yield cell.threshold, table.false_accept_rate, band_of(cell)

    def _normal(self, mean: float, std: float) -> Normal:
        """From the published scale, 0..100, to the table's."""
        if self.tables[0].scale == "cosine":
            return Normal(mean=float(mean) / 50 - 1, std=float(std) / 50, highest=self.highest)
        return Normal(mean=float(mean), std=float(std), highest=self.highest)


def between(scores: Scores | None, low: float, high: float) -> Share | None:
    """Part of the pairs that score `low` or more but less than `high`; None where nothing is known of them."""
    if scores is None:
        return None
    more, less = scores.passing(low), scores.passing(high)
    return Share(low=max(0.0, more.low - less.high), high=max(0.0, more.high - less.low))


def band_of(cell: Cell) -> Band:
    """Where the cell's threshold may lie; None where no band was computed."""
    return None if cell.low is None or cell.high is None else (cell.low, cell.high)


def is_sufficient(cell: Cell) -> bool:
    """Whether a cell has a threshold, and pairs enough behind it; published numbers do not say how many."""
    return cell.threshold is not None and (cell.num_different == 0 or cell.num_different >= MIN_PAIRS)


def source_of(recogniser: str, sha256: str | None) -> Source | None:
    """The tables of a recogniser with those weights; another's never stand in."""
    for source in sources():
        first = source.tables[0]
        if source.has_rates and (first.recogniser, first.recogniser_sha256) == (recogniser, sha256):
            return source
    return None


def source_named(key: str) -> Source:
    """Raises ValueError for a key that is none."""
    for source in sources():
        if source.key == key:
            return source
    raise ValueError(f"no tables called {key!r}; there are {', '.join(source.key for source in sources())}")


@cache
def sources() -> tuple[Source, ...]:
    """Everything that the program comes with: measured recognisers first, then what was published."""
    ordered = sorted(bundled_tables(), key=lambda table: (_rank(table), _key(table), -(table.false_accept_rate or 0)))
    return tuple(Source(key=key, tables=tuple(tables)) for key, tables in groupby(ordered, _key))


def _key(table: ThresholdTable) -> str:
    if table.false_accept_rate is None:
        return f"{table.recogniser}-paper"
    return table.recogniser if table.recogniser_sha256 is not None else f"{table.recogniser}-statistics"


def _rank(table: ThresholdTable) -> int:
    return 0 if table.recogniser_sha256 is not None else 1
