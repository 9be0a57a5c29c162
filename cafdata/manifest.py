"""The manifest of an archive: which shards count, how large they are and what their bytes hash to.

It is replaced as a whole and last, so what it names is there; a file that it does not name is a leftover.
"""

import dataclasses
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cafdata import fields
from cafdata.record import SPLITS
from core.errors import ArchiveBroken
from core.files import write_atomic

FILE: Final = "manifest.json"
FORMAT: Final = "caf-archive"
VERSION: Final = 1
UNASSIGNED: Final = "unassigned"
"""What the shards of pictures without a split are called."""

SHARD_NAME: Final = re.compile(r"[a-z]+-[0-9]{6,}-[0-9]{5,}\.parquet", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One Parquet file of an archive. Raises ValueError for values that cannot be."""

    name: str
    """File name within `shards`."""
    split: str
    """Split of every picture in it, or "unassigned"."""
    num_rows: int
    num_bytes: int
    sha256: str
    """Of the file."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not SHARD_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a shard")
        fields.one_of("split", self.split, (*SPLITS, UNASSIGNED))
        fields.whole("num_rows", self.num_rows, 1)
        fields.whole("num_bytes", self.num_bytes, 1)
        fields.hexadecimal("sha256", self.sha256, 64)


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitRule:
    """How people are dealt into splits, see `cafdata.splits`."""

    salt: str = "caf-1"
    """Mixed into the hash of a person's name; archives of one salt put the same person in the same split."""
    validation_share: float = 0.1
    test_share: float = 0.1

    def __post_init__(self) -> None:
        fields.text("salt", self.salt)
        fields.number("validation_share", self.validation_share, 0, 1)
        fields.number("test_share", self.test_share, 0, 1)
        if self.validation_share + self.test_share > 1:
            raise ValueError(f"validation and test take {self.validation_share} + {self.test_share}, above 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What counts in an archive."""

    generation: int = 0
    """Grows by one with every change; new shards carry it in their names."""
    rule: SplitRule = field(default_factory=SplitRule)
    shards: tuple[Shard, ...] = ()

    @property
    def num_pictures(self) -> int:
        """Rows of all shards."""
        return sum(shard.num_rows for shard in self.shards)

    def next(self, shards: tuple[Shard, ...], rule: SplitRule | None = None) -> Self:
        """The manifest after a change."""
        return dataclasses.replace(self, generation=self.generation + 1, shards=shards, rule=rule or self.rule)

    def write(self, folder: Path) -> None:
        """Replace the manifest of an archive, atomically."""
        values = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}
        write_atomic(folder / FILE, (json.dumps(values, indent=1) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of an archive.

        Raises:
            ArchiveBroken: there is none, it is damaged, or of a newer program.
        """
        path = folder / FILE
        try:
            values: Any = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise ArchiveBroken(f"{folder} is no archive: it has no {FILE}") from None
        except NotADirectoryError:
            raise ArchiveBroken(f"{folder} is no archive: it is a file, not a folder") from None
        except ValueError as error:
            raise ArchiveBroken(f"{path} is damaged ({error}); bring it back from a copy of the archive") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ArchiveBroken(f"{path} is not the manifest of an archive of faces")
        if values.get("version") != VERSION:
            raise ArchiveBroken(f"{path} has version {values.get('version')}; this program reads {VERSION}")
        try:
            fields.whole("generation", values["generation"], 0)
            shards = tuple(Shard(**shard) for shard in values["shards"])
            manifest = cls(generation=values["generation"], rule=SplitRule(**values["rule"]), shards=shards)
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveBroken(f"{path} is damaged ({error}); bring it back from a copy of the archive") from None
        if len({shard.name for shard in manifest.shards}) != len(manifest.shards):
            raise ArchiveBroken(f"{path} is damaged: it names a shard twice")
        return manifest
