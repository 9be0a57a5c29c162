"""One picture of a person's face and what is known of it: the schema of the whole project.

A record never carries an embedding (those are biometric identifiers) and never the pixels; the bytes of the
picture travel beside it as a `Picture`. As a plain row a record also shows its age groups, as numbers of
`core.ages`; read back they must agree with the interval.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Final, Literal, Self

from cafdata import fields
from cafdata.dates import DatePrecision, date_precision, first_day, last_day
from core.ages import FOUR, TEN, AgeGroups

RECORD_VERSION: Final = 1

AgeProvenance = Literal["given", "dates", "annotators", "estimator", "combined", "synthetic"]
AGE_PROVENANCES: Final = ("given", "dates", "annotators", "estimator", "combined", "synthetic")
"""Who says how old: the source itself, dates of birth and photo, people, a network, several of these, or we made it."""

Verdict = Literal["age", "not_this_person", "not_a_face", "child"]
VERDICTS: Final = ("age", "not_this_person", "not_a_face", "child")

Sex = Literal["male", "female"]
SEXES: Final = ("male", "female")

Split = Literal["train", "validation", "test"]
SPLITS: Final = ("train", "validation", "test")

TEXTS: Final = ("ethnicity", "source_revision", "author", "licence", "attribution", "framing")
"""Fields that hold any words."""

POINT_CONVENTIONS: Final = ("arcface5", "dlib5")
"""The two orders of five points, see `core.align`."""

Row = dict[str, Any]
"""A record as plain values: numbers, text, None, lists and dicts of these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeLabel:
    """What one annotator says of one picture."""

    annotator: str
    """Name or number of the annotator."""
    verdict: Verdict
    """"age" comes with a number of years; the others say why there is none."""
    age_years: float | None = None
    """0..130."""
    confidence: int | None = None
    """1 (a guess) to 5 (certain)."""
    labelled_at: str
    """ISO 8601 with its offset from UTC, such as "2024-05-03T10:00:00+00:00"."""

    def __post_init__(self) -> None:
        fields.text("annotator", self.annotator)
        fields.one_of("verdict", self.verdict, VERDICTS)
        if (self.verdict == "age") != (self.age_years is not None):
            raise ValueError(
                f'verdict {self.verdict!r} with age_years {self.age_years}; "age", and only it, has an age'
            )
        if self.age_years is not None:
            fields.number("age_years", self.age_years, 0, fields.OLDEST_YEARS)
        if self.confidence is not None:
            fields.whole("confidence", self.confidence, 1, 5)
        fields.timestamp("labelled_at", self.labelled_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What is known of one picture. Raises ValueError, naming field and value, for what cannot be."""

    version: int = RECORD_VERSION
    """Of this schema; rows of older versions go through `cafdata.migration.migrate` first."""
    picture_id: str
    """One picture's name in an archive, never used twice."""
    person_id: str
    """One person's name; pictures of someone unknown get a name each, for no two may be the same person."""
    sha256: str
    """Of the stored bytes, 64 hexadecimal digits."""
    phash: str
    """Perceptual hash (cafdata.picture_hash), 16 hexadecimal digits."""
    age_min_years: float
    """Youngest the person can be, 0..130; a fraction of a year belongs to the year begun."""
    age_max_years: float
    """Oldest the person can be."""
    age_provenance: AgeProvenance
    sex: Sex | None = None
    ethnicity: str | None = None
    """In the words of the source."""
    captured: str | None = None
    """When the photo was taken: "1999", "1999-05" or "1999-05-03", as precisely as it is known."""
    born: str | None = None
    died: str | None = None
    source_url: str | None = None
    """http or https."""
    source_revision: str | None = None
    author: str | None = None
    licence: str | None = None
    """"CC-BY-4.0" and the like (SPDX), or plain words."""
    licence_url: str | None = None
    attribution: str | None = None
    """The line that the licence asks to be shown."""
    box: tuple[float, float, float, float] | None = None
    """Face in the source photo: left, top, right, bottom in pixels."""
    points: tuple[tuple[float, float], ...] | None = None
    """Five points (x, y) in pixels of the source photo, (0, 0) the centre of its top-left pixel."""
    points_convention: Literal["arcface5", "dlib5"] | None = None
    """Which five points these are; there where `points` are."""
    framing: str | None = None
    """How the picture was cut from the photo: name of a `core.align` framing."""
    width_px: int
    height_px: int
    quality: tuple[tuple[str, float], ...] = ()
    """Scores by name, each name once."""
    split: Split | None = None
    labels: tuple[AgeLabel, ...] = ()
    is_synthetic: bool = False
    """True for a picture that was made, not taken."""

    def __post_init__(self) -> None:
        if self.version != RECORD_VERSION or isinstance(self.version, bool):
            raise ValueError(f"version is {self.version!r}; this program reads version {RECORD_VERSION}")
        self._check_identity()
        self._check_age()
        self._check_dates()
        self._check_geometry()
        for name in TEXTS:
            if (value := getattr(self, name)) is not None:
                fields.text(name, value)
        for name in ("source_url", "licence_url"):
            if (value := getattr(self, name)) is not None:
                fields.url(name, value)
        if self.sex is not None:
            fields.one_of("sex", self.sex, SEXES)
        if self.split is not None:
            fields.one_of("split", self.split, SPLITS)
        if self.quality:
            for score, value in self.quality:
                fields.text("quality", score)
                fields.number(f"quality of {score}", value)
            if len(dict(self.quality)) != len(self.quality):
                raise ValueError(f"quality names a score twice: {[name for name, _ in self.quality]}")

    def _check_identity(self) -> None:
        fields.identifier("picture_id", self.picture_id)
        fields.identifier("person_id", self.person_id)
        if self.person_id.lower() in fields.NOBODY:
            raise ValueError(f"person_id {self.person_id!r} names nobody; give each unknown person a name of their own")
        fields.hexadecimal("sha256", self.sha256, 64)
        fields.hexadecimal("phash", self.phash, 16)
        if not isinstance(self.is_synthetic, bool):
            raise ValueError(f"is_synthetic is true or false, got {self.is_synthetic!r}")

    def _check_age(self) -> None:
        fields.number("age_min_years", self.age_min_years, 0, fields.OLDEST_YEARS)
        fields.number("age_max_years", self.age_max_years, 0, fields.OLDEST_YEARS)
        if self.age_min_years > self.age_max_years:
            raise ValueError(f"age_min_years {self.age_min_years} is above age_max_years {self.age_max_years}")
        fields.one_of("age_provenance", self.age_provenance, AGE_PROVENANCES)
        if self.age_provenance == "synthetic" and not self.is_synthetic:
            raise ValueError("age_provenance is synthetic but is_synthetic is false")
        if self.age_provenance == "dates" and (self.born is None or self.captured is None):
            raise ValueError(f"age_provenance is dates but born is {self.born} and captured is {self.captured}")

    def _check_dates(self) -> None:
        if self.captured is self.born is self.died is None:
            return
        for name in ("captured", "born", "died"):
            if getattr(self, name) is not None:
                try:
                    date_precision(getattr(self, name))
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        for earlier, later in (("born", "captured"), ("captured", "died"), ("born", "died")):
            before, after = getattr(self, earlier), getattr(self, later)
            if before is not None and after is not None and first_day(before) > last_day(after):
                raise ValueError(f"{earlier} {before} is after {later} {after}")

    def _check_geometry(self) -> None:
        fields.whole("width_px", self.width_px, 1)
        fields.whole("height_px", self.height_px, 1)
        if self.box is not None:
            fields.numbers("box", self.box, 4)
            left, top, right, bottom = self.box
            if left >= right or top >= bottom:
                raise ValueError(f"box {self.box} is left, top, right, bottom; it has no inside")
        if (self.points is None) != (self.points_convention is None):
            raise ValueError(f"points and points_convention come together, got {self.points}, {self.points_convention}")
        if self.points is not None:
            fields.one_of("points_convention", self.points_convention, POINT_CONVENTIONS)
            if len(self.points) != 5:
                raise ValueError(f"points are five, got {len(self.points)}")
            for point in self.points:
                fields.numbers("points", point, 2)

    @property
    def age_years(self) -> float:
        """Middle of the interval."""
        return (self.age_min_years + self.age_max_years) / 2

    @property
    def group10(self) -> str | None:
        """Name of the `core.ages.TEN` group that holds the whole interval; None where it reaches into two."""
        number = group_number(TEN, self.age_min_years, self.age_max_years)
        return None if number is None else TEN.names[number]

    @property
    def group4(self) -> str | None:
        """The same among `core.ages.FOUR`, which begin at 15."""
        number = group_number(FOUR, self.age_min_years, self.age_max_years)
        return None if number is None else FOUR.names[number]

    @property
    def captured_precision(self) -> DatePrecision | None:
        """How precisely `captured` is known."""
        return None if self.captured is None else date_precision(self.captured)

    def to_row(self) -> Row:
        """As plain values, in the order of the schema; group10 and group4 are group numbers or None."""
        row: Row = dict(zip(FIELD_NAMES, VALUES(self), strict=True))
        row["box"] = None if self.box is None else list(self.box)
        row["points"] = None if self.points is None else [list(point) for point in self.points]
        row["quality"] = [{"name": name, "value": value} for name, value in self.quality]
        row["labels"] = [dataclasses.asdict(label) for label in self.labels]
        for name, groups in GROUPS.items():
            row[name] = group_number(groups, self.age_min_years, self.age_max_years)
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Inverse of `to_row`. Optional fields may be absent; an `image` column is not looked at.

        Raises:
            ValueError: an unknown field, a missing one, a value that cannot be, or a group beside the interval.
        """
        given = dict(row)
        given.pop("image", None)
        said = {name: given.pop(name) for name in GROUPS if name in given}
        if not KNOWN.issuperset(given):
            raise ValueError(f"unknown field {', '.join(sorted(set(given) - KNOWN))}")
        missing = [name for name in REQUIRED if given.get(name) is None]
        if missing:
            raise ValueError(f"{', '.join(missing)} is missing")
        for name, make in SHAPES.items():
            if name in given:
                given[name] = fields.shaped(name, given[name], make)
        for name in ("quality", "labels"):
            if given.get(name, ()) is None:
                given[name] = ()
        record = cls(**given)
        for name, number in said.items():
            expected = group_number(GROUPS[name], record.age_min_years, record.age_max_years)
            if number != expected:
                raise ValueError(f"{name} is {number} but the age interval says {expected}")
        return record


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A record and the picture that it speaks of."""

    record: Record
    data: bytes
    """The whole JPEG, PNG or WebP file."""


FIELD_NAMES: Final = tuple(field.name for field in dataclasses.fields(Record))
REQUIRED: Final = tuple(field.name for field in dataclasses.fields(Record) if field.default is dataclasses.MISSING)
KNOWN: Final = frozenset(FIELD_NAMES)
VALUES: Final = attrgetter(*FIELD_NAMES)
GROUPS: Final = {"group10": TEN, "group4": FOUR}
"""Columns of a row that follow from the age interval."""
SHAPES: Final[dict[str, Callable[[Any], Any]]] = {
    "box": tuple,
    "points": lambda points: tuple(tuple(point) for point in points),
    "quality": lambda scores: tuple((score["name"], score["value"]) for score in scores),
    "labels": lambda labels: tuple(AgeLabel(**label) for label in labels),
}
"""Fields that a row holds as lists, and how to make of these what a record holds."""


def group_number(groups: AgeGroups, age_min_years: float, age_max_years: float) -> int | None:
    """Number of the group that holds the whole interval; None where it reaches into two or below the youngest."""
    return _group_of_years(groups, int(age_min_years), int(age_max_years))


@cache
def _group_of_years(groups: AgeGroups, youngest_years: int, oldest_years: int) -> int | None:
    if youngest_years < groups.first_years[0]:
        return None
    youngest, oldest = groups.index_of(youngest_years), groups.index_of(oldest_years)
    return youngest if youngest == oldest else None
