"""A folder of photos in, a table of apparent ages out: one CSV row a face, one for a photo without a result.

    file,face,age_years,low_years,high_years,group10,error
    "a/portrait.jpg",0,34.2,28.1,40.9,"30-39",""
    "wall.png","","","","","","No face found in this photo. ..."

Beside `ages.csv` lies `ages.record.json`: how it was made, and the sha256 of every photo that has a result. Both are
replaced whole while the work goes on, so an interrupted run goes on where it was; only photos that are new, have
changed or failed are read again.
"""

import csv
import hashlib
import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.age_reader import AgeReader, PresentAge
from core.ages import TEN
from core.aging import NO_FACE
from core.cells import path_cell, text_cell
from core.detect import FacePack
from core.errors import BadImage, NoFace
from core.files import write_atomic
from core.images import Photo, read_photo
from core.transform import PICTURE_SUFFIXES

COLUMNS = ("file", "face", "age_years", "low_years", "high_years", "group10", "error")
WRITE_EVERY_S = 2.0

Row = dict[str, Any]
"""A value for each of COLUMNS; "" where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one photo."""

    photo: Path
    """Its file."""
    rows: tuple[Row, ...]
    """Its rows in the table, at least one."""
    is_new: bool
    """False where an earlier run had done it."""

    @property
    def has_failed(self) -> bool:
        return any(row["error"] for row in self.rows)


