"""A folder of faces and what is known of them, written so that a crash at any moment loses and repeats nothing.

    manifest.json     what counts: shards with their sizes and digests (cafdata.manifest)
    shards/           Parquet files, each of one split: every field of a record, and the picture's bytes
    README.md         its head lets `datasets.load_dataset(FOLDER, "metadata")` and `"pictures"` find the shards
    tombstones.json   what was removed for good (cafdata.tombstones)
    queue.json        what people have to look at (cafdata.queue)
    pairs/ thresholds/   what was derived from the pictures
    lock              held by the one writer

The folder is its own data set: shards are named after their split and the README lists exactly the files that the
manifest names, so nothing has to be exported to be loaded, and a picture is on the disk once: "metadata" reads the
same files without the column of pictures. The price is that moving a person to another split rewrites the shards
concerned; splits are stable, so that is rare.

Every change writes new shards under new names, then replaces the manifest (from here on the change is done), then
the README, then deletes what the manifest no longer names. A process killed in between leaves files that nothing
names, or a README that still shows the state before, whole; the next writer clears and mends both.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from cafdata import lock
from cafdata.appending import AppendReport, Intake
from cafdata.inspection import Finding, inspect
from cafdata.leftovers import README as README
from cafdata.leftovers import is_draft, mend
from cafdata.manifest import Manifest, Shard, SplitRule
from cafdata.record import Picture, Record, Row
from cafdata.schema import METADATA_COLUMNS
from cafdata.shards import FOLDER, ShardSize, ShardWriter, read_columns, read_tables, small_tail
from cafdata.tombstones import Tombstone, Tombstones
from core.errors import ArchiveBroken

OURS: Final = frozenset({FOLDER, "lock"})
"""What `create` makes before there is a manifest."""


class Archive:
    """An archive folder. Holds nothing in memory: every call reads the manifest that counts at that moment."""

    def __init__(self, folder: Path, size: ShardSize | None = None) -> None:
        """Open an archive that is there; `size` bounds the shards it writes.

        Raises:
            ArchiveBroken: there is none, or its manifest is damaged.
        """
        self.folder, self.size = folder, size or ShardSize()
        Manifest.read(folder)

    @classmethod
    def create(cls, folder: Path, rule: SplitRule | None = None, size: ShardSize | None = None) -> Self:
        """Make an empty archive in a folder that is new or empty, or where this was broken off.

        Raises:
            ArchiveBroken: the folder holds an archive or something else.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if found := others_in(folder):
            what = "is an archive already" if "manifest.json" in found else f"is not empty: it holds {min(found)}"
            raise ArchiveBroken(f"{folder} {what}; choose another folder")
        with lock.writing(folder):
            (folder / FOLDER).mkdir(exist_ok=True)
            Manifest(rule=rule or SplitRule()).write(folder)
        return cls(folder, size)

    @property
    def manifest(self) -> Manifest:
        """What counts at this moment."""
        return Manifest.read(self.folder)

    def __len__(self) -> int:
        return self.manifest.num_pictures

    def records(self) -> Iterator[Record]:
        """Every record, without its picture, in the order of the shards.

        Raises:
            ArchiveBroken: a shard is missing, damaged, or a row of it is no record; it names shard and row.
        """
        for shard in self.manifest.shards:
            number = 0
            for table in read_tables(self.folder, shard, METADATA_COLUMNS):
                for row in table.to_pylist():
                    number += 1
                    yield _record_of(row, shard, number)

    def pictures(self, picture_ids: Collection[str] | None = None) -> Iterator[Picture]:
        """Records with their pictures' bytes, all or those named, in the order of the shards.

        Raises:
            ArchiveBroken: as `records`, and for a name that the archive does not have.
        """
        wanted = None if picture_ids is None else frozenset(picture_ids)
        absent = set(wanted or ())
        for shard in self.manifest.shards:
            if wanted is not None and wanted.isdisjoint(self._ids(shard)):
                continue
            for number, row in self._rows(shard, wanted):
                absent.discard(row["picture_id"])
                yield Picture(record=_record_of(row, shard, number), data=row["image"]["bytes"])
        if absent:
            raise ArchiveBroken(f"{self.folder} has no picture {min(absent)}")

    def append(self, pictures: Iterable[Picture | Mapping[str, Any]]) -> AppendReport:
        """Add pictures, all of them or, if one cannot be taken, none.

        A picture that is there already, by name and bytes, is counted and left alone, so an append that was
        broken off is simply repeated. Bytes that are there under another name and what was removed on request
        (cafdata.tombstones) are left out and named in the report.

        Args:
            pictures: pictures, or rows with `image` ({"bytes": ..., "path": ...}) of any version of the record.
        Raises:
            ArchiveBroken: rows that cannot be taken, each by number (from 1) and reason; or another is writing.
        """
        with self._writing() as manifest:
            known = read_columns(self.folder, manifest.shards, ("picture_id", "sha256"))
            intake = Intake(dict(zip(*known.values(), strict=True)), Tombstones.read(self.folder))
            with ShardWriter(self.folder, manifest.generation + 1, self.size) as writer:
                for table in intake.tables(pictures):
                    writer.write(table)
            if writer.done:
                manifest.next(self._merged((*manifest.shards, *writer.done), writer)).write(self.folder)
            return intake.report()

    def remove(self, picture_ids: Collection[str]) -> int:
        """Take pictures out; only the shards that hold them are written anew. Gives back how many there were.

        They may be appended again; `cafdata.takedown` removes for good.
        """
        names = pa.array(sorted(set(picture_ids)), pa.string())

        def keep(table: pa.Table) -> pa.Table:
            return table.filter(pc.invert(pc.is_in(table.column("picture_id"), value_set=names)))

        with self._writing() as manifest:
            return self._rewrite(manifest, picture_ids, keep)

    def update(self, records: Iterable[Record]) -> int:
        """Replace what is known of pictures that are there; their bytes stay. Gives back how many.

        Raises:
            ArchiveBroken: a name or the sha256 that comes with it is not in the archive; nothing was changed.
        """
        changed = {record.picture_id: record for record in records}
        with self._writing() as manifest:
            known = read_columns(self.folder, manifest.shards, ("picture_id", "sha256"))
            held = dict(zip(*known.values(), strict=True))
            for name, record in changed.items():
                if held.get(name) != record.sha256:
                    raise ArchiveBroken(f"{self.folder} has no picture {name} with sha256 {record.sha256}")

            def replace(table: pa.Table) -> pa.Table:
                rows = []
                for row in table.to_pylist():
                    record = changed.get(row["picture_id"])
                    rows.append(row if record is None else row | record.to_row())
                return pa.Table.from_pylist(rows, schema=table.schema)

            self._rewrite(manifest, changed, replace)
            return len(changed)

    def assign(self, splits: Mapping[str, str], rule: SplitRule) -> int:
        """Put people into splits, and keep the rule they were dealt by. Gives back how many pictures moved.

        Args:
            splits: person id to split; people who are not named stay where they are.
            rule: what `splits` was made by.
        """
        with self._writing() as manifest:
            known = read_columns(self.folder, manifest.shards, ("picture_id", "person_id", "split"))
            moved = {
                picture: splits[person]
                for picture, person, split in zip(*known.values(), strict=True)
                if splits.get(person, split) != split
            }

            def move(table: pa.Table) -> pa.Table:
                names, present = table.column("picture_id").to_pylist(), table.column("split").to_pylist()
                column = [moved.get(name, split) for name, split in zip(names, present, strict=True)]
                return table.set_column(table.schema.get_field_index("split"), "split", pa.array(column, pa.string()))

            if not moved and manifest.rule != rule:
                manifest.next(manifest.shards, rule).write(self.folder)
            self._rewrite(manifest, moved, move, rule)
            return len(moved)

    def mark(self, stones: Iterable[Tombstone]) -> Tombstones:
        """Add tombstones: what they mark is not appended from here on. Gives back all there are."""
        with self._writing():
            before = Tombstones.read(self.folder)
            after = before.with_more(stones)
            if len(after.stones) > len(before.stones):
                after.write(self.folder)
            return after

    def verify(self) -> Iterator[Finding]:
        """Everything that is wrong with the archive, see `cafdata.inspection`; nothing comes of a sound one."""
        return inspect(self.folder)

    def _rows(self, shard: Shard, wanted: Collection[str] | None) -> Iterator[tuple[int, Row]]:
        """Rows of a shard with their numbers from 1, all or those of the pictures named."""
        start = 1
        for table in read_tables(self.folder, shard):
            names = table.column("picture_id").to_pylist()
            rows = [row for row, name in enumerate(names) if wanted is None or name in wanted]
            yield from zip((start + row for row in rows), table.take(rows).to_pylist(), strict=True)
            start += table.num_rows

    def _ids(self, shard: Shard) -> list[str]:
        return read_columns(self.folder, [shard], ("picture_id",))["picture_id"]

    def _rewrite(
        self,
        manifest: Manifest,
        picture_ids: Collection[str],
        change: Callable[[pa.Table], pa.Table],
        rule: SplitRule | None = None,
    ) -> int:
        """Write the shards that hold these pictures anew, changed; gives back how many of the pictures there are."""
        wanted, count = frozenset(picture_ids), 0
        kept: list[Shard] = []
        with ShardWriter(self.folder, manifest.generation + 1, self.size) as writer:
            for shard in manifest.shards:
                found = sum(name in wanted for name in self._ids(shard))
                count += found
                if not found:
                    kept.append(shard)
                    continue
                for table in read_tables(self.folder, shard):
                    writer.write(change(table))
        if count:
            manifest.next((*kept, *writer.done), rule).write(self.folder)
        return count

    def _merged(self, shards: tuple[Shard, ...], before: ShardWriter) -> tuple[Shard, ...]:
        """The shards, small last ones of a split made one, as long as that at most doubles what is written.

        Many small appends so leave few shards: their number grows with the logarithm of the pictures.
        """
        merged = list(shards)
        writer = ShardWriter(self.folder, before.generation, self.size, num_begun=before.num_begun)
        with writer:
            for split in {shard.split for shard in before.done}:
                last = small_tail([shard for shard in shards if shard.split == split], self.size)
                for shard in last if len(last) > 1 else ():
                    merged.remove(shard)
                    for table in read_tables(self.folder, shard):
                        writer.write(table)
        return (*merged, *writer.done)

    @contextmanager
    def _writing(self) -> Iterator[Manifest]:
        """Hold the lock, with the folder cleared of what killed or failed writers left, before and after."""
        with lock.writing(self.folder):
            manifest = Manifest.read(self.folder)
            mend(self.folder, manifest)
            try:
                yield manifest
            finally:
                mend(self.folder, Manifest.read(self.folder))


def others_in(folder: Path) -> set[str]:
    """Names of what lies in a folder but for what `create` leaves there where it is broken off."""
    return {path.name for path in folder.iterdir() if not is_draft(path)} - OURS


def _record_of(row: dict[str, Any], shard: Shard, number: int) -> Record:
    try:
        return Record.from_row(row)
    except ValueError as error:
        raise ArchiveBroken(f"shard {shard.name}, row {number}: {error}") from None
