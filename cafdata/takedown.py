"""Out of an archive for good: by the bytes of a picture, a person, or the address of a photo.

In this order, so that a takedown that was killed at any moment is finished by the same command again: tombstones
(from here on nothing of it can come in), threshold tables, pictures, review queue, requests for removal that are met
so, other derived files, the card. Records are listed after their tombstones are there, so that an append that runs
beside leaves nothing behind.
The pictures' shards are written anew without them and the old ones deleted. A threshold table names nobody, but it
was computed from everyone, so all those in the archive go, before the pictures do; the card counts everyone, so it
is made anew. Copies that other programs made, such as the cache of `datasets`, tables and exports in other folders,
and archives that were published are beyond this command.
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
from cafdata.card import words_of_people
from cafdata.card_upkeep import renew
from cafdata.croissant import CROISSANT
from cafdata.leftovers import DERIVED, README, THRESHOLDS
from cafdata.manifest import FILE as MANIFEST
from cafdata.picture_hash import look
from cafdata.queue import FILE as QUEUE
from cafdata.queue import ReviewQueue
from cafdata.record import Picture, Record
from cafdata.removal_requests import FILE as REQUESTS
from cafdata.removal_requests import RemovalRequests
from cafdata.shards import FOLDER
from cafdata.tombstones import FILE as TOMBSTONES
from cafdata.tombstones import NAMES, Marked, Tombstone, Tombstones
from cafdata.unmet import Asked, Unmet, unmet_of
from core.errors import BadImage

READ_AS_TEXT: Final = frozenset({".json", ".jsonl", ".csv", ".tsv", ".txt", ".md", ".html"})
FIELDS: Final[dict[Asked, Marked]] = {"sha256": "sha256", "person": "person_id", "url": "source_url"}
"""Which field of a record each kind of request is about."""
OWN: Final = frozenset({FOLDER, *DERIVED, CROISSANT, MANIFEST, TOMBSTONES, QUEUE, REQUESTS})
"""Files and folders of an archive in which the program itself looks after names."""


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

    def values(self) -> Iterator[tuple[Asked, str]]:
        """Each value with what it is."""
        yield from (("sha256", value) for value in self.sha256)
        yield from (("person", value) for value in self.person)
        yield from (("url", value) for value in self.url)


@dataclass(frozen=True, kw_only=True, slots=True)
class TakedownReport:
    """What went."""

    pictures: tuple[str, ...]
    """Picture ids that were meant."""
    look_alikes: tuple[str, ...]
    """Picture ids of copies of these, filed under other names."""
    unmet: tuple[Unmet, ...]
    """What was asked for and is of no picture that was there; its tombstone is left all the same."""
    num_queue_items: int
    num_requests: int
    """Requests for removal that this meets; they were dropped."""
    derived_files: tuple[str, ...]
    """Files computed from the pictures that were deleted: every threshold table, if pictures went, and whatever else
    named one of them or cannot be searched. Make them anew."""
    card_made_anew: tuple[str, ...]
    """Files of the card that counted what went, and no longer do."""
    card_dropped: tuple[str, ...]
    """Files of the card that could not be made anew and were deleted."""
    card_fault: str | None
    """Why not. README.md then still counts what went; mend it, and write the card anew."""
    named_in: tuple[str, ...]
    """Files that people wrote and that name, or seem to name, what went; to be changed by them."""


def takedown(archive: Archive, request: Request) -> TakedownReport:
    """Remove what a request names, copies of it, and every trace; leave tombstones. Can be repeated.

    What is named but not there leaves its tombstone all the same.

    Raises:
        ArchiveBroken: damaged, or another is writing.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    archive.mark(Tombstone(marked=FIELDS[kind], value=value, at=at) for kind, value in request.values())
    records = list(archive.records())
    unmet = unmet_of(request.values(), records)
    meant = {record.picture_id for record in records if request.names(record)}
    tombstones, gone = _mark(archive, meant, at), meant
    while alike := _look_alikes(archive, records := list(archive.records()), gone, tombstones):
        tombstones, gone = _mark(archive, alike, at), gone | alike
    tables = tuple(_drop_tables(archive.folder)) if gone else ()
    requests = RemovalRequests(archive.folder)
    addresses = _addresses_of(gone, records)
    # Killed after the removal, the next run finds no record with these addresses, but it knows the pictures' names.
    requests.narrow(addresses)
    archive.remove(gone)
    traces = {value for name in NAMES for value in tombstones.values[name]}
    # That two names are one person is still needed where pictures are collected: the other name is to go too.
    is_of_people = bool(tombstones.values["person_id"])
    num_queue_items = ReviewQueue(archive.folder).drop(tombstones.values["picture_id"], spares_joins=is_of_people)
    num_requests = requests.drop(traces | set(addresses))
    derived_files = (*_forget(archive.folder, traces), *tables)
    renewal = renew(archive)
    return TakedownReport(
        pictures=tuple(sorted(meant)),
        look_alikes=tuple(sorted(gone - meant)),
        unmet=unmet,
        num_queue_items=num_queue_items,
        num_requests=num_requests,
        derived_files=derived_files,
        card_made_anew=renewal.made_anew,
        card_dropped=renewal.dropped,
        card_fault=renewal.fault,
        named_in=tuple(_named_in(archive.folder, traces)),
    )


