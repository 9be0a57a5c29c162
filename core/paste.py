"""Put a changed face back into its photo without a trace of where the crop ended.

What is carried back is the *change* of the crop, not its pixels: added to the photo, it leaves detail that
is finer than the crop where it was, but for what goes with the crop's own (core.fine_detail). Fine detail of
the change fades out near the crop's edge over `feather` of its side, tone over `TONE_SPREAD` times that
(two-band blending, after Burt and Adelson 1983), so that neither a rim nor a step in colour is left.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.align import Affine, Photo, apply, crop, invert, scale_of
from core.change import Change
from core.fine_detail import detail_left
from core.regions import Kept

FEATHER = 0.1
"""Part of the crop's side over which fine detail fades out, from its edge inwards."""
TONE_SPREAD = 2.5
"""Tone fades over this many times the feather."""
TONE_GRID_PX = 16
"""Tone is what survives on a grid of this many cells a side."""
HARDLY_LOST = 0.01
"""Where nowhere more than this share of the finer detail goes, none does: it would not come to a grey level."""
CORNER_EXPONENT = 5.0
"""Shape of the mask: 2 would be an ellipse, infinity the whole square."""


@lru_cache(maxsize=16)
def mask(size_px: int, feather: float) -> npt.NDArray[np.float32]:
    """(size_px, size_px, 1) float32 weights, read-only: 0 along the edge, 1 inside, smooth between.

    Raises:
        ValueError: the feather is not in 0..0.5.
    """
    if not 0 < feather <= 0.5:
        raise ValueError(f"the feather is a part of the crop's side above 0 and up to 0.5, got {feather}")
    centres = np.abs((np.arange(size_px) + 0.5) * 2 / size_px - 1) ** CORNER_EXPONENT
    distance = (centres[:, None] + centres[None, :]) ** (1 / CORNER_EXPONENT)
    depth = np.clip((1 - distance) / (2 * feather), 0, 1)
    weights = (depth**3 * (depth * (6 * depth - 15) + 10)).astype(np.float32)[:, :, None]
    weights.setflags(write=False)
    return weights


class FinerDetail(NamedTuple):
    """A photo's crop, and what the photo shows beyond it."""

    before: Photo
    """(S, S, 3) uint8 RGB."""
    finer: npt.NDArray[np.int16]
    """(h, w, 3) grey levels, over the region of the crop."""


