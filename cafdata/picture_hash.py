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

from cafdata.duplicates import LOWEST
from core.images import Photo, decode_photo, resize

SIDE_PX: Final = 32
"""The picture is shrunk to a square of this side first; its shape is not kept."""

CROPS: Final = (
    (0.05, 0.5, 0.5),
    (0.1, 0.5, 0.5),
    *((0.05, x_place, y_place) for x_place in (0.0, 1.0) for y_place in (0.0, 1.0)),
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
    """Hash of what a photo looks like, 16 hexadecimal digits."""
    small = resize(photo, SIDE_PX, SIDE_PX).astype(np.float64) @ (0.299, 0.587, 0.114)
    signs = (COSINES @ small @ COSINES.T)[LOWEST[:, 0], LOWEST[:, 1]] > 0
    return np.packbits(signs).tobytes().hex()


def crop_hashes(photo: Photo) -> tuple[str, ...]:
    """Hashes of the photo with its edges cut off, for a hash alone does not survive that.

    A copy that somebody cropped by about 5 or 10 % in all, around the middle or into a corner, is found by comparing
    its hash with these.
    """
    height, width = photo.shape[:2]
    hashes = []
    for share, x_place, y_place in CROPS:
        cut_width, cut_height = round(width * (1 - share)), round(height * (1 - share))
        left, top = round((width - cut_width) * x_place), round((height - cut_height) * y_place)
        hashes.append(perceptual_hash(photo[top : top + cut_height, left : left + cut_width]))
    return tuple(hashes)
