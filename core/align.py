"""Where a face sits in its crop: five-point templates, the similarity that fits them, and the crop itself.

Coordinates are pixels (x, y) with (0, 0) the centre of the top-left pixel. A matrix is (2, 3) float64 and
maps photo pixels to crop pixels. Five points come in two conventions, each with templates of its own:

- "arcface5": subject's right eye (image left), left eye, nose tip, right and left mouth corner;
- "dlib5": right eye's outer and inner corner, left eye's inner and outer corner, base of the nose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Affine = npt.NDArray[np.float64]
Photo = npt.NDArray[np.uint8]
Convention = Literal["arcface5", "dlib5"]
WarpStyle = Literal["smooth", "grey", "reference"]
FivePoints = tuple[tuple[float, float], ...]

GREY = 127
"""Level of the border that a detector sees around a photo."""


def require_photo(photo: Photo) -> None:
    """Raises ValueError unless the array is (H, W, 3) uint8 with at least one pixel."""
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise ValueError(f"a photo is (H, W, 3) uint8 RGB, got {photo.shape} {photo.dtype}")


def _five(points: npt.ArrayLike, what: str) -> Points:
    array = np.asarray(points, dtype=np.float64)
    if array.shape != (5, 2) or not np.isfinite(array).all():
        raise ValueError(f"{what} must be (5, 2) finite pixels, got shape {array.shape}")
    return array


def fit_similarity(points: npt.ArrayLike, template: npt.ArrayLike) -> Affine:
    """Find the rotation, scale and shift that best carry one point set onto another.

    Args:
        points: (5, 2) pixels.
        template: (5, 2) pixels, the same order.
    Returns:
        (2, 3) float64, maps `points` onto `template` in the least-squares sense; never mirrors.
    Raises:
        ValueError: wrong shape, not finite, or all points coincide.
    Source: Umeyama 1991, eq. 40-42; in the plane, with points as complex numbers, it is the quotient below.
    """
    source = _five(points, "points")
    target = _five(template, "template")
    source_mean, target_mean = source.mean(0), target.mean(0)
    p = (source - source_mean) @ np.array([1, 1j])
    q = (target - target_mean) @ np.array([1, 1j])
    spread = float(np.sum(np.abs(p) ** 2))
    if spread < 1e-9:
        raise ValueError(f"the five points coincide at {source_mean.round(2).tolist()}: no scale can be fitted")
    turn = np.sum(np.conj(p) * q) / spread
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.hstack([linear, (target_mean - linear @ source_mean)[:, None]])


def invert(matrix: npt.ArrayLike) -> Affine:
    """(2, 3) matrix that undoes another. Raises ValueError for a wrong shape or a singular matrix."""
    array = np.asarray(matrix, dtype=np.float64)
    if array.shape != (2, 3) or abs(np.linalg.det(array[:, :2])) < 1e-12:
        raise ValueError(f"expected an invertible (2, 3) matrix, got shape {array.shape}: {array.tolist()}")
    linear = np.linalg.inv(array[:, :2])
    return np.hstack([linear, -linear @ array[:, 2:]])


def apply(matrix: npt.ArrayLike, points: npt.ArrayLike) -> Points:
    """Map (N, 2) points through a (2, 3) matrix; (N, 2) float64."""
    array = np.asarray(matrix, dtype=np.float64)
    return np.asarray(points, dtype=np.float64) @ array[:, :2].T + array[:, 2]


def scale_of(matrix: npt.ArrayLike) -> float:
    """Crop pixels per photo pixel of a (2, 3) similarity."""
    return float(np.sqrt(abs(np.linalg.det(np.asarray(matrix, dtype=np.float64)[:, :2]))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Framing:
    """How tightly a network's crops frame a face, as mean points on a crop of `unit_px`."""

    name: str
    """Name in manifests: "utkface", "ffhq" or "reference"."""
    unit_px: int
    """Side of the crop the templates are given for."""
    templates: Mapping[Convention, tuple[FivePoints, ...]]
    """For each convention one template per head pose; the first whose residual is smallest is used."""
    frontal: int = 0
    """Index of the frontal pose among the templates."""
    centred_pixels: bool = True
    """Scale about pixel edges, as resizing does; False multiplies the numbers, as the reference does."""
    style: WarpStyle = "smooth"
    """How crops of this framing are warped, see `crop`."""

    def template(self, convention: str, size_px: int) -> Points:
        """Frontal template on a crop of `size_px`: (5, 2) float64. ValueError for an unknown convention."""
        poses = self._poses(convention, size_px)
        return poses[min(self.frontal, len(poses) - 1)]

    def matrix(self, points: npt.ArrayLike, convention: str, size_px: int) -> Affine:
        """(2, 3) matrix from photo pixels to a crop of `size_px`, fitted to the pose that suits best.

        Args:
            points: (5, 2) photo pixels in the order of `convention`.
        """
        return self.pose_and_matrix(points, convention, size_px)[1]

    def pose_and_matrix(self, points: npt.ArrayLike, convention: str, size_px: int) -> tuple[int, Affine]:
        """The same with the index of the pose: smallest sum of the five distances, at crop scale."""
        best: tuple[float, int, Affine] | None = None
        for pose, template in enumerate(self._poses(convention, size_px)):
            matrix = fit_similarity(points, template)
            distance = float(np.linalg.norm(apply(matrix, points) - template, axis=1).sum())
            if best is None or distance < best[0]:
                best = (distance, pose, matrix)
        assert best is not None
        return best[1], best[2]

    def _poses(self, convention: str, size_px: int) -> tuple[Points, ...]:
        if size_px < 16:
            raise ValueError(f"a crop of {size_px} px is too small, the least is 16")
        scale = size_px / self.unit_px
        shift = 0.5 if self.centred_pixels else 0.0
        for name, poses in self.templates.items():
            if name == convention:
                return tuple((np.array(pose, dtype=np.float64) + shift) * scale - shift for pose in poses)
        raise ValueError(f"no five points called {convention!r}; framing {self.name} knows {list(self.templates)}")


