"""Everything in an archive that is not as it should be, each finding with its file and row."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cafdata.leftovers import may_have_card
from cafdata.manifest import UNASSIGNED, Manifest, Shard
from cafdata.record import Record, Row
from cafdata.schema import METADATA_COLUMNS
from cafdata.shards import FOLDER, file_digest, read_tables
from cafdata.tombstones import Tombstones
from core.errors import ArchiveBroken

Kind = Literal["missing", "digest", "unreadable", "record", "bytes", "duplicate", "split", "count", "removed", "card"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong."""

    shard: str
    """Or the file of the card that it is about."""
    row: int | None
    """Within the shard, from 1; None if it is the shard as a whole."""
    kind: Kind
    reason: str


class _Seen:
    """What the rows so far have taken: names, bytes, and a split for each person."""

    def __init__(self) -> None:
        self.pictures: dict[str, str] = {}
        self.bytes: dict[str, str] = {}
        self.splits: dict[str, str] = {}

    def faults(self, record: Record, where: str) -> Iterator[tuple[Kind, str]]:
        """What is taken twice."""
        if record.picture_id in self.pictures:
            yield "duplicate", f"picture_id {record.picture_id} is in {self.pictures[record.picture_id]} too"
        elif record.sha256 in self.bytes:
            yield "duplicate", f"the same bytes are in {self.bytes[record.sha256]} too"
        self.pictures.setdefault(record.picture_id, where)
        self.bytes.setdefault(record.sha256, where)
        if record.split is not None:
            split = self.splits.setdefault(record.person_id, record.split)
            if split != record.split:
                yield "split", f"person {record.person_id} is in {split} and in {record.split}"


def inspect(folder: Path) -> Iterator[Finding]:
    """Check every digest, every record, every picture's bytes, that nothing is there twice, and the card.

    A damaged shard ends with the first row group that cannot be read; the others are checked all the same. What the
    card counts is held against the records where all of these can be read.

    Raises:
        ArchiveBroken: the manifest or the tombstones cannot be read.
    """
    manifest, tombstones, seen = Manifest.read(folder), Tombstones.read(folder), _Seen()
    is_readable = True
    for finding in _inspect_shards(folder, manifest, tombstones, seen):
        is_readable = is_readable and finding.kind not in ("missing", "unreadable", "record")
        yield finding
    yield from _inspect_card(folder, manifest, is_readable)


def _inspect_shards(folder: Path, manifest: Manifest, tombstones: Tombstones, seen: _Seen) -> Iterator[Finding]:
    for shard in manifest.shards:
        path = folder / FOLDER / shard.name
        if not path.is_file():
            yield Finding(
                shard=shard.name, row=None, kind="missing", reason="the manifest names it, but it is not there"
            )
            continue
        size = path.stat().st_size
        if size != shard.num_bytes:
            reason = f"it has {size} bytes, the manifest says {shard.num_bytes}"
            yield Finding(shard=shard.name, row=None, kind="digest", reason=reason)
        elif file_digest(path) != shard.sha256:
            reason = "its bytes are not those that the manifest has the sha256 of"
            yield Finding(shard=shard.name, row=None, kind="digest", reason=reason)
        yield from _inspect_shard(folder, shard, tombstones, seen)


def _inspect_shard(folder: Path, shard: Shard, tombstones: Tombstones, seen: _Seen) -> Iterator[Finding]:
    number = 0
    try:
        for table in read_tables(folder, shard):
            for row in table.to_pylist():
                number += 1
                for kind, reason in _row_faults(row, shard, number, tombstones, seen):
                    yield Finding(shard=shard.name, row=number, kind=kind, reason=reason)
    except ArchiveBroken as error:
        yield Finding(shard=shard.name, row=None, kind="unreadable", reason=f"after row {number}: {error}")
        return
    if number != shard.num_rows:
        reason = f"it has {number} rows, the manifest says {shard.num_rows}"
        yield Finding(shard=shard.name, row=None, kind="count", reason=reason)


def _inspect_card(folder: Path, manifest: Manifest, is_readable: bool) -> Iterator[Finding]:
    if not may_have_card(folder):
        return
    from cafdata.card_upkeep import has_facts, wrong_facts, wrong_files  # brings torch along
    from cafdata.summary import summarise

    wrong = [*wrong_files(folder, manifest)]
    if is_readable and has_facts(folder):
        wrong += wrong_facts(folder, summarise(_records(folder, manifest)))
    yield from (Finding(shard=file, row=None, kind="card", reason=reason) for file, reason in wrong)


def _records(folder: Path, manifest: Manifest) -> Iterator[Record]:
    for shard in manifest.shards:
        for table in read_tables(folder, shard, METADATA_COLUMNS):
            yield from map(Record.from_row, table.to_pylist())


def _row_faults(row: Row, shard: Shard, number: int, tombstones: Tombstones, seen: _Seen) -> Iterator[tuple[Kind, str]]:
    try:
        record = Record.from_row(row)
    except ValueError as error:
        yield "record", str(error)
        return
    data = (row["image"] or {}).get("bytes") or b""
    if hashlib.sha256(data).hexdigest() != record.sha256:
        yield "bytes", f"picture {record.picture_id} does not have the sha256 {record.sha256}"
    if (record.split or UNASSIGNED) != shard.split:
        yield "split", f"picture {record.picture_id} is in {record.split} but its shard in {shard.split}"
    refusal = tombstones.refusal(record, data)
    if refusal:
        yield "removed", f"picture {record.picture_id} is still there, but {refusal}; run the takedown again"
    yield from seen.faults(record, f"{shard.name}, row {number}")
