"""From decided pictures to the archive: records made, changed ones replaced, questions filed, splits dealt.

Everything can be repeated: what the archive has already is left alone, so a kill at any moment costs nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import Picture, Record
from cafdata.splits import assign_splits, likely_copies, looks_of
from cafdata.summary import AGE_READ
from curation.carrying import (
    Waiting,
    has_work,
    read_waiting,
    same_photos,
    target_of,
    told_of_losses,
    with_work,
    write_waiting,
)
from curation.deciding import Decided
from curation.duplicates import STAGE as COPIES
from curation.holdings import ELSEWHERE, foreign, local_rows, write_holdings
from curation.run_folder import RunFolder
from curation.stage import Drop

COPIED: Final = (
    "picture_id", "sha256", "sex", "ethnicity", "captured", "born", "died", "source_revision", "author", "licence",
    "licence_url", "attribution", "framing", "points_convention",
)  # fmt: skip
"""Fields that a row of `seen` and a record have in common."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sealed:
    """What came into the archive."""

    added: int
    there_already: int
    replaced: int
    """Pictures whose face or facts are others than the archive had."""
    withdrawn: int
    """Pictures that the archive had of this recipe, which now decides against them."""
    left_out: tuple[tuple[str, str], ...]
    """Picture id and reason for each that the archive did not take."""
    questions: int
    """New ones in the review queue."""
    moved: int
    """Pictures whose person went into another split."""


def record_of(row: Mapping[str, Any], decided: Decided) -> Record:
    """The record of a picture that is kept.

    Args:
        row: of `seen`.
        decided: what was decided of it.
    """
    return Record(
        **{name: row[name] for name in COPIED},
        person_id=decided.person_id,
        phash=row["long_hash"][:16],
        age_min_years=decided.age_min_years,
        age_max_years=decided.age_max_years,
        age_provenance=decided.age_provenance,
        source_url=row["source_url"] or row["url"],
        box=tuple(row["box"]),
        points=tuple(tuple(point) for point in row["points"]),
        width_px=row["size_px"],
        height_px=row["size_px"],
        quality=(
            *((score["name"], score["value"]) for score in row["quality"]),
            (f"{AGE_READ}{row['estimator']}", round(row["age_read_years"], 1)),
        ),
    )


def pictures_of(run: RunFolder, kept: Mapping[str, Decided], waiting: Waiting) -> Iterator[Picture]:
    """Records with their faces and what waits for them, in the order of the shards; few rows in memory at a time."""
    for row in _rows_of(run, kept):
        name = row["picture_id"]
        record = reduce(with_work, waiting.get(name, ()), record_of(row, kept[name]))
        yield Picture(record=record, data=row["face"])


def seal(run: RunFolder, kept: Mapping[str, Decided], dropped: Mapping[str, Drop], questions: Iterable[ReviewItem],
         report: Callable[[str], None]) -> Sealed:  # fmt: skip
    """Bring the archive to what was decided.

    A picture that dropped out for a fault that may pass, or for one of ours, stays as the archive has it, and so does
    another recipe's of the same name.

    Args:
        kept: picture id to decision, of every picture that is to be in.
        dropped: pictures of this recipe that are not to be in, and why.
        questions: for the review queue.
    """
    folder = run.recipe.archive
    archive = Archive(folder) if (folder / "manifest.json").exists() else Archive.create(folder)
    there = {record.picture_id: record for record in archive.records()}
    local = local_rows(run)
    others = foreign(run, archive, there, local)
    if others:
        report(_told_of_others(others))
    kept = {name: one for name, one in kept.items() if name not in others}
    dropped = {name: drop for name, drop in dropped.items() if name not in others}
    withdrawn = [name for name, drop in dropped.items() if name in there and drop.is_final]
    changed: dict[str, Mapping[str, Any]] = {}
    updates: dict[str, Record] = {}
    for row in _rows_of(run, kept.keys() & there.keys()):
        name = row["picture_id"]
        if there[name].sha256 != row["sha256"]:
            changed[name] = {column: value for column, value in row.items() if column != "face"}
        elif (renewed := with_work(record_of(row, kept[name]), there[name])) != there[name]:
            updates[name] = renewed
    waiting, left = _waiting(run, archive, there, changed, withdrawn, dropped)
    for name in (waiting.keys() & there.keys()) - changed.keys() - set(withdrawn):
        updates[name] = reduce(with_work, waiting[name], updates.get(name, there[name]))
    if told := told_of_losses(left):
        report(told)
    write_waiting(run, waiting)
    if updates:
        archive.update(updates.values())
    if gone := [*withdrawn, *changed]:
        archive.remove(gone)
    appended = archive.append(pictures_of(run, kept, waiting))
    present = {record.picture_id for record in archive.records()}
    write_waiting(run, {name: some for name, some in waiting.items() if name not in present})
    write_holdings(run, (local.keys() & present) - others)
    report(f"{folder}: {appended.num_added:,} pictures added, {appended.num_there_already:,} there already")
    num_questions = ReviewQueue(folder).add(questions)
    rule = archive.manifest.rule
    records = list(archive.records())
    likely = archive.pictures(likely_copies(records))
    looks = {record.picture_id: look for record, look in looks_of(likely, crops=False)}
    moved = archive.assign(assign_splits(records, rule, looks), rule)
    return Sealed(
        added=appended.num_added,
        there_already=appended.num_there_already,
        replaced=len(changed) + len(updates),
        withdrawn=len(withdrawn),
        left_out=(
            *((one.picture_id, one.reason) for one in appended.left_out),
            *((name, ELSEWHERE) for name in sorted(others)),
        ),
        questions=num_questions,
        moved=moved,
    )


def _rows_of(run: RunFolder, names: Collection[str]) -> Iterator[dict[str, Any]]:
    """Rows of `seen` of these pictures, in the order of the shards."""
    return (row for shard in run.shards() for row in run.read_seen(shard) if row["picture_id"] in names)


def _told_of_others(names: Collection[str]) -> str:
    first = sorted(names)
    shown = ", ".join(first[:10]) + (", ..." if len(first) > 10 else "")
    return (
        f"{len(first):,} pictures stay in the archive as another recipe put them in, for this one's of the same names "
        f"are others ({shown}); rename the folder that these lie in and name another working folder"
    )


def _waiting(
    run: RunFolder, archive: Archive, there: Mapping[str, Record], changed: Mapping[str, Mapping[str, Any]],
    withdrawn: Iterable[str], dropped: Mapping[str, Drop],
) -> tuple[Waiting, list[Record]]:  # fmt: skip
    """What hangs on pictures that are taken out, by the one that takes their place, or by their own name where that
    one is gone and they are back; and the records for which there is neither."""
    copies = {name: drop.detail for name, drop in dropped.items() if drop.stage == COPIES}
    worked = {name: row for name, row in changed.items() if has_work(row, there[name])}
    same = same_photos(archive, worked, there)
    pairs = [(name, record) for name, records in read_waiting(run).items() for record in records]
    pairs += [(name, there[name]) for name in (*same, *withdrawn)]
    waiting: Waiting = {}
    left = [there[name] for name in changed if name not in same]
    for name, record in pairs:
        targets = [target_of(one, copies) or one for one in (name, record.picture_id)]
        present = [target for target in targets if target not in dropped or not dropped[target].is_final]
        if present:
            waiting.setdefault(present[0], []).append(record)
        else:
            left.append(record)
    return waiting, left
