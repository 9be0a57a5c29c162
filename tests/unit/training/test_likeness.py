"""Cosines against strangers and against real people across ages."""

import dataclasses

import numpy as np
import pytest

from core.ages import FOUR, TEN
from tests.observed import AGES, observed
from training.likeness import likeness_figures, published_rates


def test_outputs_are_held_against_strangers_from_ten_years_up() -> None:
    cosines = np.full((4, 10), 0.5)
    cosines[0] = -0.1
    cosines[:, :3] = -0.1
    found = likeness_figures(observed(1.0, cosines=cosines), "hand")
    assert (found.recogniser, found.num_pairs, found.different_person_bound) == ("hand", 6, 0)
    assert found.above_bound == pytest.approx(0.75)
    assert found.above_bound_by_target == (0, 0, 0, *[0.75] * 7)
    assert found.cosine_by_target[-1] == pytest.approx(0.35)
    assert found.cosine == pytest.approx(cosines.mean())


def test_the_band_is_that_of_real_people() -> None:
    unchanged = likeness_figures(observed(1.0, cosines=1.0), "hand")
    assert unchanged.above_band_by_target == (1,) * 10
    strangers = likeness_figures(observed(1.0, cosines=-0.05), "hand")
    assert strangers.below_band_by_target == (1,) * 10
    # The published cosine of one person at 20-29 and at 50-69 is 2 * 76.1 / 100 - 1, and its deviation 0.13.
    row = AGES.index(25)
    for cosine, where in ((0.38, "below_band"), (0.40, "inside_band"), (0.64, "inside_band"), (0.66, "above_band")):
        cosines = np.full((4, 10), 1.0 if where == "below_band" else -0.05)
        cosines[row] = cosine
        shares = getattr(likeness_figures(observed(1.0, cosines=cosines), "hand"), f"{where}_by_target")
        assert shares[8] == 0.25, (cosine, where)


def test_the_band_is_given_by_target() -> None:
    found = likeness_figures(observed(1.0), "hand")
    # Of labels 1, 8, 25 and 60, whose soft code lies a little beyond that of 50-69, at their own groups and 50-69.
    assert found.band_low_by_target[8] == pytest.approx((-0.01 + 0.09 + 0.39 + 0.64) / 4, abs=0.02)
    assert found.band_high_by_target[8] == pytest.approx((0.17 + 0.32 + 0.65 + 0.83) / 4, abs=0.02)


def test_real_pairs_above_the_bound_follow_from_their_published_spread() -> None:
    found = likeness_figures(observed(1.0), "hand")
    # Bound 0; at 50-69 the real faces' means less bound, in deviations: all four ages are at most 1 from 0-2's.
    assert all(0.5 < share <= 1 for share in found.genuine_above_bound_by_target if share is not None)
    assert found.genuine_above_bound_by_target[0] < found.genuine_above_bound_by_target[6]


def test_published_rates_are_those_of_the_paper() -> None:
    rates = published_rates(TEN)
    assert rates[5] is None
    known = [rate for rate in rates if rate is not None]
    np.testing.assert_allclose(known, [0.10, 0.22, 0.32, 0.46, 0.60, 0.90, 0.91, 0.93, 0.79], atol=0.006)
    assert published_rates(FOUR) == (None,) * 4


def test_two_pictures_of_one_person_are_no_strangers() -> None:
    seen = observed(1.0)
    alike = seen.embeddings.copy()
    alike[1] = alike[0]
    seen = dataclasses.replace(seen, embeddings=alike)
    assert likeness_figures(seen, "hand").different_person_bound == pytest.approx(1, abs=0.01)
    known = dataclasses.replace(seen.faces, persons=np.asarray([4, 4, 0, 1]))
    found = likeness_figures(dataclasses.replace(seen, faces=known), "hand")
    assert (found.different_person_bound, found.num_pairs) == (0, 5)
