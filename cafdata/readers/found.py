"""What a layout says of one picture, or why it says nothing usable; words and numbers that names may hold."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cafdata import fields
from cafdata.record import AgeProvenance, Sex
from core.cells import visible

PICTURE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MAX_SHOWN: Final = 200
SEXES: Final[dict[str, Sex]] = {"m": "male", "f": "female", "male": "male", "female": "female"}

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One picture with what its layout says of it."""

    where: str
    """File below the folder, or file and row: for messages."""
    key: str
    """The picture's name, unique in the layout."""
    person: str
    """The person's name or number, unique in the layout; the key where the layout names no people."""
    age_min_years: float
    """Youngest age that the label leaves possible, years 0..130."""
    age_max_years: float
    """Oldest such age."""
    age_provenance: AgeProvenance
    """Where the age comes from."""
    read: Callable[[], bytes]
    """The picture's file; raises OSError."""
    sex: Sex | None = None
    """As the layout says."""
    ethnicity: str | None = None
    """In the layout's own word."""
    captured: str | None = None
    """When the photo was taken: 1999, 1999-05 or 1999-05-03."""
    born: str | None = None
    """When the person was born, in the same forms."""
    points: Points | None = None
    """Five (x, y) pixels of the picture: subject's right eye, left eye, nose tip, right and left mouth corner."""
    framing: str | None = None
    """Name of the core.align framing that the picture is cropped to."""
    quality: Mapping[str, float] = field(default_factory=dict)
    """Measures that the layout brings along."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Something in the folder that cannot become a record."""

    where: str
    """File below the folder, or file and row."""
    reason: str
    """What is wrong with it, as half a sentence."""

    def __str__(self) -> str:
        return f"{shown(self.where)}: {self.reason}"


Finding = Found | Fault


def shown(text: str) -> str:
    """Text for a message: on one line, with nothing invisible left in it, 200 letters at most."""
    escaped = visible(text)
    return escaped if len(escaped) <= MAX_SHOWN else escaped[: MAX_SHOWN - 3] + "..."


def files_in(folder: Path) -> Iterator[Path]:
    """Every file below a folder, by name; hidden ones are passed over, links to folders not followed."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from files_in(path)


def pictures_in(folder: Path) -> Iterator[Path]:
    """Those of `files_in` that are called pictures."""
    return (path for path in files_in(folder) if path.suffix.lower() in PICTURE_SUFFIXES)


def word(text: str, what: str) -> str:
    """A name that can be shown anywhere and opened in a spreadsheet, without spaces around it.

    Raises:
        ValueError: it is empty or too long, holds what does not show, or begins as a formula does.
    """
    stripped = text.strip(" ")
    fields.identifier(what, stripped)
    return stripped


def person_name(text: str) -> str:
    """The same for a person; ValueError also for "unknown" and its like, which would make one person of many.

    A letter and its accent become one sign: some systems keep file names apart so, and one José is one person.
    """
    name = unicodedata.normalize("NFC", word(text, "person"))
    if name.lower() in fields.NOBODY:
        raise ValueError(f"person {name!r} names nobody")
    return name


def whole_age(text: str) -> float:
    """Age in whole years out of a name or a cell. Raises ValueError for anything but 0..130."""
    if not re.fullmatch(r"\d{1,3}", text, re.ASCII) or int(text) > fields.OLDEST_YEARS:
        raise ValueError(f"age {shown(text)!r} is no whole number of years between 0 and {fields.OLDEST_YEARS}")
    return float(text)


def number(text: str, what: str) -> float:
    """A finite number out of a cell. Raises ValueError, also for what Python alone calls one, such as 5_0."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{what} {shown(text)!r} is no number")
    return value


def sex_of(text: str) -> Sex:
    """Sex out of m, f, male, female in any case. Raises ValueError for other words."""
    sex = SEXES.get(text.strip().lower())
    if sex is None:
        raise ValueError(f"sex {shown(text)!r} is neither male nor female")
    return sex
