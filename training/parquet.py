"""The door to Parquet files of faces, on this machine or on the Hugging Face Hub.

Such a file has the columns `age` (whole years 0..130), `gender` (0 male, 1 female) and the picture's file, a face
already framed and square: either `jpeg` (bytes) or, as Hugging Face datasets write it, `image` (struct of bytes and
path, the bytes filled in). A column `race` of numbers is read where there is one, and UTKFace's codes 0..4 in it are
known races; other columns are not read.
"""

import bisect
import hashlib
import io
import mmap
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import httpx2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.ages import OLDEST_YEARS
from core.errors import BadImage, DataBroken
from core.images import Photo, decode_photo, resize

LABELS = ("age", "gender")
FALSE_LABEL = "an age is a whole number of years 0..130, a gender 0 (male) or 1 (female); mend the row or leave it out"
UNREADABLE = "it is damaged or out of reach; fetch it again or mend the connection, then resume"
FAULTS = (OSError, pa.ArrowException, httpx2.HTTPError)
"""What reading can raise: from the disk, from the format, from the way to the Hub."""
TAIL_BYTES = 1 << 16
"""Read from a file's end at first; nearly every footer lies within."""
SLACK_BYTES = 100
"""Read beyond what a footer says of a column: some old writers leave the header of its dictionary out of the size."""
UNRESERVED = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | (0x4000 if sys.platform == "linux" else 0)
"""For memory that counts only once it is touched, however much of it there is; 0x4000 is Linux's MAP_NORESERVE, which
Python 3.11 has no name for."""
JOINED_BYTES = 1 << 16
"""Columns that lie nearer to each other than this are read at one go, with what is between them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledRow:
    """One row, its picture still encoded."""

    where: str
    """File and row, for messages."""
    age_years: int
    """Years, 0..100; older counts as 100."""
    sex: int
    """0 male, 1 female."""
    race: int | None
    """UTKFace's code 0..4; None where the file has none or says something else."""
    picture: bytes
    """The picture's file."""


def decode_face(row: LabelledRow, size_px: int, decode: Callable[[bytes], Photo] = decode_photo) -> Photo:
    """(size_px, size_px, 3) uint8 RGB. Raises DataBroken, naming file and row, for a picture that cannot be read."""
    try:
        face = decode(row.picture)
    except BadImage as error:
        raise DataBroken(f"{row.where}: {error}") from error
    return resize(face, size_px, size_px)


class FaceFile:
    """One Parquet file, whose footer is read at once and whose row groups are read when asked for."""

    def __init__(self, filesystem: Any, path: str, name: str) -> None:
        """Read the footer.

        Args:
            filesystem: fsspec's, on which `path` lies.
            name: what messages call the file.
        Raises:
            DataBroken: no such file, no Parquet, or a column is missing.
        """
        self.filesystem, self.path, self.name = filesystem, path, name
        try:
            self.size_bytes = int(filesystem.size(path))
            footer = self._tail(TAIL_BYTES)
            footer_bytes = int.from_bytes(footer[-8:-4], "little") + 8
            if footer_bytes > len(footer):
                footer = self._tail(footer_bytes)
            self.metadata = pq.read_metadata(io.BytesIO(footer))
        except FileNotFoundError as error:
            raise DataBroken(f"no such data file: {name}") from error
        except pa.ArrowInvalid as error:
            raise DataBroken(f"{name} is no Parquet file, or not all of it; fetch it again ({error})") from error
        except FAULTS as error:
            raise DataBroken(f"{name}: {UNREADABLE} ({error})") from error
        self.footer_sha256 = hashlib.sha256(footer[-footer_bytes:]).hexdigest()
        self.columns = _wanted_columns(self.metadata.schema.to_arrow_schema(), name)
        counts = [self.metadata.row_group(number).num_rows for number in range(self.metadata.num_row_groups)]
        self.first_rows: list[int] = np.cumsum([0, *counts]).tolist()
        """Number of the first row of each row group, and of the row after the last."""

    @property
    def num_row_groups(self) -> int:
        """Row groups in the file."""
        return len(self.first_rows) - 1

    def num_rows(self, row_group: int) -> int:
        """Rows in a row group."""
        return self.first_rows[row_group + 1] - self.first_rows[row_group]

    def labels(self, row_group: int) -> npt.NDArray[np.int64]:
        """(rows, 2) age in years 0..100 and sex of every row of a row group, without reading pictures.

        Raises:
            DataBroken: an age or sex that is none; names file and row.
        """
        rows = self._table(row_group, [*LABELS]).to_pylist()
        first = self.first_rows[row_group]
        pairs = [self._checked(row, number) for number, row in enumerate(rows, first)]
        return np.asarray(pairs, dtype=np.int64).reshape(-1, 2)

    def rows(self, row_group: int, min_age_years: int) -> list[LabelledRow]:
        """The rows of a row group whose age is at least `min_age_years`.

        Raises:
            DataBroken: an age or sex that is none, or no picture; names file and row.
        """
        found = []
        for number, row in enumerate(self._table(row_group, self.columns).to_pylist(), self.first_rows[row_group]):
            age_years, sex = self._checked(row, number)
            column = "jpeg" if "jpeg" in row else "image"
            picture = row["jpeg"] if column == "jpeg" else (row["image"] or {}).get("bytes")
            where = f"{self.name}, row {number}"
            if not isinstance(picture, bytes):
                raise DataBroken(f"{where}: {column} holds no bytes; embed the picture's file or leave the row out")
            if age_years >= min_age_years:
                race = int(row["race"]) if row.get("race") in range(5) else None
                found.append(LabelledRow(where=where, age_years=age_years, sex=sex, race=race, picture=picture))
        return found

    def row_group_of(self, number: int) -> int:
        """The row group that row `number` of the file lies in."""
        return bisect.bisect_right(self.first_rows, number) - 1

    def _checked(self, row: dict[str, Any], number: int) -> tuple[int, int]:
        age, sex = row["age"], row["gender"]
        if not isinstance(age, int) or not 0 <= age <= 130 or sex not in (0, 1):
            raise DataBroken(f"{self.name}, row {number}: age {age!r}, gender {sex!r}; {FALSE_LABEL}")
        return min(age, OLDEST_YEARS), int(sex)

    def _table(self, row_group: int, columns: list[str]) -> Any:
        """Those columns. Fetched here and handed over in memory: Arrow itself would fetch from threads of its own,
        and a process that ends while such a thread waits for the network is aborted."""
        where = f"{self.name}, row group {row_group}"
        try:
            spans = self._spans(row_group, columns)
            # As long as the file and nearly all of it never touched, so that everything lies where the footer says.
            there = mmap.mmap(-1, self.size_bytes, flags=UNRESERVED)
            with self.filesystem.open(self.path, "rb", cache_type="none") as file:
                for first, end in spans:
                    file.seek(first)
                    there[first:end] = _exactly(file, end - first)
            reader = pq.ParquetFile(pa.BufferReader(pa.py_buffer(there)), metadata=self.metadata)
            table = reader.read_row_group(row_group, columns=columns, use_threads=False)
        except FAULTS as error:
            raise DataBroken(f"{where}: {UNREADABLE} ({error})") from error
        return table

    def _spans(self, row_group: int, columns: list[str]) -> list[tuple[int, int]]:
        """First byte and end of each stretch of the file that holds those columns."""
        group = self.metadata.row_group(row_group)
        chunks = [group.column(number) for number in range(group.num_columns)]
        stretches = []
        for chunk in chunks:
            if chunk.path_in_schema in columns:
                first = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)))
                stretches.append((first, min(first + chunk.total_compressed_size + SLACK_BYTES, self.size_bytes)))
        found: list[tuple[int, int]] = []
        for first, end in sorted(stretches):
            if found and first <= found[-1][1] + JOINED_BYTES:
                found[-1] = (found[-1][0], max(found[-1][1], end))
            else:
                found.append((first, end))
        return found

    def _tail(self, num_bytes: int) -> bytes:
        with self.filesystem.open(self.path, "rb") as file:
            file.seek(max(0, self.size_bytes - num_bytes))
            tail: bytes = file.read(num_bytes)
        return tail


