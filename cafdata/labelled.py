"""Pictures whose person and age are known, wherever they lie: folders of people, Parquet files, layouts, archives.

Everything is checked before anything is used: a label that cannot be is named with its file and row, and nothing of
the source is taken.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cafdata.archive import Archive
from cafdata.pairs import Faces, faces_of
from cafdata.readers.found import Fault, Finding, Found, person_name, pictures_in, shown, whole_age, word
from cafdata.readers.layouts import LAYOUTS
from core.ages import TEN
from core.errors import ScoresBroken

PEOPLE: Final = "people"
"""The plain layout: a folder a person, in it pictures called AGE.jpg or NAME_AGE.jpg."""
NUM_NAMED: Final = 5
"""Faults told of; the rest is counted."""
PICTURE_COLUMNS: Final = ("jpeg", "image")


def find(sources: Sequence[Path], layout: str = PEOPLE) -> Callable[[], Iterator[Finding]]:
    """What lists the pictures of a source, always in the same order.

    A picture is to be read before the next one is asked for.

    Args:
        sources: one folder in the layout, one archive, or Parquet files.
        layout: PEOPLE or a name of `cafdata.readers.layouts`; archives and Parquet files say themselves what they are.
    Raises:
        ScoresBroken: no such folder or file.
        ValueError: several sources that are no Parquet files, or no such layout.
    """
    for source in sources:
        if not source.exists():
            raise ScoresBroken(f"There is no {source}; check the path.")
    if sources and all(source.is_file() for source in sources):
        titles = _titles(sources)
        return lambda: (finding for source, title in titles.items() for finding in find_rows(source, title))
    if len(sources) != 1:
        raise ValueError(f"name one folder, one archive, or Parquet files, got {len(sources)} folders and files")
    folder = sources[0]
    if (folder / "manifest.json").is_file():
        return lambda: find_archived(folder)
    if layout == PEOPLE:
        return lambda: find_people(folder)
    if layout not in LAYOUTS:
        raise ValueError(f"no layout {layout!r}; there are {PEOPLE}, {', '.join(LAYOUTS)}")
    return lambda: LAYOUTS[layout].find(folder)


def labels_of(findings: Iterator[Finding]) -> tuple[list[str], Faces]:
    """Names for messages, and persons with ages, of all pictures of a source.

    Raises:
        ScoresBroken: something in the source is unusable, each named with its reason; or there is nothing.
    """
    names: list[str] = []
    persons: list[str] = []
    low, high = array("d"), array("d")
    named: list[str] = []
    num_faults = 0
    for finding in findings:
        if isinstance(finding, Fault):
            num_faults += 1
            named += [str(finding)] if num_faults <= NUM_NAMED else []
            continue
        # A finding may hold its picture, so none is kept.
        names.append(finding.where)
        persons.append(finding.person)
        low.append(finding.age_min_years)
        high.append(finding.age_max_years)
    if num_faults:
        more = f"; and {num_faults - NUM_NAMED} more" if num_faults > NUM_NAMED else ""
        raise ScoresBroken(f"Nothing was used, for {num_faults} of the pictures cannot be: {'; '.join(named)}{more}.")
    if not names:
        raise ScoresBroken("There is no picture with a person and an age in this source.")
    return names, faces_of(persons, low, high)


def chosen(faces: Faces, per_group: int | None) -> set[int]:
    """Rows to look at: those in a group, and of each group at most `per_group`, spread evenly over the source."""
    if per_group is not None and per_group < 2:
        raise ValueError(f"of a group at least 2 faces are wanted, got {per_group}")
    rows: set[int] = set()
    for group in range(len(TEN)):
        own = np.flatnonzero(faces.groups == group)
        if per_group is not None and len(own) > per_group:
            own = own[np.linspace(0, len(own) - 1, per_group).round().astype(int)]
        rows.update(own.tolist())
    return rows


def find_people(folder: Path) -> Iterator[Finding]:
    """Pictures called <person>/AGE.jpg or <person>/NAME_AGE.jpg, folders above the person's counting to their name."""
    for path in pictures_in(folder):
        relative = path.relative_to(folder)
        where = relative.as_posix()
        try:
            if len(relative.parts) < 2:
                raise ValueError("it lies in no person's folder")
            person = person_name(relative.parent.as_posix())
            age_years = whole_age(relative.stem.rpartition("_")[2])
            key = word(where, "file name")
        except ValueError as error:
            yield Fault(where=where, reason=str(error))
            continue
        yield _found(where, key, person, (age_years, age_years), path.read_bytes)


