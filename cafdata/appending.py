"""Which of the pictures handed to an archive it takes, and why not the others."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from cafdata.migration import migrate
from cafdata.record import Picture, Record, Row
from cafdata.schema import record_schema
from cafdata.tombstones import Tombstones
from core.errors import ArchiveBroken, BadImage

MAX_NAMED: Final = 20
"""Rows that are named when an append is refused; the rest are counted."""
BATCH_ROWS: Final = 2048
BATCH_BYTES: Final = 32 * 2**20

ENDINGS: Final = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"RIFF": "webp"}
"""File names end so, by the first bytes of the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A picture that was not added, though nothing is wrong with its row."""

    row: int
    """Counted from 1."""
    picture_id: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AppendReport:
    """What an append did."""

    num_added: int
    num_there_already: int
    """Same name, same bytes."""
    left_out: tuple[LeftOut, ...]


class Intake:
    """Looks at each picture that is to be appended, and remembers what became of it."""

    def __init__(self, known: Mapping[str, str], tombstones: Tombstones) -> None:
        """Args:
        known: sha256 of each picture in the archive, by picture id.
        tombstones: of the archive.
        """
        self.sha256 = dict(known)
        self.holders = {sha256: name for name, sha256 in known.items()}
        self.tombstones = tombstones
        self.fresh: set[str] = set()
        self.num_there_already = 0
        self.left_out: list[LeftOut] = []

    def report(self) -> AppendReport:
        """What became of the pictures so far."""
        return AppendReport(
            num_added=len(self.fresh), num_there_already=self.num_there_already, left_out=tuple(self.left_out)
        )

    def tables(self, pictures: Iterable[Picture | Mapping[str, Any]]) -> Iterator[pa.Table]:
        """Tables of those to add, a batch each. After the first fault none follows, but every row is looked at.

        Raises:
            ArchiveBroken: at the end, if rows cannot be taken.
        """
        faults: list[str] = []
        num_faults = 0
        rows: list[Row] = []
        weight = 0
        for number, item in enumerate(pictures, 1):
            try:
                picture = item if isinstance(item, Picture) else picture_of(item)
                is_added = self._takes(number, picture)
            except (ValueError, BadImage) as error:
                num_faults += 1
                faults = [*faults, f"row {number}{_name_of(item)}: {error}"][:MAX_NAMED]
                continue
            if is_added and not num_faults:
                rows.append(row_of(picture))
                weight += len(picture.data)
                if len(rows) >= BATCH_ROWS or weight >= BATCH_BYTES:
                    yield pa.Table.from_pylist(rows, schema=record_schema())
                    rows, weight = [], 0
        if num_faults:
            more = f"; and {num_faults - len(faults)} more" if num_faults > len(faults) else ""
            raise ArchiveBroken(f"nothing was appended: {'; '.join(faults)}{more}")
        if rows:
            yield pa.Table.from_pylist(rows, schema=record_schema())

    def _takes(self, number: int, picture: Picture) -> bool:
        """Whether to add a picture; ValueError if it may not even be handed in."""
        record = picture.record
        if not isinstance(picture.data, bytes) or hashlib.sha256(picture.data).hexdigest() != record.sha256:
            raise ValueError(f"its bytes do not have the sha256 {record.sha256}")
        if record.picture_id in self.fresh:
            raise ValueError(f"picture_id {record.picture_id} was in an earlier row")
        if record.picture_id in self.sha256:
            if self.sha256[record.picture_id] != record.sha256:
                raise ValueError(f"picture_id {record.picture_id} is in the archive with other bytes")
            self.num_there_already += 1
            return False
        holder = self.holders.get(record.sha256)
        reason = self.tombstones.refusal(record, picture.data) or (
            holder and f"its bytes are there as picture {holder}"
        )
        if reason:
            self.left_out.append(LeftOut(row=number, picture_id=record.picture_id, reason=reason))
            return False
        self.sha256[record.picture_id] = record.sha256
        self.holders[record.sha256] = record.picture_id
        self.fresh.add(record.picture_id)
        return True


def picture_of(row: Mapping[str, Any]) -> Picture:
    """A row with its `image` as a picture. Raises ValueError (or BadImage) for what cannot be one."""
    image = row.get("image")
    if not isinstance(image, Mapping) or not isinstance(image.get("bytes"), bytes):
        raise ValueError("image is missing, or holds no bytes")
    return Picture(record=Record.from_row(migrate(row)), data=image["bytes"])


def row_of(picture: Picture) -> Row:
    """Inverse of `picture_of`."""
    ending = next((ending for head, ending in ENDINGS.items() if picture.data.startswith(head)), "bin")
    image = {"bytes": picture.data, "path": f"{picture.record.sha256[:16]}.{ending}"}
    return picture.record.to_row() | {"image": image}


def _name_of(item: Picture | Mapping[str, Any]) -> str:
    """The picture's name in brackets, if it says one."""
    name = item.record.picture_id if isinstance(item, Picture) else item.get("picture_id")
    return f" ({name[:60]!r})" if isinstance(name, str) else ""
