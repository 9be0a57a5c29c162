"""How much an aged film flickers: how the change trembles from frame to frame where the face itself stands still.

For frames I_t and their aged versions O_t, with A_t the alignment that carries the face onto one upright crop,

    C_t = A_t(O_t) - A_t(I_t)                          the change, motion taken out
    flicker = mean over t, pixels, colours of | C_t - C_t-1 |          grey levels

The same alignments must be used for every method that is compared; then what differs is the methods.
"""

import numpy as np
import numpy.typing as npt

from core.align import Affine, Photo, crop

CROP_PX = 128


class FlickerMeter:
    """Takes frames in one after the other."""

    def __init__(self) -> None:
        self._last: npt.NDArray[np.float32] | None = None
        self._sum, self._count = 0.0, 0

    def add(self, before: Photo, after: Photo, matrix: Affine) -> None:
        """The next frame.

        Args:
            before, after: (H, W, 3) uint8 RGB, as it was and aged.
            matrix: (2, 3) float64, frame pixels to the pixels of an upright crop of 128 px.
        """
        self.add_change(crop(after, matrix, CROP_PX).astype(np.float32) - crop(before, matrix, CROP_PX))

    def add_change(self, change: npt.NDArray[np.float32]) -> None:
        """The next frame, given its change as (S, S, 3) float32 of an aligned crop, grey levels."""
        if self._last is not None:
            self._sum += float(np.abs(change - self._last).mean())
            self._count += 1
        self._last = change

    def interrupt(self) -> None:
        """The next frame does not follow the last one: the face was away, or the scene changed."""
        self._last = None

    @property
    def value(self) -> float:
        """Grey levels; 0 before there are two frames."""
        return self._sum / self._count if self._count else 0.0