def find_archived(folder: Path) -> Iterator[Finding]:
    """Pictures of an archive but for those that were made, not taken. Raises ArchiveBroken."""
    for picture in Archive(folder).pictures():
        record = picture.record
        if record.is_synthetic:
            continue
        ages = (record.age_min_years, record.age_max_years)
        yield _found(record.picture_id, record.picture_id, record.person_id, ages, lambda data=picture.data: data)  # type: ignore[misc]


def find_rows(file: Path, title: str) -> Iterator[Finding]:
    """Rows of a Parquet file: `age` in years, `jpeg` (bytes) or `image` (struct with bytes), `person` if known.

    Where there is no column of persons each picture counts as a person of its own.

    Args:
        file: to be read.
        title: what it is called in messages, and where nobody is named; no other file of the source is called so.
    Raises:
        ScoresBroken: no Parquet file, damaged, or a column is missing.
    """
    try:
        with pq.ParquetFile(file) as parquet:
            names = parquet.schema_arrow.names
            picture = next((name for name in PICTURE_COLUMNS if name in names), None)
            if "age" not in names or picture is None:
                raise ScoresBroken(f"{title} lacks the column(s) age, or jpeg or image.")
            labels = ["age", *(["person"] if "person" in names else [])]
            row_number = 0
            for row_group in range(parquet.num_row_groups):
                reader = _GroupReader(parquet, row_group, picture)
                for position, row in enumerate(parquet.read_row_group(row_group, columns=labels).to_pylist()):
                    where = f"{title}, row {row_number}"
                    row_number += 1
                    yield _row(where, row, reader.of(position))
    except (pa.ArrowException, OSError) as error:
        raise ScoresBroken(f"{file} is no Parquet file that can be read: {str(error).rstrip('.')}.") from error


def _titles(files: Sequence[Path]) -> dict[Path, str]:
    """What to call each of several files: its name, or the path as it was given where two have the same name."""
    names = Counter(file.name for file in dict.fromkeys(files))
    return {file: file.name if names[file.name] == 1 else str(file) for file in files}


class _GroupReader:
    """The pictures of one row group, read when the first is asked for."""

    def __init__(self, parquet: Any, row_group: int, column: str) -> None:
        self._parquet, self._row_group, self._column = parquet, row_group, column
        self._pictures: Any = None

    def of(self, position: int) -> Callable[[], bytes]:
        def read() -> bytes:
            if self._pictures is None:
                self._pictures = self._parquet.read_row_group(self._row_group, columns=[self._column])[self._column]
            value = self._pictures[position].as_py()
            data = value.get("bytes") if isinstance(value, dict) else value
            return data if isinstance(data, bytes) else b""

        return read


def _row(where: str, row: dict[str, Any], read: Callable[[], bytes]) -> Finding:
    age = row["age"]
    is_number = isinstance(age, int | float) and not isinstance(age, bool)
    if not is_number or not 0 <= age <= 130:
        return Fault(where=where, reason=f"age {shown(repr(age))} is no number of years between 0 and 130")
    try:
        name = person_name(str(row["person"])) if "person" in row else where
    except ValueError as error:
        return Fault(where=where, reason=str(error))
    return _found(where, where, name, (float(age), float(age)), read)


def _found(where: str, key: str, person: str, ages: tuple[float, float], read: Callable[[], bytes]) -> Found:
    return Found(
        where=where,
        key=key,
        person=person,
        age_min_years=ages[0],
        age_max_years=ages[1],
        age_provenance="given",
        read=read,
    )
