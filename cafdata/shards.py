"""Parquet files of pictures: written in pieces of bounded size, read piece by piece."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cafdata.manifest import UNASSIGNED, Manifest, Shard
from cafdata.schema import record_schema
from core.errors import ArchiveBroken
from core.files import replacing

FOLDER: Final = "shards"
GROUP_ROWS: Final = 2048
"""Rows of a row group, the least that a reader of Parquet takes in at once."""
MIB: Final = 2**20
GROUP_BYTES: Final = 32 * MIB


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardSize:
    """When a shard is full. Bytes are counted before packing, and the limit is met as well as rows are alike."""

    max_rows: int = 20_000
    max_bytes: int = 256 * MIB

    def __post_init__(self) -> None:
        if self.max_rows < 1 or self.max_bytes < 1:
            raise ValueError(f"a shard holds at least one row and one byte, got {self.max_rows} and {self.max_bytes}")


class _OpenShard:
    """A shard that is being written: a draft beside its place until it is closed."""

    def __init__(self, folder: Path, name: str, split: str) -> None:
        self.path, self.split = folder / name, split
        self.num_rows = self.num_bytes = 0
        self.waiting: list[pa.Table] = []
        self.files = ExitStack()
        draft = self.files.enter_context(replacing(self.path))
        schema = record_schema()
        # Pictures are compressed already; dictionaries and statistics of unlike values cost time and save nothing.
        packing = {name: "zstd" for name in schema.names if name != "image"} | {"image.bytes": "none"}
        self.writer = self.files.enter_context(
            pq.ParquetWriter(draft, schema, compression=packing, use_dictionary=False, write_statistics=False)
        )

    def write(self, table: pa.Table) -> None:
        self.waiting.append(table)
        self.num_rows += table.num_rows
        self.num_bytes += table.nbytes
        if sum(part.num_rows for part in self.waiting) >= GROUP_ROWS or self._waiting_bytes() >= GROUP_BYTES:
            self._write_group()

    def _waiting_bytes(self) -> int:
        return sum(int(part.nbytes) for part in self.waiting)

    def _write_group(self) -> None:
        if self.waiting:
            self.writer.write_table(pa.concat_tables(self.waiting))
            self.waiting = []

    def close(self) -> Shard:
        self._write_group()
        self.files.close()
        return Shard(
            name=self.path.name,
            split=self.split,
            num_rows=self.num_rows,
            num_bytes=self.path.stat().st_size,
            sha256=file_digest(self.path),
        )


class ShardWriter:
    """Deals tables into shards, each of one split. Use as a context: on an error what was begun is dropped.

    Shards finished before the error stay; no manifest names them, and whoever writes next clears them.
    """

    def __init__(self, archive: Path, generation: int, size: ShardSize, *, num_begun: int = 0) -> None:
        self.folder, self.generation, self.size, self.num_begun = archive / FOLDER, generation, size, num_begun
        self.open: dict[str, _OpenShard] = {}
        self.done: list[Shard] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as unfinished:
            for shard in self.open.values():
                unfinished.push(shard.files)
            if error is None:
                self.done += [shard.close() for shard in self.open.values()]
            else:
                unfinished.__exit__(kind, error, trace)

    def write(self, table: pa.Table) -> None:
        """Take the rows of a table of the record's schema, whatever splits they are in."""
        column = table.column("split")
        for split in column.unique().to_pylist():
            rows = pc.is_null(column) if split is None else pc.equal(column, split)
            self._write_split(table.filter(rows), split or UNASSIGNED)

    def _write_split(self, table: pa.Table, split: str) -> None:
        start = 0
        while start < table.num_rows:
            if split not in self.open:
                name = f"{split}-{self.generation:06d}-{self.num_begun:05d}.parquet"
                self.num_begun += 1
                self.open[split] = _OpenShard(self.folder, name, split)
            shard = self.open[split]
            fitting = int((self.size.max_bytes - shard.num_bytes) * table.num_rows / max(1, table.nbytes))
            piece = table.slice(start, max(1, min(fitting, self.size.max_rows - shard.num_rows)))
            shard.write(piece)
            start += piece.num_rows
            if shard.num_rows >= self.size.max_rows or shard.num_bytes >= self.size.max_bytes:
                self.done.append(shard.close())
                del self.open[split]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_tables(archive: Path, shard: Shard, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Row groups of a shard, one after the other, with all columns or those named.

    Raises:
        ArchiveBroken: the file is gone, damaged, or of another schema; it names the shard.
    """
    path = archive / FOLDER / shard.name
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow != record_schema():
                raise ArchiveBroken(f"shard {shard.name}: its columns are not those of this program's records")
            for number in range(file.num_row_groups):
                yield file.read_row_group(number, columns=None if columns is None else list(columns), use_threads=False)
    except FileNotFoundError:
        was = "changed while it was being read; read it again" if _has_changed(archive, shard) else "has lost it"
        raise ArchiveBroken(f"shard {shard.name} is not there: the archive {was}") from None
    except (pa.ArrowException, OSError) as error:
        raise ArchiveBroken(f"shard {shard.name} cannot be read ({_first_line(error)})") from error


def read_columns(archive: Path, shards: Sequence[Shard], columns: Sequence[str]) -> dict[str, list[Any]]:
    """Some columns of many shards, each in one list, in the order of the shards."""
    values: dict[str, list[Any]] = {name: [] for name in columns}
    for shard in shards:
        for table in read_tables(archive, shard, columns):
            for name in columns:
                values[name] += table.column(name).to_pylist()
    return values


def _has_changed(archive: Path, shard: Shard) -> bool:
    return shard not in Manifest.read(archive).shards


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


def small_tail(shards: Sequence[Shard], size: ShardSize) -> list[Shard]:
    """The longest row of last shards, none more than twice as large as those after it together, that fits in one."""
    tail: list[Shard] = []
    for shard in reversed(shards):
        rows, room = sum(other.num_rows for other in tail), sum(other.num_bytes for other in tail)
        if tail and shard.num_bytes > 2 * room:
            break
        if rows + shard.num_rows > size.max_rows or room + shard.num_bytes > size.max_bytes:
            break
        tail.insert(0, shard)
    return tail
