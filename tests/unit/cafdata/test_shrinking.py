"""Photos shrunk quickly are the photos that Pillow shrinks, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from cafdata.duplicates import LOWEST, packed
from cafdata.picture_hash import COSINES, CROPPED_PX, CROPS, SIDE_PX, long_hash, look, look_of
from cafdata.shrinking import BAND_ROWS, TALL, shrink, shrink_parts
from core.images import Photo, encode_png, resize

SIDES = st.integers(1, 300)


@settings(max_examples=60, deadline=None)
@given(height=SIDES, width=SIDES, to=st.tuples(st.integers(1, 150), st.integers(1, 150)), seed=st.integers(0, 99))
def test_pixels_are_those_of_resize(height: int, width: int, to: tuple[int, int], seed: int) -> None:
    random = np.random.default_rng(seed)
    photo = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if seed % 3 == 0:  # black and white: sums overshoot at every edge
        photo = np.where(photo > 127, 255, 0).astype(np.uint8)
    assert np.array_equal(shrink(photo, [to])[0], resize(photo, *to))


@pytest.mark.parametrize("shape", [(BAND_ROWS * 2 + 1, 333), (2000, 1500), (TALL * 5 + 1, 5), (5, TALL * 5)])
def test_bands_and_extreme_shapes(shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    small, large = shrink(photo, [(32, 32), (128, 90)])
    assert np.array_equal(small, resize(photo, 32, 32))
    assert np.array_equal(large, resize(photo, 128, 90))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), height=st.integers(2, 200), width=st.integers(2, 200), seed=st.integers(0, 99))
def test_parts_are_as_they_are_alone(data: st.DataObject, height: int, width: int, seed: int) -> None:
    """Also where some share their columns, their height, or everything."""
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    lefts, tops = st.integers(0, width // 2), st.integers(0, height // 2)
    wide, high = width - width // 2, height - height // 2
    sides = st.sampled_from([(wide, high), (max(1, wide - 1), high), (wide, max(1, high // 2))])
    parts = [(left, top, *side) for left, top, side in data.draw(st.lists(st.tuples(lefts, tops, sides), min_size=1))]
    parts.append(parts[0])
    for (left, top, cut_width, cut_height), found in zip(parts, shrink_parts(photo, parts, (32, 24)), strict=True):
        assert np.array_equal(found, resize(photo[top : top + cut_height, left : left + cut_width], 32, 24))


def test_tall_parts() -> None:
    photo = np.random.default_rng(3).integers(0, 256, (TALL * 3, 5, 3), dtype=np.uint8)
    tall, wide = shrink_parts(photo, [(1, 0, 2, TALL * 2 + 1), (0, 7, 5, 30)], (8, 8))
    assert np.array_equal(tall, resize(photo[: TALL * 2 + 1, 1:3], 8, 8))
    assert np.array_equal(wide, resize(photo[7:37], 8, 8))


def test_refuses_what_is_no_photo() -> None:
    with pytest.raises(ValueError, match="shape"):
        shrink(np.zeros((4, 4), np.uint8), [(2, 2)])


def plain_hash(photo: Photo) -> str:
    """The long hash by its definition: Pillow's pixels, the signs of the lowest cosines."""
    small = resize(photo, SIDE_PX, SIDE_PX).astype(np.float64) @ (0.299, 0.587, 0.114)
    return packed((COSINES @ small @ COSINES.T)[LOWEST[:, 0], LOWEST[:, 1]] > 0)


def plain_look(photo: Photo) -> tuple[str, ...]:
    """All thirteen by their definition."""
    hashes = [plain_hash(photo)]
    width, height = min(photo.shape[1], CROPPED_PX), min(photo.shape[0], CROPPED_PX)
    photo = resize(photo, width, height)
    for share, x_place, y_place in CROPS:
        cut_width, cut_height = round(width * (1 - share)), round(height * (1 - share))
        left, top = round((width - cut_width) * x_place), round((height - cut_height) * y_place)
        hashes.append(plain_hash(photo[top : top + cut_height, left : left + cut_width]))
    return tuple(hashes)


@pytest.mark.parametrize("size", [(512, 512), (300, 411), (90, 700), (16, 16), (129, 127)])
def test_hashes_are_as_defined(size: tuple[int, int]) -> None:
    photo = resize(astronaut(), *size)
    assert long_hash(photo) == plain_hash(photo)
    assert look_of(photo) == plain_look(photo) == look(encode_png(photo))
