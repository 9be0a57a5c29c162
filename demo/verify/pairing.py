"""Two faces and what a recogniser makes of them: from photos to a score and its two verdicts.

Nothing is kept between calls. Embeddings identify people: they are made and dropped within one call.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from core.age_reader import PresentAge
from core.ages import TEN
from core.aging import AgedFace
from core.align import FFHQ, Photo, crop
from core.detect import Face, at_place_of
from core.errors import NoFace
from core.identity import cosine
from core.marking import mark
from core.provenance import Made
from core.transform import made_of
from core.verification import Verification, verify_score
from demo.answering import Refusal
from demo.studio import ADULT_YEARS, Studio
from demo.verify.evidence import Source, source_of

FACE_PX = 256
"""Side of the aligned faces on the page."""
LOST = "In this picture no face was found again where it was made."


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Side:
    """One of the two photos: its people agreed, its faces are found, one is picked. Lives in one visitor's session."""

    photo: Photo
    """(H, W, 3) uint8 RGB, as decoded, or as made."""
    faces: tuple[Face, ...]
    """Largest first; at least one."""
    picked: int = 0
    """Index into `faces`."""
    present_age: PresentAge | None
    """What the picked face reads as; of a made one, what it was made to be; None where none can be read."""
    made: Made | None = None
    """How the picture was made, for the manifest of files with it; None for a photo."""
    made_from: Face | None = None
    """The face of the other side that it was made from; None for a photo."""

    @property
    def face(self) -> Face:
        """The picked one."""
        return self.faces[self.picked]

    @property
    def is_made(self) -> bool:
        """Whether the picture was made from the other one."""
        return self.made is not None

    @property
    def needs_guardian(self) -> bool:
        """Whether a real face reads as a minor's; a made one is covered by what its original was allowed."""
        return not self.is_made and self.present_age is not None and self.present_age.years < ADULT_YEARS


@dataclass(frozen=True, kw_only=True, slots=True)
class StripScore:
    """One age of a strip against the photo that it was made from."""

    group: int
    """Of the ten groups."""
    name: str
    """What the model calls it."""
    years: float
    """The age that was asked for."""
    score: float | None
    """Cosine to the photo's face; None where no face was found in the picture."""


class Pairing:
    """Finds, ages and compares faces with the studio's pack and models."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.pack = studio, studio.pack

    @property
    def recogniser(self) -> str:
        """Whose scores these are."""
        return self.pack.identity

    @property
    def source(self) -> Source | None:
        """The threshold tables of this recogniser; None: there are none, so there is no verdict."""
        return source_of(self.pack.identity, sha256_of(self.pack.recogniser_file))

    def look(self, photo: Photo) -> Side:
        """Find the faces and read the largest one's age. Only after consent. Raises NoFace."""
        faces = tuple(self.studio.ager(self.studio.default_model).find_faces(photo))
        return self.pick(Side(photo=photo, faces=faces, present_age=None), 0)

    def pick(self, side: Side, index: int) -> Side:
        """The same photo with another of its faces."""
        if not 0 <= index < len(side.faces):
            raise ValueError(f"there are {len(side.faces)} faces, no number {index}")
        age = self.studio.ager(self.studio.default_model).present_age(side.photo, side.faces[index])
        return replace(side, picked=index, present_age=age)

    def faces(self, side: Side) -> list[Photo]:
        """Every face upright and of one size, (256, 256, 3) uint8 RGB; marked where it was made."""
        matrices = [FFHQ.matrix(face.points, face.convention, FACE_PX) for face in side.faces]
        cut = [crop(side.photo, matrix, FACE_PX) for matrix in matrices]
        return [mark(face) for face in cut] if side.is_made else cut

    def score(self, one: Side, other: Side) -> float:
        """Cosine of the two picked faces, -1..1."""
        return cosine(self.pack.embed(one.photo, one.face), self.pack.embed(other.photo, other.face))

    def verdict(self, score: float, ages_years: tuple[float, float], rate: float) -> Verification | None:
        """Both verdicts on a score of this recogniser; None where there are no thresholds for it."""
        source = self.source
        return None if source is None else verify_score(score, ages_years, source.table(rate))

    def groups(self) -> tuple[str, ...]:
        """Names of the ages that the default model makes."""
        return self.studio.groups(self.studio.default_model).names

    def make(self, side: Side, group: int) -> Side:
        """The picked face at another age, as a second photo. Raises NoFace if it cannot be found in it again."""
        aged = next(self._stream(side, (group,)))
        return self.second(side, aged, made_of(self.studio.ager(self.studio.default_model), [aged.target]))

    def second(self, side: Side, aged: AgedFace, made: Made) -> Side:
        """What was made of the picked face, as a second photo. Raises NoFace if it cannot be found in it again."""
        found = at_place_of(side.face, self.pack.detect(aged.photo))
        if found is None:
            raise NoFace(LOST)
        return Side(
            photo=aged.photo,
            faces=(found,),
            present_age=PresentAge(years=aged.target.years),
            made=made,
            made_from=side.face,
        )

    def strip(self, side: Side) -> Iterator[StripScore]:
        """Every age of the picked face against the face as it is, youngest first, as they are made."""
        original = self.pack.embed(side.photo, side.face)
        for aged in self._stream(side, None):
            found = at_place_of(side.face, self.pack.detect(aged.photo))
            score = None if found is None else cosine(original, self.pack.embed(aged.photo, found))
            years = aged.target.years
            yield StripScore(group=TEN.index_of(years), name=aged.target.name, years=years, score=score)

    def _stream(self, side: Side, groups: tuple[int, ...] | None) -> Iterator[AgedFace]:
        ager = self.studio.ager(self.studio.default_model)
        numbers = tuple(range(len(ager.groups))) if groups is None else groups
        return ager.stream(side.photo, groups=numbers, face=side.face, present_age=side.present_age)


def age_of(value: object) -> float:
    """An age as a visitor entered it, years. Raises Refusal for what is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:
        raise Refusal("Give both ages in years, from 0 to 100.")
    return float(value)


def age_meant(value: object, side: Side | None) -> float:
    """The age that decides: what the face reads as while the whole years of that are entered. Raises as `age_of`."""
    years = age_of(value)
    read = None if side is None else side.present_age
    return years if read is None or int(read.years) != years else read.years


@cache
def sha256_of(path: Path) -> str:
    """Of a recogniser's file, read once."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
