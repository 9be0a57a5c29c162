"""Pictures that were removed on request leave the server too: their tasks go, labels and all.

Tasks of pictures that the archive has no more for another reason, or has with other bytes, ask for nothing that is
wanted. They go where nobody has labelled them.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from cafdata.archive import Archive
from cafdata.queue import ReviewQueue
from cafdata.tombstones import Tombstones
from curation.labelling.client import LabelStudio
from curation.labelling.project import AGE_KINDS, KINDS, Kind, ProjectPlan
from curation.labelling.sync import Listing, find
from curation.labelling.tasks import asked_picture, item_key

Tasks = Iterable[Mapping[str, Any]]
TOUCHED: Final = ("total_annotations", "cancelled_annotations", "drafts")
"""What a task has of which somebody has seen something: labels, skips, what is not submitted yet."""


def withdraw(server: LabelStudio, listing: Listing, archive: Archive, archive_name: str) -> int:
    """Take out the tasks of removed pictures, of review items that went with them, and what nobody needs to look at.

    Only tasks that carry a key of ours are touched, and those with labels only where the archive has a tombstone.
    Gives back how many went.
    """
    gone = Tombstones.read(archive.folder).values
    asked = (item for item in ReviewQueue(archive.folder).items() if gone["picture_id"].isdisjoint(item.picture_ids))
    items = {item.item_id for item in asked} if any(gone.values()) else None
    present = {record.picture_id: record.sha256 for record in archive.records()}
    count = 0
    for kind in KINDS:
        project = find(listing, ProjectPlan(kind=kind, archive_name=archive_name))
        if project is None:
            continue
        if kind in AGE_KINDS:
            tasks = list(server.tasks(project.number))
            doomed = _removed(kind, tasks, gone)
            idle = _idle(kind, tasks, present) - doomed
            # Somebody may have labelled one since the list was read.
            doomed |= idle & _idle(kind, server.tasks(project.number), present) if idle else set()
        elif items is not None:
            doomed = _dropped(server.tasks(project.number), items)
        else:
            continue
        server.delete_tasks(project.number, doomed)
        count += len(doomed)
    return count


def _removed(kind: Kind, tasks: Tasks, gone: Mapping[str, Collection[str]]) -> set[int]:
    """Numbers of the tasks whose pictures have a tombstone."""
    asked = {task["id"]: asked_picture(kind, task.get("meta")) for task in tasks}
    return {
        number
        for number, one in asked.items()
        if one is not None and (one[0] in gone["picture_id"] or one[1] in gone["sha256"])
    }


def _idle(kind: Kind, tasks: Tasks, present: Mapping[str, str]) -> set[int]:
    """Numbers of the tasks that nobody has begun whose pictures the archive does not have."""
    untouched = [task for task in tasks if not any(task.get(name) for name in TOUCHED)]
    asked = {task["id"]: asked_picture(kind, task.get("meta")) for task in untouched}
    return {number for number, one in asked.items() if one is not None and present.get(one[0]) != one[1]}


def _dropped(tasks: Tasks, items: Collection[str]) -> set[int]:
    """Numbers of the tasks about other items than these; they leave the queue, or these, only with their pictures."""
    found = set()
    for task in tasks:
        meta = task.get("meta")
        if not isinstance(meta, Mapping):
            continue
        name = meta.get("item_id")
        if isinstance(name, str) and name not in items and meta.get("key") == item_key(name):
            found.add(task["id"])
    return found
