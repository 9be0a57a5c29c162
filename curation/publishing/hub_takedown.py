"""Out of what was published: pictures that an archive has tombstones for, from every edition, version and blob.

An edition is read back from the Hub, not made anew from the archive: a takedown waits for no gate, and finds what an
archive that has moved on no longer knows. In this order, so that one that was killed is finished by the same call:
tombstones for copies that only the Hub has, a version without the pictures, tags off, history made one commit, large
files that no commit names deleted, the version tagged. Whoever downloaded a copy has to take the new version in its
place; the card says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from cafdata.archive import README, Archive
from cafdata.record import Record, Row
from cafdata.tombstones import NAMES, Tombstone, Tombstones
from curation.publishing.changes import change_text
from curation.publishing.editions import EDITIONS, Change, Stamp, check_repo
from curation.publishing.hub import Hub, Place
from curation.publishing.publish import working_folder
from curation.publishing.refusals import HubRefused
from curation.publishing.repositories import Repository
from curation.publishing.staging import write_papers
from curation.publishing.tables import DataPart, RowDigest, read_part, record_of, write_part


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleared:
    """What went from one repository."""

    repository: str
    version: int
    """That is there now, without what went."""
    pictures: tuple[str, ...]
    """Picture ids that the version before still had."""
    large_files: int
    """Deleted for good."""
    beyond: tuple[str, ...]
    """Branches, pull requests and conversions that this program does not touch; look there yourself."""


def take_down_on_hub(
    archive: Archive, repo: str, hub: Hub, today: date, report: Callable[[str], None]
) -> tuple[Cleared, ...]:
    """Remove from the Hub all that the archive has tombstones for. Can be repeated.

    Args:
        repo: ORG/NAME of the metadata's repository.
        today: day of the version.
    Raises:
        ValueError: that is no repository.
        HubRefused: the Hub said no, nothing was published there, or what was cannot be understood.
    """
    check_repo(repo)
    cleared = []
    with working_folder(archive.folder) as working:
        for edition in EDITIONS:
            folder = working / edition.name
            repository = Repository(hub=hub, edition=edition, base=repo, working=folder / "before")
            place = hub.look(repository.name)
            if place is None:
                continue
            stamp = repository.stamp(place)
            if stamp is not None:
                cleared.append(_clear(archive, repository, place, stamp, today, folder))
                report(f"{repository.name}: {len(cleared[-1].pictures)} pictures went")
            elif repository.others(place):
                raise HubRefused(f"{repository.name} holds nothing that this program published; look there yourself")
            else:  # a first version that was broken off
                report(f"{repository.name} is empty")
    if not cleared:
        raise HubRefused(f"{hub.endpoint} shows nothing that was published as {repo} to this token")
    return tuple(cleared)


def _clear(archive: Archive, repository: Repository, place: Place, stamp: Stamp, today: date, folder: Path) -> Cleared:
    """Clear one repository. What only its pictures show to be a copy is marked, and so goes from the next one too."""
    tombstones = Tombstones.read(archive.folder)
    gone = {
        name: record.sha256
        for part in stamp.parts
        for name, record in _refused(_rows(repository, place, part), part, tombstones)
    }
    if gone:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        archive.mark(
            stone
            for name, sha256 in gone.items()
            for stone in (
                Tombstone(marked="picture_id", value=name, at=at),
                Tombstone(marked="sha256", value=sha256, at=at),
            )
        )
        stamp = _without(repository, place, stamp, {*gone}, today, folder / "staged")
    return Cleared(
        repository=repository.name,
        version=stamp.version,
        pictures=tuple(sorted(gone)),
        large_files=repository.forget_history(stamp),
        beyond=tuple(repository.hub.other_branches(repository.name)),
    )


def _without(repository: Repository, place: Place, stamp: Stamp, gone: set[str], today: date, staged: Path) -> Stamp:
    """Put a version without these pictures in the place of the one that is there; parts without any stay."""
    edition, records, parts, digest = repository.edition, list[Record](), list[DataPart](), RowDigest()
    (staged / edition.name).mkdir(parents=True)
    for part in stamp.parts:
        kept = []
        for row in _rows(repository, place, part):
            if row["picture_id"] not in gone:
                kept.append(row)
                digest.add(row)
                records.append(record_of(row, part.path))
        if len(kept) == part.num_rows:
            parts.append(part)
        else:
            parts += write_part(kept, staged / edition.name, part.split, with_pictures=edition.with_pictures)
    num_people = len({record.person_id for record in records})
    text = change_text((0, len(gone), 0), len(records), num_people)
    after = Stamp(
        edition=edition.name,
        version=stamp.version + 1,
        rows_sha256=digest.hexadecimal(),
        words_sha256=stamp.words_sha256,
        num_pictures=len(records),
        num_people=num_people,
        parts=tuple(parts),
        changes=(Change(version=stamp.version + 1, day=today.isoformat(), text=text), *stamp.changes),
    )
    readme = repository.hub.fetch(repository.name, place.head, README, repository.working)
    if readme is None:
        raise HubRefused(f"{repository.name} has lost its {README}; bring it back there")
    write_papers(staged, edition, repository.base, readme.read_text(encoding="utf-8"), records, after)
    repository.replace(place, after, staged, lambda: None)
    return after


def _rows(repository: Repository, place: Place, part: DataPart) -> Iterator[Row]:
    path = repository.hub.fetch(repository.name, place.head, part.path, repository.working)
    if path is None:
        raise HubRefused(f"{repository.name} has lost {part.path}; publish the archive again")
    yield from read_part(path)


def _refused(rows: Iterator[Row], part: DataPart, tombstones: Tombstones) -> Iterator[tuple[str, Record]]:
    """Picture id and record of each row that a tombstone stands for."""
    for row in rows:
        record = record_of(row, part.path)
        is_named = any(getattr(record, name) in tombstones.values[name] for name in NAMES)
        data = (row.get("image") or {}).get("bytes")
        if is_named or (data and tombstones.refusal(record, data)):
            yield record.picture_id, record
