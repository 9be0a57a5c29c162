"""Faces in a photo: what a face pack is, how one is opened, and what is common to all of them.

A pack is a detector, five landmarks and a recogniser that belong together. Points of different packs are not
interchangeable (see the conventions in `align`), nor are their embeddings.
"""

import logging
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.align import Convention, Photo, Points

Box = tuple[float, float, float, float]
Embedding = npt.NDArray[np.float32]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Face:
    """One face of a photo, in that photo's own pixels."""

    box: Box
    """Left, top, right, bottom; inside the photo."""
    points: Points
    """(5, 2) float64, see `convention`; may lie outside a photo that cuts the face."""
    convention: Convention
    """Which five points: "arcface5" or "dlib5"."""
    score: float
    """Detector's confidence, 0..1."""
    warnings: tuple[str, ...] = ()
    """Why a result may disappoint: "profile", "tiny", "blurred"."""


class FacePack(Protocol):
    """Detector, landmarks and recogniser that belong together; safe to call from several threads."""

    @property
    def name(self) -> str:
        """As given to `open_pack`: "embedded" or "insightface:buffalo_l"."""

    @property
    def convention(self) -> Convention:
        """Which five points its faces carry."""

    @property
    def identity(self) -> str:
        """Name of the recogniser, the key of a threshold table."""

    def detect(self, photo: Photo) -> list[Face]:
        """All faces of a (H, W, 3) uint8 RGB photo, largest first; empty if there is none."""

    def embed(self, photo: Photo, face: Face) -> Embedding:
        """(D,) float32 of length 1; compare with `identity.cosine`, within one pack only."""
