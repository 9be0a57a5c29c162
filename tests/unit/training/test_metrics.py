"""Figures of arrays, against closed forms and numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from core.ages import FOUR, TEN
from core.align import UTKFACE
from training import metrics


def test_what_is_not_known_does_not_count() -> None:
    assert metrics.mean([1.0, np.nan, 3.0]) == 2
    assert np.isnan(metrics.mean([np.nan]))
    assert np.isnan(metrics.mean([]))
    assert metrics.finite(1.23456789) == 1.234568
    assert metrics.finite(float("nan")) is None
    assert metrics.finite(float("inf")) is None
    assert metrics.quotient(0.6, 0.8) == 0.75
    assert metrics.quotient(None, 0.8) is None
    assert metrics.quotient(0.6, 0.0) is None
    assert metrics.by_target([[1.0, np.nan], [2.0, np.nan]]) == (1.5, None)


def test_rank_correlation_is_spearmans() -> None:
    # Ranks 1 2 3 4 against 1 2 4 3: 1 - 6 * 2 / (4 * 15).
    assert metrics.rank_correlation([1, 5, 9, 70], [2, 3, 80, 4]) == pytest.approx(0.8)
    assert np.isnan(metrics.rank_correlation([1, 2, 3], [7, 7, 7]))


def test_groups_of_ages_and_those_beside_them() -> None:
    assert metrics.groups_of([[0, 2.9], [3, 200]], TEN).tolist() == [[0, 0], [1, 9]]
    assert metrics.groups_of([4, 29.5, 30], FOUR).tolist() == [0, 0, 1]
    assert metrics.within_one_group([25, 25, 25, 25], [3, 4, 6, 7], TEN).tolist() == [False, True, True, False]
    means = metrics.mean_by_group(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 3)
    np.testing.assert_array_equal(means, [2, np.nan, 5])


def test_every_pair_is_compared_once() -> None:
    embeddings = np.array([[1.0, 0], [0, 1], [0.6, 0.8]])
    assert metrics.all_pairs(embeddings).tolist() == [0, 0.6, 0.8]
    assert metrics.all_pairs(embeddings[:1]).size == 0
    assert metrics.all_pairs(embeddings, np.array([7, 7, 3])).tolist() == [0.6, 0.8], "the first two are one person"


def with_moments(random: np.random.Generator, count: int, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Samples whose mean and covariance are just these, not only in expectation."""
    raw = random.normal(size=(count, len(mean)))
    raw -= raw.mean(0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def test_frechet_distance_of_gaussians_with_commuting_covariances_is_known() -> None:
    random = np.random.default_rng(0)
    one = with_moments(random, 50, np.array([0.0, 1, 2]), np.diag([1.0, 4, 9]))
    other = with_moments(random, 80, np.array([3.0, 1, -2]), np.diag([4.0, 4, 1]))
    # 3^2 + 4^2 for the means, (1 - 2)^2 + 0 + (3 - 1)^2 for the deviations.
    assert metrics.frechet_distance(one, other) == pytest.approx(25 + 5)
    assert metrics.frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert np.isnan(metrics.frechet_distance(one[:1], other))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 30), st.integers(3, 30))
def test_frechet_distance_equals_the_formula_with_a_matrix_root(seed: int, num_one: int, num_other: int) -> None:
    """Also with fewer samples than dimensions, where covariances are singular."""
    random = np.random.default_rng(seed)
    one = random.normal(size=(num_one, 8)) @ random.normal(size=(8, 8))
    other = random.normal(size=(num_other, 8)) + 0.3
    covariances = [np.cov(some.T) for some in (one, other)]
    # A little on the diagonal of a singular matrix: the root itself is unstable there, the trace below is not.
    root = sqrtm((covariances[0] + 1e-9 * np.eye(8)) @ (covariances[1] + 1e-9 * np.eye(8))).real
    expected = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert metrics.frechet_distance(one, other) == pytest.approx(expected, rel=1e-3, abs=5e-3)
    assert metrics.frechet_distance(other, one) == pytest.approx(metrics.frechet_distance(one, other))


@pytest.mark.parametrize(
    ("colour", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_cielab_of_known_colours(colour: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(metrics.to_lab(colour), lab, atol=0.02)


def test_cheeks_are_below_the_eyes_and_nothing_else_counts() -> None:
    faces = np.zeros((2, 128, 128, 3), np.uint8)
    faces[1] = 255
    for eye in UTKFACE.template("arcface5", 128)[:2]:
        x, y = eye.round().astype(int)
        faces[:, y + 17 : y + 35, x - 8 : x + 9] = (200, 150, 120)
    colours = metrics.cheek_colours(faces)
    np.testing.assert_allclose(colours, np.broadcast_to(metrics.to_lab((200, 150, 120)), (2, 3)), atol=1e-9)
    assert metrics.colour_difference([[50, 3, 4], [50, 0, 0]], [50, 0, 0]).tolist() == [5, 0]


def test_drift_is_in_eye_distances() -> None:
    points = UTKFACE.template("arcface5", 200)
    eyes = np.linalg.norm(points[1] - points[0])
    lowered, widened = points.copy(), points.copy()
    lowered[:, 1] += 0.1 * eyes
    widened[0, 0] += 0.5 * eyes
    moved = np.stack([points, lowered, widened])
    np.testing.assert_allclose(metrics.drift(np.broadcast_to(points, moved.shape), moved), [0, 0.1, 0.1])


def test_peak_signal_to_noise() -> None:
    assert metrics.peak_signal_to_noise(np.full((4, 4), 255.0)) == pytest.approx(0)
    assert metrics.peak_signal_to_noise([25.5, -25.5]) == pytest.approx(20)
    assert metrics.peak_signal_to_noise(np.zeros(5)) == metrics.HIGHEST_DB
    assert np.isnan(metrics.peak_signal_to_noise([]))


def test_transport_is_the_wasserstein_distance_and_its_two_directions() -> None:
    from scipy.stats import wasserstein_distance

    random = np.random.default_rng(0)
    for _ in range(20):
        one, other = random.normal(0.3, 1, 17), random.normal(0, 2, 31)
        weights = random.uniform(0.1, 1, 31)
        up, down = metrics.transport(one, other, weights)
        assert up + down == pytest.approx(wasserstein_distance(one, other, v_weights=weights))
        assert up - down == pytest.approx(one.mean() - np.average(other, weights=weights))
    assert metrics.transport(np.array([2.0]), np.array([1.0, 1.0]), np.ones(2)) == (1, 0)


def test_quantiles_follow_the_weights() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0])
    assert metrics.weighted_quantiles(values, weights, (0.1, 0.11, 0.9, 0.91, 1.0)) == (1, 2, 2, 3, 3)
    assert metrics.share_from(np.array([1.0, 2.0, 2.0, 3.0]), 2.0) == 0.75
    assert np.isnan(metrics.share_from(np.array([1.0]), float("nan")))


def test_a_score_at_its_threshold_reaches_it_however_it_was_kept() -> None:
    decimals = [61.8, 65.2, 0.7]
    kept = np.asarray(decimals, np.float32).astype(np.float64)
    assert not (kept >= decimals).any(), "as float64 none of these does"
    assert metrics.reach(kept, decimals).all()
    assert not metrics.reach(kept - 1e-3, decimals).any()
    assert not metrics.reach(kept, np.nan).any()
    assert metrics.share_from(np.sort(kept), 61.8) == pytest.approx(2 / 3)
