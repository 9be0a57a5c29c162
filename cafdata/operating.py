"""Operating points of a recogniser, from scores: thresholds, false and true accepts, equal error, trade-off.

A score passes that is at least the threshold. The false-accept rate is the share of different-person pairs that
pass, the true-accept or genuine rate that of same-person pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

MIN_ABOVE = 10
"""Pairs above a threshold for which the quantile itself is taken; with fewer the tail is fitted."""
FIT_FROM = 0.005
"""A tail is fitted to shares from here on: what scores higher may be people who are there twice, unknown to us."""
NUM_KNOTS = 10
"""Quantiles that a tail is fitted to."""
PARABOLA_FROM = 10_000
"""With so many pairs the fit may be bent; with fewer it is straight."""
DET_RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""False-accept rates of a detection error trade-off."""
TAIL = "normal quantiles"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Plan:
    """How thresholds at some rates follow from quantiles of so many different-person scores.

    A rate that enough pairs exceed takes the quantile itself. Below it, quantiles of the upper tail are drawn against
    those of a normal distribution and the line through them, or the parabola, is carried on. On normal, gamma, beta
    and skewed scores that came closer than a generalised Pareto tail fitted by probability-weighted moments to the
    upper tenth: of 10,000 pairs at a rate of 1e-4 it was off by 0.01 to 0.4 standard deviations (spread 0.1), the
    Pareto tail by 0.2 to 0.3 (spread 0.2 to 0.3); with one pair in 2,000 of them a disguised same-person pair, by 0.0
    to 0.3 against 0.1 to 0.4.
    """

    rates: tuple[float, ...]
    """False-accept rates asked for."""
    is_fitted: tuple[bool, ...]
    """For each whether the tail is fitted."""
    shares: Numbers
    """(K,) shares of pairs whose quantiles are wanted."""
    weights: Numbers
    """(R, K) what each quantile counts for each threshold."""
    line_weights: Numbers
    """(R, K) the same where the tail is carried on by the line; `weights` itself where the fit is straight anyway."""
    slope_weights: Numbers
    """(R, K) what each quantile counts for how steeply the fit still rises at each rate."""

    def thresholds(self, quantiles: Numbers) -> Numbers:
        """(..., R) thresholds from (..., K) quantiles at `shares`; a lower rate never has a lower one.

        Where scores crowd at the end of their scale a parabola turns down before it reaches the rate; the line is
        carried on there, and no threshold lies below a quantile of a greater share.
        """
        bent: Numbers = quantiles @ self.weights.T
        has_turned = np.asarray(self.is_fitted) & (quantiles @ self.slope_weights.T <= 0)
        found = np.where(has_turned, quantiles @ self.line_weights.T, bent)
        is_greater = self.shares >= np.asarray(self.rates)[:, None]
        for rate in np.flatnonzero(np.asarray(self.is_fitted) & is_greater.any(1)):
            found[..., rate] = np.maximum(found[..., rate], quantiles[..., is_greater[rate]].max(-1))
        falling = np.argsort(self.rates)[::-1]
        found[..., falling] = np.maximum.accumulate(found[..., falling], axis=-1)
        return found


def plan(num_pairs: int, rates: tuple[float, ...], *, knows_persons: bool) -> Plan:
    """Plan for so many different-person pairs.

    Args:
        num_pairs: how many pairs there are.
        rates: false-accept rates, above 0 and up to 0.5.
        knows_persons: False where some of the pairs may be of one person without our knowing. Quantiles beyond
            FIT_FROM are then not believed.
    """
    if not all(0 < rate <= 0.5 for rate in rates):
        raise ValueError(f"false-accept rates lie above 0 and up to 0.5, got {rates}")
    least = MIN_ABOVE / max(1, num_pairs)
    is_fitted = tuple(rate < max(least, 0 if knows_persons else FIT_FROM) for rate in rates)
    degree = 2 if num_pairs >= PARABOLA_FROM else 1
    last = max(FIT_FROM, 5 / max(1, num_pairs))
    first = 0.2 if degree == 2 else max(0.1, min(0.5, 8 * last))
    knots = np.geomspace(first, min(last, first / 2), NUM_KNOTS) if any(is_fitted) else np.zeros(0)
    own = [rate for rate, fitted in zip(rates, is_fitted, strict=True) if not fitted]
    weights, line_weights, slope_weights = (np.zeros((len(rates), len(own) + len(knots))) for _ in range(3))
    if any(is_fitted):
        at, at_knots, is_own = _normal(rates)[:, None], _normal(knots.tolist())[:, None], ~np.asarray(is_fitted)
        exponents = np.arange(degree + 1)
        coefficients = np.linalg.pinv(at_knots**exponents)
        weights[:, len(own) :] = at**exponents @ coefficients
        slope_weights[:, len(own) :] = exponents[1:] * at ** exponents[:-1] @ coefficients[1:]
        line_weights[:, len(own) :] = at ** exponents[:2] @ np.linalg.pinv(at_knots ** exponents[:2])
        weights[is_own], line_weights[is_own], slope_weights[is_own] = 0, 0, 0
    weights[np.flatnonzero(~np.asarray(is_fitted)), np.arange(len(own))] = 1
    return Plan(
        rates=rates,
        is_fitted=is_fitted,
        shares=np.concatenate((own, knots)),
        weights=weights,
        line_weights=line_weights,
        slope_weights=slope_weights,
    )


