"""Thresholds and rates against plain counting, and the fitted tail against distributions that are known."""

import itertools
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cafdata.operating import (
    Descending,
    equal_error,
    plan,
    quantiles,
    share_passing,
    trade_off,
)

NORMAL = NormalDist()


def fitted(scores: np.ndarray, rates: tuple[float, ...], *, knows_persons: bool = True) -> np.ndarray:
    planned = plan(len(scores), rates, knows_persons=knows_persons)
    return planned.thresholds(quantiles(scores.astype(np.float32), planned.shares))


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40), st.floats(0.01, 1))
def test_a_quantile_is_the_lowest_score_that_keeps_the_share(values: list[int], share: float) -> None:
    """With many ties: all pairs of one score pass or none does."""
    scores = np.asarray(values, dtype=np.float32)
    threshold = float(quantiles(scores, [share])[0])
    assert share_passing(scores, threshold) <= share + 1e-9
    lower = [value for value in values if value < threshold]
    if lower:
        assert share_passing(scores, max(lower)) > share
    assert threshold in values or threshold > max(values)


def test_of_the_highest_only_as_of_all() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(size=5000).round(2).astype(np.float32)
    whole, top = Descending(scores), Descending(scores, 600)
    assert 600 <= len(top.scores) < 700
    np.testing.assert_array_equal(top.scores, whole.scores[: len(top.scores)])
    np.testing.assert_array_equal(scores[top.order], top.scores)
    shares = np.array([0.001, 0.01, 0.1])
    weights = np.arange(1, 5001, dtype=np.float64)
    of_top = top.quantiles(weights[: len(top.scores)], 5000, shares)
    np.testing.assert_array_equal(of_top, whole.quantiles(weights, 5000, shares))


def test_scores_that_are_none() -> None:
    with pytest.raises(ValueError, match="finite float32"):
        quantiles(np.array([0, np.nan], dtype=np.float32), [0.1])
    with pytest.raises(ValueError, match="finite float32"):
        quantiles(np.zeros(3), [0.1])
    with pytest.raises(ValueError, match="no share"):
        share_passing(np.zeros(0, dtype=np.float32), 0)
    with pytest.raises(ValueError, match=r"up to 0\.5"):
        plan(100, (0.6,), knows_persons=True)


def test_what_is_counted_and_what_is_fitted() -> None:
    rates = (1e-2, 1e-3, 1e-4)
    assert plan(1_000_000, rates, knows_persons=True).is_fitted == (False, False, False)
    assert plan(50_000, rates, knows_persons=True).is_fitted == (False, False, True)
    assert plan(30, rates, knows_persons=True).is_fitted == (True, True, True)
    assert plan(1_000_000, rates, knows_persons=False).is_fitted == (False, True, True)
    counted = plan(1_000_000, rates, knows_persons=True)
    np.testing.assert_array_equal(counted.weights, np.eye(3))


@pytest.mark.parametrize("num_pairs", [30, 100, 900, 15_000, 25_000])
def test_a_normal_tail_is_carried_on_exactly(num_pairs: int) -> None:
    """Given the quantiles of a normal distribution itself, every rate comes out to rounding."""
    rates = (0.3, 1e-2, 1e-3, 1e-4, 1e-6)
    planned = plan(num_pairs, rates, knows_persons=False)
    of_normal = np.asarray([3 + 2 * NORMAL.inv_cdf(1 - share) for share in planned.shares])
    expected = [3 + 2 * NORMAL.inv_cdf(1 - rate) for rate in rates]
    np.testing.assert_allclose(planned.thresholds(of_normal), expected, atol=1e-6)


def test_people_who_are_there_twice_unknown_to_us_move_a_fitted_threshold_little() -> None:
    """One in 2,000 pairs is of one person in truth: the quantile at 1e-4 is lost to them, the fit hardly moves."""
    generator = np.random.default_rng(0)
    scores = generator.normal(0, 0.1, 120_000)
    clean = fitted(scores, (1e-3, 1e-4), knows_persons=False)
    scores[:60] = generator.normal(0.7, 0.1, 60)
    spoilt = fitted(scores, (1e-3, 1e-4), knows_persons=False)
    believed = fitted(scores, (1e-3, 1e-4), knows_persons=True)
    expected = [0.1 * NORMAL.inv_cdf(1 - rate) for rate in (1e-3, 1e-4)]
    np.testing.assert_allclose(clean, expected, atol=0.02)
    np.testing.assert_allclose(spoilt, expected, atol=0.025)
    assert believed[1] > expected[1] + 0.2


CROWDED = {
    "at the highest": lambda generator, count: np.clip(generator.normal(90, 10, count), 0, 100),
    "below it": lambda generator, count: generator.beta(5, 1, count),
    "evenly": lambda generator, count: generator.random(count),
    "all alike": lambda _, count: np.full(count, 100.0),
}


@pytest.mark.parametrize("knows_persons", [True, False])
@pytest.mark.parametrize("num_pairs", [30, 300, 11_000, 50_000])
@pytest.mark.parametrize("shape", CROWDED)
def test_a_lower_rate_never_lets_more_pass(shape: str, num_pairs: int, knows_persons: bool) -> None:
    """Scores that crowd at the end of their scale bend a parabola down: below the threshold of a greater rate."""
    scores = CROWDED[shape](np.random.default_rng(0), num_pairs).astype(np.float32)
    rates = (1e-4, 1e-2, 1e-3)
    found = fitted(scores, rates, knows_persons=knows_persons)
    assert found[1] <= found[2] <= found[0]
    passing = [share_passing(scores, float(threshold)) for threshold in found]
    spread = 5 / num_pairs**0.5
    assert all(share <= 1.5 * rate + spread * rate**0.5 for share, rate in zip(passing, rates, strict=True)), passing


def test_equal_error_of_two_normal_distributions() -> None:
    generator = np.random.default_rng(0)
    different = generator.normal(0, 1, 40_000).astype(np.float32)
    same = generator.normal(2, 1, 40_000).astype(np.float32)
    threshold, rate = equal_error(different, same)
    assert threshold == pytest.approx(1, abs=0.03) and rate == pytest.approx(1 - NORMAL.cdf(1), abs=0.005)
    few = np.array([0, 1], dtype=np.float32), np.array([2, 3], dtype=np.float32)
    assert equal_error(*few)[1] == 0


def test_trade_off_counts() -> None:
    generator = np.random.default_rng(0)
    different = generator.normal(0, 1, 5000).astype(np.float32)
    same = generator.normal(2, 1, 700).astype(np.float32)
    points = trade_off(different, same)
    assert [point.false_accept_rate for point in points] == [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    for point in points:
        assert point.false_reject_rate == pytest.approx(np.mean(same < np.float32(point.threshold)))
    assert all(one.false_reject_rate > other.false_reject_rate for one, other in itertools.pairwise(points))
