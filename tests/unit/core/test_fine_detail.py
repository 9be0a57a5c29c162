"""Detail finer than a crop: gone where the change takes the crop's own, left where it only adds or recolours."""

import numpy as np
import pytest

from core.fine_detail import detail_left

SIZE = 96


def lines() -> np.ndarray:
    """Dark lines, three pixels apart, over the left half; the right half is plain."""
    crop = np.full((SIZE, SIZE, 3), 150, np.uint8)
    crop[::3, : SIZE // 2] = 90
    return crop


def inside(left: np.ndarray) -> tuple[float, float]:
    """Means well inside the halves."""
    return float(left[10:-10, 10:38].mean()), float(left[10:-10, 58:-10].mean())


def test_no_change_leaves_all_exactly() -> None:
    assert np.array_equal(detail_left(lines(), lines().astype(np.float32)), np.ones((SIZE, SIZE), np.float32))


def test_another_tone_leaves_all() -> None:
    slope = np.linspace(-60, 60, SIZE, dtype=np.float32)[:, None, None]
    assert inside(detail_left(lines(), lines() + slope)) == pytest.approx((1.0, 1.0), abs=0.02)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_what_takes_the_crops_lines_takes_as_much_of_what_is_finer(share: float) -> None:
    crop = lines().astype(np.float32)
    crop[:, : SIZE // 2] = 130 + (crop[:, : SIZE // 2] - 130) * share
    lined, plain = inside(detail_left(lines(), crop))
    assert lined == pytest.approx(share, abs=0.03)
    assert plain == pytest.approx(1, abs=0.01)


def test_lines_that_are_added_or_made_stronger_leave_all() -> None:
    crop = lines().astype(np.float32)
    crop[:, ::5] -= 40
    assert inside(detail_left(lines(), crop)) == pytest.approx((1.0, 1.0), abs=0.05)
    stronger = 130 + (lines().astype(np.float32) - 130) * 2
    assert detail_left(lines(), stronger).max() == 1


def test_grain_is_left_alone() -> None:
    crop = np.full((SIZE, SIZE, 3), 120, np.uint8)
    crop += np.random.default_rng(0).integers(0, 2, crop.shape, dtype=np.uint8)
    flat = np.full((SIZE, SIZE, 3), 120.0, np.float32)
    assert detail_left(crop, flat).min() > 0.9
