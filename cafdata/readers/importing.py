"""A folder in one of the known layouts into an archive: everything that was found in it, or nothing.

First every label is looked at, which takes no picture. Then the pictures are read into a draft archive beside the
one asked for, a batch at a time, so that what was broken off goes on where it stopped. Only when all are there does
the draft become the archive, or its pictures join the one that was there, in one step. Records of pictures that were
there before stay as they are; where the folder says something else, that is reported.
"""

import dataclasses
import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cafdata.archive import Archive, others_in
from cafdata.picture_hash import PictureFacts, measure
from cafdata.readers.corrections import corrections
from cafdata.readers.found import Fault, Finding, Found
from cafdata.readers.layouts import LAYOUTS, Layout
from cafdata.readers.stored import stored_form
from cafdata.record import Picture, Record
from cafdata.shards import FOLDER
from core.errors import BadImage, DataBroken

BATCH: Final = 1000
"""Pictures that are read again, at most, after a break."""
MAX_NAMED: Final = 20
"""Faults in the sentence of an error; every one is reported."""
NUM_CORRECTED: Final = 5
"""Pictures with other labels than the archive has that are reported by name; the rest is counted."""
NO_FACTS: Final = PictureFacts(sha256="0" * 64, phash="0" * 16, width_px=1, height_px=1)
"""Stand in for those of a picture that was not read yet."""
MEND: Final = "mend these or leave them out with --drop, then run it again"
Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOutcome:
    """What became of a folder."""

    archive: str
    layout: str
    found: int
    """Pictures in the folder that could be used."""
    added: int
    """Of these, new in the archive."""
    there_already: int
    """Same name, same bytes."""
    differing: int
    """Of these, those of which the folder says something else than the archive, where they stay as they are."""
    left_out: int
    """Same bytes under another name, or removed on request before."""
    dropped: int
    """Faults that were dropped because that was asked for."""
    people: int
    """Among the pictures found; 0 where the layout names nobody."""


