"""Tasks put on the server exactly once, however often the work is broken off and begun again.

The server has no way to say "only if it is not there", so: each task carries a key; the keys that are there are read
first; what is missing goes in by imports that happen whole or not at all; an import that is under way is noted in
the archive before it is sent, and a run that finds such a note waits until the server shows those tasks or has had
time to; at the end everything is read once more. Copies that came about all the same (a request that slept on its way
for minutes) are taken out where nobody has labelled them. Labels are never taken out.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import ArchiveBroken
from core.files import write_atomic
from curation.labelling.client import LabellingRefused, LabelStudio, Project, Unsure
from curation.labelling.project import ProjectPlan
from curation.labelling.tasks import Task

NOTE: Final = "labelling.json"
"""File in the archive's folder: the import that is under way."""
TASKS_A_CHUNK: Final = 200
SETTLE_S: Final = 30.0
"""How long a request without an answer may still take effect; an import of 200 tasks takes about a second."""
LOOK_EVERY_S: Final = 0.5
ROUNDS: Final = 5
"""Times that missing tasks are sent before it is given up."""


Listing = Mapping[str, Sequence[Project]]
"""Title -> the server's projects of that title, oldest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Synced:
    """What a run did in one project."""

    project: int
    """Number on the server."""
    num_new: int
    """Tasks put in."""
    num_known: int
    """Tasks that were there already."""
    num_copies: int
    """Copies taken out."""


class Note:
    """The import that is under way, on disk before it is sent, so that whoever comes after a kill knows of it."""

    def __init__(self, folder: Path, settle_s: float) -> None:
        """For an archive folder; `settle_s` as SETTLE_S."""
        self.path, self.settle_s = folder / NOTE, settle_s

    def write(self, project: int, keys: Sequence[str]) -> None:
        """An import of these keys is about to be sent."""
        value = {"project": project, "keys": list(keys), "sent_at_s": time.time()}
        write_atomic(self.path, json.dumps(value).encode())

    def clear(self) -> None:
        """It was answered, or looked after."""
        self.path.unlink(missing_ok=True)

    def settle(self, server: LabelStudio) -> None:
        """Wait until an import that was left open shows on the server, or can no longer come.

        Raises:
            ArchiveBroken: the note is damaged.
        """
        try:
            value = json.loads(self.path.read_bytes())
            project, keys, sent_at_s = int(value["project"]), frozenset(value["keys"]), float(value["sent_at_s"])
        except FileNotFoundError:
            return
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveBroken(
                f"{self.path} is damaged ({error}); delete it half a minute after the last push"
            ) from None
        if project not in {one.number for some in server.projects().values() for one in some}:
            self.clear()  # somebody deleted it, or this is another server
            return
        # A clock that was put back must not make this wait for longer than it is worth.
        end_s = time.monotonic() + min(self.settle_s, max(0.0, sent_at_s + self.settle_s - time.time()))
        while not keys <= keys_of(server.tasks(project)).keys() and time.monotonic() < end_s:
            time.sleep(LOOK_EVERY_S)
        self.clear()


def find(listing: Listing, plan: ProjectPlan) -> Project | None:
    """The project of a plan, the oldest of that title; None if there is none."""
    named = listing.get(plan.title, [])
    return named[0] if named else None


def find_or_create(server: LabelStudio, listing: Listing, plan: ProjectPlan, settle_s: float = SETTLE_S) -> Project:
    """The project of a plan, made if there is none, with as many annotators as planned.

    Args:
        listing: the server's projects, as they were a moment ago.
        settle_s: as SETTLE_S.
    """
    found = find(listing, plan)
    if found is not None:
        if found.num_annotators != plan.num_annotators:
            server.change_project(found.number, {"maximum_annotations": plan.num_annotators})
        return found
    end_s = time.monotonic() + settle_s
    try:
        server.create_project(plan.as_json())
    except Unsure:
        while find(server.projects(), plan) is None:
            if time.monotonic() > end_s:
                raise
            time.sleep(LOOK_EVERY_S)
    made = find(server.projects(), plan)
    if made is None:
        raise LabellingRefused(f"the project {plan.title!r} was made and is not there; run the same again")
    return made


def put(server: LabelStudio, project: int, keys: Sequence[str], make: Callable[[Sequence[str]], Iterable[Task]],
        note: Note) -> Synced:  # fmt: skip
    """See to it that a project has one task of each key, in this order where they are new.

    Args:
        keys: of the tasks that are wanted.
        make: makes the tasks of some of these keys; it may leave out what it cannot make.
        note: of the archive, whose lock the caller holds.
    Raises:
        LabellingRefused: the server refuses, or still lacks tasks after five rounds.
    """
    note.settle(server)
    held = keys_of(server.tasks(project))
    num_copies = remove_copies(server, project, held)
    num_known = sum(key in held for key in keys)
    impossible: set[str] = set()
    for _ in range(ROUNDS):
        missing = [key for key in dict.fromkeys(keys) if key not in held and key not in impossible]
        if not missing:
            break
        fault = _send(server, project, missing, make, note, impossible)
        held = keys_of(server.tasks(project))
        num_copies += remove_copies(server, project, held)
    else:
        if any(key not in held and key not in impossible for key in keys):
            raise fault or LabellingRefused(f"project {project} does not take {len(missing)} tasks; run the same again")
    num_new = sum(key in held for key in keys) - num_known
    return Synced(project=project, num_new=num_new, num_known=num_known, num_copies=num_copies)


def keys_of(tasks: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Key -> the tasks that carry it, oldest first. Tasks without a key are not ours and left alone."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in tasks:
        meta = task.get("meta")
        if isinstance(meta, dict) and isinstance(meta.get("key"), str):
            found[meta["key"]].append(task)
    return dict(found)


def remove_copies(server: LabelStudio, project: int, held: dict[str, list[dict[str, Any]]]) -> int:
    """Take out all but one of the tasks with the same key; one with labels stays always. Gives back how many went."""
    doomed = copies(held)
    if doomed:
        # Somebody may have labelled one since the list was read.
        doomed &= copies(keys_of(server.tasks(project)))
    if doomed:
        server.delete_tasks(project, doomed)
        for key, tasks in held.items():
            held[key] = [task for task in tasks if task["id"] not in doomed]
    return len(doomed)


def copies(held: dict[str, list[dict[str, Any]]]) -> set[int]:
    """Numbers of the tasks that can go: without a label, where another of the same key stays."""
    doomed: set[int] = set()
    for tasks in held.values():
        if len(tasks) > 1:
            empty = [task["id"] for task in tasks if not task["total_annotations"]]
            doomed.update(sorted(empty)[1:] if len(empty) == len(tasks) else empty)
    return doomed


def _send(
    server: LabelStudio, project: int, missing: Sequence[str], make: Callable[[Sequence[str]], Iterable[Task]],
    note: Note, impossible: set[str],
) -> LabellingRefused | None:  # fmt: skip
    """Import what is missing, chunk by chunk; ends at a request without an answer, once that has settled."""
    for start in range(0, len(missing), TASKS_A_CHUNK):
        chunk = missing[start : start + TASKS_A_CHUNK]
        tasks = list(make(chunk))
        made = [task.key for task in tasks]
        impossible.update(set(chunk) - set(made))
        if not tasks:
            continue
        note.write(project, made)
        try:
            server.import_tasks(project, [task.as_json() for task in tasks])
        except Unsure as error:
            note.settle(server)
            return error
        note.clear()
    return None
