"""Out of an archive for good: by the bytes of a picture, a person, or the address of a photo.

In this order, so that a takedown that was killed at any moment is finished by the same command again: tombstones
(from here on nothing of it can come in), pictures, review queue, derived files. The pictures' shards are written
anew without them and the old ones deleted; copies that other programs made, such as the cache of `datasets`, and
archives that were published are beyond this command.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cafdata import fields
from cafdata.archive import Archive
from cafdata.leftovers import DERIVED
from cafdata.queue import ReviewQueue
from cafdata.record import Picture, Record
from cafdata.tombstones import Tombstone, Tombstones
from core.errors import BadImage

READ_AS_TEXT: Final = frozenset({".json", ".jsonl", ".csv", ".tsv", ".txt", ".md", ".html"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is to go. At least one of the three."""

    sha256: tuple[str, ...] = ()
    """Of pictures' bytes."""
    person: tuple[str, ...] = ()
    """Person ids."""
    url: tuple[str, ...] = ()
    """Addresses, as records have them in `source_url`."""

    def __post_init__(self) -> None:
        if not (self.sha256 or self.person or self.url):
            raise ValueError("say what is to go: a sha256, a person or a url")
        for value in self.sha256:
            fields.hexadecimal("sha256", value, 64)
        for value in self.person:
            fields.identifier("person", value)
        for value in self.url:
            fields.url("url", value)

    def names(self, record: Record) -> bool:
        """Whether a record is meant."""
        return record.sha256 in self.sha256 or record.person_id in self.person or record.source_url in self.url


@dataclass(frozen=True, kw_only=True, slots=True)
class TakedownReport:
    """What went."""

    pictures: tuple[str, ...]
    """Picture ids that were meant."""
    look_alikes: tuple[str, ...]
    """Picture ids of copies of these, filed under other names."""
    num_queue_items: int
    derived_files: tuple[str, ...]
    """Files computed from the pictures that named one of them, or that cannot be searched; make them anew."""


def takedown(archive: Archive, request: Request) -> TakedownReport:
    """Remove what a request names, copies of it, and every trace; leave tombstones. Can be repeated.

    What is named but not there leaves its tombstone all the same.

    Raises:
        ArchiveBroken: damaged, or another is writing.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    records = list(archive.records())
    meant = {record.picture_id for record in records if request.names(record)}
    stones = [
        *(Tombstone(marked="sha256", value=value, at=at) for value in request.sha256),
        *(Tombstone(marked="person_id", value=value, at=at) for value in request.person),
        *(Tombstone(marked="source_url", value=value, at=at) for value in request.url),
    ]
    for picture in archive.pictures(meant):
        stones += _stones_of(picture, at)
    tombstones = archive.mark(stones)
    alike = _look_alikes(archive, records, meant, tombstones)
    for picture in archive.pictures(alike):
        stones += _stones_of(picture, at)
    archive.mark(stones)
    archive.remove(meant | alike)
    gone = [record for record in records if record.picture_id in meant | alike]
    picture_ids = tombstones.values["picture_id"] | meant | alike
    traces = {
        *picture_ids,
        *tombstones.values["person_id"],
        *tombstones.values["source_url"],
        *tombstones.values["sha256"],
        *(record.sha256 for record in gone),
    }
    return TakedownReport(
        pictures=tuple(sorted(meant)),
        look_alikes=tuple(sorted(alike)),
        num_queue_items=ReviewQueue(archive.folder).drop(picture_ids),
        derived_files=tuple(_forget(archive.folder, traces)),
    )


def _stones_of(picture: Picture, at: str) -> Iterator[Tombstone]:
    from cafdata.picture_hash import look  # brings torch along

    yield Tombstone(marked="picture_id", value=picture.record.picture_id, at=at)
    yield Tombstone(marked="sha256", value=picture.record.sha256, at=at)
    try:
        looks: Sequence[str] = look(picture.data)
    except BadImage:  # bytes that are no picture look like nothing
        looks = ()
    for value in looks:
        yield Tombstone(marked="look", value=value, at=at)


def _look_alikes(archive: Archive, records: Sequence[Record], meant: set[str], tombstones: Tombstones) -> set[str]:
    """Pictures that tombstones would refuse, though the request does not name them."""
    likely = {record.picture_id for record in records if tombstones.may_refuse(record)} - meant
    return {
        picture.record.picture_id
        for picture in archive.pictures(likely)
        if tombstones.refusal(picture.record, picture.data)
    }


def _forget(folder: Path, traces: set[str]) -> Iterator[str]:
    """Delete every derived file that names one of these; yields their paths within the archive."""
    pattern = re.compile(b"|".join(re.escape(form) for form in sorted(_written(traces))))
    for place in (folder / name for name in DERIVED):
        for path in sorted(place.rglob("*")) if place.is_dir() and traces else ():
            if path.is_file() and _names_one(path, pattern, traces):
                path.unlink()
                yield path.relative_to(folder).as_posix()


def _written(traces: set[str]) -> set[bytes]:
    """The traces as text files write them: as they are, with the escapes of JSON, with those of CSV."""
    forms = {form for trace in traces for form in (trace, json.dumps(trace)[1:-1], trace.replace('"', '""'))}
    return {form.encode() for form in forms}


def _names_one(path: Path, pattern: re.Pattern[bytes], traces: set[str]) -> bool:
    if path.suffix in READ_AS_TEXT:
        return pattern.search(path.read_bytes()) is not None
    if path.suffix == ".parquet":
        names = pa.array(sorted(traces), pa.string())
        table = pq.read_table(path)
        return any(
            pa.types.is_string(column.type) and pc.any(pc.is_in(column, value_set=names)).as_py()
            for column in table.columns
        )
    return True