def import_folder(
    layout: str, folder: Path, archive: Path, *, licence: str | None = None, drop: bool = False, report: Report
) -> ImportOutcome:
    """Read a folder into an archive, new or already there. To be repeated after a break.

    Args:
        layout: one of `LAYOUTS`.
        licence: of the pictures; what is known of the layout's terms if None.
        drop: leave out what cannot be used, and count it, instead of refusing the folder.
        report: is told of every fault and of progress, a line each.
    Raises:
        DataBroken: the folder is none, holds nothing of the layout, or something in it cannot be used.
        ArchiveBroken: the archive cannot be written or refuses a picture.
        ValueError: no such layout.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"no layout {layout!r}; there are {', '.join(LAYOUTS)}")
    if not folder.is_dir():
        raise DataBroken(f"there is no folder {folder}")
    place = archive.resolve()  # a name of its own and a folder around it, for "." too
    is_new = not (place / "manifest.json").exists()
    if is_new and not _is_free(place):
        raise DataBroken(f"{archive} is there and is no archive; name an archive, an empty folder or a new one")
    reader = _Reader(LAYOUTS[layout], layout, folder, licence)
    num_found, people, num_faults = reader.check(drop, report)
    draft_folder = place.with_name(f".{place.name}.importing")
    draft = _draft(draft_folder)
    num_faults += reader.fill(draft, drop, report, num_found)
    differing = 0
    if not place.exists():
        added, there_already, left_out = len(draft), 0, 0
        draft_folder.rename(place)
    else:
        # An empty folder is filled rather than replaced: somebody may be in it.
        target = Archive.create(place) if is_new else Archive(place)
        joined = target.append(draft.pictures())
        added, there_already, left_out = joined.num_added, joined.num_there_already, len(joined.left_out)
        for one in joined.left_out:
            report(f"left out {one.picture_id}: {one.reason}")
        if there_already:
            differing = _report_corrections(target, draft, report)
        _discard(draft_folder)
    return ImportOutcome(
        archive=str(archive),
        layout=layout,
        found=num_found,
        added=added,
        there_already=there_already,
        differing=differing,
        left_out=left_out + reader.num_twins,
        dropped=num_faults,
        people=people if LAYOUTS[layout].names_people else 0,
    )


class _Reader:
    """One folder in one layout, read twice: for its labels and for its pictures."""

    def __init__(self, layout: Layout, name: str, folder: Path, licence: str | None) -> None:
        self.layout, self.name, self.folder = layout, name, folder
        self.licence = licence or layout.terms
        self.num_twins = 0
        """Pictures whose bytes came under another name before."""

    def check(self, drop: bool, report: Report) -> tuple[int, int, int]:
        """Look at every label. Gives back how many pictures, people and faults there are.

        Raises:
            DataBroken: there are faults that are not to be dropped, or no picture.
        """
        people: set[str] = set()
        faults: list[Fault] = []
        num_found = 0
        for finding in self._findings():
            if isinstance(finding, Fault):
                report(str(finding))
                faults.append(finding)
            else:
                num_found += 1
                people.add(finding.person)
        self._refuse(faults, drop)
        if not num_found:
            raise DataBroken(f"{self.folder} holds no picture in the layout {self.name}: {self.layout.form}")
        return num_found, len(people), len(faults)

    def fill(self, draft: Archive, drop: bool, report: Report, num_found: int) -> int:
        """Read the pictures into the draft. Gives back how many faults were dropped.

        Raises:
            DataBroken: there are faults that are not to be dropped; the draft holds all other pictures.
        """
        self.num_twins = 0
        before = {record.picture_id: record for record in draft.records()}
        fresh: set[str] = set()
        faults: list[Fault] = []
        stale: set[str] = set()

        def pictures() -> Iterator[Picture]:
            for found in self._findings():
                if isinstance(found, Fault):
                    continue
                try:
                    picture = self._picture(found, before)
                except (BadImage, OSError) as error:
                    faults.append(Fault(where=found.where, reason=str(error)))
                    report(str(faults[-1]))
                    continue
                name = picture.record.picture_id
                fresh.add(name)
                if name in before and before[name] != picture.record:
                    stale.add(name)
                    continue
                yield picture

        every = pictures()
        while batch := [*itertools.islice(every, BATCH)]:
            appended = draft.append(batch)
            self.num_twins += len(appended.left_out)
            for one in appended.left_out:
                report(f"left out {one.picture_id}: {one.reason}")
            report(f"{len(fresh)} of {num_found} pictures read")
        outdated = (set(before) - fresh) | stale
        if outdated:
            draft.remove(outdated)
            return self.fill(draft, drop, report, num_found)
        self._refuse(faults, drop)
        return len(faults)

    def _picture(self, found: Found, before: dict[str, Record]) -> Picture:
        """A picture with its record; one that is in the draft, with the same bytes, is not decoded again."""
        data = stored_form(found.read())
        known = before.get(f"{self.name}/{found.key}")
        facts = measure(data) if known is None else _facts_of(known, data)
        return Picture(record=self._record(found, facts), data=data)

    def _record(self, found: Found, facts: PictureFacts) -> Record:
        return Record(
            picture_id=f"{self.name}/{found.key}",
            person_id=f"{self.name}/{found.person}",
            **dataclasses.asdict(facts),
            age_min_years=found.age_min_years,
            age_max_years=found.age_max_years,
            age_provenance=found.age_provenance,
            sex=found.sex,
            ethnicity=found.ethnicity,
            captured=found.captured,
            born=found.born,
            licence=self.licence,
            points=found.points,
            points_convention="arcface5" if found.points else None,
            framing=found.framing,
            quality=tuple(found.quality.items()),
        )

    def _findings(self) -> Iterator[Finding]:
        """What the layout finds, each name once, each fit for a record."""
        seen: dict[str, str] = {}
        for finding in self.layout.find(self.folder):
            if isinstance(finding, Fault):
                yield finding
                continue
            if finding.key in seen:
                yield Fault(where=finding.where, reason=f"{finding.key} is there already, {seen[finding.key]}")
                continue
            seen[finding.key] = finding.where
            try:
                self._record(finding, NO_FACTS)
            except ValueError as error:
                yield Fault(where=finding.where, reason=str(error))
                continue
            yield finding

    def _refuse(self, faults: list[Fault], drop: bool) -> None:
        if not faults or drop:
            return
        named = "; ".join(map(str, faults[:MAX_NAMED]))
        more = f"; and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
        raise DataBroken(f"nothing was imported from {self.folder}: {named}{more}; {MEND}")


def _facts_of(known: Record, data: bytes) -> PictureFacts:
    """Facts of bytes that are probably those of a record: measured anew if they are not."""
    if hashlib.sha256(data).hexdigest() != known.sha256:
        return measure(data)
    return PictureFacts(sha256=known.sha256, phash=known.phash, width_px=known.width_px, height_px=known.height_px)


def _is_free(place: Path) -> bool:
    """Whether nothing is there, or a folder with no more in it than an archive that was broken off when it began."""
    if not place.is_dir():
        return not place.exists()
    return not others_in(place) and not any((place / FOLDER).glob("*"))


def _report_corrections(archive: Archive, draft: Archive, report: Report) -> int:
    """Say of which pictures the draft has other records than the archive. Gives back how many there are."""
    count = 0
    for count, one in enumerate(corrections(archive.records(), {row.picture_id: row for row in draft.records()}), 1):
        if count <= NUM_CORRECTED:
            report(str(one))
    if count:
        report(
            f"{count} of the pictures that were there already have other labels in the folder; the archive keeps its "
            "own: for the folder's, import into a new archive or call cafdata.archive.Archive.update"
        )
    return count


def _draft(folder: Path) -> Archive:
    """The draft archive that was begun, or a new one."""
    if (gone := _gone(folder)).exists():
        shutil.rmtree(gone)
    if (folder / "manifest.json").exists():
        return Archive(folder)
    return Archive.create(folder)


def _discard(folder: Path) -> None:
    """Delete a draft. It is renamed first, so that what a kill leaves of it is not taken for a draft."""
    folder.rename(_gone(folder))
    shutil.rmtree(_gone(folder))


def _gone(folder: Path) -> Path:
    """What a draft is called while it is deleted."""
    return folder.with_name(f"{folder.name}.gone")
