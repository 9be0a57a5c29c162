"""What the page's recogniser says of two faces of an archive. Embeddings stay with whoever asked, in memory."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from core.align import Photo
from core.detect import FacePack
from core.errors import TableMissing
from core.identity import Embedding, cosine
from core.thresholds import ThresholdTable, table_of
from core.verification import Verification, verify

FALSE_ACCEPT_RATE: Final = 0.001
"""Of pairs of strangers so many pass both thresholds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two faces held against each other."""

    score: float
    """Cosine, -1..1."""
    verification: Verification | None
    """The verdicts; None where there is no table of thresholds for this recogniser."""


class Recognition:
    """The recogniser of a face pack with its thresholds; keeps nothing about any face."""

    def __init__(self, pack: FacePack) -> None:
        self.pack = pack

    @cached_property
    def table(self) -> ThresholdTable | None:
        """Thresholds at one false accept in a thousand; None where nobody made any for this recogniser."""
        try:
            return table_of(self.pack, FALSE_ACCEPT_RATE)
        except TableMissing:
            return None

    def embedding(self, photo: Photo) -> Embedding | None:
        """(D,) float32 of the largest face; None where no face is found."""
        faces = self.pack.detect(photo)
        return self.pack.embed(photo, faces[0]) if faces else None

    def compare(self, one: Embedding, other: Embedding, ages_years: tuple[float, float]) -> Comparison:
        """Score and verdicts for two embeddings of faces of these ages, 0..130 years."""
        found = None if self.table is None else verify(one, other, ages_years, self.table)
        return Comparison(score=cosine(one, other), verification=found)
