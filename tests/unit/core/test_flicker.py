"""The measure of flicker on films whose flicker is known."""

import numpy as np
import pytest

from core.align import Photo
from core.flicker import CROP_PX, FlickerMeter

UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def grey(level: int) -> Photo:
    return np.full((CROP_PX, CROP_PX, 3), level, np.uint8)


def test_a_change_that_stays_does_not_flicker_though_the_light_changes() -> None:
    meter = FlickerMeter()
    for light in (100, 120, 90):
        meter.add(grey(light), grey(light + 10), UPRIGHT)
    assert meter.value == 0


def test_a_change_that_comes_and_goes_is_measured_in_grey_levels() -> None:
    meter = FlickerMeter()
    for change in (0, 8, 0, 4):
        meter.add(grey(100), grey(100 + change), UPRIGHT)
    assert meter.value == pytest.approx((8 + 8 + 4) / 3)


def test_motion_is_taken_out() -> None:
    random = np.random.default_rng(0)
    wide = random.integers(0, 200, (CROP_PX, CROP_PX + 40, 3)).astype(np.uint8)
    spots = wide.copy()
    spots[40:60, 60:90] += 30
    meter = FlickerMeter()
    for shift in (0, 10, 20):
        matrix = np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0]])  # the face moves left by `shift`
        moved = slice(shift, CROP_PX + shift)
        meter.add(np.ascontiguousarray(wide[:, moved]), np.ascontiguousarray(spots[:, moved]), matrix)
    assert meter.value < 1


def test_nothing_is_compared_across_an_interruption() -> None:
    meter = FlickerMeter()
    assert meter.value == 0
    meter.add(grey(100), grey(100), UPRIGHT)
    meter.interrupt()
    meter.add(grey(100), grey(150), UPRIGHT)
    assert meter.value == 0
