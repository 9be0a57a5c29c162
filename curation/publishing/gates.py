"""What an archive has to fulfil before anything of it is published, and which pictures are left out.

Pictures about which somebody still has a question are left out, and so are those of today's adults as children unless
they are asked for. All others have to pass every gate; one that does not holds back the whole release.

A person is synthetic if every picture of theirs is, and no date of birth is given. Nobody was photographed then: there
is no source, no date and no child. Who made the pictures and from what has to be said all the same. Pictures made from
a real person's are that person's, with all that is asked of a photo.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from cafdata.archive import README, Archive
from cafdata.card import sections_of, unwritten
from cafdata.card_sections import SECTIONS
from cafdata.dates import age_between
from cafdata.queue import ReviewQueue
from cafdata.record import Record
from cafdata.splits import leaks, looks_of
from curation.labelling.evidence import deciding, moment
from curation.labelling.pulling import SOURCE as ANNOTATORS
from curation.minors import ADULT_YEARS, is_grown_up
from curation.publishing.refusals import Fault
from curation.sources.licences import Licence, licence_of

CHANGELOG: Final = "Changelog"
"""The one section of the card that publishing writes itself."""

LeftOut = Literal["open question", "decided to be removed", "doubted by an annotator", "childhood"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Examination:
    """What the gates found."""

    faults: tuple[Fault, ...]
    left_out: dict[LeftOut, int]
    """Reason -> pictures that are not published for it."""
    grown: frozenset[str]
    """Picture ids of the grown, and of everybody synthetic."""
    childhood: frozenset[str]
    """Picture ids of today's adults as children; empty unless asked for."""


def examine(archive: Archive, today: date, *, childhood: bool) -> Examination:
    """Look at every file, record and picture of an archive.

    Args:
        today: somebody must be 18 by then, or dead.
        childhood: whether pictures of today's adults as children are wanted.
    Raises:
        ArchiveBroken: manifest, queue or tombstones cannot be read.
    """
    faults = [
        Fault(gate="archive", where=f"{one.shard}, row {one.row}" if one.row else one.shard, reason=one.reason)
        for one in archive.verify()
        if one.kind != "card"  # what a card counts is counted anew for each edition
    ]
    if faults:
        return Examination(faults=tuple(faults), left_out={}, grown=frozenset(), childhood=frozenset())
    records = list(archive.records())
    questioned = _questioned(archive, records)
    synthetic = synthetic_people(records)
    left_out: dict[LeftOut, int] = {}
    kept: dict[str, bool] = {}
    for record in records:
        is_synthetic = record.person_id in synthetic
        is_child = not is_synthetic and youngest_years(record) < ADULT_YEARS
        reason = questioned.get(record.picture_id)
        if reason is None and is_child and not childhood and is_grown_up(record.born, record.died, today):
            reason = "childhood"
        if reason is None:
            faults += record_faults(record, today, is_synthetic=is_synthetic)
            kept[record.picture_id] = is_child
        else:
            left_out[reason] = left_out.get(reason, 0) + 1
    faults += _split_faults(archive, kept)
    faults += card_faults(archive)
    if not kept:
        reason_why = ", ".join(f"{count} for {reason}" for reason, count in left_out.items()) or "there are none"
        faults.append(Fault(gate="archive", where=str(archive.folder), reason=f"no picture is left: {reason_why}"))
    return Examination(
        faults=tuple(faults),
        left_out=left_out,
        grown=frozenset(name for name, is_child in kept.items() if not is_child),
        childhood=frozenset(name for name, is_child in kept.items() if is_child),
    )


def youngest_years(record: Record) -> float:
    """The youngest that somebody may be on a picture: annotators may have narrowed what the dates allow, and err."""
    if record.born is None or record.captured is None:
        return record.age_min_years
    return min(record.age_min_years, age_between(record.born, record.captured)[0])


def synthetic_people(records: Iterable[Record]) -> set[str]:
    """Person ids of those who were never photographed and never born."""
    made: dict[str, bool] = {}
    for record in records:
        is_made = record.is_synthetic and record.born is None
        made[record.person_id] = made.get(record.person_id, True) and is_made
    return {person for person, is_made in made.items() if is_made}