class Paster:
    """Carries changes of one crop back into its photo; made once for a face, used for all its ages.

    Holds no state but the geometry, so one object may be used from several threads.
    """

    def __init__(
        self,
        photo_shape: tuple[int, ...],
        matrix: npt.ArrayLike,
        size_px: int,
        *,
        feather: float = FEATHER,
        kept: Kept | None = None,
    ) -> None:
        """Work out which part of the photo the crop covers.

        Args:
            photo_shape: (H, W) or (H, W, 3) of the photo, pixels.
            matrix: (2, 3), photo pixels to crop pixels.
            size_px: side of the crop.
            feather: part of the crop's side over which fine detail fades, above 0 and up to 0.5.
            kept: what of the photo stays as it is; None lets the change through everywhere.
        """
        self.photo_shape = (int(photo_shape[0]), int(photo_shape[1]))
        self.matrix: Affine = np.asarray(matrix, dtype=np.float64)
        self.size_px = size_px
        self._detail_mask = mask(size_px, feather)
        self._tone_mask = mask(size_px, min(0.5, feather * TONE_SPREAD))
        low, high = -0.5, size_px - 0.5
        corners = apply(invert(self.matrix), [[low, low], [high, low], [low, high], [high, high]])
        height, width = self.photo_shape
        left, top = np.clip(np.floor(corners.min(0)), 0, (width, height)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(corners.max(0)) + 1, 0, (width, height)).astype(int).tolist()
        self.region = (slice(top, max(top, bottom)), slice(left, max(left, right)))
        """Rows and columns of the photo that a change may touch."""
        self._is_off_photo = top >= bottom or left >= right
        self._shrink = max(1, round(scale_of(self.matrix)))
        shifted = np.hstack([self.matrix[:, :2], self.matrix[:, :2] @ [[left], [top]] + self.matrix[:, 2:]])
        side = -(-size_px // self._shrink)
        factor = side / size_px
        self._side_px = side
        self._warp = np.hstack([shifted[:, :2] * factor, (shifted[:, 2:] + 0.5) * factor - 0.5])
        self._let_through = None if kept is None else self._share_let_through(kept, left, top)

    def finer_detail(self, photo: Photo) -> FinerDetail | None:
        """What several changes of one photo have in common; None where the photo shows no more than its crop."""
        if scale_of(self.matrix) >= 1 or self._is_off_photo:
            return None
        before = crop(photo, self.matrix, self.size_px)
        return FinerDetail(before, self._finer(photo, before).round().astype(np.int16))

    def change(self, photo: Photo, change: Change, detail: FinerDetail | None = None) -> Photo:
        """Add the change of a crop to its photo.

        Args:
            photo: (H, W, 3) uint8 RGB, of the shape given at the start.
            change: (size_px, size_px, 3) float32, grey levels -255..255.
            detail: `finer_detail` of that photo, to save time where it gets several changes.
        Returns:
            (H, W, 3) uint8 RGB, a new array; equal to the photo wherever the mask is zero.
        """
        import cv2

        if photo.shape != (*self.photo_shape, 3) or photo.dtype != np.uint8:
            raise ValueError(f"expected a uint8 photo of {(*self.photo_shape, 3)}, got {photo.shape} {photo.dtype}")
        if change.shape != (self.size_px, self.size_px, 3):
            raise ValueError(f"expected a change of {(self.size_px, self.size_px, 3)}, got {change.shape}")
        result = photo.copy()
        if self._is_off_photo:
            return result
        faded = self._fade(change)
        spread = self._spread(faded, cv2.INTER_CUBIC)
        finer = self._finer_change(photo, faded, detail) if scale_of(self.matrix) < 1 else None
        if finer is not None:
            spread += finer
        if self._let_through is not None:
            spread *= self._let_through
        result[self.region] = cv2.add(photo[self.region], spread, dtype=cv2.CV_8U)
        return result

    def face(self, photo: Photo, face: Photo, detail: FinerDetail | None = None) -> Photo:
        """Put a whole generated crop in the place of the photo's own.

        The shift in colour that the crop shows near its edge, where it should show the photo unchanged, is taken out.

        Args:
            photo: (H, W, 3) uint8 RGB.
            face: (size_px, size_px, 3) uint8 RGB.
            detail: as for `change`.
        Returns:
            (H, W, 3) uint8 RGB, a new array. Detail of the photo finer than the crop's pixels stays where the face has
            that of the crop.
        """
        before = crop(photo, self.matrix, self.size_px) if detail is None else detail.before
        change = face.astype(np.float32) - before.astype(np.float32)
        rim = self._tone_mask[:, :, 0] < 0.5
        change -= np.median(change[rim], axis=0)
        return self.change(photo, change, detail)

    def _share_let_through(self, kept: Kept, left: int, top: int) -> npt.NDArray[np.float32] | None:
        """(h, w, 1) float32, 0..1, over the region; None where the crop lies off the photo."""
        import cv2

        rows, columns = self.region
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if not height or not width:
            return None
        linear = kept.matrix[:, :2]
        warp = np.hstack([linear, linear @ [[left], [top]] + kept.matrix[:, 2:]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        weights = cv2.warpAffine(kept.weights, warp, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(1 - weights, dtype=np.float32)[:, :, None]

    def _spread(self, values: npt.NDArray[np.float32], interpolation: int) -> npt.NDArray[np.float32]:
        """(S, S, ...) over the crop to (h, w, ...) over the region of the photo, 0 beyond the crop."""
        import cv2

        if self._shrink > 1:
            values = cv2.resize(values, (self._side_px, self._side_px), interpolation=cv2.INTER_AREA)
        rows, columns = self.region
        size = (columns.stop - columns.start, rows.stop - rows.start)
        flags = interpolation | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(values, self._warp, size, flags=flags, borderMode=cv2.BORDER_CONSTANT))

    def _finer(self, photo: Photo, before: Photo) -> npt.NDArray[np.float32]:
        """(h, w, 3): what the region of the photo shows and its enlarged crop does not, in grey levels."""
        import cv2

        finer = self._spread(before.astype(np.float32), cv2.INTER_CUBIC)
        np.subtract(photo[self.region], finer, out=finer)
        return finer

    def _finer_change(self, photo: Photo, faded: Change, detail: FinerDetail | None) -> npt.NDArray[np.float32] | None:
        """(h, w, 3) float32: takes out the photo's detail finer than the crop where the change takes the crop's; None
        where hardly any goes.
        """
        import cv2

        before = crop(photo, self.matrix, self.size_px) if detail is None else detail.before
        lost = (1 - detail_left(before, before + faded)) * self._detail_mask[:, :, 0]
        if lost.max() < HARDLY_LOST:
            return None
        finer = self._finer(photo, before) if detail is None else detail.finer
        return np.asarray(finer * -self._spread(lost, cv2.INTER_LINEAR)[:, :, None])

    def _fade(self, change: Change) -> Change:
        """(S, S, 3) change with its detail and its tone each brought to zero at the edge."""
        import cv2

        size = (self.size_px, self.size_px)
        change = np.ascontiguousarray(change, dtype=np.float32)
        grid = cv2.resize(change, (TONE_GRID_PX, TONE_GRID_PX), interpolation=cv2.INTER_AREA)
        tone = cv2.resize(cv2.GaussianBlur(grid, (0, 0), 0.8), size, interpolation=cv2.INTER_CUBIC)
        faded: Change = change * self._detail_mask + tone * (self._tone_mask - self._detail_mask)
        return faded