class Descending:
    """Scores from the highest down, with what the quantiles need."""

    def __init__(self, scores: Scores, num_kept: int | None = None) -> None:
        """Sort (P,) float32 scores; only the highest `num_kept`, 1 or more, are kept, with their ties."""
        if scores.ndim != 1 or not len(scores) or scores.dtype != np.float32 or not np.isfinite(scores).all():
            raise ValueError(f"scores are (P,) finite float32, one or more, got {scores.shape} {scores.dtype}")
        if num_kept is None or num_kept >= len(scores):
            order = np.argsort(scores)[::-1]
        else:
            highest = np.flatnonzero(scores >= np.partition(scores, -num_kept)[-num_kept])
            order = highest[np.argsort(scores[highest])[::-1]]
        kept = len(order)
        self.order = order
        """(K,) row of each score."""
        self.scores = scores[order]
        """(K,) float32, falling."""
        is_end = np.ones(kept, dtype=np.bool_)
        is_end[:-1] = self.scores[1:] != self.scores[:-1]
        # A threshold takes all pairs of one score or none of them.
        self._whole = np.concatenate(([0], np.maximum.accumulate(np.where(is_end, np.arange(1, kept + 1), 0))))

    def quantiles(self, weight_above: npt.NDArray[np.float32] | Numbers, total: float, shares: Numbers) -> Numbers:
        """Lowest scores that weigh, from which on at most `shares` of the total do; just above the highest if none.

        Args:
            weight_above: (K,) weight of the first k pairs, rising.
            total: weight of all pairs.
            shares: (R,) of the total.
        """
        count = np.searchsorted(weight_above, shares * total * (1 + 1e-12), side="right")
        count = self._whole[count]
        # Of scores that weigh nothing the first above counts that does.
        reached = np.searchsorted(weight_above, weight_above[count - 1], side="left")
        first = min(int(np.searchsorted(weight_above, 0, side="right")), len(self.scores) - 1)
        found: Numbers = np.where(
            count > first, self.scores[reached], np.nextafter(self.scores[first], np.float32(np.inf))
        )
        return found.astype(np.float64)


def quantiles(scores: Scores, shares: npt.ArrayLike) -> Numbers:
    """(R,) lowest scores of (P,) float32 that at most these shares of them reach."""
    falling = Descending(scores)
    return falling.quantiles(np.arange(1, len(scores) + 1, dtype=np.float64), len(scores), np.asarray(shares))


def share_passing(scores: Scores, threshold: float) -> float:
    """Share, 0..1, of (P,) scores that are at least the threshold."""
    if not len(scores):
        raise ValueError("of no scores no share passes")
    return float(np.count_nonzero(scores >= threshold) / len(scores))


def equal_error(different: Scores, same: Scores) -> tuple[float, float]:
    """Threshold at which as many different-person pairs pass as same-person pairs fail, and that share.

    Where no threshold makes the two alike, as happens with few pairs, the one that brings them closest is taken and
    the share lies halfway.
    """
    rising_different, rising_same = np.sort(different), np.sort(same)
    candidates = np.unique(np.concatenate((rising_different, rising_same)))
    passing = 1 - np.searchsorted(rising_different, candidates, side="left") / len(different)
    failing = np.searchsorted(rising_same, candidates, side="left") / len(same)
    best = int(np.argmin(np.abs(passing - failing)))
    return float(candidates[best]), float((passing[best] + failing[best]) / 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class TradeOff:
    """One point of a detection error trade-off."""

    threshold: float
    false_accept_rate: float
    """Share of different-person pairs that pass it, by count."""
    false_reject_rate: float
    """Share of same-person pairs that fail it."""


def trade_off(different: Scores, same: Scores) -> tuple[TradeOff, ...]:
    """The trade-off at those of DET_RATES for which there are pairs enough, by count."""
    rates = [rate for rate in DET_RATES if rate * len(different) >= MIN_ABOVE]
    return tuple(
        TradeOff(
            threshold=float(threshold),
            false_accept_rate=share_passing(different, float(threshold)),
            false_reject_rate=1 - share_passing(same, float(threshold)),
        )
        for threshold in quantiles(different, rates)
    )


def _normal(shares: Sequence[float]) -> Numbers:
    """Quantiles of the normal distribution above which the shares lie."""
    inverse = NormalDist().inv_cdf
    return np.asarray([-inverse(share) for share in shares])
