"""Publish an archive: gates, editions made on this machine, and each put up in one commit, what everyone sees last."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from cafdata import lock
from cafdata.archive import README, Archive
from cafdata.record import Record
from cafdata.tombstones import FILE as TOMBSTONES
from curation.publishing.changes import Rows, change_text, difference, rows_of
from curation.publishing.editions import CHILDHOOD, EDITIONS, Change, Edition, Stamp, check_repo
from curation.publishing.gates import Examination, examine
from curation.publishing.hub import Hub, Place
from curation.publishing.refusals import Fault, HubRefused, ReleaseRefused
from curation.publishing.repositories import Repository
from curation.publishing.staging import words_sha256, write_papers
from curation.publishing.tables import DataPart, RowDigest, archive_parts, read_part

MAX_NAMED: Final = 5
"""Faults that an error's sentence names; the rest are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be published where. Raises ValueError for a repository that cannot be."""

    repo: str
    """ORG/NAME of the metadata's repository; those of the pictures are named after it."""
    public: bool = False
    """Let everybody see the repositories once the version is in them; pictures stay behind their gate."""
    childhood: bool = False
    """Publish pictures of today's adults as children, in a repository of their own."""

    def __post_init__(self) -> None:
        check_repo(self.repo)

    @property
    def editions(self) -> tuple[Edition, ...]:
        """In the order in which they go up."""
        return tuple(edition for edition in EDITIONS if self.childhood or edition is not CHILDHOOD)


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishReport:
    """What is on the Hub now."""

    version: int
    repositories: tuple[str, ...]
    commits: int
    """That this run made; none where nothing had changed."""
    pictures: int
    """Of the grown, and of everybody synthetic."""
    childhood_pictures: int
    left_out: dict[str, int]
    """Reason -> pictures that were not published for it."""
    changes: str
    """Line of the changelog; "" where nothing had changed."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Draft:
    """An edition as it was made here; its papers are written once its version is known."""

    edition: Edition
    folder: Path
    parts: tuple[DataPart, ...]
    rows_sha256: str
    words_sha256: str
    readme: str
    """Of the archive."""
    records: tuple[Record, ...]

    def stamp(self, version: int, changes: Sequence[Change]) -> Stamp:
        """What the edition says of itself as a version."""
        return Stamp(
            edition=self.edition.name,
            version=version,
            rows_sha256=self.rows_sha256,
            words_sha256=self.words_sha256,
            num_pictures=len(self.records),
            num_people=len({record.person_id for record in self.records}),
            parts=self.parts,
            changes=tuple(changes),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Target:
    """A draft, where it goes, and what is there."""

    draft: Draft
    repository: Repository
    place: Place
    present: Stamp | None
    newest_tag: int

    @property
    def is_done(self) -> bool:
        """Whether the rows and words that are there are those of the draft."""
        draft = self.draft
        return self.present is not None and self.present.is_of(draft.rows_sha256, draft.words_sha256)

    @property
    def version(self) -> int:
        """The highest that is there; 0 before the first."""
        return max(self.newest_tag, self.present.version if self.present else 0)


def publish(archive: Archive, order: Order, hub: Hub, today: date, report: Callable[[str], None]) -> PublishReport:
    """Put an archive on a Hub, as the version after the one that is there; nothing, if that has the same.

    Broken off at any moment, it is finished by the same call: whoever reads meanwhile finds, in each repository, the
    version before or the new one, whole.

    Args:
        today: on which somebody must be 18, and day of the version.
        report: takes a line for each step.
    Raises:
        ReleaseRefused: a gate did not let it pass; nothing was sent.
        HubRefused: the Hub said no, or a repository is seen by more than was asked for.
        ArchiveBroken: damaged, or being written by another.
    """
    with working_folder(archive.folder) as working:
        with lock.writing(archive.folder):
            found = admitted(archive, today, childhood=order.childhood)
            marked = _tombstones(archive.folder)
            drafts = [_draft(archive, edition, found, working) for edition in order.editions]
        report(f"every gate passed: {len(found.grown) + len(found.childhood)} pictures")
        targets = [_target(draft, order, hub, working) for draft in drafts]
        version = version_to_be([(target.version, target.is_done) for target in targets])

        commits, text = 0, ""
        for target in targets:
            if not target.is_done:
                stamp = _staged(target, order, version, today)
                repository = target.repository

                def may_go_up(repository: Repository = repository) -> None:
                    if _tombstones(archive.folder) != marked:
                        raise ReleaseRefused("something was removed from the archive meanwhile; run the command again")
                    repository.check_seen(may_be_public=order.public)

                commits += repository.replace(target.place, stamp, target.draft.folder, may_go_up)
                text = stamp.changes[0].text
                report(f"{target.repository.name} is at version {version}")
        for target in targets:
            target.repository.check_seen(may_be_public=order.public)
            target.repository.tag(version)
        if order.public:
            for target in targets:
                target.repository.open()
    return PublishReport(
        version=version,
        repositories=tuple(target.repository.name for target in targets),
        commits=commits,
        pictures=len(found.grown),
        childhood_pictures=len(found.childhood),
        left_out={str(reason): count for reason, count in found.left_out.items()},
        changes=text,
    )


def admitted(archive: Archive, today: date, *, childhood: bool) -> Examination:
    """What of an archive may be published. Raises ReleaseRefused, naming rows, where a gate does not let it pass."""
    found = examine(archive, today, childhood=childhood)
    if found.faults:
        raise ReleaseRefused(_sentence(archive.folder, found.faults), found.faults)
    return found


def version_to_be(targets: Sequence[tuple[int, bool]]) -> int:
    """Version that a run makes or finishes.

    Args:
        targets: of each repository the highest version that is there, and whether its rows and words are the wanted.
    """
    top = max(version for version, _ in targets)
    finished = [version for version, is_done in targets if is_done]
    waiting = [version for version, is_done in targets if not is_done]
    if not waiting or (top in finished and max(waiting) < top):
        return max(1, top)
    return top + 1


@contextmanager
def working_folder(archive: Path) -> Iterator[Path]:
    """A new folder beside an archive, for one publisher at a time; gone afterwards, and after a kill with the next."""
    archive = archive.resolve()
    folder = archive.with_name(f".{archive.name}.publishing")
    with lock.writing(archive, "publishing.lock"):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _draft(archive: Archive, edition: Edition, found: Examination, working: Path) -> Draft:
    """Write the parts of an edition."""
    wanted = found.childhood if edition is CHILDHOOD else found.grown
    folder = working / "staged" / edition.name
    names = annotator_names(archive.records())
    parts = tuple(archive_parts(archive, wanted, names, folder / edition.name, with_pictures=edition.with_pictures))
    digest = RowDigest()
    for part in parts:
        for row in read_part(folder / part.path):
            digest.add(row)
    readme = (archive.folder / README).read_text(encoding="utf-8")
    return Draft(
        edition=edition,
        folder=folder,
        parts=parts,
        rows_sha256=digest.hexadecimal(),
        words_sha256=words_sha256(readme),
        readme=readme,
        records=tuple(record for record in archive.records() if record.picture_id in wanted),
    )


def annotator_names(records: Iterator[Record]) -> dict[str, str]:
    """What each annotator is called outside: a number, by who labelled first."""
    first: dict[str, str] = {}
    for record in records:
        for label in record.labels:
            first[label.annotator] = min(label.labelled_at, first.get(label.annotator, label.labelled_at))
    ordered = sorted(first, key=lambda name: (first[name], name))
    return {name: f"annotator {number}" for number, name in enumerate(ordered, 1)}


def _target(draft: Draft, order: Order, hub: Hub, working: Path) -> Target:
    folder = working / "before" / draft.edition.name
    repository = Repository(hub=hub, edition=draft.edition, base=order.repo, working=folder)
    place, present = repository.ready(may_be_public=order.public)
    newest = repository.newest_tag()
    return Target(draft=draft, repository=repository, place=place, present=present, newest_tag=newest)


def _staged(target: Target, order: Order, version: int, today: date) -> Stamp:
    """Write the papers of a version beside its parts."""
    draft, repository, present = target.draft, target.repository, target.present

    def read(part: DataPart, is_before: bool) -> Rows:
        if not is_before:
            return rows_of(read_part(draft.folder / part.path))
        path = repository.hub.fetch(repository.name, target.place.head, part.path, repository.working)
        if path is None:
            raise HubRefused(f"{repository.name} has lost {part.path}, which its {draft.edition.name} are made of")
        rows = rows_of(read_part(path))
        path.unlink()
        return rows

    counts = None if present is None else difference(present.parts, draft.parts, read)
    now = draft.stamp(version, ())
    text = change_text(counts, now.num_pictures, now.num_people)
    earlier = present.changes if present else ()
    stamp = draft.stamp(version, (Change(version=version, day=today.isoformat(), text=text), *earlier))
    write_papers(draft.folder, draft.edition, order.repo, draft.readme, draft.records, stamp)
    return stamp


def _sentence(folder: Path, faults: Sequence[Fault]) -> str:
    named = "; ".join(f"{fault.where}: {fault.reason}" for fault in faults[:MAX_NAMED])
    rest = f"; and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
    return f"{folder} may not be published, {len(faults)} faults: {named}{rest}"


def _tombstones(folder: Path) -> bytes:
    path = folder / TOMBSTONES
    return path.read_bytes() if path.exists() else b""
