"""A clip and an age in, the clip with its person at that age out: steady, with its sound, every picture marked.

The face is followed through the clip first; then its points are smoothed over time, the change is made in crops cut
along them, and each frame's change is averaged with its neighbours', place by place, where both show the same:

    d_t = sum_s w_s,t c_s / sum_s w_s,t,      w_s,t = exp(-(s - t)^2 / 2 sigma^2) * likeness(crop_s, crop_t)
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from core.age_reader import PresentAge
from core.aging import FaceAger
from core.align import Affine, Photo
from core.change import Change
from core.clips import Clip, Frame
from core.detect import Face
from core.errors import NoFace
from core.flicker import FlickerMeter
from core.marking import mark
from core.moving import MovingFace, likeness
from core.people import Person, meet, same_person_cosine, steady_points
from core.video import write_clip

NO_FACE: Final = "No face was found in this video. Use one in which a face is seen from the front."
AT_ONCE: Final = 8
"""So many crops go through the network together."""
SIGMA_S: Final = 0.08
"""Standard deviation of the weights in time of the averaging; frames beyond twice that have none."""
FADE_S: Final = 0.25
"""Where a face appears or is lost within the clip, its change comes and goes over this time."""
NUM_READINGS: Final = 5
"""The present age is the median of readings in so many frames."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """How far the ageing of a clip is."""

    is_following: bool
    """True while faces are followed, False while frames are made."""
    num_done: int
    """Frames of this part that are done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a clip."""

    num_frames: int
    num_aged: int
    """Frames in which the face was seen, and aged."""
    present_age: PresentAge | None
    flicker: float
    """Grey levels that the change trembles by from frame to frame, see `core.flicker`, in crops along steady points."""
    flicker_unsteadied: float
    """The same without the averaging over time."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Piece:
    """A frame on its way, with what is to be done to its face."""

    frame: Frame
    matrix: Affine | None = None
    """None where the face is not seen."""
    crop: Photo | None = None
    change: Change | None = None
    strength: float = 1.0
    is_new: bool = False
    """Whether the face was found anew: after a cut, or where it was away."""


class ClipAger:
    """Ages clips with one model. Keeps nothing of one call for the next."""

    def __init__(self, ager: FaceAger) -> None:
        self.ager, self.moving = ager, MovingFace(ager)
        self.same_from = same_person_cosine(ager.pack)

    def glimpse(self, frames: Sequence[Frame]) -> tuple[Face, PresentAge | None, int]:
        """Look at a few frames of a clip.

        Returns:
            the largest face, the middle of the ages that the largest faces read as, and how many faces the fullest
            frame shows.
        Raises:
            NoFace: none of them shows one.
        """
        seen = [(frame, faces) for frame in frames if (faces := self.ager.pack.detect(frame.photo))]
        if not seen:
            raise NoFace(NO_FACE)
        best = max((faces[0] for _, faces in seen), key=lambda face: face.box[2] - face.box[0])
        age = middle([self.ager.present_age(frame.photo, faces[0]) for frame, faces in seen[:NUM_READINGS]])
        return best, age, max(len(faces) for _, faces in seen)

    def follow(self, clip: Clip) -> Generator[Step, None, Person]:
        """Follow the faces of a clip. Yields a step a frame, returns the most prominent person.

        Raises:
            BadClip: see `Clip.frames`.
            NoFace: the clip shows none.
        """
        with closing(clip.frames()) as frames:
            meeting = meet(self.ager.pack, frames, self.same_from)
            while True:
                try:
                    yield Step(is_following=True, num_done=next(meeting))
                except StopIteration as done:
                    people: list[Person] = done.value
                    break
        if not people:
            raise NoFace(NO_FACE)
        return people[0]

    def present_age(self, clip: Clip, person: Person) -> PresentAge | None:
        """The age a person reads as: the middle of readings in a few frames, spread over the clip."""
        numbers = list(person.faces)
        chosen = {numbers[round(share * (len(numbers) - 1))] for share in np.linspace(0.1, 0.9, NUM_READINGS)}
        readings = []
        with closing(clip.frames()) as frames:
            for number, frame in enumerate(frames):
                if number in chosen:
                    readings.append(self.ager.present_age(frame.photo, person.faces[number]))
                if number >= max(chosen):
                    break
        return middle(readings)

    def age(
        self, clip: Clip, person: Person, present_age: PresentAge | None, years: float, path: Path
    ) -> Generator[Step, None, Outcome]:
        """Write the clip with a person at an age. Yields a step a frame; close the generator to stop, nothing is left.

        Args:
            clip: as `follow` was given it.
            person: as `follow` returned it.
            present_age: as `present_age` returned it.
            years: the age, one that the model knows.
            path: MP4 to write.
        Raises:
            BadClip: see `Clip.frames`.
            ValueError: an age the model does not know.
        """
        self.ager.targets([years])
        sound = clip.sound()
        num_frames = num_aged = 0
        meters = FlickerMeter(), FlickerMeter()

        def marked() -> Generator[tuple[float, Photo], None, None]:
            nonlocal num_frames, num_aged
            with closing(self.pictures(clip, person, present_age, years, meters)) as pictures:
                for frame, photo in pictures:
                    num_frames, num_aged = num_frames + 1, num_aged + (photo is not frame.photo)
                    yield frame.time_s, mark(photo)

        with closing(marked()) as made:
            for number in write_clip(made, path, rate_of(person), sound):
                yield Step(is_following=False, num_done=number)
        return Outcome(
            num_frames=num_frames,
            num_aged=num_aged,
            present_age=present_age,
            flicker=meters[0].value,
            flicker_unsteadied=meters[1].value,
        )

    def pictures(
        self,
        clip: Clip,
        person: Person,
        present_age: PresentAge | None,
        years: float,
        meters: tuple[FlickerMeter, FlickerMeter],
    ) -> Generator[tuple[Frame, Photo], None, None]:
        """Each frame as it is, and as (H, W, 3) uint8 RGB with the person at an age: not marked, for `age` to be so.

        Args:
            meters: told the changes, steadied and not. All else as for `age`.
        """
        with closing(clip.frames()) as frames:
            changed = self._changed(self._aimed(frames, person), present_age, years)
            for piece in self._steadied(changed, meters):
                photo = piece.frame.photo
                if piece.matrix is not None and piece.change is not None:
                    photo = self.moving.paste(photo, piece.matrix, piece.change * np.float32(piece.strength))
                yield piece.frame, photo

    def _aimed(self, frames: Iterator[Frame], person: Person) -> Iterator[_Piece]:
        """Each frame with where its face is."""
        points = steady_points(person)
        strengths = fades(person)
        for number, frame in enumerate(frames):
            if number not in points:
                yield _Piece(frame=frame)
                continue
            face: Face = replace(person.faces[number], points=points[number])
            matrix = self.moving.matrix(face)
            crop = self.moving.crop(frame.photo, matrix)
            is_new = number in person.begins
            yield _Piece(frame=frame, matrix=matrix, crop=crop, strength=strengths[number], is_new=is_new)

    def _changed(self, pieces: Iterator[_Piece], age: PresentAge | None, years: float) -> Iterator[_Piece]:
        """Each with its change, several at a time through the network."""
        batch: list[_Piece] = []

        def done() -> Iterator[_Piece]:
            crops = [piece.crop for piece in batch if piece.crop is not None]
            made = iter(self.moving.changes(crops, years, years if age is None else age.years) if crops else ())
            for piece in batch:
                yield piece if piece.crop is None else replace(piece, change=next(made))
            batch.clear()

        for piece in pieces:
            batch.append(piece)
            if len(batch) == AT_ONCE:
                yield from done()
        yield from done()

    def _steadied(self, pieces: Iterator[_Piece], meters: tuple[FlickerMeter, FlickerMeter]) -> Iterator[_Piece]:
        """Each with its change averaged over its neighbours in time."""
        window: deque[_Piece] = deque()
        due = 0  # index in the window of the piece that is given next

        def given() -> _Piece:
            piece = window[due]
            if piece.change is None or piece.crop is None:
                return piece
            if piece.is_new:
                for meter in meters:
                    meter.interrupt()
            steady = averaged(piece.frame.time_s, piece.crop, [one for one in window if one.change is not None])
            for meter, change in zip(meters, (steady, piece.change), strict=True):
                meter.add_change(change)
            return replace(piece, change=steady)

        for newest in pieces:
            window.append(newest)
            while newest.frame.time_s - window[due].frame.time_s >= 2 * SIGMA_S:
                yield given()
                due += 1
                while window[due].frame.time_s - window[0].frame.time_s > 2 * SIGMA_S:
                    window.popleft()
                    due -= 1
        while due < len(window):
            yield given()
            due += 1


