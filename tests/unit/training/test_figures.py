"""Frechet distances between sets of one size, and figures for parts of the faces."""

import dataclasses

import numpy as np
import pytest

from core.ages import TEN
from tests.observed import observed
from training.figures import frechet_figures, slice_figures

TYPICAL = np.asarray(TEN.typical_years)


def test_frechet_distances_compare_equal_sets() -> None:
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(10), 200)
    real = random.normal(size=(2000, 4)) + groups[:, None]
    made = random.normal(size=(4, 10, 4)) + np.arange(10)[:, None]
    found = frechet_figures(observed(1.0), "hand", (made, real), groups)
    # Outputs of the group's own input are left out, so 3 or 4 outputs bound the sizes.
    assert found.num_pictures == (3, 4, 3, 4, 4, 3, 4, 4, 3, 4)
    assert found == frechet_figures(observed(1.0), "hand", (made, real), groups), "splits are seeded"
    shifted = frechet_figures(observed(1.0), "hand", (made + 5, real), groups)
    assert shifted.real == found.real
    # The mean is off by 5 in each of four dimensions.
    assert all(after > 50 for after in shifted.outputs if after is not None)
    assert np.mean([value for value in found.outputs if value is not None]) < 30


def test_a_copy_of_the_real_pictures_is_as_near_as_real_ones() -> None:
    random = np.random.default_rng(2)
    seen = observed(1.0)
    many = random.normal(size=(600, 3))
    few = frechet_figures(seen, "hand", (many[:4, None].repeat(10, axis=1), many), np.full(600, 5))
    assert few.num_pictures == (0, 0, 0, 0, 0, 3, 0, 0, 0, 0)
    assert few.outputs[0] is None
    assert few.real[5] is not None


def test_nobody_is_in_both_halves() -> None:
    """Each person twice, with one and the same picture: halves that share people lie too near to each other."""
    random = np.random.default_rng(3)
    many = random.normal(size=(30, 40)).repeat(2, axis=0)
    made = random.normal(size=(4, 10, 40)).repeat(20, axis=0)
    seen = observed(1.0)
    seen = dataclasses.replace(seen, faces=seen.faces.rows(np.arange(4).repeat(20)))
    groups, persons = np.full(60, 5), np.arange(30).repeat(2)
    shared = frechet_figures(seen, "hand", (made, many), groups)
    apart = frechet_figures(seen, "hand", (made, many), groups, persons)
    assert (shared.num_pictures[5], apart.num_pictures[5]) == (30, 30)
    assert shared.real[5] is not None and apart.real[5] is not None
    assert apart.real[5] > 1.15 * shared.real[5]
    uneven = frechet_figures(seen, "hand", (made, many), groups, np.r_[np.zeros(40, int), np.arange(1, 21)])
    assert uneven.num_pictures[5] < 30, "the first has 40 pictures, which stay together"
    alone = frechet_figures(seen, "hand", (made, many), groups, np.arange(60))
    assert alone == shared, "each somebody else, as where nobody said"


def test_slices_are_by_sex_and_by_race() -> None:
    years = np.broadcast_to(TYPICAL, (4, 10)).copy()
    years[1] = 25.0
    seen = observed(years, races=(0, 1, 1, 4), cosines=np.asarray([[1.0], [0.5], [0.5], [1.0]]))
    parts = {part.name: part for part in slice_figures(seen)}
    assert {name: part.num_faces for name, part in parts.items()} == {
        "male": 2, "female": 2, "White": 1, "Black": 2, "Asian": 0, "Indian": 0, "Others": 1,
        "from 0-2": 1, "from 7-9": 1, "from 20-29": 1, "from 50-69": 1,
    }  # fmt: skip
    assert parts["from 7-9"].cosine == pytest.approx(0.5)
    assert parts["Black"].cosine == pytest.approx(0.5)
    assert parts["male"].judges[0].within_one_group == 1
    assert parts["male"].judges[0].error_years == 0
    # Of ten targets, three are within one group of 25 years.
    assert parts["female"].judges[0].within_one_group == pytest.approx((1 + 0.3) / 2)
    assert parts["female"].judges[0].error_years == pytest.approx(np.abs(25 - TYPICAL).mean() / 2)
    assert parts["Asian"].judges[0].within_one_group is None
    assert parts["Asian"].cosine is None
    assert parts["male"].judges[0].error_years_real == 0
    assert [part.name for part in slice_figures(observed(years))][:3] == ["male", "female", "from 0-2"]
