"""Who is seen in a clip: faces followed from frame to frame, and their points made steady once all are known.

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
from core.tracking import Following, Track, begin, follow, overlap, width_of

MAX_FACES: Final = 4
"""So many are followed at once; the largest."""
SAME_FACE: Final = 0.2
"""A detector's box that shares this part of the union with a followed face is that face."""
LOOK_EVERY_S: Final = 0.5
"""So often the whole frame is searched for faces that were not there before."""
REJOIN_S: Final = 1.5
"""A face that comes back within this time, near where it was lost, is the same person."""
NEAR_WIDTHS: Final = 1.0
STEADY_S: Final = 0.12
"""Standard deviation of the weights in time of the smoothing."""


@dataclass(kw_only=True, slots=True, eq=False)
class Person:
    """One face in those frames of a clip that show it."""

    faces: dict[int, Face] = field(default_factory=dict)
    """Number of a frame -> the face in it; numbers rise."""
    times_s: dict[int, float] = field(default_factory=dict)
    """Number of a frame -> seconds since the first."""

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


def meet(pack: FacePack, frames: Iterable[Frame], how: Following | None = None) -> Generator[int, None, list[Person]]:
    """Follow all faces of a clip.

    Yields:
        the number of frames done, after each.
    Returns:
        the people, most prominent first; empty if no face was seen.
    """
    people: list[Person] = []
    followed: list[tuple[Person, Track]] = []
    looked_s = -np.inf
    for number, frame in enumerate(frames):
        moved = [(person, follow(pack, frame.photo, track, frame.time_s, how)) for person, track in followed]
        followed = [(person, track) for person, track in moved if track is not None]
        if frame.time_s - looked_s >= LOOK_EVERY_S or len(followed) < len(moved):
            looked_s = frame.time_s
            for face in _newcomers(pack, frame, [track for _, track in followed]):
                person = _known(people, [one for one, _ in followed], face, frame.time_s)
                if person is None:
                    people.append(person := Person())
                followed.append((person, begin(face, frame.time_s)))
        for person, track in followed:
            person.add(number, track)
        yield number + 1
    return sorted(people, key=lambda person: -person.prominence)


def steady_points(person: Person) -> dict[int, Points]:
    """Number of a frame -> (5, 2) float64 points, smoothed over time; apart where the face was away for long."""
    numbers = list(person.faces)
    times_s = np.array([person.times_s[number] for number in numbers])
    points = np.stack([person.faces[number].points for number in numbers]).reshape(len(numbers), -1)
    breaks = np.flatnonzero(np.diff(times_s) > 0.5) + 1
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


def _known(people: list[Person], present: list[Person], face: Face, now_s: float) -> Person | None:
    """Who was lost a moment ago where this face is now."""
    for person in reversed(people):
        if any(person is one for one in present):
            continue
        last = person.faces[person.last]
        way = np.linalg.norm(face.points.mean(0) - last.points.mean(0)) / width_of(last.points, last.convention)
        if way <= NEAR_WIDTHS and now_s - person.times_s[person.last] <= REJOIN_S:
            return person
    return None
