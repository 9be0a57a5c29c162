"""Where a score lies among pairs of one person, measured on the archive that is open.

For recognisers whose tables say nothing of real pairs of one person. Pairs of the same two age groups are taken; where
the archive has too few of these, pairs with about as many years between them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cafdata.catalogue import Catalogue
from cafdata.pairs import Faces, Pairs, cell_pairs, gap_pairs
from core.ages import TEN
from core.errors import BadImage
from core.identity import Embedding
from core.images import decode_photo
from core.thresholds import MIN_PAIRS
from demo.dataset.pairing import AT_ONCE, SEED, allowed
from demo.dataset.recognition import Recognition
from demo.studio import LIMITS

ABOUT_YEARS: Final = (5.0, 10.0)
"""A gap counts as about the same that differs by no more; by the second where there are too few of the first."""
SPARE: Final = 10
"""So many pairs more are drawn, for those on which no face is found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """How many pairs were looked at so far, and how many of them score less."""

    count: int
    """At most 30: with fewer nothing is said."""
    below: int
    groups: tuple[str, str] | None
    """Names of the two age groups, the younger first; None where pairs of a gap were taken."""
    gap_years: tuple[float, float]
    """From so many years between the two to below so many."""

    @property
    def is_enough(self) -> bool:
        """Whether a rank may be said."""
        return self.count >= MIN_PAIRS


def rank(
    catalogue: Catalogue, recognition: Recognition, score: float, ages_years: tuple[float, float], *, adults_only: bool
) -> Iterator[Ranking]:
    """Hold a score against pairs of one person; yields again and again, the last time with all.

    Embeddings are made for it and gone with it. Nothing is looked at, and one empty ranking given, where there are
    too few pairs.

    Args:
        catalogue: the archive.
        recognition: whose score it is.
        score: cosine, -1..1.
        ages_years: of the pair that scored so.
        adults_only: leave out pictures of under-18s.
    Raises:
        ArchiveBroken: pictures cannot be read.
    """
    rows = allowed(catalogue, adults_only, SEED)
    known = catalogue.faces
    faces = Faces(persons=known.persons[rows], groups=known.groups[rows], ages_years=known.ages_years[rows])
    younger, older = sorted(TEN.index_of(years) for years in ages_years)
    gap = abs(ages_years[0] - ages_years[1])
    gap_years = (gap, gap)
    groups: tuple[str, str] | None = (TEN.names[younger], TEN.names[older])
    pairs: Pairs = cell_pairs(faces, younger, older, same=True, limit=MIN_PAIRS + SPARE, seed=SEED)
    for about in ABOUT_YEARS:
        if len(pairs) >= MIN_PAIRS:
            break
        groups, gap_years = None, (max(0.0, gap - about), gap + about)
        pairs = gap_pairs(faces, *gap_years, same=True, limit=MIN_PAIRS + SPARE, seed=SEED)
    count = below = 0
    wanted = len(pairs) if len(pairs) >= MIN_PAIRS else 0
    yield Ranking(count=0, below=0, groups=groups, gap_years=gap_years)
    embeddings: dict[int, Embedding | None] = {}
    for start in range(0, wanted, AT_ONCE):
        some = slice(start, start + AT_ONCE)
        drawn = list(zip(rows[pairs.first[some]].tolist(), rows[pairs.second[some]].tolist(), strict=True))
        _embed(catalogue, recognition, embeddings, {row for pair in drawn for row in pair})
        for first, second in drawn:
            one, other = embeddings[first], embeddings[second]
            if one is not None and other is not None and count < MIN_PAIRS:
                count += 1
                below += recognition.compare(one, other, ages_years).score < score
        yield Ranking(count=count, below=below, groups=groups, gap_years=gap_years)
        if count == MIN_PAIRS:
            return


def _embed(
    catalogue: Catalogue, recognition: Recognition, embeddings: dict[int, Embedding | None], rows: set[int]
) -> None:
    missing = sorted(rows - embeddings.keys())
    for row, picture in zip(missing, catalogue.pictures(missing), strict=True):
        try:
            embeddings[row] = recognition.embedding(decode_photo(picture.data, LIMITS))
        except BadImage:
            embeddings[row] = None
