"""What people and other programs added to a record, handed on to the record that takes its place.

A picture whose face was cut out anew, or whose better copy came, is taken out of the archive before the new one is put
in. What hangs on it is written down first, in the working folder, and stays there until a record has it: neither a kill
in between nor a copy that still waits for an answer loses a label.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cafdata.archive import Archive
from cafdata.duplicates import SAME_BITS, distance_bits
from cafdata.record import Record
from core.errors import CurationBroken
from core.files import write_atomic
from curation.labelling.evidence import weigh
from curation.labelling.pulling import with_new
from curation.run_folder import RunFolder

FILE: Final = "replaced.json"
"""In the working folder: records that were taken out, by the picture that takes their place."""
SAME_POINTS_PX: Final = 0.05
"""Furthest that a landmark moves where one photo is looked at again; two photos never have all five so near."""

Waiting = dict[str, list[Record]]
"""Picture id -> the records whose place it takes."""


def with_work(now: Record, before: Record) -> Record:
    """A record with what people and other commands added to another of the same photo: labels, split, further scores.

    What annotators saw is weighed against the dates as they are now, which may be others than it was weighed against.
    Whose face it is may have been asked under another name; that answer is not handed on.
    """
    labels = before.labels
    if now.person_id != before.person_id and now.picture_id != before.picture_id:
        labels = tuple(label for label in labels if label.verdict != "not_this_person")
    ours = {name for name, _ in now.quality}
    renewed = dataclasses.replace(
        now,
        split=now.split or before.split,
        labels=with_new(now.labels, labels) if now.labels else labels,
        quality=(*now.quality, *(score for score in before.quality if score[0] not in ours)),
    )
    found = weigh(renewed)
    return dataclasses.replace(
        renewed, age_min_years=found.min_years, age_max_years=found.max_years, age_provenance=found.provenance
    )


def same_photos(archive: Archive, rows: Mapping[str, Mapping[str, Any]], there: Mapping[str, Record]) -> set[str]:
    """Those pictures that show the photo they showed; an address may give another one.

    Args:
        rows: of `seen`, with other faces than the archive has, by picture id.
        there: the archive's records.
    """
    same = {name for name, row in rows.items() if _has_points(row, there[name])}
    unsure = {name for name, row in rows.items() if name not in same and row["framing"] == there[name].framing}
    if unsure:
        from cafdata.picture_hash import long_hash  # brings torch along
        from core.images import decode_photo

        for picture in archive.pictures(unsure):
            name = picture.record.picture_id
            if distance_bits(long_hash(decode_photo(picture.data)), rows[name]["long_hash"]) <= SAME_BITS:
                same.add(name)
    return same


def target_of(name: str, copies: Mapping[str, str]) -> str | None:
    """The picture that is kept in place of a copy, over copies of copies; None where it is no copy."""
    passed = {name}
    found = None
    while (following := copies.get(found or name)) is not None and following not in passed:
        passed.add(following)
        found = following
    return found


def read_waiting(run: RunFolder) -> Waiting:
    """What waits for its picture. Raises CurationBroken if the file is damaged."""
    path = run.folder / FILE
    try:
        told = json.loads(path.read_bytes())
        return {name: [Record.from_row(row) for row in rows] for name, rows in told.items()}
    except FileNotFoundError:
        return {}
    except (AttributeError, TypeError, ValueError) as error:
        raise CurationBroken(
            f"{path} is damaged ({error}); it holds labels of replaced pictures: restore it, or delete it to lose them"
        ) from None


def write_waiting(run: RunFolder, waiting: Waiting) -> None:
    """Write down what waits for its picture; without any the file goes."""
    path = run.folder / FILE
    if waiting:
        told = {name: [record.to_row() for record in records] for name, records in sorted(waiting.items())}
        write_atomic(path, json.dumps(told, ensure_ascii=False).encode())
    else:
        path.unlink(missing_ok=True)


def told_of_losses(gone: Iterable[Record]) -> str | None:
    """A sentence on labels that leave the archive with their pictures; None if none do."""
    lost = sorted((one.picture_id, len(one.labels)) for one in gone if one.labels)
    if not lost:
        return None
    names = ", ".join(name for name, _ in lost[:10]) + (", ..." if len(lost) > 10 else "")
    return f"labels that leave the archive with their pictures: {sum(count for _, count in lost):,} ({names})"


def has_work(row: Mapping[str, Any], record: Record) -> bool:
    """Whether something hangs on a record that its row of `seen` does not say."""
    return bool(record.labels) or not {name for name, _ in record.quality} <= {one["name"] for one in row["quality"]}


def _has_points(row: Mapping[str, Any], record: Record) -> bool:
    """Whether the face lies in the photo where it lay."""
    if record.points is None or row["points_convention"] != record.points_convention:
        return False
    pairs = zip(row["points"], record.points, strict=True)
    return all(
        abs(one - other) <= SAME_POINTS_PX for ones, others in pairs for one, other in zip(ones, others, strict=True)
    )
