"""The change that is carried over: nothing at the present age, the output's own far from it."""

import math

import numpy as np
import pytest
import torch

from core.ages import FOUR, TEN
from core.change import counted_from_present, gap_between, grey_levels


def picture(seed: int) -> torch.Tensor:
    return torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_at_the_present_age_nothing_changes() -> None:
    assert counted_from_present(picture(1), picture(1), picture(0), 0.0).abs().max() == 0


def test_far_from_it_the_change_is_the_outputs_own_and_between_it_fades() -> None:
    made, present, given = picture(1), picture(2), picture(0)
    assert torch.allclose(counted_from_present(made, present, given, 20.0), made - given, atol=1e-6)
    near = counted_from_present(made, present, given, 1.0)
    assert torch.allclose(near, made - given - (present - given) / math.e, atol=1e-6)


def test_gaps_count_groups_either_way_and_nothing_beyond_the_outermost() -> None:
    assert gap_between(TEN, 1.0, 8.0) == gap_between(TEN, 8.0, 1.0) == 2
    assert gap_between(TEN, 58.0, 67.5) == pytest.approx(0.5)
    assert gap_between(TEN, 90.0, 80.0) == 0


def test_what_a_model_of_adults_makes_of_a_child_at_its_own_age_is_not_taken_out() -> None:
    assert gap_between(FOUR, 20.0, 15.0) == 0
    for child_years in (1.0, 14.9):
        gap = gap_between(FOUR, 20.0, child_years)
        assert torch.equal(counted_from_present(picture(1), picture(2), picture(0), gap), picture(1) - picture(0))


def test_grey_levels_are_rows_of_pixels() -> None:
    change = torch.zeros(3, 4, 4)
    change[1, 2, 3] = -2
    levels = grey_levels(change)
    assert levels.dtype == np.float32 and levels.shape == (4, 4, 3)
    assert levels[2, 3].tolist() == [0, -255, 0] and np.abs(levels).sum() == 255