class AgeTable:
    """The CSV and its record; starts with what an earlier run found, where it asked the same."""

    def __init__(self, path: Path, asked: Mapping[str, Any], cells: Sequence[str]) -> None:
        """Open a table, in memory.

        Args:
            path: the CSV, which need not be there.
            asked: all that the ages follow from besides the photos, as values for JSON.
            cells: what stands in the column "file", in the order of the rows.
        Raises:
            ValueError: the path does not end in .csv.
        """
        if path.suffix.lower() != ".csv":
            raise ValueError(f"the table is a CSV, so --out should end in .csv: {path}")
        self.path, self.asked, self.cells = path, dict(asked), tuple(cells)
        self.record_path = path.with_suffix(".record.json")
        before, photos = self._before() if path.is_file() else ([], {})
        self.rows: dict[str, tuple[Row, ...]] = {}
        for row in before:
            if row["file"] in self.cells and row["file"] in photos and not row["error"]:
                self.rows[row["file"]] = (*self.rows.get(row["file"], ()), row)
        self.sha256s = {cell: str(photos[cell]) for cell in self.rows}

    def _before(self) -> tuple[list[Row], dict[str, Any]]:
        """Rows of an earlier run and its photos' sha256; none where it asked otherwise or left nothing readable."""
        try:
            record = json.loads(self.record_path.read_text(encoding="utf-8"))
            with self.path.open(encoding="utf-8", newline="") as file:
                rows = [row_from_text(row) for row in csv.DictReader(file)]
            return (rows, dict(record["photos"])) if record["asked"] == self.asked else ([], {})
        except (FileNotFoundError, ValueError, KeyError, TypeError, csv.Error):
            return [], {}

    def write(self) -> None:
        """Replace both files, the table first: the record then never vouches for a row that is not there."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        writer.writeheader()
        for cell in self.cells:
            writer.writerows(self.rows.get(cell, ()))
        write_atomic(self.path, text.getvalue().encode())
        record = {"asked": self.asked, "photos": self.sha256s}
        write_atomic(self.record_path, (json.dumps(record, indent=2) + "\n").encode())


def estimate_ages(
    reader: AgeReader, pack: FacePack, folder: Path, out: Path, face: Literal["largest", "all"] = "largest"
) -> Iterator[Outcome]:
    """Read the ages of the photos in a folder and the folders within it, in the order of their names.

    Args:
        reader: reads the ages. One that takes whole photos gets each as it is, and nothing is detected.
        pack: finds the faces.
        folder: folder of photos.
        out: the CSV to write; it is there, as far as it has got, while this goes on.
        face: the largest face of a photo, or each, numbered from 0, the largest.
    Raises:
        BadImage: no such folder, or no picture in it.
        ValueError: all faces are asked of a reader that takes whole photos, or `out` is no CSV.
    """
    if face == "all" and reader.takes_whole_photos:
        raise ValueError(f"{reader.info.name} reads whole photos and knows no faces; leave --face at largest")
    photos = photos_within(folder)
    # A whole photo has no face to be found, so the pack does not matter for it.
    finder = "" if reader.takes_whole_photos else pack.name
    precision = str(reader.compute.dtype).removeprefix("torch.")
    asked = {"model": reader.info.name, "model_sha256": reader.info.sha256, "face": face, "face_pack": finder}
    cells = {photo: path_cell(photo.relative_to(folder)) for photo in photos}
    table = AgeTable(out, {**asked, "precision": precision}, list(cells.values()))
    out.parent.mkdir(parents=True, exist_ok=True)
    written_s = -float("inf")
    try:
        for photo, cell in cells.items():
            sha256 = file_sha256(photo)
            is_done = sha256 is not None and table.sha256s.get(cell) == sha256
            if not is_done:
                table.rows[cell] = rows_of(reader, pack, photo, cell, face)
                table.sha256s[cell] = sha256 or ""
            yield Outcome(photo=photo, rows=table.rows[cell], is_new=not is_done)
            if time.monotonic() - written_s > WRITE_EVERY_S:
                table.write()
                written_s = time.monotonic()
    finally:
        table.write()


def rows_of(
    reader: AgeReader, pack: FacePack, path: Path, cell: str, face: Literal["largest", "all"]
) -> tuple[Row, ...]:
    """Rows of one photo: one for each face asked for, or one that says why there is none."""
    try:
        photo = read_photo(path)
        ages = ages_in(reader, pack, photo, face)
    except (BadImage, NoFace) as error:
        return ({**dict.fromkeys(COLUMNS, ""), "file": cell, "error": text_cell(str(error))},)
    return tuple(age_row(cell, "" if reader.takes_whole_photos else number, age) for number, age in enumerate(ages))


def ages_in(reader: AgeReader, pack: FacePack, photo: Photo, face: Literal["largest", "all"]) -> list[PresentAge]:
    """Ages in one photo, largest face first. Raises NoFace."""
    if reader.takes_whole_photos:
        return [reader.read_whole(photo)]
    faces = pack.detect(photo)
    if not faces:
        raise NoFace(NO_FACE)
    return reader.read(photo, faces[:1] if face == "largest" else faces)


def age_row(cell: str, face: int | Literal[""], age: PresentAge) -> Row:
    """Row of one face, ages to a tenth of a year."""
    assert age.interval_years is not None
    years, low, high = (round(one, 1) for one in (age.years, *age.interval_years))
    ages = {"age_years": years, "low_years": low, "high_years": high}
    return {"file": cell, "face": face, **ages, "group10": TEN.names[TEN.index_of(years)], "error": ""}


def row_from_text(row: Mapping[str, Any]) -> Row:
    """A row as it was read from a CSV to what was written. Raises ValueError or TypeError if it is none."""
    if tuple(row) != COLUMNS:
        raise ValueError(f"the columns are {', '.join(COLUMNS)}")
    ages = {column: float(row[column]) for column in COLUMNS[2:5] if row[column] != ""}
    return {**row, **ages, "face": "" if row["face"] == "" else int(row["face"])}


def photos_within(folder: Path) -> list[Path]:
    """Pictures in a folder and the folders within it, sorted by their path. Raises BadImage for none."""
    if not folder.is_dir():
        raise BadImage(f"There is no folder {folder}.")
    found = [path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and not path.is_dir()]
    if not found:
        raise BadImage(f"There is no picture in the folder {folder}.")
    return sorted(found)


def file_sha256(path: Path) -> str | None:
    """Of a file's bytes; None where they cannot be read, of which `read_photo` then says why."""
    if not path.is_file():  # a pipe would be waited for
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
