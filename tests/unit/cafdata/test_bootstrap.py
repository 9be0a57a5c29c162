"""Draws of people against a plain loop that writes every pair out as often as it was drawn."""

import numpy as np
import pytest

from benchmarks.calibration import drawn_cell, plain_draws
from cafdata.bootstrap import CellScores, band, draw, even_people
from cafdata.operating import plan, quantiles

RATES = (0.2, 0.05, 0.01)


def written_out(scores: CellScores, num_draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(B, R) thresholds and genuine rates, pair by pair."""
    generator = np.random.default_rng(seed)
    thresholds, genuine = [], []
    for start in range(0, num_draws, 32):
        size = (min(32, num_draws - start), scores.num_subjects)
        for drawn in generator.integers(0, scores.num_subjects, size):
            counts = np.bincount(drawn, minlength=scores.num_subjects)
            pairs = zip(scores.different, scores.first, scores.second, strict=True)
            different = [score for score, one, other in pairs for _ in range(counts[one] * counts[other])]
            own = zip(scores.same, scores.person, strict=True)
            same = np.asarray([score for score, person in own for _ in range(counts[person])])
            found = quantiles(np.asarray(different, dtype=np.float32), RATES)
            thresholds.append(found)
            genuine.append([np.mean(same >= threshold) for threshold in found])
    return np.asarray(thresholds), np.asarray(genuine)


@pytest.mark.parametrize("has_ties", [False, True])
def test_draws_are_those_of_a_plain_loop(has_ties: bool) -> None:
    scores = drawn_cell(1500, 40, 200)
    if has_ties:
        scores = CellScores(
            different=scores.different.round(1),
            first=scores.first,
            second=scores.second,
            same=scores.same.round(1),
            person=scores.person,
            num_subjects=40,
        )
    found = draw(scores, plan(1500, RATES, knows_persons=True), 70, seed=5)
    thresholds, genuine = written_out(scores, 70, seed=5)
    np.testing.assert_array_equal(found.thresholds, thresholds)
    np.testing.assert_allclose(found.genuine_rates, genuine, atol=1e-6)


def test_more_of_the_highest_are_weighed_where_a_draw_needs_more() -> None:
    """One person in half of the high scores: when drawn often, far more than the usual share passes."""
    generator = np.random.default_rng(0)
    first = np.repeat(np.arange(20), 1000).astype(np.int32)
    second = (20 + generator.integers(0, 80, 20_000)).astype(np.int32)
    different = (generator.normal(size=20_000) + 8 * (first == 0)).astype(np.float32)
    scores = CellScores(
        different=different,
        first=first,
        second=second,
        same=np.zeros(0, dtype=np.float32),
        person=np.zeros(0, dtype=np.int32),
        num_subjects=100,
    )
    found = draw(scores, plan(20_000, (0.01,), knows_persons=True), 64, seed=0)
    without = np.sum(found.thresholds < 5)
    assert 0.15 * 64 < without < 0.6 * 64  # person 0 is in no draw of 37 %
    assert np.isnan(found.genuine_rates).all()


def test_the_benchmarks_plain_way_agrees() -> None:
    """numpy puts its quantile between two scores, ours takes the upper: they differ by less than a hundredth."""
    scores = drawn_cell(60_000, 300, 2000)
    found = draw(scores, plan(60_000, (1e-2, 1e-3), knows_persons=True), 1, seed=3)
    thresholds, genuine = plain_draws(scores, (1e-2, 1e-3), 1, seed=3)
    np.testing.assert_allclose(found.thresholds, thresholds, atol=5e-3)
    np.testing.assert_allclose(found.genuine_rates, genuine, atol=5e-3)


def test_seeded() -> None:
    scores = drawn_cell(1500, 40, 200)
    planned = plan(1500, RATES, knows_persons=True)
    one, again, other = (draw(scores, planned, 5, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.thresholds, again.thresholds)
    assert not np.array_equal(one.thresholds, other.thresholds)


def test_bands_leave_out_what_is_none() -> None:
    values = np.concatenate((np.arange(101.0), [np.nan]))[:, None]
    low, high = band(values, 0.9)
    assert (low[0], high[0]) == pytest.approx((5, 95))


def test_people_count_by_how_evenly_they_bear_the_pairs() -> None:
    ones = np.zeros(50, dtype=np.int32), np.arange(1, 51, dtype=np.int32)
    assert even_people(*ones) == pytest.approx(100**2 / (50**2 + 50))
    assert even_people(np.repeat(np.arange(12, dtype=np.int32), 7)) == pytest.approx(12)
    assert even_people(np.zeros(0, dtype=np.int32)) == 0


def test_scores_without_their_people_are_refused() -> None:
    good = drawn_cell(50, 10, 5)
    parts = {
        "different": good.different,
        "first": good.first,
        "second": good.second,
        "same": good.same,
        "person": good.person,
    }
    with pytest.raises(ValueError, match="has its people"):
        CellScores(**{**parts, "first": good.first[:-1]}, num_subjects=10)
    with pytest.raises(ValueError, match=r"numbered 0\.\.4"):
        CellScores(**parts, num_subjects=5)
    with pytest.raises(ValueError, match="of two people"):
        CellScores(**{**parts, "first": good.second}, num_subjects=10)
    with pytest.raises(ValueError, match="one or more"):
        draw(good, plan(50, (0.1,), knows_persons=True), 0, 0)
