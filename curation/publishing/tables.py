"""Parquet files of an edition: some rows of an archive, named after what is in them, and read back.

A file's name carries the beginning of its SHA-256. So a name never comes to stand for other bytes, and a reader who
holds on to no version finds a file as the README meant it, or not at all.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from cafdata import fields
from cafdata.archive import Archive
from cafdata.record import SPLITS, Record, Row
from cafdata.schema import METADATA_COLUMNS, record_schema
from cafdata.shards import GROUP_ROWS, file_digest, read_tables
from curation.publishing.refusals import HubRefused

ENDING: Final = ".parquet"
DIGITS: Final = 16
"""Of the SHA-256, in a file's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataPart:
    """One Parquet file of an edition. Raises ValueError for values that cannot be."""

    path: str
    """Within the repository: "metadata/train-0123456789abcdef.parquet"."""
    split: str
    num_rows: int
    num_bytes: int
    sha256: str
    """Of the file."""

    def __post_init__(self) -> None:
        fields.one_of("split", self.split, SPLITS)
        fields.whole("num_rows", self.num_rows, 1)
        fields.whole("num_bytes", self.num_bytes, 1)
        fields.hexadecimal("sha256", self.sha256, 64)
        folder, _, name = str(self.path).rpartition("/")
        if not folder.isidentifier() or name != f"{self.split}-{self.sha256[:DIGITS]}{ENDING}":
            raise ValueError(f"{self.path!r} is no name of a part of {self.split} with sha256 {self.sha256}")


class RowDigest:
    """One number for a set of rows, whatever their order and the files they lie in."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, row: Row) -> None:
        """Take a row in, without its picture; that is in by its sha256."""
        self.total = (self.total + int.from_bytes(row_digest(row))) % 2**256

    def hexadecimal(self) -> str:
        """64 digits."""
        return f"{self.total:064x}"


def row_digest(row: Row) -> bytes:
    """SHA-256 of the metadata in a row."""
    values = {name: value for name, value in row.items() if name != "image"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()


def archive_parts(
    archive: Archive, picture_ids: Collection[str], names: Mapping[str, str], folder: Path, *, with_pictures: bool
) -> Iterator[DataPart]:
    """Write the rows of some pictures, a file for each shard that holds any.

    Args:
        picture_ids: whose rows.
        names: what each annotator is called outside.
        folder: new or empty; its name becomes part of the paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = record_schema(with_pictures=with_pictures).names
    for shard in archive.manifest.shards:
        rows = (
            _renamed(row, names)
            for table in read_tables(archive.folder, shard, columns)
            for row in table.to_pylist()
            if row["picture_id"] in picture_ids
        )
        yield from write_part(rows, folder, shard.split, with_pictures=with_pictures)


def write_part(rows: Iterable[Row], folder: Path, split: str, *, with_pictures: bool) -> Iterator[DataPart]:
    """Write rows of one split to a file of their own; nothing where there are none. The same rows, the same bytes."""
    schema = record_schema(with_pictures=with_pictures)
    packing = {name: "zstd" for name in METADATA_COLUMNS} | {"image.bytes": "none"}
    draft, waiting, count = folder / f"{split}.part", [], 0
    with pq.ParquetWriter(draft, schema, compression=packing, use_dictionary=False) as writer:
        for row in rows:
            waiting.append(row)
            count += 1
            if len(waiting) == GROUP_ROWS:
                writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
    if not count:
        draft.unlink()
        return
    digest = file_digest(draft)
    done = draft.replace(folder / f"{split}-{digest[:DIGITS]}{ENDING}")
    size = done.stat().st_size
    path = f"{folder.name}/{done.name}"
    yield DataPart(path=path, split=split, num_rows=count, num_bytes=size, sha256=digest)


def read_part(path: Path) -> Iterator[Row]:
    """Rows of a downloaded part, with their pictures where it has them.

    Raises:
        HubRefused: it is no Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield from file.read_row_group(number, use_threads=False).to_pylist()
    except (pa.ArrowException, OSError) as error:
        said = str(error).strip().partition("\n")[0]
        raise HubRefused(f"{path.name}, as it was published before, cannot be read ({said})") from None


def record_of(row: Row, path: str) -> Record:
    """Record of a published row. Raises HubRefused for one that this program does not understand."""
    try:
        return Record.from_row(row)
    except ValueError as error:
        raise HubRefused(f"{path}, as it was published before, has a row that is no record: {error}") from None


def _renamed(row: dict[str, Any], names: Mapping[str, str]) -> Row:
    row["labels"] = [label | {"annotator": names[label["annotator"]]} for label in row["labels"] or []]
    return row
