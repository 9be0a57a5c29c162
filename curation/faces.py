"""Which face of a photo is meant, and how it is cut out for the archive."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from core.align import Convention, Photo, apply, crop, framing_named
from core.candidates import Candidate, area
from core.decoding import DecodeLimits, decode
from core.detect import Face, FacePack
from core.identity import Embedding
from core.images import encode_jpeg
from curation.stage import Drop

STAGE: Final = "faces"
JPEG_QUALITY: Final = 95
LEAST_PX, MOST_PX = 32, 2048
"""Sides of a crop that make sense."""
OWN_LIMITS: Final = DecodeLimits()

Found = TypeVar("Found", Face, Candidate)


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceRules:
    """What a face must be like to be kept, and how it is cut out. Raises ValueError for what cannot be."""

    framing: str = "ffhq"
    """Framing of the crop, by its name in core.align: "ffhq" with hair and neck, "utkface" from brow to chin."""
    size_px: int = 256
    """Side of the crop."""
    clearly_larger: float = 1.5
    """Of several faces the largest is taken if its box has so many times the area of the next."""
    min_face_px: float = 64.0
    """Side of the square from brow to chin, in pixels of the photo, at least."""
    min_crispness: float = 7.5
    """Below it a face is blurred; see core.candidates.crispness."""
    max_turn_degrees: float = 45.0
    """How far the head may be turned to a side."""
    max_roll_degrees: float = 60.0
    """How far the line of the eyes may lie from level; the crop makes it level."""
    min_luminance: float = 30.0
    """Mean of the face, in levels of 255, at least; UTKFace's darkest is 83."""
    max_dark: float = 0.4
    """Share of the face's pixels that may be as good as black; UTKFace's worst is 0.15."""
    max_bright: float = 0.3
    """Share that may be as good as white; UTKFace's worst is 0.09."""
    min_contrast: float = 12.0
    """Standard deviation of the face's luminance, in levels of 255; UTKFace's lowest is 27."""
    max_beyond: float = 0.4
    """Share of the crop that may lie beyond the photo's edge, where the photo is mirrored."""
    max_face_beyond: float = 0.1
    """The same of the square from brow to chin."""
    min_score: float = 0.5
    """Detector's confidence, 0..1. YuNet gives any face 0.9; SCRFD 0.74 and more, but 0.5 to 0.6 to one that fills the
    photo, and as much to one that is half hidden."""
    max_misfit: float = 0.16
    """Mean distance of the five points from a mean face's, in distances of its eyes; UTKFace's worst is 0.12."""

    def __post_init__(self) -> None:
        framing_named(self.framing)
        if not LEAST_PX <= self.size_px <= MOST_PX:
            raise ValueError(f"size_px is {LEAST_PX} to {MOST_PX}, got {self.size_px}")
        if not (math.isfinite(self.clearly_larger) and self.clearly_larger >= 1):
            raise ValueError(f"clearly_larger is 1 or more, got {self.clearly_larger}")
        for name in ("max_dark", "max_bright", "max_beyond", "max_face_beyond", "min_score"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is 0 to 1, got {getattr(self, name)}")
        for name in ("min_face_px", "min_crispness", "min_luminance", "min_contrast", "max_misfit"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is 0 or more, got {getattr(self, name)}")
        if not 0 < self.max_turn_degrees <= 90:
            raise ValueError(f"max_turn_degrees is above 0, at most 90, got {self.max_turn_degrees}")
        if not 0 < self.max_roll_degrees <= 180:
            raise ValueError(f"max_roll_degrees is above 0, at most 180, got {self.max_roll_degrees}")


def choose_face(faces: Sequence[Found], rules: FaceRules) -> Found | Drop:
    """The one face that a photo is about: the only one, or one clearly larger than all others.

    Args:
        faces: what the pack found in the photo, in any order.
    """
    if not faces:
        return Drop(stage=STAGE, reason="no face")
    largest, *others = sorted(faces, key=lambda face: (-area(face.box), face.box))
    if others and area(largest.box) < rules.clearly_larger * area(others[0].box):
        sides = " and ".join(f"{math.sqrt(area(face.box)):.0f} px" for face in (largest, others[0]))
        return Drop(
            stage=STAGE, reason="several faces alike in size", detail=f"{len(faces)} faces, the largest {sides}"
        )
    return largest


def cut_out(photo: Photo, face: Face, rules: FaceRules) -> Photo:
    """The aligned crop of a face in the framing of the rules.

    Args:
        photo: (H, W, 3) uint8 RGB, 0..255.
        face: a face of that photo.
    Returns:
        (S, S, 3) uint8 RGB, S = `rules.size_px`; beyond the photo's edge its mirror image.
    """
    framing = framing_named(rules.framing)
    matrix = framing.matrix(face.points, face.convention, rules.size_px)
    return crop(photo, matrix, rules.size_px, style=framing.style)


def as_file(face: Photo) -> bytes:
    """A crop as the JPEG file that the archive keeps: pixels only, nothing that the photo's file said beside them."""
    return encode_jpeg(face, JPEG_QUALITY)


def embed_kept(
    pack: FacePack, file: bytes, points: Sequence[Sequence[float]], convention: Convention, framing: str
) -> Embedding:
    """Embedding of a face by the file that the archive keeps: whenever it is computed, it is the same.

    Args:
        file: the aligned crop, as `as_file` made it: a file of our own making, so it is decoded in this process.
        points: (5, 2) pixels of the photo that it was cut from.
        convention: which five points these are; those of the pack.
        framing: name of the crop's framing.
    Returns:
        (D,) float32 of length 1.
    """
    photo = np.asarray(decode(file, OWN_LIMITS))
    size_px = photo.shape[0]
    matrix = framing_named(framing).matrix(points, convention, size_px)
    whole = (0.0, 0.0, float(size_px), float(size_px))
    return pack.embed(photo, Face(box=whole, points=apply(matrix, points), convention=convention, score=1.0))
