"""Calibration takes out a known bias and sets an interval that holds what it says."""

import dataclasses
import json

import numpy as np
import torch

from core.device import choose
from core.estimator import Estimator
from tests.models import TINY_ESTIMATOR
from training.calibration import calibrate, covered, group_weights, hats, judge_estimator
from training.data import FaceSet


def bells(means: np.ndarray, spread: float) -> torch.Tensor:
    """(N, 101) distributions about the means."""
    years = torch.arange(101.0)
    return torch.softmax(-((years - torch.from_numpy(means).float()[:, None]) ** 2) / (2 * spread**2), dim=1)


def test_a_reading_that_is_always_four_years_too_old_is_corrected() -> None:
    ages = np.tile(np.arange(2, 80), 10)
    network = Estimator(TINY_ESTIMATOR)
    read = bells(ages + 4.0, 3.0)
    calibrate(network, read, ages)
    corrected = network.reading(read).years.numpy()
    inner = (ages > 6) & (ages < 70)
    assert np.abs(corrected - ages)[inner].mean() < 0.6
    assert bool((network.correction_years.diff() >= 0).all())


def test_the_interval_holds_the_share_it_says_though_the_network_is_too_sure() -> None:
    random = np.random.default_rng(0)
    ages = random.integers(2, 80, 4000)
    off = random.normal(0, 6, len(ages))
    read = bells(np.clip(ages + off, 0, 100), 4.0)  # says 4 years, is off by 6
    network = Estimator(TINY_ESTIMATOR)
    calibrate(network, read[:2000], ages[:2000])
    share = covered(network, read[2000:], ages[2000:], np.ones(2000))
    assert 0.76 < share < 0.84
    assert float(network.interval_mass) > 0.85


def test_every_group_weighs_the_same() -> None:
    ages = np.array([1] * 50 + [25] * 5 + [80])
    weights = group_weights(ages)
    assert np.allclose([weights[ages == 1].sum(), weights[ages == 25].sum(), weights[ages == 80].sum()], 1)


def test_hats_reproduce_straight_lines() -> None:
    knots = np.array([0.0, 10.0, 40.0, 100.0])
    years = np.linspace(0, 100, 37)
    assert np.allclose(hats(years, knots) @ knots, years)


def test_what_there_are_none_of_has_no_figure() -> None:
    random = np.random.default_rng(0)
    faces = FaceSet(
        faces=random.integers(0, 256, (6, TINY_ESTIMATOR.size_px, TINY_ESTIMATOR.size_px, 3), dtype=np.uint8),
        ages_years=np.asarray([20, 25, 30, 40, 50, 60]),
        sexes=np.zeros(6, np.int64),
    )
    found = judge_estimator(Estimator(TINY_ESTIMATOR).eval(), faces, choose("cpu", "float32"))
    assert (found.mae_children_years, found.minors_read_as_adults) == (None, None)
    assert found.adults_read_as_minors is not None
    assert set(found.by_sex) == {"male"}
    json.dumps(dataclasses.asdict(found), allow_nan=False)
