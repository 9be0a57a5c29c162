"""How good a picture of a face is, in numbers, and which of them speak against it.

What is covered is not seen as such. Two numbers stand in for it: the detector's confidence, and how far the five points
lie from those of a mean face. Neither is good at it: of 40 UTKFace faces painted over below the nose 25 pass with SCRFD
and 33 with YuNet, and with dark glasses, or one eye covered, all do.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.align import UTKFACE, Affine, Convention, Photo, Points, apply, crop, framing_named, invert, scale_of
from core.candidates import PROFILE, crispness
from core.detect import Face
from curation.faces import FaceRules
from curation.stage import Drop

STAGE: Final = "quality"
FACE_PX: Final = 64
"""Light is measured on a crop of this side, from brow to chin."""
DARK, BRIGHT = 8, 247
"""Luminance up to which a pixel is as good as black, and from which it is as good as white."""
PROFILE_DEGREES: Final = 40.0
"""The turn at which the nose is off the middle of the eyes by core.candidates.PROFILE."""
GRID: Final = 24
"""So many points a side tell which share of a square lies in the photo."""
LUMINANCE: Final = (0.299, 0.587, 0.114)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """What can be measured of one face in its photo."""

    face_px: float
    """Side of the square from brow to chin, in pixels of the photo."""
    crispness: float
    """See core.candidates.crispness."""
    turn_degrees: float
    """Head turned towards the image's right (positive) or left, by where the nose is: -90..90, off by 10 or so."""
    roll_degrees: float
    """Line of the eyes against the horizontal, clockwise in the image: -180..180."""
    luminance: float
    """Mean of the face, 0..255."""
    contrast: float
    """Standard deviation of its luminance."""
    dark: float
    """Share of it that is as good as black, 0..1."""
    bright: float
    """Share that is as good as white."""
    beyond: float
    """Share of the archive's crop that lies beyond the photo's edge, 0..1."""
    face_beyond: float
    """The same of the square from brow to chin."""
    score: float
    """Detector's confidence, 0..1."""
    misfit: float
    """Mean distance of the five points from a mean face's after the best fit, in distances of its eyes."""

    def as_pairs(self) -> tuple[tuple[str, float], ...]:
        """Names and values, as a record's `quality` has them; four digits."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return tuple((name, float(f"{value:.4g}")) for name, value in values.items())


def scores_of(photo: Photo, face: Face, rules: FaceRules) -> Scores:
    """Measure a face.

    Args:
        photo: (H, W, 3) uint8 RGB, 0..255.
        face: a face of that photo.
        rules: for the framing of the archive's crop.
    """
    points, convention = face.points, face.convention
    tight = UTKFACE.matrix(points, convention, FACE_PX)
    framing = framing_named(rules.framing)
    wide = framing.matrix(points, convention, rules.size_px)
    luminance = crop(photo, tight, FACE_PX) @ np.array(LUMINANCE)
    return Scores(
        face_px=FACE_PX / scale_of(tight),
        crispness=crispness(photo, points, convention),
        turn_degrees=_turn_degrees(points, convention),
        roll_degrees=_roll_degrees(points, convention),
        luminance=float(luminance.mean()),
        contrast=float(luminance.std()),
        dark=float((luminance <= DARK).mean()),
        bright=float((luminance >= BRIGHT).mean()),
        beyond=_share_beyond(wide, rules.size_px, photo.shape),
        face_beyond=_share_beyond(tight, FACE_PX, photo.shape),
        score=face.score,
        misfit=_misfit(points, convention),
    )


def refusal(scores: Scores, rules: FaceRules) -> Drop | None:
    """The first thing that speaks against a face, worst first; None for a face to keep."""
    limits: Mapping[str, tuple[bool, str]] = {
        "doubtful detection": (
            scores.score < rules.min_score or scores.misfit > rules.max_misfit,
            f"confidence {scores.score:.2f}, points off by {scores.misfit:.2f} eye distances",
        ),
        "too small": (scores.face_px < rules.min_face_px, f"{scores.face_px:.0f} px from brow to chin"),
        "cut off by the picture's edge": (
            scores.face_beyond > rules.max_face_beyond or scores.beyond > rules.max_beyond,
            f"{scores.beyond:.0%} of the crop and {scores.face_beyond:.0%} of the face lie beyond it",
        ),
        "turned away": (abs(scores.turn_degrees) > rules.max_turn_degrees, f"by {scores.turn_degrees:.0f} degrees"),
        "tilted": (abs(scores.roll_degrees) > rules.max_roll_degrees, f"by {scores.roll_degrees:.0f} degrees"),
        "under-exposed": (
            scores.dark > rules.max_dark or scores.luminance < rules.min_luminance,
            f"{scores.dark:.0%} of the face is black, its mean {scores.luminance:.0f} of 255",
        ),
        "over-exposed": (scores.bright > rules.max_bright, f"{scores.bright:.0%} of the face is white"),
        "without contrast": (scores.contrast < rules.min_contrast, f"deviation {scores.contrast:.1f} of 255"),
        "blurred": (scores.crispness < rules.min_crispness, f"crispness {scores.crispness:.1f}"),
    }
    for reason, (is_so, detail) in limits.items():
        if is_so:
            return Drop(stage=STAGE, reason=reason, detail=detail)
    return None


def _eyes_and_nose(points: Points, convention: Convention) -> tuple[Points, Points, Points]:
    """Middle of the image's left eye, of its right eye, and the nose."""
    if convention == "dlib5":
        return points[:2].mean(0), points[2:4].mean(0), points[4]
    return points[0], points[1], points[2]


def _turn_degrees(points: Points, convention: Convention) -> float:
    """A nose stands out of the face, so it moves with the sine of the turn."""
    left, right, nose = _eyes_and_nose(points, convention)
    across = right - left
    offset = float((nose - (left + right) / 2) @ across / max(1e-9, float(across @ across)))
    sine = offset / PROFILE[convention] * math.sin(math.radians(PROFILE_DEGREES))
    return math.degrees(math.asin(min(1.0, max(-1.0, sine))))


def _roll_degrees(points: Points, convention: Convention) -> float:
    left, right, _ = _eyes_and_nose(points, convention)
    return math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))


def _misfit(points: Points, convention: Convention) -> float:
    template = UTKFACE.template(convention, FACE_PX)
    left, right, _ = _eyes_and_nose(template, convention)
    placed = apply(UTKFACE.matrix(points, convention, FACE_PX), points)
    return float(np.linalg.norm(placed - template, axis=1).mean() / np.linalg.norm(right - left))


def _share_beyond(matrix: Affine, size_px: int, photo_shape: tuple[int, ...]) -> float:
    """Share of a crop whose pixels lie outside the photo."""
    steps = (np.arange(GRID) + 0.5) * size_px / GRID - 0.5
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    x, y = apply(invert(matrix), grid).T
    is_inside = (x >= -0.5) & (x <= photo_shape[1] - 0.5) & (y >= -0.5) & (y <= photo_shape[0] - 0.5)
    return float(1 - is_inside.mean())