def averaged(time_s: float, crop: Photo, neighbours: Sequence[_Piece]) -> Change:
    """(S, S, 3) float32: the changes of frames about one moment, weighted as the module says."""
    total = np.zeros(crop.shape, np.float32)
    weights = np.zeros((*crop.shape[:2], 1), np.float32)
    for one in neighbours:
        apart = (one.frame.time_s - time_s) / SIGMA_S
        if one.crop is None or one.change is None or abs(apart) > 2:
            continue
        weight = np.float32(np.exp(-(apart**2) / 2)) * likeness(crop, one.crop)
        total += weight * one.change
        weights += weight
    mean: Change = total / weights
    return mean


def fades(person: Person) -> dict[int, float]:
    """Number of a frame -> how much of the change is shown, 0..1: less near where a face appears or is lost."""
    numbers = list(person.faces)
    times_s = np.array([person.times_s[number] for number in numbers])
    breaks = [0, *(np.flatnonzero(np.diff(numbers) > 1) + 1), len(numbers)]
    shown = np.ones(len(numbers))
    for start, end in pairwise(breaks):
        part = slice(start, end)
        if numbers[start] > 0:
            shown[part] = np.minimum(shown[part], (times_s[part] - times_s[start]) / FADE_S)
        if numbers[end - 1] < person.num_frames - 1:
            shown[part] = np.minimum(shown[part], (times_s[end - 1] - times_s[part]) / FADE_S)
    return dict(zip(numbers, np.clip(shown, 0, 1).tolist(), strict=True))


def rate_of(person: Person) -> float:
    """Frames per second of the clip, 1..120, from the times of frames that follow each other."""
    gaps_s = np.diff(list(person.times_s.values()))[np.diff(list(person.times_s)) == 1]
    return float(np.clip(1 / np.median(gaps_s), 1, 120)) if len(gaps_s) else 25.0


def middle(readings: Sequence[PresentAge | None]) -> PresentAge | None:
    """The reading whose age is the median; None if nothing was read."""
    read = sorted((one for one in readings if one is not None), key=lambda one: one.years)
    return read[len(read) // 2] if read else None