def _exactly(file: Any, num_bytes: int) -> bytes:
    """The next bytes of a file. Raises OSError where there are fewer."""
    parts = []
    while num_bytes > 0:
        part: bytes = file.read(num_bytes)
        if not part:
            raise OSError("the file ends too soon")
        parts.append(part)
        num_bytes -= len(part)
    return b"".join(parts)


def open_files(places: tuple[str | Path, ...]) -> list[FaceFile]:
    """Open files, in the order given; those that a pattern finds come by name.

    Args:
        places: paths, patterns with * or **, or addresses such as hf://datasets/ORG/NAME/data/train-*.parquet;
            hf://datasets/ORG/NAME@COMMIT/... holds on to one version.
    Raises:
        DataBroken: nothing there, no Parquet, a column is missing, or what an address needs is not installed.
    """
    return [file for place in places for file in _open_place(str(place))]


def _open_place(place: str) -> Iterator[FaceFile]:
    protocol = place.partition("://")[0] if "://" in place else ""
    try:
        filesystem, path = fsspec.url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise DataBroken(f"{place}: this kind of address cannot be read here ({error})") from error
    if "*" not in path:
        yield FaceFile(filesystem, path, place)
        return
    try:
        paths = sorted(filesystem.glob(path))
    except FileNotFoundError:  # the folder before the first star, on the Hub
        paths = []
    except FAULTS as error:
        raise DataBroken(f"{place}: {UNREADABLE} ({error})") from error
    if not paths:
        raise DataBroken(f"no data file matches {place}")
    for found in paths:
        yield FaceFile(filesystem, found, f"{protocol}://{found}" if protocol else found)


def _wanted_columns(schema: pa.Schema, name: str) -> list[str]:
    """The columns to read of a file with that schema. Raises DataBroken, naming those it lacks."""
    names = set(schema.names)
    missing = set(LABELS) - names
    if not names & {"jpeg", "image"}:
        missing.add("jpeg")
    if missing:
        raise DataBroken(f"{name} lacks the column(s) {', '.join(sorted(missing))}")
    has_race = "race" in names and _is_number(schema.field("race").type)
    columns = [*LABELS, *(["race"] if has_race else [])]
    if "jpeg" in names:
        return [*columns, "jpeg"]
    image = schema.field("image").type
    if not pa.types.is_struct(image) or image.get_field_index("bytes") < 0:
        raise DataBroken(f"{name}: the column image is {image}, not a struct with bytes; embed the pictures' files")
    return [*columns, "image.bytes"]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
