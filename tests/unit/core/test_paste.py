"""Paste-back: what must not move does not, what must move does, and no rim is left."""

import time

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.align import crop
from core.paste import FEATHER, Paster, mask

SIZE = 128
MATRIX = np.array([[0.4, 0.0, -60.0], [0.0, 0.4, -40.0]])
"""The crop covers 320 px of the photo, from about (150, 100)."""


def photo_of_noise(height: int = 600, width: int = 800) -> np.ndarray:
    return np.random.default_rng(3).integers(60, 190, (height, width, 3), dtype=np.uint8)


def flat(level: float) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), level, np.float32)


def pasted(photo: np.ndarray, change: np.ndarray, matrix: npt.ArrayLike = MATRIX) -> np.ndarray:
    return Paster(photo.shape, matrix, SIZE).change(photo, change)


def test_no_change_leaves_the_photo() -> None:
    photo = photo_of_noise()
    result = pasted(photo, flat(0))
    assert np.array_equal(result, photo)
    assert result is not photo


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 3), st.floats(-180, 180), st.floats(-200, 300), st.floats(-200, 300))
def test_nothing_outside_the_crop_moves(scale: float, degrees: float, x: float, y: float) -> None:
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    matrix = np.array([[c, -s, x], [s, c, y]])
    photo = np.full((90, 120, 3), 100, np.uint8)
    result = pasted(photo, flat(100), matrix)
    ys, xs = np.indices(photo.shape[:2])
    u, v = c * xs - s * ys + x, s * xs + c * ys + y
    outside = (u < -0.5) | (v < -0.5) | (u > SIZE - 0.5) | (v > SIZE - 0.5)
    assert np.array_equal(result[outside], photo[outside])
    assert result.max() <= 201  # bicubic does not overshoot a smooth change


def test_the_middle_moves_by_the_change_and_detail_survives() -> None:
    photo = photo_of_noise()
    result = pasted(photo, flat(30))
    middle = (slice(220, 300), slice(270, 350))
    assert np.array_equal(result[middle], photo[middle] + 30)


