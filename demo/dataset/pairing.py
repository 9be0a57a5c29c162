"""Pairs of an archive's pictures, of one person or of two, with what the recogniser says of them.

Pairs are drawn at random from those that fit; faces are embedded only as far as pairs are looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from cafdata.catalogue import Catalogue
from cafdata.hub_files import HubFiles
from cafdata.pairs import Faces, Whole, gap_pairs
from cafdata.record import Picture, Record
from core.align import Photo
from core.errors import BadImage
from core.identity import Embedding
from core.images import decode_photo, resize
from demo.dataset.browsing import THUMB_PX, nothing, shown
from demo.dataset.recognition import Comparison, Recognition
from demo.studio import ADULT_YEARS, LIMITS

Shown = Literal["all", "differ", "doubtful"]
GAPS_YEARS: Final = ((0, 131), (0, 5), (5, 10), (10, 20), (20, 30), (30, 50), (50, 131))
"""From one age difference to below another; the first is any."""
A_PAGE: Final = 6
AT_ONCE: Final = 4
"""Pairs whose pictures are read together."""
MAX_DRAWN: Final = 400
MAX_LOOKED: Final = 60
"""Pairs looked at for one page, which bounds the time that a rare kind of pair takes."""
SEED: Final = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class PairQuery:
    """Which pairs."""

    same: bool
    """Of one person, or of two."""
    gap_years: tuple[int, int]
    """From so many years between the two to below so many."""
    shown: Shown = "all"
    """All, those on which the two verdicts differ, or the doubtful ones."""
    adults_only: bool = True
    """Leave out pictures on which somebody may be under 18."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SeenPair:
    """A pair that was looked at."""

    records: tuple[Record, Record]
    """The younger picture first."""
    photo: Photo
    """(224, 456, 3) uint8 RGB: the two pictures side by side."""
    same: bool
    """What the archive says."""
    comparison: Comparison | None
    """None where no face is found on one of them."""

    @property
    def differ(self) -> bool:
        """Whether the one threshold for all ages and that of these ages come to different verdicts."""
        found = None if self.comparison is None else self.comparison.verification
        return (
            found is not None
            and None not in (one := (found.passes_one_size, found.passes_rectified))
            and (one[0] != one[1])
        )

    @property
    def doubtful(self) -> bool:
        """Whether the rectified verdict contradicts the archive, or the score lies in the threshold's band."""
        found = None if self.comparison is None else self.comparison.verification
        if found is None or found.cell is None or found.passes_rectified is None:
            return False
        low, high = found.cell.low, found.cell.high
        is_near = low is not None and high is not None and low <= found.score <= high
        return is_near or found.passes_rectified != self.same

    def fits(self, which: Shown) -> bool:
        """Whether it is of the kind asked for."""
        return {"all": True, "differ": self.differ, "doubtful": self.doubtful}[which]


@dataclass(kw_only=True, slots=True, eq=False)
class PairSearch:
    """How far one visitor has got. Lives in that visitor's session only, embeddings with it."""

    query: PairQuery
    catalogue: Catalogue
    """Of the archive as it was when the pairs were drawn."""
    pairs: list[tuple[int, int]]
    """Rows of the catalogue, in the order in which they are looked at."""
    num_available: int
    """Pairs of that kind in the archive, or in the part of it that is looked at."""
    position: int = 0
    """How many of the pairs were looked at."""
    embeddings: dict[str, Embedding | None] = field(default_factory=dict)
    """By picture id; None where no face was found."""


def begin(catalogue: Catalogue, query: PairQuery, seed: int = SEED) -> PairSearch:
    """Draw pairs that fit, at random but the same for the same seed; nothing is looked at yet."""
    rows = allowed(catalogue, query.adults_only, seed)
    faces = catalogue.faces
    some = Faces(persons=faces.persons[rows], groups=faces.groups[rows], ages_years=faces.ages_years[rows])
    low, high = query.gap_years
    drawn = gap_pairs(some, low, high, same=query.same, limit=MAX_DRAWN, seed=seed)
    ages = some.ages_years
    pairs = [
        (int(rows[one]), int(rows[other])) if ages[one] <= ages[other] else (int(rows[other]), int(rows[one]))
        for one, other in zip(drawn.first.tolist(), drawn.second.tolist(), strict=True)
    ]
    return PairSearch(query=query, catalogue=catalogue, pairs=pairs, num_available=drawn.num_available)


