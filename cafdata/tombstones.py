"""What was taken out of an archive for good, so that it is known if it comes again.

A tombstone holds no picture: the SHA-256 of its bytes, hashes of how it looked, its name, the person or the address
that the removal was asked for.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, Self

from cafdata import fields
from cafdata.duplicates import SAME_BITS, as_bits, candidates, distance_bits
from cafdata.record import Record
from core.errors import ArchiveBroken, BadImage
from core.files import write_atomic

FILE: Final = "tombstones.json"
VERSION: Final = 1

Marked = Literal["picture_id", "person_id", "source_url", "sha256", "look"]
NAMES: Final = ("person_id", "source_url", "sha256", "picture_id")
"""Those that are fields of a record."""
MARKED: Final = (*NAMES, "look")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tombstone:
    """One thing that may not come back."""

    marked: Marked
    """Which field of a record it is; "look" is a long hash of the picture or a crop of it (cafdata.picture_hash)."""
    value: str
    at: str
    """When it was taken out, ISO 8601."""

    def __post_init__(self) -> None:
        fields.one_of("marked", self.marked, MARKED)
        fields.text("value", self.value)
        fields.timestamp("at", self.at)
        if self.marked in ("look", "sha256"):
            fields.hexadecimal("value", self.value, 64)


class Tombstones:
    """All tombstones of an archive."""

    def __init__(self, stones: Sequence[Tombstone] = ()) -> None:
        self.stones = tuple(stones)
        self.values = {name: {stone.value for stone in stones if stone.marked == name} for name in MARKED}
        self.looks = sorted(self.values["look"])
        self.first_bits = as_bits([look[:16] for look in self.looks])

    def refusal(self, record: Record, data: bytes) -> str | None:
        """Why this picture may not come in, in a few words; None if it may. It is decoded only where that is near."""
        if not self.stones:
            return None
        for name in NAMES:
            if getattr(record, name) in self.values[name]:
                return f"{name} {getattr(record, name)} was removed on request"
        near = [self.looks[number] for number in candidates(self.first_bits, record.phash)]
        bits = _least_bits(near, data) if near else None
        if bits is not None and bits <= SAME_BITS:
            return f"it looks like a picture that was removed on request ({bits} of 256 bits differ)"
        return None

    def may_refuse(self, record: Record) -> bool:
        """False where `refusal` gives None whatever the picture's bytes; quick."""
        is_named = any(getattr(record, name) in self.values[name] for name in NAMES)
        return is_named or bool(candidates(self.first_bits, record.phash))

    def with_more(self, stones: Iterable[Tombstone]) -> Self:
        """These and more; what is marked already is not marked again."""
        fresh = {(stone.marked, stone.value): stone for stone in stones if stone.value not in self.values[stone.marked]}
        return type(self)((*self.stones, *fresh.values()))

    def write(self, folder: Path) -> None:
        """Replace the tombstones of an archive, atomically."""
        values = {"version": VERSION, "tombstones": [asdict(stone) for stone in self.stones]}
        write_atomic(folder / FILE, (json.dumps(values, indent=1) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Tombstones of an archive, none if it never had any. Raises ArchiveBroken if the file is damaged."""
        path = folder / FILE
        try:
            values = json.loads(path.read_bytes())
            if values["version"] != VERSION:
                raise ArchiveBroken(f"{path} has version {values['version']}; this program reads {VERSION}")
            return cls([Tombstone(**stone) for stone in values["tombstones"]])
        except FileNotFoundError:
            return cls()
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveBroken(f"{path} is damaged ({error}); bring it back from a copy of the archive") from None


def _least_bits(looks: Sequence[str], data: bytes) -> int | None:
    """Least distance from a picture file to several long hashes; None if it is no picture."""
    from cafdata.picture_hash import long_hash  # brings torch along, which few archives need
    from core.images import decode_photo

    try:
        own = long_hash(decode_photo(data))
    except BadImage:
        return None
    return min(distance_bits(look, own) for look in looks)
