"""Shrinking a photo to several sizes in less than half the time of `core.images.resize`, to the same pixels.

Pillow's Lanczos resampling weighs pixels by whole numbers of 2^-22, first along rows, then along columns, and rounds
after each. Here rows are matrix products in float32, and the few results that lie so near to half a level that their
rounding is in doubt are summed again exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from core.images import Photo, require_photo, resize

Numbers = npt.NDArray[np.float64]
Part = tuple[int, int, int, int]
"""Of a photo: left, top, width, height, pixels."""

LOBES: Final = 3
"""Of the Lanczos window."""
ONE: Final = float(1 << 22)
"""Weights are whole numbers of such parts."""
BAND_ROWS: Final = 192
"""Rows of a photo that are worked on at once, so that they stay in the cache and large photos need no more memory."""
BLOCK: Final = 8
"""Neighbouring results that are computed by one product."""
TALL: Final = 100
"""From this height in widths on, Pillow goes along columns first."""
MOST_SUM: Final = 2.0
"""Sum of a window's absolute weights, at most; it is 1.5."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Block:
    """Neighbouring results of a line."""

    results: slice
    pixels: slice
    """The P pixels that they are made of."""
    matrix: npt.NDArray[np.float32]
    """(P, results) weights / ONE, exact in float32."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Window:
    """Which pixels of a line go into each of its T results, with what weights."""

    first: npt.NDArray[np.int64]
    """(T,) first pixel."""
    weights: Numbers
    """(T, K), whole numbers; those beyond a window's end are 0."""
    blocks: tuple[_Block, ...]


@lru_cache(maxsize=256)
def _window(from_px: int, to_px: int) -> _Window:
    """The window that takes a line of `from_px` pixels to one of `to_px`."""
    step = from_px / to_px
    stretch = max(1.0, step)
    centre = (np.arange(to_px) + 0.5) * step
    first = np.maximum(0, np.floor(centre - LOBES * stretch + 0.5)).astype(np.int64)
    last = np.minimum(from_px, np.floor(centre + LOBES * stretch + 0.5)).astype(np.int64)
    taps = np.arange(int((last - first).max()))
    place = (first[:, None] + taps - centre[:, None] + 0.5) * (1 / stretch)
    inside = (taps < (last - first)[:, None]) & (place >= -LOBES) & (place < LOBES)
    weights = np.where(inside, np.sinc(place) * np.sinc(place / LOBES), 0.0)
    weights /= weights.sum(1, keepdims=True)
    weights = np.trunc(weights * ONE + np.copysign(0.5, weights))
    starts = range(0, to_px, BLOCK)
    blocks = tuple(_block(first[start : start + BLOCK], weights[start : start + BLOCK], start) for start in starts)
    return _Window(first=first, weights=weights, blocks=blocks)


def _block(first: npt.NDArray[np.int64], weights: Numbers, start: int) -> _Block:
    low, (count, num_taps) = int(first[0]), weights.shape
    rows = (first - low)[:, None] + np.arange(num_taps)
    matrix = np.zeros((int(first[-1]) - low + num_taps, count), dtype=np.float32)
    matrix[rows, np.arange(count)[:, None]] = weights / ONE
    used = int(rows[weights != 0].max()) + 1
    return _Block(results=slice(start, start + count), pixels=slice(low, low + used), matrix=matrix[:used])


def shrink(photo: Photo, sizes_px: Sequence[tuple[int, int]]) -> list[Photo]:
    """The photo at other sizes, as `core.images.resize` makes them.

    Args:
        photo: (H, W, 3) uint8 RGB, 0..255.
        sizes_px: width and height of each.
    """
    height, width, _ = require_photo(photo).shape
    if height > TALL * width:
        return [resize(photo, *size) for size in sizes_px]
    narrow = [np.empty((height, to_px, 3), dtype=np.uint8) for to_px, _ in sizes_px]
    for top in range(0, height, BAND_ROWS):
        planes = np.asarray(photo[top : top + BAND_ROWS].transpose(2, 0, 1), dtype=np.float32, order="C")
        for target in narrow:
            target[top : top + BAND_ROWS] = _narrowed(planes, target.shape[1]).transpose(1, 2, 0)
    return [_lowered(one, to_px) for one, (_, to_px) in zip(narrow, sizes_px, strict=True)]


