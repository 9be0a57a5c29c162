"""The oval of a face: all of it inside, the corners of the crop outside."""

import numpy as np
import pytest

from core.align import UTKFACE
from training.oval import oval


@pytest.mark.parametrize("size_px", [32, 128, 192])
def test_the_points_of_a_face_lie_inside_and_the_lower_corners_outside(size_px: int) -> None:
    weights = oval(size_px)
    assert weights.shape == (1, 1, size_px, size_px)
    for x, y in np.round(UTKFACE.template("arcface5", size_px)).astype(int):
        assert weights[0, 0, y, x] == 1
    assert weights[0, 0, -1, 0] == weights[0, 0, -1, -1] == 0
    assert weights[0, 0, -1, size_px // 2] > 0.5  # the chin of a long face


def test_its_rim_is_soft() -> None:
    weights = oval(192)[0, 0]
    assert weights.diff(dim=0).abs().max() < 0.1 and weights.diff(dim=1).abs().max() < 0.1
