"""What an archive's pictures are known by, in memory, for whoever looks around in it.

Held are only the few columns that are searched and counted by. Records and pictures are read when they are asked
for, by their place in the files, a row group at a time. People stand in the order in which the files have them, so
that those shown together lie together.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cafdata import fields
from cafdata.manifest import Manifest
from cafdata.pairs import Faces, Whole, faces_of
from cafdata.record import Picture, Record
from cafdata.schema import METADATA_COLUMNS, record_schema
from cafdata.shards import FOLDER
from cafdata.summary import UNKNOWN, Summary, summarise
from core.ages import TEN
from core.errors import ArchiveBroken

SEARCHED: Final = ("picture_id", "person_id", "author", "attribution", "source_url")
"""Columns in which a text is looked for."""
HELD: Final = (*SEARCHED, "age_min_years", "age_max_years", "licence", "is_synthetic")
MAX_TEXT: Final = 200
"""Characters of a text to look for; the rest is not heeded."""


class Files(Protocol):
    """Parquet files that hold an archive, wherever they lie."""

    @property
    def title(self) -> str:
        """What the archive is called, for people."""

    @property
    def names(self) -> Sequence[str]:
        """The files, in order."""

    def open(self, name: str) -> AbstractContextManager[pq.ParquetFile]:
        """Lend one of them. Raises ArchiveBroken, also for what fails while it is lent."""


class FolderFiles:
    """The shards of an archive folder, as its manifest names them at this moment."""

    def __init__(self, folder: Path) -> None:
        """Raises ArchiveBroken if there is no archive."""
        self.folder = folder
        manifest = Manifest.read(folder)
        self.generation = manifest.generation
        self.names = tuple(shard.name for shard in manifest.shards)

    @property
    def title(self) -> str:
        return self.folder.resolve().name

    @contextmanager
    def open(self, name: str) -> Iterator[pq.ParquetFile]:
        try:
            with pq.ParquetFile(self.folder / FOLDER / name) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            raise ArchiveBroken(f"The archive's file {name} cannot be read; it may have changed. Try again.") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What to look for; everything that is given must hold."""

    text: str = ""
    """Part of a picture's or person's name, an author, an attribution or an address, in any case."""
    group: int | None = None
    """Number of an age group of core.ages.TEN that holds the whole age interval."""
    licence: str | None = None
    """As the records say; "not stated" where they do not."""

    def __post_init__(self) -> None:
        if self.group is not None and not 0 <= self.group < len(TEN):
            raise ValueError(f"group is 0..{len(TEN) - 1}, got {self.group}")


