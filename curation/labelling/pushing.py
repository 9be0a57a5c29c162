"""From an archive to the server: which questions, in which project, with which pictures."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cafdata import lock
from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import Record
from core.errors import BadImage
from curation.labelling.client import LabelStudio
from curation.labelling.evidence import is_disputed
from curation.labelling.page import shows_photos
from curation.labelling.project import AGE_KINDS, Kind, ProjectPlan
from curation.labelling.selection import Selection, choose
from curation.labelling.sync import SETTLE_S, Note, Synced, find, find_or_create, keys_of, put
from curation.labelling.tasks import Task, age_task, item_key, picture_key, review_task
from curation.labelling.withdrawal import withdraw

LOCK: Final = "labels.lock"
"""File in the archive's folder that stands for the one process that pushes or pulls."""

Pictures = Callable[[Collection[str]], Mapping[str, bytes]]
"""Picture ids -> the files of those that can be had."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PushPlan:
    """What is to be on the server."""

    archive_name: str
    """Name of the archive on the server."""
    selection: Selection = field(default_factory=Selection)
    """Which pictures are asked about."""
    num_annotators: int = 2
    """Different people who see the pictures that matter most, and the gold."""
    settle_s: float = SETTLE_S
    """How long a request without an answer may still take effect."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """What a push did."""

    projects: Mapping[Kind, Synced]
    """Of each kind that had something to ask."""
    num_withdrawn: int
    """Tasks taken out: their picture was removed from the archive on request, or left it and has no label."""
    without_picture: tuple[str, ...]
    """Pictures and review items that could not be shown: no file, or none that can be read."""


def archive_pictures(archive: Archive) -> Pictures:
    """Reads pictures from an archive; those that it does not have are left out."""
    present = frozenset(record.picture_id for record in archive.records())

    def read(picture_ids: Collection[str]) -> dict[str, bytes]:
        wanted = present.intersection(picture_ids)
        return {one.record.picture_id: one.data for one in archive.pictures(wanted)} if wanted else {}

    return read


def push(
    server: LabelStudio, archive: Archive, plan: PushPlan, pictures: Pictures | None = None,
    photos: Pictures | None = None,
) -> Pushed:  # fmt: skip
    """Put an archive's open questions on the server, each once: ages, disputed ages, and the review queue.

    Args:
        pictures: gives faces by picture id; the archive's own without it. The review queue may name pictures that the
            archive does not have yet.
        photos: gives whole photos by picture id, for a second look.
    Raises:
        LabellingRefused: the server refuses; run it again.
        ArchiveBroken: the archive is damaged, or another process pushes or pulls.
    """
    with lock.writing(archive.folder, LOCK):
        return _Push(server, archive, plan, pictures or archive_pictures(archive), photos).run()


class _Push:
    """One push, under the lock."""

    def __init__(
        self, server: LabelStudio, archive: Archive, plan: PushPlan, pictures: Pictures, photos: Pictures | None
    ) -> None:
        self.server, self.archive, self.plan = server, archive, plan
        self.pictures, self.photos = pictures, photos
        self.note = Note(archive.folder, plan.settle_s)
        self.listing = server.projects()
        self.without: list[str] = []

    def run(self) -> Pushed:
        num_withdrawn = withdraw(self.server, self.listing, self.archive, self.plan.archive_name)
        records = list(self.archive.records())
        taken = self._taken()
        there = {one.picture_id for one in records if taken.get(_age_key(one)) == "ages"}
        chosen = choose(records, self.plan.selection, there)
        wanted: dict[Kind, Sequence[Record]] = {
            "ages": [one for one in chosen.by_several if taken.get(_age_key(one), "ages") == "ages"],
            "ages_once": [one for one in chosen.by_one if taken.get(_age_key(one), "ages_once") == "ages_once"],
            "adjudication": [one for one in records if is_disputed(one.labels)],
        }
        done = {kind: self._put_ages(kind, some) for kind, some in wanted.items() if some}
        items = ReviewQueue(self.archive.folder).open_items()
        asked: tuple[tuple[Kind, str], ...] = (("pictures", "picture"), ("pairs", "pair"))
        for kind, item_kind in asked:
            some = [item for item in items if item.kind == item_kind]
            if some:
                done[kind] = self._put_items(kind, some)
        return Pushed(projects=done, num_withdrawn=num_withdrawn, without_picture=tuple(self.without))

    def _taken(self) -> dict[str, Kind]:
        """Key -> the project of ages that has it already; a picture does not move between them."""
        found: dict[str, Kind] = {}
        kinds: tuple[Kind, ...] = ("ages_once", "ages")
        for kind in kinds:
            project = find(self.listing, self._project(kind))
            if project is not None:
                found |= dict.fromkeys(keys_of(self.server.tasks(project.number)), kind)
        return found

    def _project(self, kind: Kind) -> ProjectPlan:
        return ProjectPlan(
            kind=kind,
            archive_name=self.plan.archive_name,
            num_annotators=self.plan.num_annotators if kind == "ages" else 1,
            has_photos=self.photos is not None and kind in AGE_KINDS,
        )

    def _put_ages(self, kind: Kind, records: Sequence[Record]) -> Synced:
        project = find_or_create(self.server, self.listing, self._project(kind), self.plan.settle_s)
        has_photos = shows_photos(project.label_config)
        by_key = {picture_key(kind, one.picture_id, one.sha256): one for one in records}

        def make(keys: Sequence[str]) -> Iterable[Task]:
            some = [by_key[key] for key in keys]
            names = [record.picture_id for record in some]
            faces = self.pictures(names)
            photos = self.photos(names) if self.photos is not None and has_photos else {}
            for record in some:
                name = record.picture_id
                try:
                    yield age_task(kind, record, faces[name], photos.get(name), has_photos=has_photos)
                except (KeyError, BadImage):
                    self.without.append(name)

        return put(self.server, project.number, list(by_key), make, self.note)

    def _put_items(self, kind: Kind, items: Sequence[ReviewItem]) -> Synced:
        project = find_or_create(self.server, self.listing, self._project(kind), self.plan.settle_s)
        by_key = {item_key(item.item_id): item for item in items}

        def make(keys: Sequence[str]) -> Iterable[Task]:
            some = [by_key[key] for key in keys]
            shown = self.pictures({name for item in some for name in item.picture_ids})
            for item in some:
                try:
                    yield review_task(item, shown)
                except (KeyError, BadImage):
                    self.without.append(item.item_id)

        return put(self.server, project.number, list(by_key), make, self.note)


def _age_key(record: Record) -> str:
    return picture_key("ages", record.picture_id, record.sha256)
