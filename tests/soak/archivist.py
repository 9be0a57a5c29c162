"""A process that brings an archive from nothing through every kind of change, to be killed on the way and run again.

python -m tests.soak.archivist SOURCE FOLDER    once; SOURCE is an archive that the pictures come from
python -m tests.soak.archivist SOURCE           forks one for each folder on stdin; says its id and, told to, its end
"""

import os
import sys
from pathlib import Path

from cafdata.archive import Archive
from cafdata.manifest import SplitRule
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import Picture
from cafdata.shards import ShardSize
from cafdata.tombstones import Tombstone
from core.errors import ArchiveBroken

AT = "2025-05-03T10:00:00+00:00"
RULE = SplitRule(salt="soak")
SPLITS = {"person-00000": "train", "person-00001": "test", "person-00002": "validation"}


def doubt(name: str) -> ReviewItem:
    return ReviewItem(kind="picture", picture_ids=(name,), reason="doubt", source="soak", added_at=AT)


def opened(folder: Path) -> Archive:
    size = ShardSize(max_rows=9)
    if (folder / "manifest.json").exists():
        return Archive(folder, size)
    return Archive.create(folder, size=size)


def bring_up(folder: Path, pictures: list[Picture]) -> None:
    """Append, remove, deal into splits, mark, ask and decide; repeated after any break, it ends in the same state."""
    archive, queue = opened(folder), ReviewQueue(folder)
    archive.append(pictures[:9])
    queue.add([doubt("p00000/04"), doubt("p00001/04")])
    archive.append(pictures[9:18])
    archive.remove(["p00000/12", "p00001/25"])
    archive.assign(SPLITS, RULE)
    queue.decide(doubt("p00000/04").item_id, "keep", "anna", AT)
    archive.mark([Tombstone(marked="person_id", value="person-00001", at=AT)])
    archive.remove([picture.record.picture_id for picture in pictures if picture.record.person_id == "person-00001"])
    queue.drop(["p00001/04"])
    archive.append(pictures)
    archive.assign(SPLITS, RULE)


def fork_archivists(pictures: list[Picture]) -> None:
    """Fork one for each line of stdin: importing takes longer than all else."""
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            bring_up(Path(line.strip()), pictures)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdin.readline()  # until then the child's id is its own, ended or not
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    source = list(Archive(Path(sys.argv[1])).pictures())
    if len(sys.argv) == 2:
        fork_archivists(source)
    else:
        try:
            bring_up(Path(sys.argv[2]), source)
        except (ArchiveBroken, OSError) as error:
            sys.exit(f"error: {error}")
