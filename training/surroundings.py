"""Whether anything beside the face moves when an aged face is put back into its photo."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.aging import FaceAger
from core.align import UTKFACE, Photo, apply
from core.detect import Face, portrait_box
from training import metrics
from training.face_area import OVAL_HALF_AXES
from training.metrics import ByTarget, Figure, by_target, finite, mean

OVAL_CENTRE = (0.49, 0.40)
"""Of a face in UTKFace framing, as parts of the crop's side: x, y; its eyes are on average there. Training, which
mirrors every second face, takes the middle (training/face_area.py)."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SurroundingsFigures:
    """Peak signal-to-noise ratios of photo and result outside the face's oval, within the portrait around it."""

    num_photos: int
    """Photos with a face."""
    psnr_db: Figure
    """Mean over photos and targets."""
    lowest_psnr_db: Figure
    psnr_db_by_target: ByTarget


def surroundings_figures(ager: FaceAger, photos: Sequence[Photo]) -> SurroundingsFigures:
    """Age the largest face of each (H, W, 3) uint8 RGB photo to every group; photos without a face are left out."""
    found = []
    for photo in photos:
        faces = ager.pack.detect(photo)
        if faces:
            aging = ager.transform(photo, face=faces[0])
            is_beside = beside(faces[0], photo.shape)
            found.append([changed(result.photo, photo, is_beside) for result in aging.results])
    decibels = np.asarray(found, dtype=np.float64).reshape(-1, len(ager.groups))
    return SurroundingsFigures(
        num_photos=len(decibels),
        psnr_db=finite(mean(decibels)),
        lowest_psnr_db=finite(decibels.min()) if decibels.size else None,
        psnr_db_by_target=by_target(decibels),
    )


def beside(face: Face, photo_shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """(H, W) True in the portrait around a face of a photo of that shape, but not in the oval of the face."""
    left, top, right, bottom = portrait_box(face, photo_shape)
    matrix = UTKFACE.matrix(face.points, face.convention, 1000)
    x, y = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    places = (apply(matrix, np.stack((x.ravel(), y.ravel()), axis=1)) + 0.5) / 1000
    is_inside = (((places - OVAL_CENTRE) / OVAL_HALF_AXES) ** 2).sum(1) <= 1
    result = np.zeros(photo_shape[:2], dtype=np.bool_)
    result[top:bottom, left:right] = ~is_inside.reshape(x.shape)
    return result


def changed(photo: Photo, original: Photo, where: npt.NDArray[np.bool_]) -> float:
    """Peak signal-to-noise ratio in decibels of two photos in the places that are True."""
    return metrics.peak_signal_to_noise(photo[where].astype(np.float64) - original[where])
