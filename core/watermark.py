"""Invisible watermark: says that a picture was made here, after it was saved as JPEG and shrunk to half.

A picture is a sum of cosine waves (its DCT). The slow ones, 6 to 24 periods across the picture, survive saving
and rescaling, and their number across the picture does not depend on its size. Each of them is moved to the
nearest step of its own ladder, whose offset the key gives: 1,656 small moves nobody sees. Whoever knows the key
measures how well the waves sit on their ladders; in any other picture they sit anywhere. Neither the original nor
its size is needed. Cutting, turning by a few degrees and blurring heavily take the mark away.

The key is public, so the mark says where a picture comes from to those who ask honestly; it is no proof.

Source: Chen and Wornell 2001, quantization index modulation, with distortion compensation (section V).
"""

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from core.images import Photo, require_photo

MIN_SIDE_PX: Final = 256
"""Smaller pictures carry the visible label only."""

KEY: Final = b"agetrans watermark 1"
"""Another key is another watermark: pictures marked with the old one are no longer recognised."""
SLOWEST: Final = 12
FASTEST: Final = 48
"""Waves that carry the mark, in half periods across the picture, both directions taken together."""
STEP: Final = 20 / 256
"""Distance of two steps of a ladder, in grey levels (root mean square of a wave over the picture)."""
MOVED: Final = 0.85
"""How much of the way to the nearest step a wave is moved: the last bit costs more than it helps."""
OFFSETS: Final = 8
"""Every offset of a ladder is taken equally often, so that a picture of one colour scores exactly 0."""

SOFTENINGS: Final = (-0.06, -0.03, 0.0, 0.03, 0.06, 0.09, 0.12, 0.16, 0.20, 0.24, 0.28, 0.34, 0.40)
"""What shrinking may have taken from the waves (exponent at 64 half periods): each is undone and looked at."""
CONTRASTS: Final = (0.82, 0.86, 0.90, 0.93, 0.97, 1.0, 1.03, 1.07, 1.11, 1.16, 1.22)
"""How much stronger the contrast may have been made: each is undone as well."""
THRESHOLD: Final = 6.5
"""Score from which a picture counts as marked. The score of one look at an unmarked picture has mean 0, variance 1
and, its phases being uniform, a tail below exp(-score² / 2) (Chernoff); 1,144 looks are taken: 0.8 in a million."""

Waves = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """What was found in a picture."""

    score: float
    """Standard deviations above what an unmarked picture gives; the best of all looks."""
    threshold: float = THRESHOLD
    """Score from which a picture counts as marked."""

    @property
    def is_marked(self) -> bool:
        """Whether the picture carries the watermark."""
        return self.score >= self.threshold


def embed(photo: Photo) -> Photo:
    """Copy of a picture with the watermark in it: about 49.6 dB beside the original, whatever its size.

    Args:
        photo: (H, W, 3) uint8 RGB, 256 px and more on both sides.
    Returns:
        (H, W, 3) uint8 RGB; all three colours of a pixel change by the same few levels.
    Raises:
        ValueError: the picture is too small.
    """
    height_px, width_px = require_photo(photo).shape[:2]
    if min(height_px, width_px) < MIN_SIDE_PX:
        raise ValueError(f"a watermark needs {MIN_SIDE_PX} px on both sides, got {width_px} x {height_px}")
    down, across, offset = _ladders()
    places = waves_of(photo)[down, across] / STEP - offset
    moves = np.zeros((FASTEST + 1, FASTEST + 1), np.float32)
    moves[down, across] = (np.rint(places) - places) * (MOVED * STEP * math.sqrt(height_px * width_px))
    change = _cosines(height_px).T @ moves @ _cosines(width_px)
    # int16: a picture that is black or white somewhere is clipped there, not wrapped.
    changed = photo.astype(np.int16) + np.rint(change).astype(np.int16)[..., None]
    return np.clip(changed, 0, 255).astype(np.uint8)


def detect(photo: Photo) -> Detection:
    """Look for the watermark, also in a picture that was rescaled, mirrored, turned by right angles or made softer.

    Args:
        photo: (H, W, 3) uint8 RGB of any size; one below 49 px scores 0, it can hold no mark.
    """
    if min(require_photo(photo).shape[:2]) <= FASTEST:
        return Detection(score=0.0)
    waves = waves_of(photo)
    down, across, offset = _ladders()
    speed = ((down**2 + across**2) / 64**2).astype(np.float32)
    undone = np.exp(np.outer(SOFTENINGS, speed)) / np.reshape(CONTRASTS, (-1, 1, 1))
    turns = undone.reshape(-1, len(offset)).astype(np.float32) * np.float32(2 * math.pi / STEP)  # (looks, waves)
    best = -math.inf
    for is_turned, mirrors_down, mirrors_across in product((False, True), repeat=3):
        heights = (waves.T if is_turned else waves)[down, across]
        # Seen from the other side, the odd waves have the other sign.
        odd = (down * mirrors_down + across * mirrors_across) % 2
        agreement = np.cos(turns * (heights * (1 - 2 * odd)) - 2 * math.pi * offset).sum(axis=1)
        best = max(best, float(agreement.max()) / math.sqrt(len(offset) / 2))
    return Detection(score=best)


def waves_of(photo: Photo) -> Waves:
    """(49, 49) float32: the picture's slow waves, in grey levels (root mean square), by half periods down and across.

    Of the luminance: an orthonormal DCT-II divided by the square root of the number of pixels, so that rescaling
    a picture changes nothing but what its filter takes.
    """
    height_px, width_px = photo.shape[:2]
    grey = cv2.cvtColor(np.ascontiguousarray(photo), cv2.COLOR_RGB2GRAY).astype(np.float32)
    waves: Waves = _cosines(height_px) @ grey @ _cosines(width_px).T / math.sqrt(height_px * width_px)
    return waves


@lru_cache(maxsize=16)
def _cosines(length_px: int) -> Waves:
    """(49, length_px) float32: the first rows of the orthonormal DCT-II."""
    half_periods = np.arange(FASTEST + 1)[:, None]
    rows = math.sqrt(2 / length_px) * np.cos(math.pi * half_periods * (np.arange(length_px) + 0.5) / length_px)
    rows[0] /= math.sqrt(2)
    return rows.astype(np.float32)


@lru_cache(maxsize=1)
def _ladders() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Half periods down and across of the waves in use, slowest first, and each one's offset in steps, 0..1."""
    down, across = np.mgrid[1 : FASTEST + 1, 1 : FASTEST + 1].reshape(2, -1)
    squared = down**2 + across**2
    order = np.lexsort((down, squared))
    order = order[(squared[order] >= SLOWEST**2) & (squared[order] <= FASTEST**2)]
    order = order[: len(order) // OFFSETS * OFFSETS]
    # Drawn by a hash and not by a random generator, whose numbers may differ in the next version of numpy.
    drawn = np.frombuffer(hashlib.shake_256(KEY).digest(4 * len(order)), "<u4").reshape(-1, OFFSETS)
    offset = (drawn.argsort(axis=1).ravel() + 0.5) / OFFSETS
    return down[order], across[order], offset.astype(np.float32)
