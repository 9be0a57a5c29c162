"""Pictures that were removed on request leave the server too: their tasks go, labels and all."""

from collections.abc import Collection, Mapping
from typing import Any

from cafdata.archive import Archive
from cafdata.queue import ReviewQueue
from cafdata.tombstones import Tombstones
from curation.labelling.client import LabelStudio
from curation.labelling.project import AGE_KINDS, KINDS, Kind, ProjectPlan
from curation.labelling.sync import Listing, find
from curation.labelling.tasks import item_key, picture_key


def withdraw(server: LabelStudio, listing: Listing, archive: Archive, archive_name: str) -> int:
    """Take out the tasks of removed pictures, and of review items that went with them. Gives back how many.

    Only tasks that carry a key of ours are touched, and only where the archive has a tombstone.
    """
    gone = Tombstones.read(archive.folder).values
    if not any(gone.values()):
        return 0
    items = {item.item_id for item in ReviewQueue(archive.folder).items()}
    count = 0
    for kind in KINDS:
        project = find(listing, ProjectPlan(kind=kind, archive_name=archive_name))
        if project is None:
            continue
        doomed = []
        for task in server.tasks(project.number):
            meta = task.get("meta")
            if not isinstance(meta, Mapping):
                continue
            if _is_removed(kind, meta, gone) if kind in AGE_KINDS else _is_dropped(meta, items):
                doomed.append(task["id"])
        if doomed:
            server.delete_tasks(project.number, doomed)
            count += len(doomed)
    return count


def _is_removed(kind: Kind, meta: Mapping[str, Any], gone: Mapping[str, Collection[str]]) -> bool:
    name, sha256 = meta.get("picture_id"), meta.get("sha256")
    if not isinstance(name, str) or not isinstance(sha256, str) or meta.get("key") != picture_key(kind, name, sha256):
        return False
    return name in gone["picture_id"] or sha256 in gone["sha256"]


def _is_dropped(meta: Mapping[str, Any], items: Collection[str]) -> bool:
    """Whether a task asks about an item that the queue no longer has; items leave it only with their pictures."""
    name = meta.get("item_id")
    return isinstance(name, str) and meta.get("key") == item_key(name) and name not in items
