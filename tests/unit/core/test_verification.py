"""Published statistics of pairs, and the bands and rates made of them."""

import dataclasses

import numpy as np
import pytest

from core.ages import TEN
from core.thresholds import Cell, table_for
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
    verify,
    verify_score,
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


def test_published_statistics_lead_to_the_published_thresholds() -> None:
    """At one false accept in a thousand, within 3 points for the three adult groups; the rest rests on another rule."""
    table = table_for("facepp", None, 0.001)
    for name in ("30-39", "40-49", "50-69"):
        group = TEN.index_of_name(name)
        cell = table.cell(TWENTIES, group)
        assert cell is not None and cell.threshold == pytest.approx(FACEPP_THRESHOLDS[group], abs=3)


def test_two_verdicts_that_differ() -> None:
    """A child and an adult: strangers' scores are low there, so what fails one threshold for all ages may pass."""
    table = table_for("facepp", None, 0.001)
    rectified, one_size = table.cell(5, 9), table.one_size_threshold
    assert rectified is not None and rectified.threshold is not None and one_size is not None
    score = (rectified.threshold + one_size) / 2
    seen = verify_score(score, (75, 24), table)
    assert seen.gap_years == 51 and seen.groups == (9, 5) and seen.cell == rectified
    assert seen.passes_rectified is True and seen.passes_one_size is False
    assert "at ages 75 and 24" in seen.sentence.lower() and "20-29 and 70+" in seen.sentence
    nearly = verify_score(score, (75, 29.7), table)
    assert "at ages 75 and 29 " in nearly.sentence.lower() and "20-29 and 70+" in nearly.sentence
    assert "one in 1,000 pairs of strangers" in seen.sentence and "would have turned them away" in seen.sentence
    young = table.cell(0, 0)
    assert young is not None and young.threshold is not None
    babies = verify_score((young.threshold + one_size) / 2, (1, 2), table)
    assert babies.passes_rectified is False and babies.passes_one_size is True
    assert "would have called them the same" in babies.sentence


def test_where_real_people_lie() -> None:
    """The published mean of a cell is its median, one deviation less is lower than 84 % of real pairs."""
    table = table_for("facepp", None, 0.001)
    mean, std = float(FACEPP.same_mean[5, 8]), float(FACEPP.same_std[5, 8])
    assert verify_score(mean, (25, 60), table).percentile == pytest.approx(50, abs=0.1)
    assert verify_score(mean - std, (25, 60), table).percentile == pytest.approx(16, abs=0.5)
    assert [verify_score(score, (25, 60), table).percentile for score in (0, 100)] == pytest.approx([1, 99])


def test_embeddings_are_compared_by_the_table_for_cosines() -> None:
    table = table_for("arcface", None, 0.001)
    one, other = np.array([1.0, 0, 0]), np.array([0.5, 0.75**0.5, 0])
    seen = verify(one, other, (25, 26), table)
    assert seen.score == pytest.approx(0.5) and seen.passes_rectified is True
    assert verify(one, [0, 1, 0], (25, 26), table).passes_rectified is False
    with pytest.raises(ValueError, match="not for cosines"):
        verify(one, other, (25, 26), table_for("facepp", None, 0.001))
    with pytest.raises(ValueError, match="different recognisers"):
        verify(one, [1, 0], (25, 26), table)
    with pytest.raises(ValueError, match="130"):
        verify(one, other, (25, 131), table)
    with pytest.raises(ValueError, match=r"in -1\.\.1, got 50"):
        verify_score(50, (25, 26), table)


def test_without_a_threshold_there_is_no_verdict() -> None:
    few = Cell(younger=5, older=5, threshold=None, method="too few pairs", num_different=12)
    table = dataclasses.replace(table_for("facepp", None, 0.001), cells=(few,), one_size_threshold=None)
    for ages in ((25, 26), (25, 60)):
        seen = verify_score(99, ages, table)
        assert (seen.passes_rectified, seen.passes_one_size, seen.percentile) == (None, None, None)
        assert seen.sentence.startswith("No verdict: there is no threshold of facepp for 20-29")


def test_what_was_not_measured_is_said() -> None:
    cell = Cell(younger=5, older=8, threshold=0.3, method="fitted", num_different=1000)
    table = dataclasses.replace(table_for("arcface", None, 0.001), cells=(cell,))
    assert "was not measured" in verify_score(0.5, (25, 60), table).sentence


def test_a_score_never_reads_as_a_threshold_that_it_is_not() -> None:
    """0.96561 against 0.96575: at three digits the two are the same, and the verdict would make no sense."""
    cell = Cell(younger=8, older=8, threshold=0.92945, method="fitted", num_different=1000)
    table = dataclasses.replace(table_for("arcface", None, 0.001), cells=(cell,), one_size_threshold=0.9657472)
    said = verify_score(0.9656122, (61, 58), table).sentence
    assert "score 0.9656, threshold 0.9294 for 50-69," in said and "(0.9657) would have turned them away" in said
    same = dataclasses.replace(table, one_size_threshold=None)
    assert "score 0.929, threshold 0.929 for" in verify_score(0.92945, (61, 58), same).sentence


def test_no_score_reaches_a_threshold_above_the_scale() -> None:
    """The statistics put one pair of strangers in a thousand babies above 102: not even 100 says anything."""
    table = table_for("facepp", None, 0.001)
    cell = table.cell(0, 0)
    assert cell is not None and cell.threshold is not None and cell.threshold > 100
    assert cell.genuine_rate == 0 and cell.false_accept_rate == 0
    seen = verify_score(100, (1, 2), table)
    assert seen.passes_rectified is False and seen.highest_score == 100
    assert "no score of facepp can say" in seen.sentence and "lies above the highest, 100" in seen.sentence
    assert "strangers pass" not in seen.sentence and "real pairs of these ages 0% pass" in seen.sentence


def test_shares_beyond_the_outermost_quantiles() -> None:
    table = table_for("facepp", None, 0.001)
    said = [verify_score(score, (25, 60), table).sentence for score in (0, 99.9, float(FACEPP.same_mean[5, 8]))]
    assert "; fewer than 1% score lower" in said[0] and "; more than 99% score lower" in said[1]
    assert "; 50% score lower" in said[2]
