"""MORPH: 009055_1M54.JPG is picture 1 of person 009055, a man of 54; the album's CSV adds dates and ethnicity."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from cafdata.dates import age_between
from cafdata.readers.found import Fault, Finding, Found, pictures_in, sex_of, shown, whole_age, word
from cafdata.readers.tables import Row, only_file, rows_of
from cafdata.record import Sex

NAME: Final = re.compile(r"(?P<person>\d{5,7})_(?P<number>\d{1,3})(?P<sex>[MFmf])(?P<age>\d{1,3})", re.ASCII)
TABLES: Final = ("*.csv", "*.CSV")
COLUMNS: Final = ("id_num", "picture_num", "dob", "doa", "race", "gender", "age", "photo")
RACES: Final = {"B": "Black", "W": "White", "A": "Asian", "H": "Hispanic", "I": "Indian", "O": "Other"}
DATES: Final = ("%m/%d/%Y", "%Y-%m-%d")
MAX_DISAGREEMENT_YEARS: Final = 1.0
"""Between the age in a name and the dates in its row; beyond it one of the two is of somebody else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NameLabels:
    """What a file name says."""

    person: str
    """Number of the person, as written."""
    sex: Sex
    age_years: float
    """Whole years."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowLabels:
    """What a row of the album's CSV says."""

    born: date | None
    """None where the cell is empty."""
    captured: date | None
    """Day of the arrest, when the photo was taken; None where the cell is empty."""
    ethnicity: str | None
    """None where the cell is empty."""


def find_morph(folder: Path) -> Iterator[Finding]:
    """All pictures; with a CSV beside them, every picture has its row in it, by file name."""
    table = only_file(folder, TABLES)
    rows: dict[str, RowLabels] = {}
    for row in () if table is None else rows_of(table, COLUMNS):
        if isinstance(row, Fault):
            yield row
            continue
        where, cells = row
        name = cells["photo"].replace("\\", "/").rpartition("/")[2].upper()
        try:
            if name in rows:
                raise ValueError(f"{shown(name)} has a row already")
            whole_age(cells["age"])
            rows[name] = parse_row(cells)
        except ValueError as error:
            yield Fault(where=where, reason=str(error))
    for path in pictures_in(folder):
        relative = path.relative_to(folder)
        try:
            labels = parse_morph(relative)
            if table is not None and path.name.upper() not in rows:
                raise ValueError(f"{table.name} has no usable row of it")
            yield _found(relative, path, labels, rows.get(path.name.upper()))
        except ValueError as error:
            yield Fault(where=relative.as_posix(), reason=str(error))


def parse_morph(relative: Path) -> NameLabels:
    """Labels in a name. Raises ValueError with the reason."""
    match = NAME.fullmatch(relative.stem)
    if match is None:
        raise ValueError(f"the name {shown(relative.name)} is not <person>_<number><M or F><age>, such as 009055_1M54")
    return NameLabels(person=match["person"], sex=sex_of(match["sex"]), age_years=whole_age(match["age"]))


def parse_row(cells: Row) -> RowLabels:
    """Labels in a row of the album's CSV. Raises ValueError with the reason."""
    race = cells["race"].upper()
    if race and race not in RACES:
        raise ValueError(f"race {shown(race)!r} is none of {', '.join(RACES)}")
    return RowLabels(born=_date(cells["dob"], "dob"), captured=_date(cells["doa"], "doa"), ethnicity=RACES.get(race))


def _found(relative: Path, path: Path, labels: NameLabels, row: RowLabels | None) -> Found:
    born = row.born.isoformat() if row and row.born else None
    captured = row.captured.isoformat() if row and row.captured else None
    youngest = oldest = labels.age_years
    if born and captured:
        youngest, oldest = age_between(born, captured)
        off_years = max(youngest - (labels.age_years + 1), labels.age_years - oldest, 0)
        if off_years > MAX_DISAGREEMENT_YEARS:
            raise ValueError(f"its age {labels.age_years:g} contradicts the dates in its row, born {born}, {captured}")
    return Found(
        where=relative.as_posix(),
        key=word(relative.as_posix(), "file name"),
        person=labels.person,
        age_min_years=youngest,
        age_max_years=oldest,
        age_provenance="dates" if born and captured else "given",
        read=path.read_bytes,
        sex=labels.sex,
        ethnicity=row.ethnicity if row else None,
        captured=captured,
        born=born,
    )


def _date(text: str, what: str) -> date | None:
    """Day out of 5/27/1971, 5/27/1971 0:00, or 1971-05-27; None for an empty cell."""
    day = text.partition(" ")[0]
    if not day:
        return None
    for form in DATES:
        try:
            return datetime.strptime(day, form).date()
        except ValueError:
            continue
    raise ValueError(f"{what} {shown(text)!r} is no date")
