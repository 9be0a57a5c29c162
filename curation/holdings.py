"""Which of an archive's pictures of local files are a working folder's own.

A picture of the web is named after its address, so the name says which picture it is. One of a local folder is named
after that folder's last name, and two folders may share it: another recipe's picture of the same name is not replaced
or taken out. A picture is a run's own if this run put it in, or if it shows the photo that the run has under that name.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from cafdata.archive import Archive
from cafdata.duplicates import NEAR_BITS, distance_bits
from cafdata.record import Record
from core.errors import CurationBroken
from core.files import write_atomic
from curation.carrying import same_photos
from curation.run_folder import RunFolder

FILE: Final = "put_in.json"
"""In the working folder: pictures of local files that it has put into the archive."""
COMPARED: Final = ("picture_id", "path", "sha256", "long_hash", "framing", "points", "points_convention")
ELSEWHERE: Final = "another recipe put in a picture of that name; rename the folder that this one lies in"

Rows = Mapping[str, Mapping[str, Any]]
"""What was seen of pictures of local files, by picture id."""


def local_rows(run: RunFolder) -> dict[str, dict[str, Any]]:
    """What was seen of the pictures of local files; without their faces."""
    rows = (row for shard in run.shards() for row in run.read_seen(shard, COMPARED))
    return {row["picture_id"]: row for row in rows if row["path"] is not None}


def foreign(run: RunFolder, archive: Archive, there: Mapping[str, Record], local: Rows) -> set[str]:
    """Pictures in the archive that have names of this run and were put in by another.

    A folder whose run ended before `put_in.json` was written holds all that is there of its names.

    Args:
        there: the archive's records.
        local: as `local_rows` gives it.
    Raises:
        CurationBroken: the file is damaged.
    """
    path = run.folder / FILE
    if not path.exists() and (run.folder / "outcome.json").exists():
        return set()
    own = _read(path)
    strange = {name: row for name, row in local.items() if name in there and name not in own}
    same = {name for name, row in strange.items() if row["sha256"] == there[name].sha256}
    likely = {name: row for name, row in strange.items() if name not in same and _may_be_same(row, there[name])}
    return set(strange) - same - same_photos(archive, likely, there)


def write_holdings(run: RunFolder, picture_ids: Collection[str]) -> None:
    """Write down what is the run's own; nothing is written for a run without local files."""
    path = run.folder / FILE
    if picture_ids or path.exists():
        write_atomic(path, json.dumps(sorted(picture_ids), ensure_ascii=False).encode())


def _may_be_same(row: Mapping[str, Any], record: Record) -> bool:
    """Whether a face may be of the photo that a record is of: one framed alike looks alike."""
    if row["long_hash"] is None:
        return False
    return row["framing"] != record.framing or distance_bits(row["long_hash"][:16], record.phash) <= NEAR_BITS


def _read(path: Path) -> frozenset[str]:
    try:
        told = json.loads(path.read_bytes())
        if not isinstance(told, list):
            raise ValueError("no list")
        return frozenset(map(str, told))
    except FileNotFoundError:
        return frozenset()
    except ValueError as error:
        raise CurationBroken(f"{path} is damaged ({error}); delete it and run the recipe again") from None