def look(recognition: Recognition, search: PairSearch) -> Iterator[list[SeenPair]]:
    """Look at the next pairs until a page is full; yields, again and again, those that fit so far.

    Moves `search` on. Ends when a page is full, `MAX_LOOKED` pairs were looked at, or none are left.

    Raises:
        ArchiveBroken: pictures are not given out or cannot be read.
    """
    found: list[SeenPair] = []
    stop = min(len(search.pairs), search.position + MAX_LOOKED)
    while search.position < stop and len(found) < A_PAGE:
        some = search.pairs[search.position : min(stop, search.position + AT_ONCE)]
        rows = sorted({row for pair in some for row in pair})
        pictures = dict(zip(rows, search.catalogue.pictures(rows), strict=True))
        for one, other in some:
            seen = _see(recognition, search, (pictures[one], pictures[other]))
            search.position += 1
            if seen.fits(search.query.shown):
                found.append(seen)
            if len(found) == A_PAGE:
                break
        yield found


def _see(recognition: Recognition, search: PairSearch, pair: tuple[Picture, Picture]) -> SeenPair:
    photos = [_decoded(picture) for picture in pair]
    found = []
    for picture, photo in zip(pair, photos, strict=True):
        name = picture.record.picture_id
        if name not in search.embeddings:
            search.embeddings[name] = None if photo is None else recognition.embedding(photo)
        found.append(search.embeddings[name])
    records = (pair[0].record, pair[1].record)
    one, other = found
    comparison = None
    if one is not None and other is not None:
        comparison = recognition.compare(one, other, (records[0].age_years, records[1].age_years))
    sides = [
        nothing() if photo is None else shown(fitted(photo), record)
        for photo, record in zip(photos, records, strict=True)
    ]
    return SeenPair(records=records, photo=beside(*sides), same=search.query.same, comparison=comparison)


def fitted(photo: Photo) -> Photo:
    """A photo whose longer side is 224 px, enlarged if need be, so that all pairs are as large."""
    height, width = photo.shape[:2]
    scale = THUMB_PX / max(height, width)
    return resize(photo, max(1, round(width * scale)), max(1, round(height * scale)))


def beside(one: Photo, other: Photo) -> Photo:
    """(224, 456, 3) uint8 RGB: two pictures of any shape in the middle of a square each."""
    sheet = np.full((THUMB_PX, 2 * THUMB_PX + 8, 3), 255, np.uint8)
    for photo, left in ((one, 0), (other, THUMB_PX + 8)):
        height, width = photo.shape[:2]
        sheet[:, left : left + THUMB_PX] = 226
        top, inset = (THUMB_PX - height) // 2, left + (THUMB_PX - width) // 2
        sheet[top : top + height, inset : inset + width] = photo
    return sheet


def _decoded(picture: Picture) -> Photo | None:
    try:
        return decode_photo(picture.data, LIMITS)
    except BadImage:
        return None


def allowed(catalogue: Catalogue, adults_only: bool, seed: int) -> Whole:
    """Rows that pairs may be made of; of an archive on the Hub those of one row group."""
    is_allowed = np.ones(len(catalogue), dtype=bool)
    if adults_only:
        is_allowed &= catalogue.table.column("age_min_years").to_numpy() >= ADULT_YEARS
    if isinstance(catalogue.files, HubFiles) and len(catalogue):
        # Over the network a row group is the least that is fetched: all pairs are taken from one.
        anywhere = catalogue.places[np.random.default_rng(seed).integers(len(catalogue))]
        is_allowed &= np.all(catalogue.places[:, :2] == anywhere[:2], axis=1)
    return np.flatnonzero(is_allowed)
