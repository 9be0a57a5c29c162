"""UTKFace packed into Parquet: file, age, gender, race and jpeg, a row a face; any number of such files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from cafdata.readers.found import Fault, Finding, Found, shown, word
from cafdata.readers.names import UTKFACE_RACES, UTKFACE_SEXES
from core.errors import DataBroken

LABELS: Final = ("file", "age", "gender", "race")
PICTURE: Final = "jpeg"


def find_utkface_pack(folder: Path) -> Iterator[Finding]:
    """The rows of every Parquet file in a folder; a row's picture is read with the rest of its row group.

    The pack names no people, so every picture counts as a person of its own.
    """
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise DataBroken(f"{folder} holds no Parquet file")
    for file in files:
        yield from _rows(file)


def _rows(file: Path) -> Iterator[Finding]:
    try:
        parquet = pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        raise DataBroken(f"{file.name} is no Parquet file, or not all of it: {error}") from error
    with parquet:
        missing = [name for name in (*LABELS, PICTURE) if name not in parquet.schema_arrow.names]
        if missing:
            raise DataBroken(f"{file.name} lacks the column(s) {', '.join(missing)}")
        row_number = 0
        for row_group in range(parquet.num_row_groups):
            pictures = _Pictures(parquet, file.name, row_group)
            for position, labels in enumerate(_read(parquet, file.name, row_group, LABELS).to_pylist()):
                where = f"{file.name}, row {row_number}"
                row_number += 1
                try:
                    yield _found(where, labels, pictures.reader(position))
                except ValueError as error:
                    yield Fault(where=where, reason=str(error))


class _Pictures:
    """The pictures of one row group, read when the first is asked for."""

    def __init__(self, parquet: Any, name: str, row_group: int) -> None:
        self.parquet, self.name, self.row_group = parquet, name, row_group
        self.column: Any = None

    def reader(self, position: int) -> Callable[[], bytes]:
        """What reads the picture in a row; it works until the next row group is begun."""

        def read() -> bytes:
            if self.column is None:
                self.column = _read(self.parquet, self.name, self.row_group, (PICTURE,))[PICTURE]
            data = self.column[position].as_py()
            return data if isinstance(data, bytes) else b""

        return read


def _read(parquet: Any, name: str, row_group: int, columns: tuple[str, ...]) -> Any:
    try:
        return parquet.read_row_group(row_group, columns=[*columns], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise DataBroken(f"{name}, row group {row_group}, is damaged: {error}") from error


def _found(where: str, labels: dict[str, Any], read: Callable[[], bytes]) -> Found:
    age, gender, race = labels["age"], labels["gender"], labels["race"]
    if isinstance(age, bool) or not isinstance(age, int) or not 0 <= age <= 130:
        raise ValueError(f"age {shown(repr(age))} is no whole number of years between 0 and 130")
    if gender not in (0, 1):
        raise ValueError(f"gender {shown(repr(gender))} is neither 0 (male) nor 1 (female)")
    if race not in (None, 0, 1, 2, 3, 4):
        raise ValueError(f"race {shown(repr(race))} is none of 0..4")
    if not isinstance(labels["file"], str):
        raise ValueError(f"file {shown(repr(labels['file']))} is no name")
    key = word(labels["file"], "file")
    return Found(
        where=where,
        key=key,
        person=key,
        age_min_years=float(age),
        age_max_years=float(age),
        age_provenance="estimator",
        read=read,
        sex=UTKFACE_SEXES[gender],
        ethnicity=None if race is None else UTKFACE_RACES[race],
        framing="utkface",
    )
