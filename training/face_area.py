"""Where in a crop of UTKFace framing a face may change: its oval, and of that not the mouth.

Open or closed, smiling or not, a mouth tells little of the age and much of the moment. Asked for the mouths of the
target's age, a generator opens closed ones, darkens teeth or takes them out.
"""

from functools import lru_cache

import torch
from torch import Tensor

OVAL_CENTRE = (0.5, 0.40)
"""Of the face's oval, parts of the crop's side: x, y."""
OVAL_HALF_AXES = (0.47, 0.63)
"""A face is about 2.2 eye distances wide and 2.95 from hairline to chin, the eyes two fifths down; a tenth more."""
MOUTH_CENTRE = (0.5, 0.70)
"""Between the corners of the mouth and a little lower: mouths open downwards."""
MOUTH_HALF_AXES = (0.2, 0.075)
"""The corners lie 0.17 to either side."""
FADES_UP_TO = 1.2
"""Times the half axes: where the soft rim of an ellipse ends."""


@lru_cache(maxsize=8)
def may_change(size_px: int) -> Tensor:
    """(1, 1, size_px, size_px) float32: 1 within the face's oval, 0 in the mouth and beyond the oval, soft between."""
    return ellipse(size_px, OVAL_CENTRE, OVAL_HALF_AXES) * (1 - ellipse(size_px, MOUTH_CENTRE, MOUTH_HALF_AXES))


def ellipse(size_px: int, centre: tuple[float, float], half_axes: tuple[float, float]) -> Tensor:
    """(1, 1, size_px, size_px) float32: 1 within an ellipse, given in parts of the side, and 0 beyond its soft rim."""
    places = (torch.arange(size_px) + 0.5) / size_px
    across, down = ((places - middle) / half for middle, half in zip(centre, half_axes, strict=True))
    radius = (across[None, :] ** 2 + down[:, None] ** 2).sqrt()
    share = ((FADES_UP_TO - radius) / (FADES_UP_TO - 1)).clamp(0, 1)
    return (share * share * (3 - 2 * share))[None, None]
