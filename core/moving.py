"""A face in motion: the change that an age makes to aligned crops, frame after frame, and its steadying.

For photos `core.aging.FaceAger` does all of it at once. Here the steps lie open, since between them a film is made
steady: the crops follow points that were smoothed over time, and so is the change before it is carried back.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from core import device as compute_device
from core.aging import FaceAger
from core.align import Affine, Photo, crop
from core.change import Change, counted_from_present, gap_between, grey_levels
from core.detect import Face
from core.generator import Generator, age_code
from core.images import to_tensor
from core.paste import Paster
from core.reference import ReferenceGenerator


class MovingFace:
    """The network of a `FaceAger`, for crops of frames. Keeps nothing of one call for the next."""

    def __init__(self, ager: FaceAger) -> None:
        self.ager = ager
        self.size_px = ager.model.info.size_px

    def matrix(self, face: Face) -> Affine:
        """(2, 3) float64, frame pixels to crop pixels."""
        return self.ager.framing.matrix(face.points, face.convention, self.size_px)

    def crop(self, frame: Photo, matrix: Affine) -> Photo:
        """(S, S, 3) uint8 RGB: what the network sees of a frame."""
        return crop(frame, matrix, self.size_px, style=self.ager.framing.style)

    def changes(self, crops: Sequence[Photo], years: float, present_years: float) -> list[Change]:
        """What the age changes in each crop, counted from the present age (core.change).

        Args:
            crops: (S, S, 3) uint8 RGB each, one at least.
            years: target age.
            present_years: the face's age in all of them.
        Returns:
            (S, S, 3) float32 each, grey levels -255..255.
        Raises:
            ValueError: an age the model does not know.
        """
        self.ager.targets([years])
        network, compute, groups = self.ager.network, self.ager.compute, self.ager.groups
        pictures = compute.move(to_tensor(np.stack(crops)))
        with torch.inference_mode(), compute_device.autocast(compute):
            if isinstance(network, Generator):
                both = pictures.repeat_interleave(2, dim=0)  # each face twice: as it is to be, as it is
                gap = gap_between(groups, years, present_years)
                code = compute.move(age_code(groups, [years, present_years] * len(crops)))
                made = network.decode(both, network.encode(pictures).repeat(2), code)[0].float().clamp(-1, 1)
                change = counted_from_present(made[0::2], made[1::2], pictures.float(), gap)
            else:
                assert isinstance(network, ReferenceGenerator)
                soft = compute.move(torch.from_numpy(groups.soft_code([years] * len(crops))))
                change = network(pictures, soft).float().clamp(-1, 1) - pictures.float()
        return [grey_levels(one) for one in change]

    def paste(self, frame: Photo, matrix: Affine, change: Change) -> Photo:
        """(H, W, 3) uint8 RGB: the frame with a change of its crop carried back; a new array."""
        return Paster(frame.shape, matrix, self.size_px).change(frame, change)


SAME_LEVELS = 6.0
"""Grey levels by which two crops may differ in a place that still counts as the same."""
BLOCK_PX = 8
"""Places are compared as squares of about this side."""


def likeness(one: Photo, other: Photo) -> npt.NDArray[np.float32]:
    """How much two aligned crops show the same, place by place.

    Args:
        one, other: (S, S, 3) uint8 RGB.
    Returns:
        (S, S, 1) float32, 1 where they agree, towards 0 where something has moved or the light has changed.
    """
    import cv2

    apart = cv2.absdiff(one, other).astype(np.float32).mean(axis=2)
    blurred = cv2.boxFilter(apart, -1, (BLOCK_PX, BLOCK_PX))
    alike: npt.NDArray[np.float32] = np.exp(-((blurred / SAME_LEVELS) ** 2))
    return alike[:, :, None]


def steadied(change: Change, shown: Photo, before: Change, shown_before: Photo, inertia: float) -> Change:
    """A change mixed with the one of the frame before, where both frames show the same.

    Args:
        change: (S, S, 3) float32 of this frame.
        shown: (S, S, 3) uint8 RGB, its crop.
        before: (S, S, 3) float32: what was carried back a frame ago.
        shown_before: (S, S, 3) uint8 RGB, the crop of then.
        inertia: share of the former change where nothing moved, 0..1.
    Returns:
        (S, S, 3) float32.
    """
    if not 0 <= inertia < 1:
        raise ValueError(f"inertia is a share from 0 up to but not 1, got {inertia}")
    share = inertia * likeness(shown, shown_before)
    mixed: Change = change + share * (before - change)
    return mixed
