"""Who is seen in a clip: faces followed from frame to frame, and their points made steady once all are known.

A face that comes back, after a cut or from behind something, is the person that the pack's recogniser takes it for,
where there is a threshold for that; or who was lost soon before, near there, in the same scene. What the recogniser
makes of faces is forgotten with the clip.

Points are smoothed by weighted least squares, a parabola for each frame through its neighbours in time (Savitzky and
Golay 1964, with Gaussian weights): unlike a filter that knows the past alone, it neither lags nor flattens motion.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from core.align import Points
from core.candidates import area
from core.clips import Frame
from core.detect import Face, FacePack
from core.errors import TableMissing
from core.identity import Embedding, cosine
from core.images import resize
from core.thresholds import table_of
from core.tracking import Following, Track, begin, follow, overlap, width_of

MAX_FACES: Final = 4
"""So many are followed at once; the largest."""
SAME_FACE: Final = 0.2
"""A detector's box that shares this part of the union with a followed face is that face."""
LOOK_EVERY_S: Final = 0.5
"""So often the whole frame is searched for faces that were not there before."""
FALSE_ACCEPT_RATE: Final = 0.001
"""Of the threshold by which faces that come back are recognised."""
REJOIN_S: Final = 1.5
"""A face that comes back within this time, near where it was lost, is the same person."""
NEAR_WIDTHS: Final = 1.0
CUT_LEVELS: Final = 40.0
"""Mean difference of two frames, in grey levels, from which on the scene has changed."""
CUT_GRID_PX: Final = 16
"""Frames are compared as squares of so many pixels a side, in which motion hardly shows."""
STEADY_S: Final = 0.12
"""Standard deviation of the weights in time of the smoothing."""


@dataclass(kw_only=True, slots=True, eq=False)
class Person:
    """One face in those frames of a clip that show it."""

    faces: dict[int, Face] = field(default_factory=dict)
    """Number of a frame -> the face in it; numbers rise."""
    times_s: dict[int, float] = field(default_factory=dict)
    """Number of a frame -> seconds since the first."""
    begins: set[int] = field(default_factory=set)
    """Numbers of the frames in which the face was found anew."""
    embedding: Embedding | None = None
    """Of the face when it was first seen; None where faces are not compared."""
    num_frames: int = 0
    """Of the whole clip, whether they show the face or not."""

    def add(self, number: int, track: Track) -> None:
        """The face in one more frame, with its points as found."""
        self.faces[number] = replace(track.face, points=track.found.points)
        self.times_s[number] = track.time_s

    @property
    def last(self) -> int:
        """Number of the last frame that shows the face."""
        return next(reversed(self.faces))

    @property
    def prominence(self) -> float:
        """Square pixels of the face, summed over frames."""
        return sum(area(face.box) for face in self.faces.values())


def meet(
    pack: FacePack, frames: Iterable[Frame], same_from: float | None = None, how: Following | None = None
) -> Generator[int, None, list[Person]]:
    """Follow all faces of a clip.

    Args:
        same_from: cosine of two embeddings of the pack from which on two faces are one person; None if not known.
    Yields:
        the number of frames done, after each.
    Returns:
        the people, most prominent first; empty if no face was seen.
    """
    people: list[Person] = []
    followed: list[tuple[Person, Track]] = []
    looked_s, cut_s = -np.inf, 0.0
    grid: npt.NDArray[np.float32] | None = None
    for number, frame in enumerate(frames):
        before, grid = grid, resize(frame.photo, CUT_GRID_PX, CUT_GRID_PX).astype(np.float32)
        if before is not None and np.abs(grid - before).mean() >= CUT_LEVELS:
            followed, looked_s, cut_s = [], -np.inf, frame.time_s
        moved = [(person, follow(pack, frame.photo, track, frame.time_s, how)) for person, track in followed]
        followed = [(person, track) for person, track in moved if track is not None]
        if frame.time_s - looked_s >= LOOK_EVERY_S or len(followed) < len(moved):
            looked_s = frame.time_s
            for face in _newcomers(pack, frame, [track for _, track in followed]):
                embedding = None if same_from is None else pack.embed(frame.photo, face)
                absent = [person for person in people if not any(person is one for one, _ in followed)]
                person = _recognised(absent, embedding, same_from) or _near(absent, face, frame.time_s, cut_s)
                if person is None:
                    people.append(person := Person(embedding=embedding))
                person.begins.add(number)
                followed.append((person, begin(face, frame.time_s)))
        for person, track in followed:
            person.add(number, track)
        for person in people:
            person.num_frames = number + 1
        yield number + 1
    return sorted(people, key=lambda person: -person.prominence)


def same_person_cosine(pack: FacePack) -> float | None:
    """The cosine from which on this pack's faces count as one person; None if no table says."""
    try:
        return table_of(pack, FALSE_ACCEPT_RATE).one_size_threshold
    except TableMissing:
        return None


def steady_points(person: Person) -> dict[int, Points]:
    """Number of a frame -> (5, 2) float64 points, smoothed over time; apart where it was found anew."""
    numbers = list(person.faces)
    times_s = np.array([person.times_s[number] for number in numbers])
    points = np.stack([person.faces[number].points for number in numbers]).reshape(len(numbers), -1)
    breaks = [place for place, number in enumerate(numbers) if place and number in person.begins]
    steady = [_smoothed(times_s[part], points[part]) for part in np.split(np.arange(len(numbers)), breaks)]
    return dict(zip(numbers, np.concatenate(steady).reshape(-1, 5, 2), strict=True))


def _smoothed(times_s: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, K) values at (N,) times; each replaced by what a parabola through its neighbours says."""
    smoothed = np.empty_like(values)
    for index, now_s in enumerate(times_s):
        near = np.flatnonzero(np.abs(times_s - now_s) <= 3 * STEADY_S)
        since = (times_s[near] - now_s) / STEADY_S
        weights = np.exp(-(since**2) / 4)[:, None]  # the square root of a Gaussian, as least squares want it
        degree = min(2, (len(near) - 1) // 2)
        terms = np.stack([since**power for power in range(degree + 1)], axis=1)
        smoothed[index] = np.linalg.lstsq(terms * weights, values[near] * weights, rcond=None)[0][0]
    return smoothed


def _newcomers(pack: FacePack, frame: Frame, tracks: list[Track]) -> list[Face]:
    """Faces of a frame that no track follows, largest first, as many as may be followed."""
    boxes = [track.face.box for track in tracks]
    found = [one for one in pack.find(frame.photo) if all(overlap(one.box, box) < SAME_FACE for box in boxes)]
    return [pack.place(frame.photo, candidate) for candidate in found[: max(0, MAX_FACES - len(tracks))]]


def _recognised(people: list[Person], embedding: Embedding | None, same_from: float | None) -> Person | None:
    """Who looks most like a face, if anybody does, and faces are compared."""
    if embedding is None or same_from is None:
        return None
    alike = [(cosine(embedding, person.embedding), person) for person in people if person.embedding is not None]
    best = max(alike, key=lambda one: one[0], default=None)
    return best[1] if best is not None and best[0] >= same_from else None


def _near(people: list[Person], face: Face, now_s: float, cut_s: float) -> Person | None:
    """Who was lost a moment ago, in the same scene, where a face is now."""
    for person in reversed(people):
        last, lost_s = person.faces[person.last], person.times_s[person.last]
        way = np.linalg.norm(face.points.mean(0) - last.points.mean(0)) / width_of(last.points, last.convention)
        if way <= NEAR_WIDTHS and now_s - lost_s <= REJOIN_S and lost_s >= cut_s:
            return person
    return None
