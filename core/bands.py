"""A photo's own detail in two bands: what a generator may turn down or up instead of painting over it.

    fine     x - up(down(x, 64))                     pores, wrinkles, hairs, the rims of glasses
    coarse   up(down(x, 64)) - up(down(x, 16))       brows, moustaches, folds

down: means over cells, so many along a side; up: bilinear. A change that has to take an edge away must hit it to the
pixel; to turn down the band that it lies in asks only for where.
"""

from torch import Tensor
from torch.nn import functional as F

GRIDS = (64, 16)
"""Cells along a side, finer first."""
NUM_BANDS = len(GRIDS)


def with_detail(change: Tensor, faces: Tensor) -> Tensor:
    """(N, 5, S, S) change and gains of the bands of (N, 3, S, S) faces to the whole change, (N, 3, S, S)."""
    whole = change[:, :3]
    for number, band in enumerate(detail_bands(faces)):
        whole = whole + change[:, 3 + number : 4 + number] * band
    return whole


def fits(size_px: int) -> bool:
    """Whether faces of that side have these bands: larger than the finer grid, in whole cells."""
    return size_px > GRIDS[0] and size_px % GRIDS[0] == 0


def detail_bands(faces: Tensor) -> tuple[Tensor, ...]:
    """(N, 3, S, S) faces to their two bands, each (N, 3, S, S), finer first; S must fit."""
    side = faces.shape[2]
    blurred = [
        F.interpolate(F.avg_pool2d(faces, side // grid), size=(side, side), mode="bilinear", align_corners=False)
        for grid in GRIDS
    ]
    return tuple(sharper - softer for sharper, softer in zip([faces, *blurred], blurred, strict=False))
