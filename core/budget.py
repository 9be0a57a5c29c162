"""How far a face may be changed before it leaves what real people of that age gap look like: the identity budget.

The aged face is held against the face that was given, by the pack's own recogniser. Where that recogniser's table
knows how alike real people are to themselves over these years, a result below 95 of 100 of them has left the band.
Where the table knows strangers only, a result has left it below the threshold that one in so many strangers passes.
Without a table nothing is said.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from core.ages import TEN
from core.aging import PORTRAIT_PX, AgedFace, Target, portrait
from core.align import Photo
from core.detect import Face, FacePack, portrait_box
from core.errors import TableMissing
from core.identity import Embedding, cosine
from core.thresholds import QUANTILE_LEVELS, Cell, ThresholdTable, table_of

FALSE_ACCEPT_RATE = 0.001
"""Of the table that is looked up."""
LOWEST_SHARE = 0.05
"""A result that scores less than all but this share of real people has left their band."""

Yardstick = Literal["people", "strangers", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """How alike one aged face is to the face that was given."""

    target: Target
    """The age."""
    score: float
    """Cosine of the two faces by the pack's recogniser, -1..1."""
    limit: float | None
    """Where the band begins; None where it is not known."""
    yardstick: Yardstick
    """Whose scores the limit comes from: one person's own over these years, those of strangers, or none."""

    @property
    def has_left(self) -> bool:
        """Whether the face is less alike than the band asks for; never where the band is not known."""
        return self.limit is not None and self.score < self.limit


class IdentityBudget:
    """The recogniser of a pack with its table. Keeps nothing of one call for the next."""

    def __init__(self, pack: FacePack, table: ThresholdTable | None) -> None:
        """Args:
            pack: embeds the faces.
            table: thresholds of its recogniser, for cosines; None where there is none.
        Raises:
            ValueError: the table is of another recogniser, or for other scores.
        """
        if table is not None and (table.recogniser != pack.identity or table.scale != "cosine"):
            raise ValueError(f"{pack.identity} gives cosines; the table is of {table.recogniser}, {table.scale}")
        self.pack, self.table = pack, table

    def weigh(self, results: Iterable[AgedFace], face: Face, present_years: float) -> Iterator[Likeness]:
        """Hold each result against its photo, one after the other.

        Args:
            results: of one face of one photo.
            face: that face.
            present_years: its age now, 0..130.
        """
        given: Embedding | None = None
        for aged in results:
            if given is None:
                given = self.embedding(aged.original, face)
            limit, yardstick = self.limit(present_years, aged.target.years)
            score = cosine(given, self.embedding(aged.photo, face))
            yield Likeness(target=aged.target, score=score, limit=limit, yardstick=yardstick)

    def limit(self, present_years: float, target_years: float) -> tuple[float | None, Yardstick]:
        """Where the band of two ages begins, as a cosine, and whose scores say so."""
        cell = None if self.table is None else self.table.cell(TEN.index_of(present_years), TEN.index_of(target_years))
        return (None, "none") if cell is None else of_cell(cell)

    def embedding(self, photo: Photo, face: Face) -> Embedding:
        """Of a face with its surroundings at one size, whatever the photo's: (D,) float32 of length 1."""
        area = left, top, right, _ = portrait_box(face, photo.shape)
        scale = PORTRAIT_PX / (right - left)
        points = (face.points - (left, top) + 0.5) * scale - 0.5
        return self.pack.embed(portrait(photo, area), replace(face, points=points))


def of_cell(cell: Cell) -> tuple[float | None, Yardstick]:
    """The limit that a cell of a table sets, and whose scores it comes from."""
    if cell.same_quantiles is not None:
        return float(np.interp(LOWEST_SHARE, QUANTILE_LEVELS, cell.same_quantiles)), "people"
    return cell.threshold, "none" if cell.threshold is None else "strangers"


def budget_of(pack: FacePack) -> IdentityBudget:
    """The budget of a pack with the table that comes with the program; without one it says nothing of any age."""
    try:
        return IdentityBudget(pack, table_of(pack, FALSE_ACCEPT_RATE))
    except TableMissing:
        return IdentityBudget(pack, None)
