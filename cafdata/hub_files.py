"""The files of an archive that lies on the Hugging Face Hub, read there, a piece at a time, without an account.

They are found as `datasets.load_dataset` finds them: by the configurations `pictures` and `metadata` in the head of
the README. Whoever names the data set need not be trusted: its name is checked, no token is sent, and what it may
hold is bounded.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import fsspec
import httpx2
import pyarrow as pa
import pyarrow.parquet as pq

from cafdata.front_matter import split_readme, text_of
from core.errors import ArchiveBroken

NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
PATH: Final = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*\.parquet", re.ASCII)
"""A file within the data set; no patterns, nothing upwards."""
MIB: Final = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class HubLimits:
    """The most that a data set may hold to be shown."""

    max_readme_bytes: int = MIB
    max_files: int = 400
    max_rows: int = 400_000
    """Of all files."""
    max_group_bytes: int = 256 * MIB
    """Of one row group unpacked, which is the least that is read at once."""


class HubFiles:
    """The Parquet files of a data set on the Hub."""

    def __init__(self, name: str, limits: HubLimits | None = None) -> None:
        """Find the files.

        Args:
            name: OWNER/NAME.
        Raises:
            ArchiveBroken: no such name, no such public data set, no archive, or the Hub cannot be reached.
        """
        if not NAME.fullmatch(name):
            raise ArchiveBroken("A data set on the Hub is named OWNER/NAME, in letters, digits, dots and dashes.")
        self.title, self.limits = name, limits or HubLimits()
        self.root = f"datasets/{name}"
        with self._asking():
            self.filesystem: Any = fsspec.filesystem("hf", token=False, skip_instance_cache=True)
            with self.filesystem.open(f"{self.root}/README.md", "rb") as file:
                readme: bytes = file.read(self.limits.max_readme_bytes)
        self.names = _data_files(split_readme(text_of(readme))[0])
        if not self.names or len(self.names) > self.limits.max_files:
            raise ArchiveBroken(f"The data set {name} is no archive of faces that can be shown here.")
        self._num_rows: dict[str, int] = {}

    @contextmanager
    def open(self, name: str) -> Iterator[pq.ParquetFile]:
        place = f"{self.root}/{name}"
        with self._asking(), self.filesystem.open(place, "rb") as stream, pq.ParquetFile(stream) as file:
            self._check_size(name, file.metadata)
            yield file

    def _check_size(self, name: str, metadata: pq.FileMetaData) -> None:
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        self._num_rows[name] = metadata.num_rows
        is_large = sum(self._num_rows.values()) > self.limits.max_rows
        if is_large or max((group.total_byte_size for group in groups), default=0) > self.limits.max_group_bytes:
            raise ArchiveBroken(f"The data set {self.title} is too large to be shown here; open a copy of it instead.")
        # With dictionaries a few bytes would unpack to any number; our programs write none.
        if any(group.column(number).has_dictionary_page for group in groups for number in range(group.num_columns)):
            raise ArchiveBroken(f"The data set {self.title} was not written by this project; import it as an archive.")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ArchiveBroken(
                f"The Hub shows no open data set {self.title} with an archive of faces; check its name."
            ) from error
        except pa.ArrowException as error:
            raise ArchiveBroken(f"A file of the data set {self.title} is damaged.") from error
        except (OSError, httpx2.HTTPError) as error:
            raise ArchiveBroken(
                f"The Hub cannot be reached from here, so {self.title} cannot be shown. Try again later."
            ) from error


def _data_files(head: dict[str, Any]) -> tuple[str, ...]:
    """Paths of the configuration with pictures, else of that without; nothing where the head names none."""
    found: dict[str, list[str]] = {}
    ways = head.get("configs")
    for way in ways if isinstance(ways, list) else ():
        parts = way.get("data_files") if isinstance(way, dict) else None
        paths: list[object] = []
        for part in parts if isinstance(parts, list) else ():
            path = part.get("path") if isinstance(part, dict) else None
            paths += path if isinstance(path, list) else [path]
        if all(isinstance(path, str) and PATH.fullmatch(path) for path in paths):
            found[str(way.get("config_name"))] = [str(path) for path in paths]
    return tuple(dict.fromkeys(found.get("pictures") or found.get("metadata") or ()))
