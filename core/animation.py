"""One face swept through its ages and back: the frames of a film or of an endless GIF."""

from collections.abc import Collection, Iterator
from itertools import pairwise

import numpy as np

from core.age_reader import PresentAge
from core.ages import AgeGroups
from core.aging import FaceAger
from core.align import Photo
from core.detect import Face
from core.images import encode_gif, resize
from core.marking import add_label, add_watermark
from core.regions import Lock
from core.sheet import caption_bar

FILM_STEPS = 10
"""Steps from one group's typical age to the next, in a film."""
FILM_FPS = 10
GIF_STEPS = 4
GIF_FPS = 8
GIF_PX = 320


def sweep_years(groups: AgeGroups, steps: int) -> list[float]:
    """The ages of a sweep: every group's typical one, and `steps` - 1 between each and the next."""
    years = [groups.typical_years[0]]
    for start, end in pairwise(groups.typical_years):
        years += np.linspace(start, end, steps + 1)[1:].tolist()
    return years


def sweep(
    ager: FaceAger,
    photo: Photo,
    face: Face,
    present_age: PresentAge | None,
    *,
    steps: int = FILM_STEPS,
    size_px: int = 0,
    locks: Collection[Lock] = (),
) -> Iterator[Photo]:
    """Marked portraits through all ages of a model, youngest first, each with its age below, as they are made.

    Args:
        ager: the model.
        photo: (H, W, 3) uint8 RGB.
        face: a face of that photo.
        present_age: its age; read if None.
        steps: see `sweep_years`.
        size_px: side of the portraits; 0 leaves them at 512.
        locks: regions of the photo that stay as they are.
    Yields:
        (size + bar, size, 3) uint8 RGB.
    """
    groups = ager.groups
    years = sweep_years(groups, steps)
    for aged in ager.stream(photo, ages_years=years, face=face, present_age=present_age, locks=locks):
        portrait = resize(aged.portrait, size_px, size_px) if size_px else aged.portrait
        yield add_watermark(caption_bar(add_label(portrait), caption(groups, aged.target.years)))


def caption(groups: AgeGroups, years: float) -> str:
    """An age beside its group: whole years begun, as groups count them."""
    return f"{int(years)} years (group {groups.names[groups.index_of(years)]})"


def there_and_back(frames: list[Photo]) -> list[Photo]:
    """Frames, then the same backwards without the last."""
    return [*frames, *frames[-2::-1]]


def gif(frames: list[Photo]) -> bytes:
    """An endless GIF of a sweep, there and back."""
    return encode_gif(there_and_back(frames), GIF_FPS)