UTKFACE = Framing(
    name="utkface",
    unit_px=200,
    templates={
        "arcface5": (((59.5, 57.3), (137.2, 57.4), (97.8, 103.5), (64.9, 137.0), (131.9, 137.3)),),
        "dlib5": (((44.7, 60.0), (75.1, 61.7), (121.4, 61.6), (152.1, 59.7), (97.9, 117.6)),),
    },
)
"""UTKFace's own 200 px crops, brow to chin: mean of what each pack finds in 200 of them (spread 3 to 6 px)."""

FFHQ = Framing(
    name="ffhq",
    unit_px=512,
    templates={
        "arcface5": (((192.2, 239.2), (318.8, 239.2), (255.5, 315.1), (200.2, 367.7), (310.8, 367.7)),),
        "dlib5": (((167.9, 243.2), (218.5, 247.9), (292.5, 247.9), (343.1, 243.2), (255.5, 338.0)),),
    },
)
"""FFHQ's crops, with hair and neck: mean of what each pack finds in ten of them and in their mirror images."""

REFERENCE_POSES = Framing(
    name="reference",
    unit_px=112,
    templates={
        "arcface5": (
            ((51.642, 50.115), (57.617, 49.990), (35.740, 69.007), (51.157, 89.050), (57.025, 89.702)),
            ((45.031, 50.118), (65.568, 50.872), (39.677, 68.111), (45.177, 86.190), (64.246, 86.758)),
            ((39.730, 51.138), (72.270, 51.138), (56.000, 68.493), (42.463, 87.010), (69.537, 87.010)),
            ((46.845, 50.872), (67.382, 50.118), (72.737, 68.111), (48.167, 86.758), (67.236, 86.190)),
            ((54.796, 49.990), (60.771, 50.115), (76.673, 69.007), (55.388, 89.702), (61.257, 89.050)),
        ),
        "dlib5": (((32.8, 52.4), (46.1, 53.4), (65.9, 53.4), (79.2, 52.4), (56.0, 77.4)),),
    },
    frontal=2,
    centred_pixels=False,
    style="reference",
)
"""InsightFace's five poses, as AgeTransGAN uses them: left profile, left, frontal, right, right profile."""

ARCFACE = Framing(
    name="arcface",
    unit_px=112,
    templates={
        "arcface5": (
            ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)),
        ),
    },
    centred_pixels=False,
)
"""The 112 px crop that ArcFace-style recognisers and InsightFace's attribute networks are trained on.

Source: insightface.utils.face_align.arcface_dst; not among `FRAMINGS`, since no generator is trained on it.
"""

FRAMINGS: dict[str, Framing] = {framing.name: framing for framing in (UTKFACE, FFHQ, REFERENCE_POSES)}


def framing_named(name: str) -> Framing:
    """Framing by its name in a manifest. Raises ValueError for any other text."""
    if name not in FRAMINGS:
        raise ValueError(f"no framing {name!r}; there are {', '.join(FRAMINGS)}")
    return FRAMINGS[name]


def crop(photo: Photo, matrix: npt.ArrayLike, size_px: int, *, style: WarpStyle = "smooth") -> Photo:
    """Cut the aligned face out of a photo.

    Args:
        photo: (H, W, 3) uint8 RGB, 0..255.
        matrix: (2, 3), photo pixels to crop pixels.
        size_px: side of the crop.
        style: "smooth" is bicubic, averages where the photo is shrunk, and mirrors the photo beyond its edge;
            "grey" is the same with plain grey beyond it, which detectors need; "reference" is plain bilinear
            with black outside, as the reference system warps.
    Returns:
        (size_px, size_px, 3) uint8 RGB, 0..255.
    """
    import cv2

    require_photo(photo)
    array = np.asarray(matrix, dtype=np.float64)
    photo_px_per_crop_px = scale_of(invert(array))
    if style == "reference":
        return np.asarray(cv2.warpAffine(photo, array, (size_px, size_px), flags=cv2.INTER_LINEAR), dtype=np.uint8)
    # Shrinking by k averages k x k samples, so nothing of the photo falls between them.
    samples = int(np.clip(round(photo_px_per_crop_px), 1, max(1, 8192 // size_px)))
    finer = np.hstack([array[:, :2] * samples, (array[:, 2:] + 0.5) * samples - 0.5])
    side = size_px * samples
    beyond = cv2.BORDER_CONSTANT if style == "grey" else cv2.BORDER_REFLECT_101
    kernel = cv2.INTER_LINEAR if samples > 1 else cv2.INTER_CUBIC
    warped = cv2.warpAffine(photo, finer, (side, side), flags=kernel, borderMode=beyond, borderValue=(GREY, GREY, GREY))
    if samples > 1:
        warped = cv2.resize(warped, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(warped, dtype=np.uint8)
