"""Where in a crop of UTKFace framing a face lies: an oval from the hairline to below the chin."""

from functools import lru_cache

import torch
from torch import Tensor

CENTRE = (0.49, 0.40)
"""Parts of the crop's side: x, y."""
HALF_AXES = (0.47, 0.63)
"""A face is about 2.2 eye distances wide and 2.95 from hairline to chin, the eyes two fifths down; a tenth more."""
FADES_UP_TO = 1.2
"""Times the half axes: beyond them nothing of the face is left."""


@lru_cache(maxsize=8)
def oval(size_px: int) -> Tensor:
    """(1, 1, size_px, size_px) float32: 1 within the oval, 0 beyond its soft rim."""
    places = (torch.arange(size_px) + 0.5) / size_px
    across, down = ((places - centre) / half for centre, half in zip(CENTRE, HALF_AXES, strict=True))
    radius = (across[None, :] ** 2 + down[:, None] ** 2).sqrt()
    share = ((FADES_UP_TO - radius) / (FADES_UP_TO - 1)).clamp(0, 1)
    return (share * share * (3 - 2 * share))[None, None]
