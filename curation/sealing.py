"""From decided pictures to the archive: records made, changed ones replaced, questions filed, splits dealt.

Everything can be repeated: what the archive has already is left alone, so a kill at any moment costs nothing.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import Picture, Record
from cafdata.splits import assign_splits
from cafdata.summary import AGE_READ
from curation.deciding import Decided
from curation.labelling.evidence import weigh
from curation.run_folder import RunFolder

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
    """Pictures that this recipe had put in and now decides against."""
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


def pictures_of(run: RunFolder, kept: Mapping[str, Decided]) -> Iterator[Picture]:
    """Records with their faces, in the order of the shards; one shard's rows in memory at a time."""
    for shard in run.shards():
        for row in run.read_seen(shard):
            if (decided := kept.get(row["picture_id"])) is not None:
                yield Picture(record=record_of(row, decided), data=row["face"])


def seal(run: RunFolder, kept: Mapping[str, Decided], refused: Iterable[str], questions: Iterable[ReviewItem],
         report: Callable[[str], None]) -> Sealed:  # fmt: skip
    """Bring the archive to what was decided.

    Args:
        kept: picture id to decision, of every picture that is to be in.
        refused: picture ids of this recipe that are not to be in.
        questions: for the review queue.
    """
    folder = run.recipe.archive
    archive = Archive(folder) if (folder / "manifest.json").exists() else Archive.create(folder)
    there = {record.picture_id: record for record in archive.records()}
    withdrawn = [name for name in refused if name in there]
    changed: list[str] = []
    updates: list[Record] = []
    for picture in pictures_of(run, {name: one for name, one in kept.items() if name in there}):
        before, now = there[picture.record.picture_id], picture.record
        if before.sha256 != now.sha256:
            changed.append(now.picture_id)
        elif (renewed := _with_work(now, before)) != before:
            updates.append(renewed)
    if gone := withdrawn + changed:
        archive.remove(gone)
    if updates:
        archive.update(updates)
    appended = archive.append(pictures_of(run, kept))
    report(f"{folder}: {appended.num_added:,} pictures added, {appended.num_there_already:,} there already")
    num_questions = ReviewQueue(folder).add(questions)
    rule = archive.manifest.rule
    moved = archive.assign(assign_splits(archive.records(), rule), rule)
    return Sealed(
        added=appended.num_added,
        there_already=appended.num_there_already,
        replaced=len(changed) + len(updates),
        withdrawn=len(withdrawn),
        left_out=tuple((one.picture_id, one.reason) for one in appended.left_out),
        questions=num_questions,
        moved=moved,
    )


def _with_work(now: Record, before: Record) -> Record:
    """A record anew, with what people and other commands added to the one before: labels, split, further scores.

    What annotators saw is weighed against the dates as they are now, which may be others than it was weighed against.
    """
    ours = {name for name, _ in now.quality}
    scores = (*now.quality, *(score for score in before.quality if score[0] not in ours))
    renewed = dataclasses.replace(now, split=before.split, labels=before.labels, quality=scores)
    found = weigh(renewed)
    return dataclasses.replace(
        renewed, age_min_years=found.min_years, age_max_years=found.max_years, age_provenance=found.provenance
    )
