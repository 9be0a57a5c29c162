"""What all detectors share: the passes over a photo, the removal of duplicates, and the warnings."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.align import GREY, UTKFACE, Convention, Photo, Points, crop, require_photo, scale_of

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidate:
    """One face as a detector reports it."""

    box: Box
    """Left, top, right, bottom, pixels."""
    score: float
    """Detector's confidence, 0..1."""
    points: Points
    """(5, 2) float64 pixels, "arcface5", as good as the detector makes them."""

    def moved(self, factor: float, shift_px: float) -> "Candidate":
        """The same face in the photo, which was shrunk by `factor` and then given a border of `shift_px`."""
        box = [(edge - shift_px) / factor for edge in self.box]
        points = (self.points - shift_px + 0.5) / factor - 0.5
        return Candidate(box=(box[0], box[1], box[2], box[3]), score=self.score, points=points)


Scan = Callable[[Photo], Sequence[Candidate]]
"""Looks over one (H, W, 3) uint8 RGB picture, at that picture's own resolution."""

FIRST_LOOK_PX = 640
"""Longest side of the copy that is looked at first."""
CLOSE_LOOK_PX = 1280
"""Longest side of the copy for photos whose faces are small, and the limit for any."""
BORDER = 0.5
"""Grey border for faces that fill the photo, as a part of its longest side; 0.25 still misses one in ten."""
LARGE_FACE = 0.2
"""From this part of the photo's shorter side on, a face found needs no look for a larger one."""
SMALL_FACE = 0.06
"""Below this part of the photo's longer side, a closer look may find more faces."""
OVERLAP = 0.4
"""Two boxes that share this part of their union are one face."""
CONTAINED = 0.8
"""So are two of which one holds this part of the other."""

INSIDE = 0.4
"""At least this part of a box lies in the photo; anything else is a fancy of the detector about the border."""
NARROWEST_PX = 64
"""Narrower copies are filled up with grey: detectors see faces in mere strips."""

TINY_PX = 64.0
"""A face is tiny if the UTKFace crop around it has fewer pixels a side in the photo."""
PROFILE: dict[Convention, float] = {"arcface5": 0.33, "dlib5": 0.28}
"""Nose off the middle of the eyes, in eye distances: a head turned by about 40 degrees."""
BLURRED = 7.5
"""A face of lower `crispness` is blurred: as by a Gaussian of 2 px at 128 px; 1 in 100 UTKFace crops is."""


def search(photo: Photo, scan: Scan) -> list[Candidate]:
    """All faces of a photo, largest first, in its own pixels.

    Looks at a copy of 640 px; unless that shows a large face, at the same with a grey border, where a face
    that fills the photo is seen; and if all faces are small, at a copy of up to 1280 px.

    Args:
        photo: (H, W, 3) uint8 RGB.
        scan: the detector.
    """
    require_photo(photo)
    copy, factor = _shrunk(photo, CLOSE_LOOK_PX)
    height, width = copy.shape[:2]
    found = _look(copy, scan, FIRST_LOOK_PX, border=0.0)
    if _largest_px(found) < LARGE_FACE * min(height, width):
        found += _look(copy, scan, FIRST_LOOK_PX, border=BORDER)
    if _largest_px(found) < SMALL_FACE * max(height, width) and max(height, width) > FIRST_LOOK_PX:
        found += _look(copy, scan, CLOSE_LOOK_PX, border=0.0)
    in_photo = (c.moved(factor, 0) for c in found)
    inside = [c for c in (_clipped(c, photo.shape[1], photo.shape[0]) for c in in_photo) if c is not None]
    return sorted(distinct(inside), key=lambda c: -area(c.box))


def distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Leave one of each group of candidates that cover the same face: the one with the highest score."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        if not any(_same(candidate.box, other.box) for other in kept):
            kept.append(candidate)
    return kept


def area(box: Box) -> float:
    """Area of a box in square pixels, 0 for an empty one."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def warnings_for(photo: Photo, points: Points, convention: Convention) -> tuple[str, ...]:
    """Reasons why a face may disappoint: "profile", "tiny", "blurred".

    Args:
        photo: (H, W, 3) uint8 RGB.
        points: (5, 2) photo pixels in the order of `convention`.
    """
    warnings: list[str] = []
    if abs(_turn(points, convention)) > PROFILE[convention]:
        warnings.append("profile")
    side_px = 128 / scale_of(UTKFACE.matrix(points, convention, 128))
    if side_px < TINY_PX:
        warnings.append("tiny")
    if crispness(photo, points, convention) < BLURRED:
        warnings.append("blurred")
    return tuple(warnings)


def crispness(photo: Photo, points: Points, convention: Convention) -> float:
    """How crisp a face is: mean absolute Laplacian over standard deviation, in per cent, at most at 128 px.

    A face that has fewer pixels in the photo is measured at its own size, so that small is not blurred.
    """
    import cv2

    matrix = UTKFACE.matrix(points, convention, 128)
    size_px = int(np.clip(128 / scale_of(matrix), 32, 128))
    face = crop(photo, UTKFACE.matrix(points, convention, size_px), size_px)
    rim = size_px // 8
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[rim:-rim, rim:-rim].astype(np.float32)
    return float(100 * np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean() / max(1.0, float(grey.std())))


def _turn(points: Points, convention: Convention) -> float:
    """Nose off the middle of the eyes along their line, in eye distances; positive towards image right."""
    right, left, nose = points[:3]
    if convention == "dlib5":
        right, left, nose = points[:2].mean(0), points[2:4].mean(0), points[4]
    across = left - right
    return float((nose - (left + right) / 2) @ across / max(1e-9, float(across @ across)))


def _shrunk(photo: Photo, longest_px: float) -> tuple[Photo, float]:
    """Copy whose longest side is at most `longest_px`, and how much smaller it is; the photo if it fits."""
    import cv2

    height, width = photo.shape[:2]
    factor = min(1.0, longest_px / max(height, width))
    if factor == 1:
        return photo, 1.0
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), factor


def _look(photo: Photo, scan: Scan, longest_px: int, border: float) -> list[Candidate]:
    """One pass over a copy whose longest side, border included, is at most `longest_px`."""
    import cv2

    copy, factor = _shrunk(photo, longest_px / (1 + 2 * border))
    rim = round(border * max(copy.shape[:2]))
    below, beside = (rim + max(0, NARROWEST_PX - side) for side in copy.shape[:2])
    if below or beside:
        grey = (GREY, GREY, GREY)
        copy = cv2.copyMakeBorder(copy, rim, below, rim, beside, cv2.BORDER_CONSTANT, value=grey)
    return [candidate.moved(factor, rim) for candidate in scan(np.ascontiguousarray(copy))]


def _largest_px(candidates: Sequence[Candidate]) -> float:
    return math.sqrt(max((area(c.box) for c in candidates), default=0.0))


def _clipped(candidate: Candidate, width: int, height: int) -> Candidate | None:
    """The candidate with its box cut to the photo; None if too little of it is there."""
    left, top, right, bottom = candidate.box
    box = (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
    if area(box) < max(1.0, INSIDE * area(candidate.box)):
        return None
    return Candidate(box=box, score=candidate.score, points=candidate.points)


def _same(one: Box, other: Box) -> bool:
    shared = area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))
    either = area(one) + area(other) - shared
    return shared > OVERLAP * either or shared > CONTAINED * min(area(one), area(other))
