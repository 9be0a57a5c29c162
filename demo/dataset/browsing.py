"""Looking around in an archive: people a page at a time, one person's pictures by age, a picture for the screen."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cafdata.catalogue import Catalogue, Query
from cafdata.record import Picture, Record
from core.align import Photo
from core.errors import BadImage
from core.images import decode_photo, resize
from core.marking import mark
from demo.studio import ADULT_YEARS, LIMITS

PEOPLE_A_PAGE: Final = 20
MAX_OF_ONE: Final = 40
"""So many pictures of one person are shown at once, spread evenly over the ages."""
THUMB_PX: Final = 224
SHOWN_YEARS: Final = 30.0
"""Somebody is shown by the picture nearest to this age."""
MADE: Final = "AI-made"
"""The label on an archive's pictures that were made, not taken."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tile:
    """A picture of an archive, small, for the screen."""

    record: Record
    photo: Photo
    """(H, W, 3) uint8 RGB, at most 224 px; even grey where there is no picture to show."""
    is_there: bool
    """False where the picture is not given out or cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PeoplePage:
    """Some of the people who were looked for."""

    tiles: tuple[Tile, ...]
    """One picture of each."""
    counts: tuple[int, ...]
    """How many pictures of each were found."""
    number: int
    """Of the page, from 0."""
    num_pages: int
    """At least 1."""
    num_people: int
    """On all pages."""
    num_pictures: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Person:
    """One person through the ages."""

    name: str
    tiles: tuple[Tile, ...]
    """Youngest first."""
    num_pictures: int
    """In the archive; more than the tiles, if there are very many."""


def people(catalogue: Catalogue, query: Query, number: int) -> PeoplePage:
    """A page of the people of whom a picture fits a query. Raises ArchiveBroken."""
    rows = catalogue.search(query)
    persons, first, counts = np.unique(catalogue.faces.persons[rows], return_index=True, return_counts=True)
    num_pages = max(1, -(-len(persons) // PEOPLE_A_PAGE))
    number = min(max(number, 0), num_pages - 1)
    some = slice(number * PEOPLE_A_PAGE, (number + 1) * PEOPLE_A_PAGE)
    faces = []
    for start, count in zip(first[some], counts[some], strict=True):
        own = rows[start : start + count]
        faces.append(int(own[np.abs(catalogue.faces.ages_years[own] - SHOWN_YEARS).argmin()]))
    return PeoplePage(
        tiles=tiles(catalogue, faces),
        counts=tuple(int(count) for count in counts[some]),
        number=number,
        num_pages=num_pages,
        num_people=len(persons),
        num_pictures=len(rows),
    )


def person(catalogue: Catalogue, name: str) -> Person:
    """One person's pictures in order of age. Raises ArchiveBroken if there is nobody of that name."""
    rows, total = rows_shown(catalogue, name)
    return Person(name=name, tiles=tiles(catalogue, rows), num_pictures=total)


def record_shown(catalogue: Catalogue, name: str, number: int) -> Record:
    """What is known of a picture that `person` shows, by its place there. Raises ArchiveBroken."""
    rows, _ = rows_shown(catalogue, name)
    return catalogue.records([rows[min(number, len(rows) - 1)]])[0]


def rows_shown(catalogue: Catalogue, name: str) -> tuple[list[int], int]:
    """Rows of the pictures of a person that are shown, youngest first, and how many there are in all."""
    rows = catalogue.rows_of(name)
    spread = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MAX_OF_ONE)).round().astype(int))
    return rows[spread].tolist(), len(rows)


def tiles(catalogue: Catalogue, rows: list[int]) -> tuple[Tile, ...]:
    """Pictures in the order asked for."""
    if not catalogue.has_pictures:
        return tuple(Tile(record=one, photo=nothing(), is_there=False) for one in catalogue.records(rows))
    return tuple(tile(picture) for picture in catalogue.pictures(rows))


def tile(picture: Picture) -> Tile:
    """One picture, small; a picture that cannot be decoded is a grey one."""
    try:
        photo = shown(decode_photo(picture.data, LIMITS), picture.record)
    except BadImage:
        return Tile(record=picture.record, photo=nothing(), is_there=False)
    return Tile(record=picture.record, photo=photo, is_there=True)


def shown(photo: Photo, record: Record, longest_px: int = THUMB_PX) -> Photo:
    """A photo of an archive for the screen: no longer than so many pixels; labelled where it was made, not taken."""
    height, width = photo.shape[:2]
    scale = longest_px / max(height, width)
    if scale < 1:
        photo = resize(photo, max(1, round(width * scale)), max(1, round(height * scale)))
    return mark(photo, MADE) if record.is_synthetic else photo


def nothing() -> Photo:
    """(160, 160, 3) uint8 RGB: what stands where no picture can be shown."""
    return np.full((160, 160, 3), 168, np.uint8)


def is_minor(record: Record) -> bool:
    """Whether the person may be under 18 in the picture."""
    return record.age_min_years < ADULT_YEARS


def years(record: Record) -> str:
    """The age as people write it: "24", or "20–28" where only an interval is known."""
    low, high = int(record.age_min_years), int(record.age_max_years)
    return f"{low}" if low == high else f"{low}–{high}"