def _mark(archive: Archive, picture_ids: set[str], at: str) -> Tombstones:
    """Put up the tombstones of pictures that are there; gives back all there are."""
    return archive.mark([stone for picture in archive.pictures(picture_ids) for stone in _stones_of(picture, at)])


def _stones_of(picture: Picture, at: str) -> Iterator[Tombstone]:
    yield Tombstone(marked="picture_id", value=picture.record.picture_id, at=at)
    yield Tombstone(marked="sha256", value=picture.record.sha256, at=at)
    try:
        looks: Sequence[str] = look(picture.data)
    except BadImage:  # bytes that are no picture look like nothing
        looks = ()
    for value in looks:
        yield Tombstone(marked="look", value=value, at=at)


def _look_alikes(archive: Archive, records: Sequence[Record], gone: set[str], tombstones: Tombstones) -> set[str]:
    """Pictures that tombstones would refuse, besides those that are known to go."""
    likely = {record.picture_id for record in records if tombstones.may_refuse(record)} - gone
    return {
        picture.record.picture_id
        for picture in archive.pictures(likely)
        if tombstones.refusal(picture.record, picture.data)
    }


def _addresses_of(gone: set[str], records: Sequence[Record]) -> dict[str, str]:
    """Addresses that no record has when these pictures are gone -> one of the pictures."""
    kept = {record.source_url for record in records if record.picture_id not in gone}
    return {
        record.source_url: record.picture_id
        for record in records
        if record.picture_id in gone and record.source_url is not None and record.source_url not in kept
    }


def _drop_tables(folder: Path) -> Iterator[str]:
    """Delete all that lies among the threshold tables; yields the paths within the archive."""
    place = folder / THRESHOLDS
    for path in sorted(place.rglob("*")) if place.is_dir() else ():
        if not path.is_dir():
            path.unlink()
            yield path.relative_to(folder).as_posix()


def _named_in(folder: Path, traces: set[str]) -> Iterator[str]:
    """Texts beside the archive's own files that have one of these between other words; paths within the archive."""
    forms = b"|".join(re.escape(form) for form in sorted(_written(traces)))
    pattern = re.compile(rb"(?<!\w)(?:" + forms + rb")(?!\w)")
    for path in sorted(folder.rglob("*")) if traces else ():
        name = path.relative_to(folder)
        if name.parts[0] in OWN or path.suffix not in READ_AS_TEXT or not path.is_file():
            continue
        data = path.read_bytes()
        if name.as_posix() == README:
            data = words_of_people(data.decode("utf-8", "replace")).encode()
        if pattern.search(data):
            yield name.as_posix()


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
        names = pa.array(sorted(traces), pa.large_string())
        try:
            return any(_has_one(column, names) for column in pq.read_table(path).columns)
        except (pa.ArrowException, OSError):
            return True  # what is damaged cannot be searched
    return True


def _has_one(column: pa.ChunkedArray, names: pa.Array) -> bool:
    """Whether a column has one of these names in a row of its own, or cannot be searched for them."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return bool(pc.any(pc.is_in(column.cast(kind).cast(pa.large_string()), value_set=names)).as_py())
    return not _is_without_text(kind)


def _is_without_text(kind: pa.DataType) -> bool:
    """Whether values of a type are numbers, times, truth values, or lists of these."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_without_text(kind.value_type)
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind))
