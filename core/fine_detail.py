"""Detail of a photo that is finer than a network's crop: how much of it a change leaves.

A change says nothing of what the crop cannot show. Where it takes the finest that the crop shows away, such as the
hairs of a brow or a fold, what is finer still belongs to the same hairs and goes with it; where it only adds or
recolours, the photo's own stays.
"""

import numpy as np
import numpy.typing as npt

from core.align import Photo

FINEST_PX = 1.5
"""Standard deviation, in pixels of the crop, of the blur below which detail counts as the crop's finest."""
AROUND_PX = 2.5
"""Standard deviation, in pixels of the crop, of the surroundings of a pixel in which detail is compared."""
SLIGHT_LEVELS = 2.0
"""Detail of fewer grey levels than this is left alone: grain, and skin without a fold."""


def detail_left(crop: Photo, changed: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much of a crop's finest detail is left after a change.

    By how much the detail d of the crop is multiplied in that of the changed one, e, by least squares around each
    pixel:

        (E[d e] + s^2) / (E[d d] + s^2),   s = SLIGHT_LEVELS

    Args:
        crop: (S, S, 3) uint8 RGB.
        changed: (S, S, 3) float32, the same with a change, in grey levels.
    Returns:
        (S, S) float32, 0 where none is left to 1 where all is; more than the crop had counts as all.
    """
    import cv2

    before, after = _finest(crop.astype(np.float32)), _finest(changed)
    shared = cv2.GaussianBlur(before * after, (0, 0), AROUND_PX)
    own = cv2.GaussianBlur(before * before, (0, 0), AROUND_PX)
    left: npt.NDArray[np.float32] = np.clip((shared + SLIGHT_LEVELS**2) / (own + SLIGHT_LEVELS**2), 0, 1)
    return left


def _finest(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(S, S, 3) to what its lightness has beyond its blur, (S, S)."""
    import cv2

    lightness = picture.mean(axis=2)
    return np.asarray(lightness - cv2.GaussianBlur(lightness, (0, 0), FINEST_PX))
