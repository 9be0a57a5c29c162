"""What becomes of every picture that was looked at, all of them held against each other, and people's answers heeded.

In this order: an age is needed; of copies one is kept; who is surely somebody else goes; what is doubtful is held back
until somebody has looked at it. An answer holds for every question of the same kind about the same pictures, also if a
later run words it otherwise. The outcome follows from the pictures and the answers alone, whatever their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from cafdata.archive import Archive
from cafdata.queue import SAME_PERSON, ReviewItem, ReviewQueue
from cafdata.record import AgeProvenance
from core.errors import CurationBroken
from core.thresholds import ThresholdTable
from curation.agelabels import ERRORS, AgeErrors, AgeLabelled, ReadFaces, doubtful, label
from curation.answers import KEEP, Answers
from curation.candidate import Candidate
from curation.duplicates import STAGE as COPIES
from curation.duplicates import against_archive, find_duplicates, gathered
from curation.labelling.pulling import SOURCE as ANNOTATORS
from curation.people import SOURCE as PEOPLE
from curation.people import NamedFaces, check_people
from curation.run_folder import RunFolder, drop_of
from curation.stage import Drop

SOURCE: Final = "curation sources"
"""Who asks where a source itself is in doubt."""
REVIEWED: Final = "removed by a reviewer"
COMPARED: Final = (
    "picture_id", "person_id", "drop", "photo_sha256", "looks", "photo_width_px", "photo_height_px", "long_hash",
    "age_read_years", "captured", "born", "licence", "author", "source_url", "source_revision", "licence_url",
    "attribution", "sex", "url", "path", "died", "ethnicity", "age_min_years", "age_max_years", "doubts",
)  # fmt: skip
"""Columns that the comparison needs: everything but the face and its geometry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What the archive is told of a picture that is kept."""

    person_id: str
    age_min_years: float
    age_max_years: float
    age_provenance: AgeProvenance


@dataclass(kw_only=True, slots=True)
class Decision:
    """What becomes of all pictures. Each is in one of the first three."""

    kept: dict[str, Decided] = field(default_factory=dict)
    dropped: dict[str, Drop] = field(default_factory=dict)
    held: dict[str, list[str]] = field(default_factory=dict)
    """Picture id to what somebody has to look at."""
    questions: list[ReviewItem] = field(default_factory=list)
    """For the review queue, answered ones too."""


def decide(run: RunFolder, table: ThresholdTable) -> Decision:
    """Decide about every picture of a run.

    Args:
        run: every shard of it was looked at, and has its embeddings.
        table: thresholds of the recogniser that made these.
    Raises:
        CurationBroken, ArchiveBroken: something of the run or the archive is damaged.
    """
    added_at = datetime.now(UTC).isoformat(timespec="seconds")
    errors = errors_of(run.recipe.estimator)
    archive = _archive_of(run)
    answers = Answers(() if archive is None else ReviewQueue(archive.folder).items())
    decision = Decision()
    rows, embeddings, person_of = _looked_at(run, decision)
    ages = _ages(rows, decision, added_at)
    for name in answers.removed(ANNOTATORS) & rows.keys():
        decision.dropped.setdefault(name, Drop(stage="review", reason=REVIEWED, detail="asked by annotators"))
    _leave(rows, decision)

    pictures = gathered(row | {"embedding": embeddings[name]} for name, row in rows.items())
    copies = find_duplicates(pictures, added_at)
    known = {} if archive is None else against_archive(pictures, archive)
    # What this run put in and now leaves out is no reason to leave out its copy too.
    gone = {name for name, drop in decision.dropped.items() if drop.is_final}
    known = {name: drop for name, drop in known.items() if drop.detail not in gone}
    decision.dropped |= known | copies.dropped
    names = answers.people(person_of)
    for row in rows.values():
        row["person_id"] = names[row["person_id"]]
    _leave(rows, decision)

    people = check_people(_named_faces(rows, embeddings, ages), table, added_at=added_at)
    decision.dropped |= {
        name: drop for name, drop in people.drops.items() if answers.to_picture(name, PEOPLE) != "keep"
    }
    _leave(rows, decision)

    decision.questions += (*copies.questions, *people.review)
    decision.questions += doubtful(_read_faces(rows, ages), errors, added_at=added_at)
    for item in decision.questions:
        if _matters(item, rows):
            _heed(item, answers.of(item), rows, embeddings, decision)
    _leave(rows, decision)
    decision.questions = [item for item in decision.questions if _matters(item, rows)]
    for name, row in rows.items():
        if name not in decision.held:
            decision.kept[name] = _decided(row["person_id"], ages[name])
    return decision


def errors_of(estimator: str) -> AgeErrors:
    """How an estimator errs. Raises CurationBroken for one of which that is not known."""
    if estimator not in ERRORS:
        raise CurationBroken(
            f"how far {estimator} errs is not known, so its ages cannot be checked; name {' or '.join(sorted(ERRORS))}"
        )
    return ERRORS[estimator]


def _archive_of(run: RunFolder) -> Archive | None:
    folder = run.recipe.archive
    return Archive(folder) if (folder / "manifest.json").exists() else None


def _looked_at(
    run: RunFolder, decision: Decision
) -> tuple[dict[str, dict[str, Any]], Mapping[str, Any], dict[str, str]]:
    """Rows and embeddings of all pictures that have a face, by picture id; the others are written down as dropped.

    Beside them whom the source says each picture shows, those without a face too: answers about these hold.
    """
    rows: dict[str, dict[str, Any]] = {}
    embeddings: dict[str, Any] = {}
    person_of: dict[str, str] = {}
    for shard in run.shards():
        for row in run.read_seen(shard, COMPARED):
            if row["person_id"] is not None:  # of what was removed on request it is forgotten
                person_of[row["picture_id"]] = row["person_id"]
            if row["drop"] is None:
                rows[row["picture_id"]] = row
            else:
                decision.dropped[row["picture_id"]] = drop_of(row["drop"])
        embeddings |= dict(zip(*run.read_embeddings(shard), strict=True))
    return {name: rows[name] for name in sorted(rows)}, embeddings, person_of


def _ages(rows: Mapping[str, dict[str, Any]], decision: Decision, added_at: str) -> dict[str, AgeLabelled]:
    """The label of every picture; one without is dropped, and doubts about it are asked."""
    ages: dict[str, AgeLabelled] = {}
    for name, row in rows.items():
        labelled = label(Candidate.from_row(row))
        if isinstance(labelled, Drop):
            decision.dropped[name] = labelled
            continue
        ages[name] = labelled
        decision.questions += [
            ReviewItem(kind="picture", picture_ids=(name,), reason=doubt, source=SOURCE, added_at=added_at)
            for doubt in (*row["doubts"], *labelled.doubts)
        ]
    return ages


def _named_faces(
    rows: Mapping[str, Mapping[str, Any]], embeddings: Mapping[str, Any], ages: Mapping[str, AgeLabelled]
) -> NamedFaces:
    names = list(rows)
    width = -1 if names else 0
    return NamedFaces(
        picture_ids=names,
        person_ids=[rows[name]["person_id"] for name in names],
        embeddings=np.asarray([embeddings[name] for name in names], dtype=np.float32).reshape(len(names), width),
        ages_years=np.asarray([_middle_years(ages[name]) for name in names], dtype=np.float64),
    )


def _read_faces(rows: Mapping[str, Mapping[str, Any]], ages: Mapping[str, AgeLabelled]) -> ReadFaces:
    names = list(rows)
    return ReadFaces(
        picture_ids=names,
        person_ids=[rows[name]["person_id"] for name in names],
        age_min_years=np.asarray([ages[name].age_min_years for name in names], dtype=np.float64),
        age_max_years=np.asarray([ages[name].age_max_years for name in names], dtype=np.float64),
        read_years=np.asarray([rows[name]["age_read_years"] for name in names], dtype=np.float64),
    )


def _heed(
    item: ReviewItem, answer: str | None, rows: Mapping[str, Mapping[str, Any]], embeddings: Mapping[str, Any],
    decision: Decision,
) -> None:  # fmt: skip
    """Hold back or drop what a question is about, by the answer to it."""
    first, last = item.picture_ids[0], item.picture_ids[-1]
    if answer == "same_picture":
        decision.dropped.setdefault(last, Drop(stage="duplicates", reason="same picture, by a reviewer", detail=first))
        return
    if answer in (KEEP, SAME_PERSON):
        return
    if item.kind == "picture" or item.source == COPIES:
        concerned = [first]
        if item.source == COPIES and answer is not None:
            return  # two people on one photo, or one photo under a wrong name: as the source of the kept one says
    elif first in rows and last in rows and rows[first]["person_id"] == rows[last]["person_id"]:
        concerned = _side_of(last, first, rows, embeddings)
    else:
        return  # two names that may be one person: each stays as it is until that is answered
    for name in concerned:
        if answer is None:
            decision.held.setdefault(name, []).append(item.reason)
        else:
            decision.dropped.setdefault(name, Drop(stage="review", reason=REVIEWED, detail=item.reason))


def _side_of(name: str, other: str, rows: Mapping[str, Mapping[str, Any]], embeddings: Mapping[str, Any]) -> list[str]:
    """Pictures of a person that are nearer to one of two that disagree; both, where the person has no others.

    Of two pictures alone nobody can say which one is wrong.
    """
    own = [one for one in rows if rows[one]["person_id"] == rows[name]["person_id"]]
    towards = embeddings[name] - embeddings[other]
    return own if len(own) == 2 else [one for one in own if float(embeddings[one] @ towards) > 0]


def _matters(item: ReviewItem, rows: Mapping[str, Any]) -> bool:
    """Whether a question still makes a difference: the pictures that it is about were not dropped for other reasons."""
    return item.picture_ids[0] in rows and (item.source == COPIES or item.picture_ids[-1] in rows)


def _leave(rows: dict[str, dict[str, Any]], decision: Decision) -> None:
    """Take out what was dropped."""
    for name in [name for name in rows if name in decision.dropped]:
        del rows[name]
        decision.held.pop(name, None)


def _middle_years(age: AgeLabelled) -> float:
    return (age.age_min_years + age.age_max_years) / 2


def _decided(person_id: str, age: AgeLabelled) -> Decided:
    return Decided(
        person_id=person_id,
        age_min_years=age.age_min_years,
        age_max_years=age.age_max_years,
        age_provenance=age.age_provenance,
    )
