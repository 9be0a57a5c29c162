"""What was taken out of an archive for good, so that it is known if it comes again.

A tombstone holds no picture: the SHA-256 of its bytes, its perceptual hashes, its name, the person or the address
that the removal was asked for.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, Self

from cafdata import fields
from cafdata.duplicates import NEAR_BITS, as_bits, nearest_bits
from cafdata.record import Record
from core.errors import ArchiveBroken
from core.files import write_atomic

FILE: Final = "tombstones.json"
VERSION: Final = 1

Marked = Literal["picture_id", "person_id", "source_url", "sha256", "phash"]
MARKED: Final = ("picture_id", "person_id", "source_url", "sha256", "phash")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tombstone:
    """One name that may not come back."""

    marked: Marked
    """Which field of a record it is."""
    value: str
    at: str
    """When it was taken out, ISO 8601."""

    def __post_init__(self) -> None:
        fields.one_of("marked", self.marked, MARKED)
        fields.text("value", self.value)
        fields.timestamp("at", self.at)
        if self.marked == "phash":
            fields.hexadecimal("value", self.value, 16)


class Tombstones:
    """All tombstones of an archive."""

    def __init__(self, stones: Sequence[Tombstone] = ()) -> None:
        self.stones = tuple(stones)
        self.values = {name: {stone.value for stone in stones if stone.marked == name} for name in MARKED}
        self.hashes = as_bits(sorted(self.values["phash"]))

    def refusal(self, record: Record) -> str | None:
        """Why this record may not come in, in a few words; None if it may."""
        for name in ("person_id", "source_url", "sha256", "picture_id"):
            if getattr(record, name) in self.values[name]:
                return f"{name} {getattr(record, name)} was removed on request"
        nearest = nearest_bits(self.hashes, record.phash)
        if nearest <= NEAR_BITS:
            return f"it looks like a picture that was removed on request (hashes differ in {nearest} of 64 bits)"
        return None

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
