"""Where a face may change: all of it but the mouth, and not the corners of the crop."""

import numpy as np
import pytest

from core.align import UTKFACE
from training.face_area import may_change


@pytest.mark.parametrize("size_px", [32, 128, 192])
def test_eyes_nose_and_chin_may_change_mouth_and_corners_not(size_px: int) -> None:
    weights = may_change(size_px)
    assert weights.shape == (1, 1, size_px, size_px)
    points = np.round(UTKFACE.template("arcface5", size_px)).astype(int)
    assert all(weights[0, 0, y, x] == 1 for x, y in points[:3])
    assert all(weights[0, 0, y, x] < 0.2 for x, y in points[3:])
    middle = points[3:].mean(0).astype(int)
    assert weights[0, 0, middle[1], middle[0]] == 0
    assert weights[0, 0, -1, 0] == weights[0, 0, -1, -1] == 0
    assert weights[0, 0, -1, size_px // 2] > 0.5  # the chin of a long face


def test_the_rims_are_soft() -> None:
    weights = may_change(192)[0, 0]
    assert weights.diff(dim=0).abs().max() < 0.5 and weights.diff(dim=1).abs().max() < 0.2