def shrink_parts(photo: Photo, parts: Sequence[Part], size_px: tuple[int, int]) -> list[Photo]:
    """Parts of a photo, each as `shrink` makes it alone; what they share of the work is done once.

    Args:
        photo: (H, W, 3) uint8 RGB, 0..255; a small one, as it is worked on in one piece.
        parts: inside the photo.
        size_px: width and height of each result.
    """
    width_px, height_px = size_px
    if any(height > TALL * width for _, _, width, height in parts):
        whole = require_photo(photo)
        return [resize(whole[top : top + high, left : left + wide], *size_px) for left, top, wide, high in parts]
    planes = np.asarray(require_photo(photo).transpose(2, 0, 1), dtype=np.float32, order="C")
    narrow = {
        (left, width): _narrowed(np.ascontiguousarray(planes[:, :, left : left + width]), width_px).transpose(1, 2, 0)
        for left, width in {(left, width) for left, _, width, _ in parts}
    }
    results: dict[Part, Photo] = {}
    for height in {high for _, _, _, high in parts}:
        alike = [part for part in dict.fromkeys(parts) if part[3] == height]
        beside = [narrow[left, width][top : top + height] for left, top, width, _ in alike]
        lowered = _lowered(np.concatenate(beside, axis=1), height_px)
        results.update(zip(alike, np.split(lowered, len(alike), axis=1), strict=True))
    return [results[part] for part in parts]


def _lowered(photo: Photo, height_px: int) -> Photo:
    """A (H, W, 3) uint8 photo at another height."""
    height, width, _ = photo.shape
    if height == height_px:
        return photo
    levels = photo.reshape(height, width * 3).astype(np.float64)  # whole numbers: sums are exact
    sums = np.empty((height_px, width * 3))
    for block in _window(height, height_px).blocks:
        np.matmul(block.matrix.T.astype(np.float64), levels[block.pixels], out=sums[block.results])
    return _rounded(sums).reshape(height_px, width, 3)


def _narrowed(planes: npt.NDArray[np.float32], width_px: int) -> npt.NDArray[np.uint8]:
    """(3, H, W) float32 levels 0..255 to (3, H, width_px)."""
    width = planes.shape[2]
    if width == width_px:
        return planes.astype(np.uint8)
    window = _window(width, width_px)
    lines = planes.reshape(-1, width)
    sums = np.empty((len(lines), width_px), dtype=np.float32)
    for block in window.blocks:
        np.matmul(lines[:, block.pixels], block.matrix, out=sums[:, block.results])
    # A sum of n products errs by at most n units of rounding of the sum of their sizes (Higham 2002, 3.1).
    doubt = (window.weights.shape[1] + 2) * float(np.finfo(np.float32).eps) / 2 * MOST_SUM * 255
    raised = sums + np.float32(0.5)
    doubtful = np.flatnonzero(np.abs(raised - np.rint(raised)) <= doubt)
    levels = _rounded(sums)
    if len(doubtful):
        rows, columns = np.divmod(doubtful, width_px)
        taps = np.minimum(window.first[columns][:, None] + np.arange(window.weights.shape[1]), width - 1)
        exact = np.einsum("nk,nk->n", lines[rows[:, None], taps].astype(np.float64), window.weights[columns])
        levels[rows, columns] = _rounded(exact / ONE)
    return levels.reshape(3, -1, width_px)


def _rounded(sums: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Half a level goes up."""
    return np.clip(np.floor(sums + sums.dtype.type(0.5)), 0, 255).astype(np.uint8)