class Catalogue:
    """Every picture of an archive, each person's pictures together, youngest first. A row is one picture's number."""

    def __init__(self, files: Files) -> None:
        """Read the columns that are held.

        Raises:
            ArchiveBroken: a file cannot be read, is of another schema, or names what cannot be a name.
        """
        self.files = files
        self.has_pictures = True
        tables, places = [], []
        for number, name in enumerate(files.names):
            with files.open(name) as file:
                self._check_schema(name, file.schema_arrow)
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=list(HELD), use_threads=False)
                    tables.append(table)
                    count = table.num_rows
                    places.append(np.stack([np.full(count, number), np.full(count, group), np.arange(count)], axis=1))
        schema = pa.schema([record_schema().field(name) for name in HELD])
        table = pa.concat_tables([one.select(HELD).cast(schema) for one in tables] or [schema.empty_table()])
        if table.column("person_id").null_count:
            raise ArchiveBroken(f"{files.title} cannot be shown: some of its pictures are of nobody")
        persons = table.column("person_id").combine_chunks().dictionary_encode()
        numbers = persons.indices.to_numpy().astype(np.int64)
        low, high = (table.column(name).to_numpy() for name in ("age_min_years", "age_max_years"))
        order = np.lexsort((high, low, numbers))
        self.places: Whole = np.concatenate([*places, np.zeros((0, 3), dtype=np.int64)])[order].astype(np.int64)
        """(N, 3) number of the file, of the row group, of the row in it."""
        self.table = table.take(order).combine_chunks()
        self.people: tuple[str, ...] = tuple(persons.dictionary.to_pylist())
        """Names, in the order of the files."""
        self._check_names()
        try:
            known = faces_of(self.table.column("person_id").to_pylist(), low[order], high[order])
        except ValueError as error:
            raise ArchiveBroken(f"{files.title} has ages that cannot be: {error}") from error
        self.faces = Faces(persons=numbers[order], groups=known.groups, ages_years=known.ages_years)
        """Who is how old, by row; persons are numbers of `people`."""
        self.starts: Whole = np.searchsorted(self.faces.persons, np.arange(len(self.people) + 1))
        """(people + 1,) first row of each person, and the end."""

    def __len__(self) -> int:
        return len(self.table)

    @property
    def title(self) -> str:
        """What the archive is called, for people."""
        return self.files.title

    @cached_property
    def licences(self) -> tuple[str, ...]:
        """All there are, those of most pictures first."""
        counts = pc.value_counts(self._column("licence").fill_null(UNKNOWN)).to_pylist()
        return tuple(one["values"] for one in sorted(counts, key=lambda one: (-one["counts"], one["values"])))

    @cached_property
    def coverage(self) -> Whole:
        """(people, 10) pictures of each person in each age group, in the order of `people`."""
        counts = np.zeros((len(self.people), len(TEN)), dtype=np.int64)
        is_in = self.faces.groups >= 0
        np.add.at(counts, (self.faces.persons[is_in], self.faces.groups[is_in]), 1)
        return counts

    @cached_property
    def summary(self) -> Summary:
        """Everything counted; reads every record once. Raises ArchiveBroken."""
        return summarise(self.all_records())

    def search(self, query: Query) -> Whole:
        """(M,) rows that fit, rising."""
        found = np.ones(len(self), dtype=bool)
        if query.group is not None:
            found &= self.faces.groups == query.group
        if query.licence is not None:
            found &= self._where(pc.equal(self._column("licence").fill_null(UNKNOWN), query.licence))
        if text := query.text.strip()[:MAX_TEXT]:
            has = [
                self._where(pc.match_substring(self._column(name), text, ignore_case=True).fill_null(False))
                for name in SEARCHED
            ]
            found &= np.logical_or.reduce(has)
        return np.flatnonzero(found)

    def rows_of(self, person_id: str) -> Whole:
        """(M,) rows of a person, youngest first. Raises ArchiveBroken if the archive has nobody of that name."""
        try:
            number = self.people.index(person_id)
        except ValueError:
            raise ArchiveBroken(f"The archive {self.title} has no person {person_id}") from None
        return np.arange(self.starts[number], self.starts[number + 1])

    def row_of(self, picture_id: str) -> int:
        """Row of a picture. Raises ArchiveBroken if the archive has none of that name."""
        row = int(pc.index(self._column("picture_id"), picture_id).as_py())
        if row < 0:
            raise ArchiveBroken(f"The archive {self.title} has no picture {picture_id}")
        return row

    def picture_id(self, row: int) -> str:
        """Name of the picture in a row."""
        return str(self._column("picture_id")[row].as_py())

    def person_id(self, row: int) -> str:
        """Who is on the picture in a row."""
        return self.people[int(self.faces.persons[row])]

    def records(self, rows: Sequence[int] | Whole) -> list[Record]:
        """What is known of some pictures, in the order asked for. Raises ArchiveBroken."""
        return [record for record, _ in self._read(rows, METADATA_COLUMNS)]

    def pictures(self, rows: Sequence[int] | Whole) -> list[Picture]:
        """Some pictures with their records, in the order asked for.

        Raises:
            ArchiveBroken: a file cannot be read or has changed, or pictures are not given out (`has_pictures`).
        """
        if not self.has_pictures:
            raise ArchiveBroken(f"The archive {self.title} is given out without its pictures")
        return [Picture(record=record, data=data) for record, data in self._read(rows, (*METADATA_COLUMNS, "image"))]

    def all_records(self) -> Iterator[Record]:
        """Every record, in the order of the files. Raises ArchiveBroken."""
        for name in self.files.names:
            with self.files.open(name) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=list(METADATA_COLUMNS), use_threads=False)
                    for row in table.to_pylist():
                        yield _record_of(row, name)

    def _read(self, rows: Sequence[int] | Whole, columns: Sequence[str]) -> list[tuple[Record, bytes]]:
        """Records, and bytes where the picture is among the columns; each row group is read once."""
        wanted: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            number, group, _ = self.places[row]
            wanted[int(number)][int(group)].append(int(row))
        found: dict[int, tuple[Record, bytes]] = {}
        for number, groups in wanted.items():
            name = self.files.names[number]
            with self.files.open(name) as file:
                for group, some in groups.items():
                    if group >= file.num_row_groups:
                        raise ArchiveBroken(f"The archive's file {name} has changed; open the archive anew.")
                    table = file.read_row_group(group, columns=list(columns), use_threads=False)
                    found |= self._pick(table, some, name)
        return [found[int(row)] for row in rows]

    def _pick(self, table: pa.Table, rows: list[int], name: str) -> dict[int, tuple[Record, bytes]]:
        spots = self.places[rows, 2]
        if spots.max() >= table.num_rows:
            raise ArchiveBroken(f"The archive's file {name} has changed; open the archive anew.")
        found = {}
        for row, values in zip(rows, table.take(spots).to_pylist(), strict=True):
            record = _record_of(values, name)
            if record.picture_id != self.picture_id(row):
                raise ArchiveBroken(f"The archive's file {name} has changed; open the archive anew.")
            found[row] = (record, (values.get("image") or {}).get("bytes") or b"")
        return found

    def _check_schema(self, name: str, schema: pa.Schema) -> None:
        if schema.equals(record_schema(with_pictures=False)):
            self.has_pictures = False
        elif not schema.equals(record_schema()):
            raise ArchiveBroken(f"{self.title} cannot be shown: the columns of {name} are not those of our records")

    def _check_names(self) -> None:
        """What is shown without its record being read must be printable text."""
        try:
            for person in self.people:
                fields.identifier("person_id", person)
            for picture in self._column("picture_id").to_pylist():
                fields.identifier("picture_id", picture)
            for licence in self.licences:
                fields.text("licence", licence)
        except ValueError as error:
            raise ArchiveBroken(f"{self.title} cannot be shown: {error}") from error

    def _column(self, name: str) -> pa.ChunkedArray:
        return self.table.column(name)

    @staticmethod
    def _where(mask: Any) -> npt.NDArray[np.bool_]:
        values: npt.NDArray[np.bool_] = mask.to_numpy().astype(bool)
        return values


def _record_of(row: dict[str, Any], name: str) -> Record:
    try:
        return Record.from_row(row)
    except ValueError as error:
        raise ArchiveBroken(f"The archive's file {name} holds a row that is no record: {error}") from error
