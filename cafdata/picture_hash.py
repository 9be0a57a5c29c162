"""A 64-bit hash of what a picture looks like, and the facts of its bytes that a record needs.

Each bit is the sign of one low-frequency coefficient of the cosine transform of the picture in grey. Signs
rather than comparisons with a median, because mirroring a picture only changes the sign of the odd columns:
whether one picture is the mirror image of another shows in their hashes alone.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from core.images import Photo, decode_photo, resize

NUM_BITS: Final = 64
SIDE_PX: Final = 32
"""The picture is shrunk to a square of this side first; its shape is not kept."""


def _cosines() -> npt.NDArray[np.float64]:
    """(SIDE_PX, SIDE_PX) float64: row k holds the k-th cosine of the type II transform."""
    steps = np.arange(SIDE_PX)
    return np.cos(np.pi * np.outer(steps, 2 * steps + 1) / (2 * SIDE_PX))


def _lowest() -> npt.NDArray[np.int64]:
    """(64, 2) int64: row and column of the lowest frequencies, diagonal by diagonal, without the mean."""
    order = sorted((row + column, row, column) for row in range(16) for column in range(16))
    return np.array([(row, column) for _, row, column in order[1 : 1 + NUM_BITS]])


COSINES: Final = _cosines()
LOWEST: Final = _lowest()
MIRROR: Final = int("".join(str(column % 2) for column in LOWEST[:, 1]), 2)
"""Bits that change when a picture is mirrored."""


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
    """Hash of what a photo looks like, 16 hexadecimal digits."""
    small = resize(photo, SIDE_PX, SIDE_PX).astype(np.float64) @ (0.299, 0.587, 0.114)
    signs = (COSINES @ small @ COSINES.T)[LOWEST[:, 0], LOWEST[:, 1]] > 0
    return np.packbits(signs).tobytes().hex()


def distance_bits(one: str, other: str) -> int:
    """In how many of the 64 bits two hashes differ, as they are or one of them mirrored, whichever is less."""
    different = int(one, 16) ^ int(other, 16)
    return min(different.bit_count(), (different ^ MIRROR).bit_count())
