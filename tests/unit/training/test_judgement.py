"""What a judge's readings come to, on numbers worked out by hand."""

import numpy as np
import pytest

from core.ages import TEN
from tests.observed import AGES, observed
from training.judgement import judge_figures

TYPICAL = np.asarray(TEN.typical_years)


def test_a_generator_that_ages_as_asked_is_perfect() -> None:
    found = judge_figures(observed(TYPICAL), 0)
    assert found.judge == "hand"
    assert found.spearman == pytest.approx(1)
    assert found.spearman_real == pytest.approx(1)
    assert found.within_one_group == found.within_one_group_ratio == 1
    assert found.far_within_one_group == found.far_within_one_group_ratio == 1
    assert found.judged_mean_years == TEN.typical_years
    assert found.within_one_group_by_target == (1,) * 10


def test_a_generator_that_changes_nothing_passes_small_gaps_only() -> None:
    ages = np.asarray(AGES, np.float64)
    found = judge_figures(observed(ages[:, None]), 0)
    # Own groups 0, 2, 5, 8: 2 + 3 + 3 + 3 targets lie in them or beside them, and none of those is far.
    assert found.within_one_group == pytest.approx(11 / 40)
    assert found.far_within_one_group == 0
    assert found.far_within_one_group_ratio == 0
    assert found.spearman == pytest.approx(0)


def test_targets_without_real_faces_do_not_count_in_what_is_held_against_them() -> None:
    years = np.broadcast_to(TYPICAL, (4, 10)).copy()
    years[:, [1, 3]] = 99.0  # no real face is of these groups
    found = judge_figures(observed(years), 0)
    assert found.within_one_group == pytest.approx(0.8)
    assert found.within_one_group_ratio == found.far_within_one_group_ratio == 1


def test_real_faces_are_weighted_as_their_groups_are_among_the_targets() -> None:
    # Of the groups 0, 2, 5 and 8 that have faces, the judge gets all but 8: 60 years read as 30.
    found = judge_figures(observed(TYPICAL, real_years=(1, 8, 25, 30)), 0)
    assert found.within_one_group_real == pytest.approx(3 / 4)
    assert found.within_one_group_ratio == pytest.approx(4 / 3, abs=1e-6)
    # Inputs of the four own groups (0, 2, 5, 8) that are far from target 0: 2; 2: 2; 5: 3; 8: 3.
    assert found.far_within_one_group_real == pytest.approx((2 + 2 + 3) / (2 + 2 + 3 + 3))
    assert found.within_one_group_real_by_target == (1, None, 1, None, None, 1, None, None, 0, None)
    assert found.judged_mean_years_real[8] == 30
    assert found.judged_mean_years_real[1] is None
    assert found.difference_years[8] == TYPICAL[8] - 30
    assert found.difference_years[1] is None


def test_sex_is_compared_where_the_judge_is_sure_and_the_target_is_adult() -> None:
    women = np.full((4, 10), 0.99)
    women[1, 4:8] = 0.01
    found = judge_figures(observed(TYPICAL, made_women=women), 0)
    # Face 0 is surely a man and always turned; 1 a woman, turned at four of six; 2 always kept; 3 is unsure.
    assert found.num_sure == 3
    assert found.sex_kept == pytest.approx((0 + 2 + 6) / 18, abs=1e-6)
    assert found.sex_kept_by_input_sex == (0, pytest.approx(8 / 12, abs=1e-6))
    assert found.sex_kept_by_target[:5] == pytest.approx((2 / 3, 2 / 3, 2 / 3, 2 / 3, 1 / 3), abs=1e-6)
    unsure = judge_figures(observed(TYPICAL, real_women=(0.5, 0.4, 0.6, 0.9)), 0)
    assert (unsure.num_sure, unsure.sex_kept, unsure.sex_kept_by_input_sex) == (0, None, (None, None))


def test_a_judge_that_reads_an_input_wrong_is_told_apart() -> None:
    # Faces 0 to 2 are read for sure as man, woman, woman; by their labels the third is a man, too. All come out women.
    found = judge_figures(observed(TYPICAL), 0)
    assert (found.num_sure, found.num_right) == (3, 2)
    assert found.sex_kept == pytest.approx(2 / 3, abs=1e-6)
    assert found.sex_kept_where_right == pytest.approx(1 / 2, abs=1e-6)


def test_pictures_too_old_and_too_young_cancel_out_in_the_mean_only() -> None:
    years = np.broadcast_to(TYPICAL, (4, 10)).copy()
    years[:2] += 6
    years[2:] -= 6
    found = judge_figures(observed(years, real_years=(1, 8, 27, 60)), 0)
    # Groups 0, 2, 5 and 8 have real faces, judged 1, 8, 27 and 60: typical ages 1, 8, 25 and 58.
    assert found.difference_years[5] == found.difference_years[8] == -2
    assert found.mean_error_years == pytest.approx((0 + 0 + 2 + 2) / 4)
    assert found.picture_error_years == 6
    assert found.picture_error_years_by_target == (6,) * 10
    assert found.picture_error_years_real_by_target == (0, None, 0, None, None, 2, None, None, 0, None)
