"""The cinema: a video file in, the same clip with its person at another age out."""

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from core.age_reader import PresentAge
from core.align import Photo
from core.clip_aging import ClipAger, Outcome, Step
from core.clips import Clip, ClipLimits, Copy
from core.people import Person
from core.provenance import Made
from core.transform import made_of
from core.video import write_clip
from demo.answering import Refusal
from demo.cache_folder import own_folder
from demo.motion import quick_model
from demo.studio import ADULT_YEARS, Studio
from demo.uploads import EXAMPLE

T = TypeVar("T")

GONE: Final = "This video is no longer held here (videos are forgotten after ten minutes). Choose it again."
LIMITS: Final = ClipLimits()
EXAMPLE_FPS, EXAMPLE_FRAMES = 15, 60
NUM_GLIMPSES: Final = 6
"""So many frames are looked at before anything is made."""
TELL_EVERY_S: Final = 0.3
"""Progress is told no more often."""
MAKING_COST: Final = 2.5
"""Making a frame takes about so many times as long as following the faces in it: for the first guess of time left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reel:
    """A visitor's clip, without metadata, as it lies in the page's cache for ten minutes. Lives in the session only."""

    path: str
    num_frames: int
    length_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a glimpse of a reel showed, after consent."""

    reel: Reel
    present_age: PresentAge | None
    num_faces: int
    """In the fullest of the frames that were looked at."""
    warnings: tuple[str, ...]
    """Of the largest face, see `core.detect.Face`."""

    @property
    def needs_guardian(self) -> bool:
        return is_minor(self.present_age)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far the ageing of a clip is."""

    step: Step
    share: float
    """Of all the work, 0..1."""
    left_s: float | None
    """Seconds it will still take; None while that is not known."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Film:
    """The finished clip."""

    data: bytes
    """MP4: H.264, the sound as AAC."""
    outcome: Outcome


class Cinema:
    """Ages clips with the studio's quick model; keeps nothing itself."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.ager = ClipAger(studio.ager(quick_model(studio)))

    def bring(self, data: bytes) -> Copy:
        """A copy without metadata of a file that nobody vouches for. Raises BadClip."""
        return Clip(data, LIMITS).copy()

    def example(self) -> Copy:
        """A short clip of the bundled photo, moved as by a hand: for who has none of their own."""
        photo = self.studio.read(EXAMPLE.read_bytes())
        with own_folder() as folder:
            path = folder / "example.mp4"
            for _ in write_clip(panned(photo), path, EXAMPLE_FPS):
                pass
            return self.bring(path.read_bytes())

    def made(self, years: float) -> Made:
        """What the manifest of a clip at that age tells."""
        ager = self.ager.ager
        return made_of(ager, ager.targets([years]))

    def look(self, reel: Reel) -> Seen:
        """Find the faces in a few frames. Only after consent. Raises NoFace, BadClip, Refusal."""
        frames = list(clip_of(reel).frames(every_s=reel.length_s / NUM_GLIMPSES))
        face, age, num_faces = self.ager.glimpse(frames)
        return Seen(reel=reel, present_age=age, num_faces=num_faces, warnings=face.warnings)

    def age(self, reel: Reel, years: float, is_allowed_minor: bool, refusal: str) -> Generator[Progress, None, Film]:
        """Age the clip's most prominent person. Close the generator to stop: nothing is left behind then.

        Args:
            years: one that the model knows.
            is_allowed_minor: whether a guardian agreed.
            refusal: what to say if one has to and did not.
        Raises:
            Refusal, NoFace, BadClip: nothing was made.
        """
        clip, num = clip_of(reel), reel.num_frames
        pace = _Pace(num_frames=num)
        person: Person = yield from pace.timed(self.ager.follow(clip))
        age = self.ager.present_age(clip, person)
        if is_minor(age) and not is_allowed_minor:
            raise Refusal(refusal)
        with own_folder() as folder:
            path = folder / "aged.mp4"
            outcome: Outcome = yield from pace.timed(self.ager.age(clip, person, age, years, path))
            return Film(data=path.read_bytes(), outcome=outcome)


def panned(photo: Photo) -> Iterator[tuple[float, Photo]]:
    """(seconds, (H, W, 3) uint8 RGB): a window that wanders over the upper half of a photo and comes back."""
    height, width = photo.shape[:2]
    high, wide = round(0.6 * height) // 2 * 2, round(0.8 * width) // 2 * 2
    for number in range(EXAMPLE_FRAMES):
        phase = 2 * math.pi * number / EXAMPLE_FRAMES
        left = round((width - wide) * (0.5 - 0.45 * math.sin(phase)))
        top = round(0.06 * height * (1 - math.cos(phase)) / 2)
        yield number / EXAMPLE_FPS, np.ascontiguousarray(photo[top : top + high, left : left + wide])


class _Pace:
    """Turns steps into progress with the time left."""

    def __init__(self, num_frames: int) -> None:
        self.num_frames = num_frames
        self.told_s = 0.0

    def timed(self, steps: Generator[Step, None, T]) -> Generator[Progress, None, T]:
        """The steps as progress, not too often; gives back what the steps return."""
        began_s = time.monotonic()
        with closing(steps):
            while True:
                try:
                    step = next(steps)
                except StopIteration as done:
                    value: T = done.value
                    return value
                now_s = time.monotonic()
                if now_s - self.told_s >= TELL_EVERY_S:
                    self.told_s = now_s
                    yield self._progress(step, now_s - began_s)

    def _progress(self, step: Step, took_s: float) -> Progress:
        each_s, rest = took_s / step.num_done, max(0, self.num_frames - step.num_done)
        all_work = self.num_frames * (1 + MAKING_COST)
        if step.is_following:
            share = step.num_done / all_work
            left_s = each_s * (rest + MAKING_COST * self.num_frames)
        else:
            share = (self.num_frames + MAKING_COST * step.num_done) / all_work
            left_s = each_s * rest
        return Progress(step=step, share=min(1.0, share), left_s=left_s if step.num_done >= 5 else None)


def clip_of(reel: Reel) -> Clip:
    """The reel's file. Raises Refusal if it is gone."""
    try:
        data = Path(reel.path).read_bytes()
    except FileNotFoundError as error:
        raise Refusal(GONE) from error
    return Clip(data, LIMITS)


def is_minor(age: PresentAge | None) -> bool:
    """Whether somebody reads as under 18."""
    return age is not None and age.years < ADULT_YEARS
