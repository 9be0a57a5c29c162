"""CACD: 14_Aaron_Johnson_0001.jpg is Aaron Johnson at 14; the metadata, if they lie beside, add years."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cafdata.fields import OLDEST_YEARS
from cafdata.readers.found import Fault, Finding, Found, person_name, pictures_in, shown, whole_age, word
from cafdata.readers.tables import only_file, rows_of
from core.errors import DataBroken

NAME: Final = re.compile(r"(?P<age>[^_]*)_(?P<person>.+)_(?P<number>\d{4,})")
TABLES: Final = ("celebrity2000_meta.mat", "celebrity2000*.csv", "cacd*.csv", "CACD*.csv")
COLUMNS: Final = ("name", "year", "birth")
LAST_OF_YEAR: Final = 0.999
"""Whoever turns 14 in a year is 14 and all but a day at its end at most, and 13 at its beginning at least."""
YEAR: Final = re.compile(r"\d{4}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Years:
    """What the metadata say of one picture."""

    where: str
    """File and row."""
    captured: str | None
    """Year of the photo; None where the cell is empty."""
    born: str | None
    """Year of birth; None where the cell is empty."""


def find_cacd(folder: Path) -> Iterator[Finding]:
    """All pictures. An age is the year of the photo less the year of birth, so the birthday may yet be to come.

    The metadata are celebrity2000_meta.mat as published, or the same as CSV with the columns name (the file's),
    year and birth; a picture that they do not name is a fault. Years that contradict the age are another.
    """
    table = only_file(folder, TABLES)
    years: dict[str, Years] = {}
    if table is not None:
        for finding in _years_in(table):
            if isinstance(finding, Fault):
                yield finding
            else:
                years[finding[0]] = finding[1]
    for path in pictures_in(folder):
        relative = path.relative_to(folder)
        try:
            person, age_years = parse_cacd(relative)
            key = word(relative.as_posix(), "file name")
            known = _known(years, path.name, age_years, table)
        except ValueError as error:
            yield Fault(where=relative.as_posix(), reason=str(error))
            continue
        yield Found(
            where=relative.as_posix(),
            key=key,
            person=person,
            age_min_years=max(0.0, age_years - 1),
            age_max_years=min(age_years + LAST_OF_YEAR, OLDEST_YEARS),
            age_provenance="dates" if known and known.born and known.captured else "given",
            read=path.read_bytes,
            captured=known.captured if known else None,
            born=known.born if known else None,
        )


def parse_cacd(relative: Path) -> tuple[str, float]:
    """Person and age in years, as year of the photo less year of birth. Raises ValueError with the reason."""
    match = NAME.fullmatch(relative.stem)
    if match is None:
        raise ValueError(
            f"the name {shown(relative.name)} is not <age>_<person>_<number>, such as 14_Aaron_Johnson_0001"
        )
    return person_name(match["person"]), whole_age(match["age"])


def _known(years: dict[str, Years], name: str, age_years: float, table: Path | None) -> Years | None:
    if table is None:
        return None
    if name not in years:
        raise ValueError(f"{table.name} has no row of it")
    known = years[name]
    if known.born and known.captured and int(known.captured) - int(known.born) != age_years:
        raise ValueError(
            f"its age {age_years:g} is not {known.captured} less {known.born}, the years of {shown(known.where)}"
        )
    return known


def _years_in(table: Path) -> Iterator[tuple[str, Years] | Fault]:
    rows = _rows_of_mat(table) if table.suffix == ".mat" else rows_of(table, COLUMNS)
    for row in rows:
        if isinstance(row, Fault):
            yield row
            continue
        where, cells = row
        try:
            years = Years(where=where, captured=_year(cells["year"], "year"), born=_year(cells["birth"], "birth"))
        except ValueError as error:
            yield Fault(where=where, reason=str(error))
            continue
        yield cells["name"], years


def _year(text: str, what: str) -> str | None:
    if text in ("", "0", "nan", "NaN"):
        return None
    if not YEAR.fullmatch(text):
        raise ValueError(f"{what} {shown(text)!r} is no year")
    return text


def _rows_of_mat(table: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of celebrityImageData of the published file, read as plain numbers and text."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        held = loadmat(io.BytesIO(table.read_bytes()), variable_names=["celebrityImageData"], simplify_cells=True)
        images = held["celebrityImageData"]
        columns = [[str(value) for value in images[name]] for name in COLUMNS]
    except (MatReadError, NotImplementedError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataBroken(f"{table.name} holds no celebrityImageData with name, year and birth: {error}") from error
    for number, cells in enumerate(zip(*columns, strict=True), 1):
        yield f"{table.name}, row {number}", dict(zip(COLUMNS, cells, strict=True))
