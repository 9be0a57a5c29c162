"""Layouts that say everything in file and folder names: original CAF, UTKFace, AgeDB."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from cafdata.readers.found import (
    PICTURE_SUFFIXES,
    Fault,
    Finding,
    Found,
    files_in,
    person_name,
    pictures_in,
    sex_of,
    shown,
    whole_age,
    word,
)
from cafdata.record import AgeProvenance, Sex

CAF_FOLDERS: Final[dict[str, Sex]] = {"males": "male", "females": "female"}
UTKFACE_RACES: Final = ("White", "Black", "Asian", "Indian", "Others")
UTKFACE_SEXES: Final[tuple[Sex, ...]] = ("male", "female")
UTKFACE_NAME: Final = re.compile(
    r"(?P<age>[^_]*)_(?P<fields>(?:[^_]*_){0,2})(?P<moment>\d{14,20})(?P<rest>\D.*|)", re.ASCII
)
Word = TypeVar("Word", bound=str)
AGEDB_NAME: Final = re.compile(r"(?P<number>\d+)_(?P<person>.+)_(?P<age>[^_]*)_(?P<sex>[^_]*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class NameLabels:
    """What a file name says."""

    person: str | None
    """Name of the person; None where the layout names nobody."""
    age_years: float
    """Whole years."""
    sex: Sex | None
    """None where the name leaves it out."""
    ethnicity: str | None = None
    """In the layout's word."""


def find_caf(folder: Path) -> Iterator[Finding]:
    """The original CAF layout: {males,females}/<person>/<name>_<age>.jpg."""
    yield from _find(folder, parse_caf, age_provenance="given")


def parse_caf(relative: Path) -> NameLabels:
    """Labels of one picture of the original CAF layout. Raises ValueError with the reason."""
    folders = relative.parts[:-1]
    if len(folders) != 2 or folders[0].lower() not in CAF_FOLDERS:
        raise ValueError("it does not lie in males/<person> or females/<person>, so whose picture it is is unknown")
    name, underscore, age = relative.stem.rpartition("_")
    if not name or not underscore:
        raise ValueError(f"the name {shown(relative.name)} is not <name>_<age>")
    return NameLabels(person=person_name(folders[1]), age_years=whole_age(age), sex=CAF_FOLDERS[folders[0].lower()])


def find_utkface(folder: Path) -> Iterator[Finding]:
    """UTKFace's folders of [age]_[gender]_[race]_[date&time].jpg; `.chip.jpg` files are its aligned crops.

    The layout names no people, so every picture counts as a person of its own. Three names of the published set
    lack the race and one the sex: these come without. One has lost the dot before jpg: it is read too.
    """
    for path in files_in(folder):
        if path.suffix.lower() in PICTURE_SUFFIXES or re.search(r"\djpg$", path.name):
            framing = "utkface" if ".chip" in path.name else None
            yield _one(folder, path, parse_utkface, age_provenance="estimator", framing=framing)


def parse_utkface(relative: Path) -> NameLabels:
    """Labels of one picture of UTKFace. Raises ValueError with the reason."""
    match = UTKFACE_NAME.fullmatch(relative.name)
    if match is None:
        raise ValueError(f"the name {shown(relative.name)} is not [age]_[gender]_[race]_[date&time]")
    codes = match["fields"].split("_")[:-1]
    sex = _code(codes[0], UTKFACE_SEXES, "gender") if codes else None
    race = _code(codes[1], UTKFACE_RACES, "race") if len(codes) > 1 else None
    return NameLabels(person=None, age_years=whole_age(match["age"]), sex=sex, ethnicity=race)


def find_agedb(folder: Path) -> Iterator[Finding]:
    """AgeDB: <number>_<PersonName>_<age>_<m or f>.jpg."""
    yield from _find(folder, parse_agedb, age_provenance="given")


def parse_agedb(relative: Path) -> NameLabels:
    """Labels of one picture of AgeDB. Raises ValueError with the reason."""
    match = AGEDB_NAME.fullmatch(relative.stem)
    if match is None:
        raise ValueError(f"the name {shown(relative.name)} is not <number>_<person>_<age>_<m or f>")
    return NameLabels(person=person_name(match["person"]), age_years=whole_age(match["age"]), sex=sex_of(match["sex"]))


def _code(text: str, words: Sequence[Word], what: str) -> Word | None:
    """The word that a digit stands for; None for an empty text."""
    if not text:
        return None
    if not re.fullmatch(r"\d", text, re.ASCII) or int(text) >= len(words):
        raise ValueError(f"{what} {shown(text)!r} is none of 0..{len(words) - 1}")
    return words[int(text)]


def _find(folder: Path, parse: Callable[[Path], NameLabels], *, age_provenance: AgeProvenance) -> Iterator[Finding]:
    for path in pictures_in(folder):
        yield _one(folder, path, parse, age_provenance=age_provenance)


def _one(
    folder: Path,
    path: Path,
    parse: Callable[[Path], NameLabels],
    *,
    age_provenance: AgeProvenance,
    framing: str | None = None,
) -> Finding:
    relative = path.relative_to(folder)
    where = relative.as_posix()
    try:
        labels = parse(relative)
        key = word(where, "file name")
    except ValueError as error:
        return Fault(where=where, reason=str(error))
    return Found(
        where=where,
        key=key,
        person=labels.person or key,
        age_min_years=labels.age_years,
        age_max_years=labels.age_years,
        age_provenance=age_provenance,
        read=path.read_bytes,
        sex=labels.sex,
        ethnicity=labels.ethnicity,
        framing=framing,
    )
