"""Published statistics of pairs, and the bands and rates made of them."""

import numpy as np
import pytest

from core.ages import TEN
from core.verification import (
    ARCFACE,
    FACEPP,
    FACEPP_THRESHOLDS,
    PairStatistics,
    band_for_ages,
    published_false_accept_rate,
    published_genuine_rate,
    published_threshold,
    same_person_band,
    score_to_cosine,
)

TWENTIES = 5


@pytest.mark.parametrize("statistics", [ARCFACE, FACEPP], ids=["arcface", "facepp"])
def test_tables_are_whole_symmetric_and_cannot_be_changed(statistics: PairStatistics) -> None:
    for table in (statistics.same_mean, statistics.same_std, statistics.different_mean, statistics.different_std):
        assert table.shape == (10, 10) and np.array_equal(table, table.T)
        assert np.all((table > 0) & (table < 100))
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 1
    assert np.all(statistics.same_mean > statistics.different_mean)


def test_cells_read_off_the_published_tables() -> None:
    """Corners and middles, older group first: a shifted row or column would show."""
    cells = [(t.same_mean, t.same_std, t.different_mean, t.different_std) for t in (ARCFACE, FACEPP)]
    read = {(table, row, column): tuple(float(c[row, column]) for c in cells[table]) for table, row, column in SPOTS}
    assert read == SPOTS


SPOTS = {
    (0, 0, 0): (78.5, 7.6, 60.2, 7.3),
    (0, 4, 3): (75.2, 8.5, 51.2, 4.0),
    (0, 9, 0): (53.3, 4.9, 50.0, 3.5),
    (0, 9, 9): (88.3, 3.6, 50.8, 4.6),
    (1, 0, 0): (85.6, 6.0, 73.6, 9.3),
    (1, 7, 2): (59.0, 11.1, 34.5, 11.5),
    (1, 9, 0): (42.2, 11.6, 30.5, 9.9),
    (1, 9, 9): (88.2, 5.7, 44.7, 13.5),
}


def test_cosines_of_real_pairs_against_the_twenties() -> None:
    """As the reference notes quote them, to two digits."""
    others = [0, 1, 2, 3, 4, 6, 7, 8, 9]
    band = same_person_band([TWENTIES] * 9, others)
    np.testing.assert_allclose(band.mean, [0.10, 0.22, 0.31, 0.41, 0.57, 0.63, 0.58, 0.52, 0.44], atol=0.0051)
    np.testing.assert_allclose(band.low, band.mean - band.std)
    assert float(same_person_band(0, TWENTIES).std) == pytest.approx(4.8 / 50)


def test_band_widens_by_num_std() -> None:
    wide, none = same_person_band(2, 8, num_std=2), same_person_band(2, 8, num_std=0)
    assert wide.low == pytest.approx(wide.mean - 2 * wide.std)
    assert none.low == none.mean == wide.mean
    with pytest.raises(ValueError, match="num_std"):
        same_person_band(2, 8, num_std=-1)


@pytest.mark.parametrize("group", [-1, 10, 2.5])
def test_no_such_group(group: float) -> None:
    with pytest.raises(ValueError, match=r"0\.\.9"):
        same_person_band(group, 3)


def test_ages_agree_with_groups_at_typical_years_and_mix_between() -> None:
    first, second = (grid.ravel() for grid in np.meshgrid(np.arange(10), np.arange(10)))
    typical = np.asarray(TEN.typical_years)
    of_groups, of_ages = same_person_band(first, second), band_for_ages(typical[first], typical[second])
    for field in ("mean", "std", "low"):
        np.testing.assert_allclose(getattr(of_ages, field), getattr(of_groups, field), atol=1e-6)
    half_way = band_for_ages([25.0], [(34.5 + 44.5) / 2])
    expected = (same_person_band(5, 6).mean + same_person_band(5, 7).mean) / 2
    np.testing.assert_allclose(half_way.mean, [expected], atol=1e-6)


def test_ages_are_symmetric_and_hold_beyond_the_outermost() -> None:
    ages, others = np.linspace(0, 130, 40), np.linspace(130, 0, 40) ** 0.9
    there, back = band_for_ages(ages, others, num_std=1.5), band_for_ages(others, ages, num_std=1.5)
    np.testing.assert_allclose(there.low, back.low, atol=1e-12)
    np.testing.assert_allclose(band_for_ages([130], [0]).mean, same_person_band([9], [0]).mean)
    with pytest.raises(ValueError, match="2 ages on one side but 1"):
        band_for_ages([1, 2], [3])


def test_scores_to_cosines() -> None:
    np.testing.assert_array_equal(score_to_cosine([0, 50, 100]), [-1, 0, 1])
    with pytest.raises(ValueError, match=r"0\.\.100"):
        score_to_cosine(100.1)


def test_real_people_would_often_fail_the_published_thresholds() -> None:
    """The rates that the reference notes quote, to a percent and to a hundredth of a percent."""
    targets = list(FACEPP_THRESHOLDS)
    assert targets == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    genuine = [100 * published_genuine_rate(target) for target in targets]
    np.testing.assert_allclose(genuine, [10, 22, 32, 46, 60, 90, 91, 93, 79], atol=0.75)
    accepted = [100 * published_false_accept_rate(target) for target in targets]
    np.testing.assert_allclose(accepted, [0.55, 0.35, 0.40, 0.23, 0.22, 0.10, 0.05, 0.17, 0.02], atol=0.006)


def test_no_threshold_for_the_source_group() -> None:
    with pytest.raises(ValueError, match="no threshold was published"):
        published_threshold(TWENTIES)


def test_rates_fall_with_the_threshold() -> None:
    rates = [ARCFACE.genuine_rate(threshold, 5, 9) for threshold in (60, 72, 90)]
    assert rates == pytest.approx([0.968, 0.5, 0.0028], abs=5e-4)
    assert ARCFACE.false_accept_rate(72, 5, 9) < 1e-6