def test_detail_finer_than_the_crop_goes_with_what_the_change_takes_of_the_crop() -> None:
    """Stripes that the crop shows, with a finer grain on them; the left half of the crop is made plain."""
    photo = np.full((600, 800, 3), 120, np.uint8)
    rows, columns = np.indices(photo.shape[:2])
    photo[rows % 10 < 5] = 150  # four pixels of the crop
    photo[(rows + columns) % 2 == 0] += 20  # finer than the crop can show
    before = crop(photo, MATRIX, SIZE).astype(np.float32)
    change = before.mean() - before
    change[:, SIZE // 2 :] = 0
    result = pasted(photo, change).astype(int)
    left, right = result[200:320, 210:280, 0], result[200:320, 350:420, 0]
    assert np.array_equal(right, photo[200:320, 350:420, 0])
    grain = np.abs(np.diff(left, axis=1)).mean()
    assert grain < 4  # 20 in the photo


def test_where_the_mask_is_zero_finer_detail_stays_as_well() -> None:
    photo = photo_of_noise()
    before = crop(photo, MATRIX, SIZE).astype(np.float32)
    result = pasted(photo, cv2.GaussianBlur(before, (0, 0), 4) - before)
    weights = cv2.warpAffine(mask(SIZE, FEATHER), MATRIX, (800, 600), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    assert np.array_equal(result[weights == 0], photo[weights == 0])
    # And hardly more than the change itself moves where the mask begins.
    begins = (weights > 0) & (weights < 0.01)
    assert begins.sum() > 500 and np.abs(result[begins].astype(int) - photo[begins]).max() <= 3


def test_several_changes_may_share_what_they_have_in_common() -> None:
    photo = photo_of_noise()
    paster = Paster(photo.shape, MATRIX, SIZE)
    detail = paster.finer_detail(photo)
    assert detail is not None and np.array_equal(detail.before, crop(photo, MATRIX, SIZE))
    blurred = cv2.GaussianBlur(detail.before, (0, 0), 4)
    change = blurred.astype(np.float32) - detail.before
    alone = paster.change(photo, change).astype(int)
    assert np.abs(paster.change(photo, change, detail).astype(int) - alone).max() <= 1
    assert np.abs(alone - photo).max() > 20
    whole = paster.face(photo, blurred).astype(int)
    assert np.abs(paster.face(photo, blurred, detail).astype(int) - whole).max() <= 1


def test_a_photo_that_shows_no_more_than_its_crop_has_no_finer_detail() -> None:
    photo = photo_of_noise()
    for matrix in ([[1, 0, -60], [0, 1, -40]], [[2, 0, -60], [0, 2, -40]], [[0.4, 0, 5000], [0, 0.4, 0]]):
        assert Paster(photo.shape, matrix, SIZE).finer_detail(photo) is None


def test_a_face_smaller_than_the_crop_gets_the_change_and_no_more() -> None:
    """Its photo has nothing finer than the crop; what the warps leave of it is not taken out."""
    photo = np.random.default_rng(5).integers(60, 190, (90, 120, 3), dtype=np.uint8)
    matrix = np.array([[2.0, 0.0, -40.0], [0.0, 2.0, -20.0]])
    change = 120 - crop(photo, matrix, SIZE).astype(np.float32)
    levels = pasted(photo, change, matrix).astype(int) - photo
    alone = pasted(np.full_like(photo, 120), change, matrix).astype(int) - 120
    assert np.abs(levels - alone).max() <= 1


def test_the_change_lands_where_it_was_cropped() -> None:
    """A bright spot at crop pixel (40, 70) must appear at its photo pixel, half pixels included."""
    change = flat(0)
    change[70, 40] = 200
    difference = pasted(np.full((600, 800, 3), 20, np.uint8), change)[:, :, 0].astype(float) - 20
    weights = difference / difference.sum()
    ys, xs = np.indices(weights.shape)
    assert (weights * xs).sum() == pytest.approx((40 + 60) / 0.4, abs=0.3)
    assert (weights * ys).sum() == pytest.approx((70 + 40) / 0.4, abs=0.3)


def test_no_rim_is_left() -> None:
    """A strong change of tone on a flat photo: no step of more than 2 levels between neighbours."""
    photo = np.full((600, 800, 3), 120, np.uint8)
    result = pasted(photo, flat(-60)).astype(int)
    assert result.min() == 60
    assert max(np.abs(np.diff(result, axis=axis)).max() for axis in (0, 1)) <= 2


def test_tone_fades_over_a_wider_zone_than_detail() -> None:
    """12 % in from the edge, detail is there in full and tone only in part."""
    photo = np.full((600, 800, 3), 120, np.uint8)
    stripes = flat(0)
    stripes[::2] = 60
    stripes[1::2] = -60
    row, column = 260, 150 + 39
    tone = pasted(photo, flat(60))[row, column, 0] - 120.0
    detail = np.ptp(pasted(photo, stripes)[row - 5 : row + 5, column, 0].astype(float)) / 2
    assert 10 < tone < 45
    assert detail > 45


def test_bright_and_dark_saturate() -> None:
    photo = np.full((600, 800, 3), 250, np.uint8)
    assert pasted(photo, flat(200)).min() == 250
    assert pasted(photo, flat(200)).max() == 255
    assert pasted(photo, flat(-400)).min() == 0


def test_a_small_face_is_not_aliased() -> None:
    """A crop with four times the photo's resolution: a pixel chequerboard averages out."""
    board = (np.indices((SIZE, SIZE)).sum(0) % 2 * 200 - 100).astype(np.float32)[:, :, None].repeat(3, 2)
    photo = np.full((50, 60, 3), 120, np.uint8)
    result = pasted(photo, board, [[4, 0, -40], [0, 4, -40]])
    assert np.abs(result.astype(int) - 120).max() <= 2


def test_a_crop_off_the_photo_changes_nothing_and_half_off_half() -> None:
    photo = photo_of_noise()
    assert np.array_equal(pasted(photo, flat(50), [[1, 0, 5000], [0, 1, 0]]), photo)
    half = pasted(photo, flat(50), [[0.4, 0, 64], [0, 0.4, -40]]).astype(int) - photo
    assert half[250, 0].tolist() == [50, 50, 50]


def test_pasting_the_crop_itself_changes_nothing() -> None:
    photo = photo_of_noise()
    assert np.array_equal(Paster(photo.shape, MATRIX, SIZE).face(photo, crop(photo, MATRIX, SIZE)), photo)


def test_a_shift_of_all_colours_is_taken_out() -> None:
    photo = photo_of_noise()
    face = crop(photo, MATRIX, SIZE) + np.uint8([40, 20, 10])
    assert np.abs(Paster(photo.shape, MATRIX, SIZE).face(photo, face).astype(int) - photo).max() <= 1


def test_mask_is_zero_at_the_edge_one_inside_and_smooth() -> None:
    weights = mask(128, 0.1)[:, :, 0]
    assert weights[0].max() < 1e-3
    assert weights[64, 64] == 1
    assert weights[64, 16] > 0.97
    assert np.abs(np.diff(weights[64])).max() < 0.16
    assert np.all(np.diff(weights[64, :64]) >= 0)
    assert not weights.flags.writeable


@pytest.mark.parametrize("feather", [0.0, 0.6, -1.0, float("nan")])
def test_feather_out_of_range_is_refused(feather: float) -> None:
    with pytest.raises(ValueError, match="feather"):
        Paster((600, 800), MATRIX, SIZE, feather=feather)


def test_wrong_shapes_are_named() -> None:
    paster = Paster((600, 800, 3), MATRIX, SIZE)
    with pytest.raises(ValueError, match="600"):
        paster.change(photo_of_noise(10, 10), flat(0))
    with pytest.raises(ValueError, match="128"):
        paster.change(photo_of_noise(), np.zeros((64, 64, 3), np.float32))


def test_ten_pastes_are_quick() -> None:
    photo = photo_of_noise(960, 1280)
    paster = Paster(photo.shape, [[0.25, 0, -60], [0, 0.25, -40]], SIZE)
    paster.change(photo, flat(10))
    start = time.process_time()
    for _ in range(10):
        paster.change(photo, flat(10))
    assert time.process_time() - start < 0.3
