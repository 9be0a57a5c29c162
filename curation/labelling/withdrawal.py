"""Pictures that were removed on request leave the server too: their tasks go, labels and all.

Tasks of pictures that the archive has no more for another reason, or has with other bytes, ask for nothing that is
wanted, nor do questions of the review queue that were decided. They go where nobody has labelled or skipped them.
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
TOUCHED: Final = ("total_annotations", "cancelled_annotations")
"""What a task has that somebody was done with: labels, skips. Drafts of others the server does not show."""


def withdraw(server: LabelStudio, listing: Listing, archive: Archive, archive_name: str) -> int:
    """Take out the tasks of removed pictures, of review items that went with them, and what nobody needs to look at.

    Only tasks that carry a key of ours are touched, and those with labels only where the archive has a tombstone.
    Gives back how many went.
    """
    gone = Tombstones.read(archive.folder).values
    items = ReviewQueue(archive.folder).items()
    asked = [item for item in items if gone["picture_id"].isdisjoint(item.picture_ids)]
    queued = {item.item_id for item in asked} if any(gone.values()) else None
    decided = {item.item_id for item in items if item.decision is not None}
    present = {record.picture_id: record.sha256 for record in archive.records()}
    count = 0
    for kind in KINDS:
        project = find(listing, ProjectPlan(kind=kind, archive_name=archive_name))
        if project is None:
            continue

        def idle_of(tasks: Tasks, kind: Kind = kind) -> set[int]:
            return _idle(kind, tasks, present) if kind in AGE_KINDS else _decided(tasks, decided)

        tasks = list(server.tasks(project.number))
        if kind in AGE_KINDS:
            doomed = _removed(kind, tasks, gone)
        else:
            doomed = set() if queued is None else _dropped(tasks, queued)
        idle = idle_of(tasks) - doomed
        # Somebody may have labelled one since the list was read.
        doomed |= idle & idle_of(server.tasks(project.number)) if idle else set()
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
    """Numbers of the untouched tasks whose pictures the archive does not have."""
    asked = {task["id"]: asked_picture(kind, task.get("meta")) for task in _untouched(tasks)}
    return {number for number, one in asked.items() if one is not None and present.get(one[0]) != one[1]}


def _decided(tasks: Tasks, items: Collection[str]) -> set[int]:
    """Numbers of the untouched tasks about items that were decided: in the archive, or by an answer since withdrawn."""
    return {number for number, name in _items_of(_untouched(tasks)).items() if name in items}


def _dropped(tasks: Tasks, items: Collection[str]) -> set[int]:
    """Numbers of the tasks about other items than these; they leave the queue, or these, only with their pictures."""
    return {number for number, name in _items_of(tasks).items() if name not in items}


def _untouched(tasks: Tasks) -> list[Mapping[str, Any]]:
    return [task for task in tasks if not any(task.get(name) for name in TOUCHED)]


def _items_of(tasks: Tasks) -> dict[int, str]:
    """Number -> the item of the review queue that a task of ours asks about."""
    found = {}
    for task in tasks:
        meta = task.get("meta")
        name = meta.get("item_id") if isinstance(meta, Mapping) else None
        if isinstance(meta, Mapping) and isinstance(name, str) and meta.get("key") == item_key(name):
            found[task["id"]] = name
    return found
