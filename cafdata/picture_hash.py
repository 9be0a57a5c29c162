"""Hashes of what a picture looks like, and the facts of its bytes that a record needs.

Each bit is the sign of one low-frequency coefficient of the cosine transform of the picture in grey. Signs
rather than comparisons with a median, because mirroring a picture only changes the sign of the odd columns:
whether one picture is the mirror image of another shows in their hashes alone. Hashes are not written into
records except for their first 64 bits; which two are of one picture, `cafdata.duplicates` says.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cafdata.duplicates import LOWEST, packed
from cafdata.shrinking import shrink, shrink_parts
from core.images import Photo, decode_photo

SIDE_PX: Final = 32
"""The picture is shrunk to a square of this side first; its shape is not kept."""

CROPPED_PX: Final = 128
"""A larger picture is shrunk to this, each side by itself, before its edges are cut off: that takes less time."""

CROPS: Final = (
    (0.03, 0.5, 0.5),
    (0.07, 0.5, 0.5),
    (0.1, 0.5, 0.5),
    *((0.05, x_place, y_place) for x_place in (0.0, 0.5, 1.0) for y_place in (0.0, 0.5, 1.0)),
)
"""Share of each side that is cut off in all, and where the rest lies: 0 left or top, 1 right or bottom."""


def _cosines() -> npt.NDArray[np.float64]:
    """(SIDE_PX, SIDE_PX) float64: row k holds the k-th cosine of the type II transform."""
    steps = np.arange(SIDE_PX)
    return np.cos(np.pi * np.outer(steps, 2 * steps + 1) / (2 * SIDE_PX))


COSINES: Final = _cosines()


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureFacts:
    """What a record says of the bytes of its picture."""

    sha256: str
    phash: str
    width_px: int
    height_px: int


def measure(data: bytes) -> PictureFacts:
    """Facts of a picture file that nobody vouches for.

    Raises:
        BadImage: the bytes are no picture.
    """
    photo = decode_photo(data)
    return PictureFacts(
        sha256=hashlib.sha256(data).hexdigest(),
        phash=perceptual_hash(photo),
        width_px=photo.shape[1],
        height_px=photo.shape[0],
    )


def perceptual_hash(photo: Photo) -> str:
    """Hash of what a photo looks like, 16 hexadecimal digits: the first 64 bits of its long hash."""
    return long_hash(photo)[:16]


def long_hash(photo: Photo) -> str:
    """The same with 256 bits, 64 hexadecimal digits."""
    return _hash(shrink(photo, [(SIDE_PX, SIDE_PX)])[0])


def look(data: bytes) -> tuple[str, ...]:
    """Long hashes of a picture file, whole and with its edges cut off, for a hash alone does not survive that.

    A copy is known by its long hash being near one of these, or the other way round.

    Raises:
        BadImage: the bytes are no picture.
    """
    return look_of(decode_photo(data))


def look_of(photo: Photo) -> tuple[str, ...]:
    """The same of a (H, W, 3) uint8 RGB photo, 0..255."""
    height, width = min(photo.shape[0], CROPPED_PX), min(photo.shape[1], CROPPED_PX)
    whole, small = shrink(photo, ((SIDE_PX, SIDE_PX), (width, height)))
    parts = []
    for share, x_place, y_place in CROPS:
        cut_width, cut_height = max(1, round(width * (1 - share))), max(1, round(height * (1 - share)))
        left, top = round((width - cut_width) * x_place), round((height - cut_height) * y_place)
        parts.append((left, top, cut_width, cut_height))
    return tuple(_hash(one) for one in (whole, *shrink_parts(small, parts, (SIDE_PX, SIDE_PX))))


def _hash(small: Photo) -> str:
    """Long hash of a picture that has been shrunk to (SIDE_PX, SIDE_PX, 3)."""
    grey = small.astype(np.float64) @ (0.299, 0.587, 0.114)
    return packed((COSINES @ grey @ COSINES.T)[LOWEST[:, 0], LOWEST[:, 1]] > 0)
