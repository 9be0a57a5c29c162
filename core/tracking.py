"""One face followed through frames: landmarks are found where the face was, the detector only looks now and then.

The points are steadied by the One-Euro filter: a low pass whose cutoff rises with the face's speed, so that a face at
rest does not tremble and a moving one is not late. All five points share one cutoff, so the filter does not bend them.

    speed_t  = speed_t-1 + a(f_s) ((x_t - y_t-1) / dt - speed_t-1)
    y_t      = y_t-1 + a(f_min + beta |speed_t|) (x_t - y_t-1),      a(f) = 1 / (1 + 1 / (2 pi f dt))

Source: Casiez, Roussel, Vogel 2012, "1 Euro Filter: a simple speed-based low-pass filter for noisy input".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.align import UTKFACE, Convention, Photo, Points, apply, fit_similarity, scale_of
from core.candidates import Box, Candidate, area
from core.detect import Face, FacePack

UNIT_PX = 200
"""A face is as wide as the UTKFace crop around it, which is `UNIT_PX` wide in its own pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """How closely a face is followed. Lengths are in widths of the face's crop, brow to chin."""

    check_every_s: float = 0.5
    """So often the detector must find the face again."""
    forget_after_s: float = 1.0
    """A longer gap between two frames ends the track."""
    surroundings: float = 2.4
    """The detector looks at a square of so many widths around the face."""
    max_step: float = 0.4
    """A face that moves further between two frames is checked at once."""
    min_overlap: float = 0.25
    """Part of their union that the boxes before and after a check share."""
    min_cutoff_hz: float = 1.2
    """Of the low pass, for a face at rest."""
    beta: float = 3.0
    """Hz that the cutoff rises for each width a second."""
    speed_cutoff_hz: float = 1.0
    """Of the low pass of the speed."""

    def __post_init__(self) -> None:
        for name in ("check_every_s", "forget_after_s", "surroundings", "max_step", "min_cutoff_hz", "speed_cutoff_hz"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Track:
    """A face at one moment, and what is needed to find it in the next frame."""

    face: Face
    """With steadied points."""
    found: Candidate
    """Box and points as they were found, not steadied; the points follow the face's convention."""
    speed: Points
    """(5, 2) float64, widths a second."""
    time_s: float
    """When the frame was taken."""
    checked_s: float
    """When the detector last found the face."""


def begin(face: Face, time_s: float) -> Track:
    """A track that starts with a face a detector has found in the frame of `time_s`."""
    found = Candidate(box=face.box, score=face.score, points=face.points)
    return Track(face=face, found=found, speed=np.zeros((5, 2)), time_s=time_s, checked_s=time_s)


def follow(pack: FacePack, photo: Photo, track: Track, time_s: float, how: Following | None = None) -> Track | None:
    """Find the face of a track in a later frame.

    Args:
        pack: the pack that found it.
        photo: (H, W, 3) uint8 RGB, of the same size as the frames before.
        track: the face in the frame before.
        time_s: when this frame was taken.
    Returns:
        The track with this frame's face; None where the face is gone, or the frames lie too far apart.
    Raises:
        ValueError: the frame is not later than the one before.
    """
    how = how or Following()
    gap_s = time_s - track.time_s
    if gap_s <= 0:
        raise ValueError(f"frames come one after the other, got {time_s:g} s after {track.time_s:g} s")
    if gap_s > how.forget_after_s:
        return None
    width_px = width_of(track.found.points, track.face.convention)
    if time_s - track.checked_s < how.check_every_s:
        face = pack.place(photo, track.found)
        step = np.linalg.norm(face.points - track.found.points, axis=1).mean() / width_px
        growth = width_of(face.points, face.convention) / width_px
        if step <= how.max_step and 1 / (1 + how.max_step) <= growth <= 1 + how.max_step:
            return _moved_on(track, face, _carried(track, face), time_s, track.checked_s, how)
    candidate = _found_again(pack, photo, track.found, how.surroundings * width_px, how.min_overlap)
    if candidate is None:
        return None
    face = pack.place(photo, candidate)
    return _moved_on(track, face, candidate.box, time_s, time_s, how)


def width_of(points: Points, convention: Convention) -> float:
    """Width of a face's crop, brow to chin, in photo pixels."""
    return UNIT_PX / scale_of(UTKFACE.matrix(points, convention, UNIT_PX))


def overlap(one: Box, other: Box) -> float:
    """Part of the union of two boxes that both cover, 0..1."""
    both = area(
        (max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])),
    )
    return both / max(area(one) + area(other) - both, 1e-9)


def nearest(candidates: Sequence[Candidate], box: Box, min_overlap: float) -> Candidate | None:
    """The candidate that covers a box best; None if none covers enough of it."""
    best = max(candidates, key=lambda candidate: overlap(candidate.box, box), default=None)
    return best if best is not None and overlap(best.box, box) >= min_overlap else None


def low_pass_share(cutoff_hz: float, gap_s: float) -> float:
    """How far a low pass of first order goes towards a new value after `gap_s`, 0..1."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff_hz * gap_s))


def _found_again(pack: FacePack, photo: Photo, last: Candidate, side_px: float, min_overlap: float) -> Candidate | None:
    """The face by the detector: near where it was, else anywhere in the frame, if it still covers that place."""
    left, top = np.maximum(np.floor((np.add(last.box[:2], last.box[2:]) - side_px) / 2), 0).astype(int).tolist()
    right, bottom = left + round(side_px), top + round(side_px)
    near = np.ascontiguousarray(photo[top:bottom, left:right])
    if min(near.shape[:2]) >= 16:
        shift = np.array([left, top])
        found = [_shifted(candidate, shift) for candidate in pack.find(near)]
        again = nearest(found, last.box, min_overlap)
        if again is not None:
            return again
    return nearest(pack.find(photo), last.box, min_overlap)


def _shifted(candidate: Candidate, shift: Points) -> Candidate:
    left, top, right, bottom = (np.array(candidate.box) + np.tile(shift, 2)).tolist()
    return replace(candidate, box=(left, top, right, bottom), points=candidate.points + shift)


def _carried(track: Track, face: Face) -> Box:
    """The detector's last box, moved and scaled as the points have moved since."""
    left, top, right, bottom = track.found.box
    motion = fit_similarity(track.found.points, face.points)
    (x, y), scale = apply(motion, [[(left + right) / 2, (top + bottom) / 2]])[0], scale_of(motion)
    width, height = scale * (right - left) / 2, scale * (bottom - top) / 2
    return x - width, y - height, x + width, y + height


def _moved_on(track: Track, face: Face, box: Box, time_s: float, checked_s: float, how: Following) -> Track:
    gap_s = time_s - track.time_s
    way = face.points - track.face.points
    speed_now = way / width_of(face.points, face.convention) / gap_s
    speed = track.speed + low_pass_share(how.speed_cutoff_hz, gap_s) * (speed_now - track.speed)
    cutoff_hz = how.min_cutoff_hz + how.beta * float(np.median(np.linalg.norm(speed, axis=1)))
    points = track.face.points + low_pass_share(cutoff_hz, gap_s) * way
    return Track(
        face=replace(face, box=box, points=points),
        found=Candidate(box=box, score=face.score, points=face.points),
        speed=speed,
        time_s=time_s,
        checked_s=checked_s,
    )
