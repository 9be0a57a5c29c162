"""FFHQ-Aging: ffhq_aging_labels.csv beside FFHQ's folders, images1024x1024/00000/00000.png or thumbnails128x128."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cafdata.fields import OLDEST_YEARS
from cafdata.readers.found import Fault, Finding, Found, number, pictures_in, sex_of, shown
from cafdata.readers.tables import Row, rows_of
from core.ages import TEN
from core.errors import DataBroken

LABELS_FILE: Final = "ffhq_aging_labels.csv"
PICTURE_FOLDERS: Final = ("images1024x1024", "images256x256", "thumbnails128x128")
"""The first of these that is there is read."""
COLUMNS: Final = ("image_number", "age_group", "age_group_confidence", "gender", "gender_confidence")
MEASURES: Final = ("age_group_confidence", "gender_confidence", "head_pitch", "head_roll", "head_yaw")
"""Columns of numbers that become quality scores; -1 stands for a measure that failed."""
MAX_NUMBER: Final = 69_999
OLDEST_GROUP: Final = "70-120"


def find_ffhq(folder: Path) -> Iterator[Finding]:
    """All pictures that are there, each with its row of labels; rows without a picture are passed over.

    FFHQ names no people, so every picture counts as a person of its own. The age is that of a group, by a crowd.
    """
    rows: dict[str, tuple[str, Row]] = {}
    for row in rows_of(folder / LABELS_FILE, COLUMNS):
        if isinstance(row, Fault):
            yield row
            continue
        where, cells = row
        try:
            name = picture_number(cells["image_number"])
            if name in rows:
                raise ValueError(f"image_number {name} has a row already, {rows[name][0]}")
            rows[name] = row
        except ValueError as error:
            yield Fault(where=where, reason=str(error))
    pictures = next((folder / name for name in PICTURE_FOLDERS if (folder / name).is_dir()), None)
    if pictures is None:
        raise DataBroken(f"{folder} holds none of FFHQ's folders {', '.join(PICTURE_FOLDERS)}")
    for path in pictures_in(pictures):
        where = path.relative_to(folder).as_posix()
        try:
            name = picture_number(path.stem)
            if name not in rows:
                raise ValueError(f"{LABELS_FILE} has no usable row of image_number {name}")
            where_labels, cells = rows[name]
        except ValueError as error:
            yield Fault(where=where, reason=str(error))
            continue
        try:
            yield _found(where, name, path, cells)
        except ValueError as error:
            yield Fault(where=f"{where} ({where_labels})", reason=str(error))


def picture_number(text: str) -> str:
    """Number of a picture with its leading zeros, 00000..69999. Raises ValueError."""
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or int(text) > MAX_NUMBER:
        raise ValueError(f"{shown(text)!r} is no number of an FFHQ picture, 0..{MAX_NUMBER}")
    return f"{int(text):05d}"


def group_years(name: str) -> tuple[float, float]:
    """Youngest and oldest whole year of a group, 0-2 ... 70-120. Raises ValueError for any other text."""
    if name == OLDEST_GROUP:
        return float(TEN.first_years[-1]), 120.0
    if name not in TEN.names[:-1]:
        raise ValueError(f"age_group {shown(name)!r} is none of {', '.join(TEN.names[:-1])}, {OLDEST_GROUP}")
    youngest, oldest = name.split("-")
    return float(youngest), float(oldest)


def measures(cells: Row) -> dict[str, float]:
    """The quality scores of a row; those that failed or are not there are left out. Raises ValueError."""
    found = {name: number(cells[name], name) for name in MEASURES if cells.get(name)}
    return {name: value for name, value in found.items() if value != -1 or name.startswith("head")}


def _found(where: str, name: str, path: Path, cells: Row) -> Found:
    youngest, oldest = group_years(cells["age_group"])
    assert oldest <= OLDEST_YEARS
    return Found(
        where=where,
        key=name,
        person=name,
        age_min_years=youngest,
        age_max_years=oldest,
        age_provenance="annotators",
        read=path.read_bytes,
        sex=sex_of(cells["gender"]),
        framing="ffhq",
        quality=measures(cells),
    )
