"""Faces in a photo: what a face pack is, how one is opened, and what is common to all of them.

A pack is a detector, five landmarks and a recogniser that belong together. Points of different packs are not
interchangeable (see the conventions in `align`), nor are their embeddings.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from core.align import FFHQ, Convention, Photo, Points, apply, invert, scale_of
from core.candidates import Box, Candidate, warnings_for
from core.errors import PackMissing
from core.identity import Embedding

log = logging.getLogger(__name__)

PORTRAIT_UNIT_PX = 512


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
        """As `open_pack` takes it: "embedded" or "insightface:buffalo_l"."""

    @property
    def convention(self) -> Convention:
        """Which five points its faces carry."""

    @property
    def identity(self) -> str:
        """Name of the recogniser; with the digest of its file the key of a threshold table."""

    @property
    def recogniser_file(self) -> Path:
        """The file with the recogniser's weights."""

    def detect(self, photo: Photo) -> list[Face]:
        """All faces of a (H, W, 3) uint8 RGB photo, largest first; empty if there is none.

        `find`, then `place` for each, with warnings.
        """

    def find(self, photo: Photo) -> list[Candidate]:
        """The same faces by their boxes, with rough points: for whoever needs only some of them."""

    def place(self, photo: Photo, candidate: Candidate) -> Face:
        """A candidate of this photo with exact points; without warnings."""

    def embed(self, photo: Photo, face: Face) -> Embedding:
        """(D,) float32 of length 1; compare with `identity.cosine`, within one pack only."""


def with_warnings(face: Face, photo: Photo) -> Face:
    """The face, and why a result may disappoint."""
    return replace(face, warnings=warnings_for(photo, face.points, face.convention))


def open_pack(name: str = "auto", *, threads: int | None = None, is_sparing: bool = False) -> FacePack:
    """Load a face pack. Takes a second or two; keep the result.

    Args:
        name: "embedded", "insightface:<pack or folder>", or "auto": the best InsightFace pack that is already
            on this machine, else the embedded one. The log and the pack's `name` say which.
        threads: an InsightFace pack computes with so many; None for one a core.
        is_sparing: an InsightFace pack then takes about half the time for a photo with one face. Its detector is
            given no more empty pixels than it needs, so boxes and points differ a little from those found otherwise.
    Raises:
        PackMissing: the pack is damaged, or absent and not to be fetched. "auto" warns and passes on.
        ValueError: no such kind of pack.
    """
    from core.pack_embedded import EmbeddedPack
    from core.pack_insightface import InsightFacePack, packs_present

    kind, _, which = name.partition(":")
    if kind == "insightface" and which:
        return InsightFacePack(which, threads=threads, is_sparing=is_sparing)
    if name == "embedded":
        return EmbeddedPack()
    if name != "auto":
        raise ValueError(f"no face pack {name!r}: say auto, embedded or insightface:<pack or folder>")
    for present in packs_present():
        try:
            pack = InsightFacePack(present, threads=threads, is_sparing=is_sparing)
        except PackMissing as error:
            log.warning("%s", error)
            continue
        log.info("face pack: %s", pack.name)
        return pack
    log.info("face pack: embedded, as no InsightFace pack is on this machine")
    return EmbeddedPack()


def at_place_of(face: Face, faces: Sequence[Face]) -> Face | None:
    """Of the faces of a picture that was made from another, the one that lies where `face` lay in that.

    Args:
        face: of the picture before.
        faces: of the picture after, which is as large.
    Returns:
        the nearest; None if its middle is half a face or more away, or there is none.
    """
    nearest = min(faces, key=lambda one: _apart_px(one, face), default=None)
    is_there = nearest is not None and _apart_px(nearest, face) < (face.box[2] - face.box[0]) / 2
    return nearest if is_there else None


def _apart_px(one: Face, other: Face) -> float:
    """Between the middles of their boxes."""
    return math.dist(*(((face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2) for face in (one, other)))


def portrait_box(face: Face, photo_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Upright square around a face with its hair and neck, for display; about FFHQ's framing.

    Args:
        face: a face of the photo.
        photo_shape: (H, W) or (H, W, 3), pixels.
    Returns:
        Left, top, right, bottom in whole photo pixels: a square that lies inside the photo.
    """
    height, width = int(photo_shape[0]), int(photo_shape[1])
    matrix = FFHQ.matrix(face.points, face.convention, PORTRAIT_UNIT_PX)
    middle = (PORTRAIT_UNIT_PX - 1) / 2
    centre = apply(invert(matrix), [[middle, middle]])[0] + 0.5
    side = int(min(round(PORTRAIT_UNIT_PX / scale_of(matrix)), height, width))
    left, top = (np.clip(np.round(centre - side / 2), 0, (width - side, height - side))).astype(int).tolist()
    return left, top, left + side, top + side
