"""The mirror: one frame of a camera in, the same frame with the face at another age out."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from core.age_reader import PresentAge
from core.align import Photo
from core.change import Change
from core.errors import BadImage
from core.images import DecodeLimits, decode_photo, encode_jpeg
from core.marking import add_label
from core.moving import MovingFace, steadied
from core.tracking import Track, begin, follow
from demo.motion import quick_model
from demo.studio import ADULT_YEARS, Studio

FRAME_LIMITS: Final = DecodeLimits(max_bytes=1 << 19, max_pixels=1280 * 960, timeout_s=5)
"""Of a frame that is aged at once."""
STILL_LIMITS: Final = DecodeLimits(max_bytes=1 << 20, max_pixels=1920 * 1440, timeout_s=10)
"""Of the frame that a strip is made of."""
FRAME_QUALITY: Final = 85
HEAD: Final = "data:image/jpeg;base64,"
NO_FRAME: Final = "The camera’s picture did not arrive whole. Start the camera again."

READ_EVERY_S: Final = 4.0
"""So often a face's present age is read again."""
NUM_READINGS: Final = 5
"""The present age is the median of so many readings."""
INERTIA: Final = 0.5
"""Share of the last frame's change where nothing moved."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Glance:
    """What is remembered of one visitor's last frame; lives in that visitor's session only."""

    track: Track
    ages: tuple[PresentAge, ...]
    """Readings of the present age, the latest last; empty for a model that reads none."""
    read_s: float
    """When the last reading was taken."""
    crop: Photo | None = None
    """(S, S, 3) uint8 RGB: the aligned face of the last frame that was aged."""
    change: Change | None = None
    """(S, S, 3) float32: what was carried back into it."""
    years: float | None = None
    """The age it was brought to."""

    @property
    def present_age(self) -> PresentAge | None:
        """The reading in the middle of the latest."""
        if not self.ages:
            return None
        return sorted(self.ages, key=lambda age: age.years)[len(self.ages) // 2]

    @property
    def needs_guardian(self) -> bool:
        return bool(self.ages) and median(age.years for age in self.ages) < ADULT_YEARS


class Mirror:
    """Ages frames with the studio's quick model; keeps nothing itself."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.model = quick_model(studio)
        self.ager = studio.ager(self.model)
        self.moving = MovingFace(self.ager)

    def look(self, frame: Photo, before: Glance | None, now_s: float) -> Glance:
        """Find the face of a frame: where it was in the last one, else the largest. Only after consent.

        Args:
            frame: (H, W, 3) uint8 RGB.
            before: of the last frame, None for the first.
            now_s: a clock that never goes back.
        Raises:
            NoFace: there is none.
        """
        track = None
        if before is not None and now_s > before.track.time_s:
            track = follow(self.studio.pack, frame, before.track, now_s)
        if before is None or track is None:
            face = self.ager.find_faces(frame)[0]
            return self._read(Glance(track=begin(face, now_s), ages=(), read_s=now_s), frame, now_s)
        seen = replace(before, track=track)
        return self._read(seen, frame, now_s) if now_s - before.read_s >= READ_EVERY_S else seen

    def age(self, frame: Photo, glance: Glance, years: float) -> tuple[Photo, Glance]:
        """Bring the face of a frame to an age.

        Args:
            frame: (H, W, 3) uint8 RGB.
            glance: what `look` gave for this frame.
            years: the age, one that the model knows.
        Returns:
            the labelled frame, (H, W, 3) uint8 RGB, and what to remember of it.
        """
        matrix = self.moving.matrix(glance.track.face)
        shown = self.moving.crop(frame, matrix)
        age = glance.present_age
        change = self.moving.changes([shown], years, years if age is None else age.years)[0]
        if glance.crop is not None and glance.change is not None and glance.years == years:
            change = steadied(change, shown, glance.change, glance.crop, INERTIA)
        remembered = replace(glance, crop=shown, change=change, years=years)
        return add_label(self.moving.paste(frame, matrix, change)), remembered

    def _read(self, glance: Glance, frame: Photo, now_s: float) -> Glance:
        age = self.ager.present_age(frame, glance.track.face)
        ages = glance.ages if age is None else (*glance.ages, age)[-NUM_READINGS:]
        return replace(glance, ages=ages, read_s=now_s)


def read_frame(sent: object, limits: DecodeLimits = FRAME_LIMITS) -> Photo:
    """The frame that a browser sent: {"frame": a data URL with a JPEG}.

    Returns:
        (H, W, 3) uint8 RGB.
    Raises:
        BadImage: it is none, or beyond the limits.
    """
    url = sent.get("frame") if isinstance(sent, Mapping) else None
    if not isinstance(url, str) or not url.startswith(HEAD) or len(url) > limits.max_bytes * 4 / 3 + len(HEAD) + 4:
        raise BadImage(NO_FRAME)
    try:
        data = base64.b64decode(url[len(HEAD) :], validate=True)
    except ValueError as error:  # what is no ASCII, too
        raise BadImage(NO_FRAME) from error
    return decode_photo(data, limits)


def as_url(photo: Photo) -> str:
    """A picture as a data URL, so that no frame is ever a file."""
    return HEAD + base64.b64encode(encode_jpeg(photo, FRAME_QUALITY)).decode("ascii")