def record_faults(record: Record, today: date, *, is_synthetic: bool) -> Iterator[Fault]:
    """Everything for which one picture may not be published."""
    name = record.picture_id
    needed = ("licence", "author", "attribution") if is_synthetic else ("licence", "author", "source_url")
    for field in needed:
        if getattr(record, field) is None:
            yield Fault(gate="complete", where=name, reason=f"{field} is missing")
    if record.split is None:
        yield Fault(gate="complete", where=name, reason="it is in no split; run python -m cafdata splits")
    if is_synthetic:
        return
    if record.licence is not None:
        found = licence_of(record.licence, record.licence_url or "")
        if not isinstance(found, Licence):
            yield Fault(gate="licence", where=name, reason=f"{found}: {record.licence}")
    yield from _date_faults(record, today)


def card_faults(archive: Archive) -> Iterator[Fault]:
    """What the README still lacks."""
    path = archive.folder / README
    if path.is_symlink():
        yield Fault(gate="card", where=README, reason="it is a link to another file; put the file itself there")
        return
    readme = path.read_text(encoding="utf-8") if path.is_file() else ""
    words = sections_of(readme)
    for section in SECTIONS:
        if not words[section.key] and section.title != CHANGELOG:
            reason = "this section is missing or empty; run python -m cafdata card"
            yield Fault(gate="card", where=section.title, reason=reason)
    for title in unwritten(readme):
        if title != CHANGELOG:
            yield Fault(gate="card", where=title, reason="there is still something to be written by you")


def _date_faults(record: Record, today: date) -> Iterator[Fault]:
    """Dates that are missing, somebody who may be a minor, an age that the dates do not allow."""
    name, born, captured = record.picture_id, record.born, record.captured
    for field, value in (("born", born), ("captured", captured)):
        if value is None:
            yield Fault(gate="complete", where=name, reason=f"the date {field} is missing")
    if not is_grown_up(born, record.died, today):
        known = f"born {born}" if born else "no date of birth is known"
        yield Fault(gate="minor", where=name, reason=f"the person may be under 18 today: {known}")
    if born is None or captured is None:
        return
    youngest, oldest = age_between(born, captured)
    least, most = record.age_min_years, record.age_max_years
    said = f"age {least:g} to {most:g}, but the dates say {youngest:.1f} to {oldest:.1f}"
    if most < int(youngest) or least >= int(oldest) + 1:
        yield Fault(gate="age", where=name, reason=said)
    elif record.age_provenance == "dates" and (int(least) > int(youngest) or int(most) < int(oldest)):
        yield Fault(gate="age", where=name, reason=f"it claims to know more than its dates: {said}")


def _questioned(archive: Archive, records: Sequence[Record]) -> dict[str, LeftOut]:
    """Picture id -> why it is not published: what annotators and the queue say.

    A doubt of annotators ends with the answer to their own question, if that was given after they doubted.
    """
    found: dict[str, LeftOut] = {}
    items = ReviewQueue(archive.folder).items()
    kept_at: dict[str, datetime] = {}
    for item in items:
        if item.decision == "keep" and item.source == ANNOTATORS and item.decided_at is not None:
            name, at = item.picture_ids[0], datetime.fromisoformat(item.decided_at)
            kept_at[name] = max(at, kept_at.get(name, at))
    for record in records:
        doubts = [moment(label) for label in deciding(record.labels) if label.verdict != "age"]
        kept = kept_at.get(record.picture_id)
        if doubts and (kept is None or kept <= max(doubts)):
            found[record.picture_id] = "doubted by an annotator"
    for item in items:
        if item.decision == "remove":
            found[item.picture_ids[0]] = "decided to be removed"
    for item in items:
        if item.decision is None:
            found.update(dict.fromkeys(item.picture_ids, "open question"))
    return found


def _split_faults(archive: Archive, kept: Iterable[str]) -> Iterator[Fault]:
    """People and pictures that are in two splits, by how the pictures look."""
    records, looks = [], {}
    for record, look in looks_of(archive.pictures(frozenset(kept))):
        records.append(record)
        looks[record.picture_id] = look
    for leak in leaks(records, looks):
        one, other = leak.picture_ids
        what = "show one person" if leak.kind == "person" else "are one picture"
        reason = f"it and {other} {what}, but are in {' and '.join(leak.splits)}; run python -m cafdata splits"
        yield Fault(gate="split", where=one, reason=reason)
