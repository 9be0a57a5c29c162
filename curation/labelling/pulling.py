"""From the server to an archive: labels into records, decisions into the review queue. Nothing is ever taken out."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from cafdata import lock
from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import AgeLabel, Record, Verdict
from curation.labelling import page
from curation.labelling.client import LabelStudio
from curation.labelling.evidence import latest, moment, verdict_of, weigh
from curation.labelling.labels import Answer, Refused, age_label, answers, decision, shown
from curation.labelling.project import AGE_KINDS, KINDS, Kind, ProjectPlan
from curation.labelling.pushing import LOCK
from curation.labelling.sync import find
from curation.labelling.tasks import asked_picture, item_key

ANNOTATOR: Final = re.compile(r"annotator-\d+", re.ASCII)
"""Who decides on the server; anybody else decided in the archive."""
SOURCE: Final = "annotators"
"""Who asks, in items of the review queue that labels give rise to."""
REASONS: Final[Mapping[Verdict, str]] = {
    "not_this_person": "annotators say it is not this person",
    "not_a_face": "annotators say it is not a face",
    "child": "an annotator sees a child",
}
WORDS: Final[Mapping[Kind, Mapping[str, str]]] = {"pictures": page.PICTURE_CHOICES, "pairs": page.PAIR_CHOICES}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulled:
    """What a pull brought."""

    num_answers: int
    """Good answers on the server, known ones too."""
    num_labels: int
    """Labels that are new in the archive."""
    num_changed_ages: int
    """Records whose age interval the labels changed."""
    num_decisions: int
    """Items of the review queue that were decided."""
    num_overruled: int
    """Answers to items that somebody decided otherwise outside of the server, which stays."""
    num_questions: int
    """Items that the labels put into the review queue."""
    num_left: int
    """Answers about pictures that have left the archive, or have other bytes now: no fault of anybody."""
    refused: tuple[tuple[Kind, Refused], ...]
    """Answers that cannot be, each with its project."""


def pull(server: LabelStudio, archive: Archive, archive_name: str) -> Pulled:
    """Bring what people said into the archive. Run it as often as you like; the rest is kept if one is bad.

    Args:
        archive_name: name of the archive on the server, as it was pushed.
    Raises:
        LabellingRefused: the server refuses or cannot be reached; the archive is as it was.
        ArchiveBroken: the archive is damaged, or another process pushes, pulls or writes.
    """
    with lock.writing(archive.folder, LOCK):
        user_ids, listing = server.user_ids(), server.projects()
        refused: list[tuple[Kind, Refused]] = []
        found: dict[Kind, list[tuple[Mapping[str, Any], Answer]]] = {}
        for kind in KINDS:
            project = find(listing, ProjectPlan(kind=kind, archive_name=archive_name))
            bad: list[Refused] = []
            rows = () if project is None else server.tasks(project.number, with_labels=True)
            found[kind] = [(row, answer) for row in rows for answer in answers(row, user_ids, bad)]
            refused.extend((kind, one) for one in bad)
        records = {record.picture_id: record for record in archive.records()}
        labels, num_left = _labels(found, records, refused)
        changed = {name: _with_labels(records[name], new) for name, new in labels.items()}
        changed = {name: record for name, record in changed.items() if record != records[name]}
        if changed:
            archive.update(changed.values())
        queue = ReviewQueue(archive.folder)
        decided = _decide(found, queue, refused)
        questions = [item for name in labels for item in _questions(changed.get(name, records[name]))]
        return Pulled(
            num_answers=sum(map(len, labels.values())) + decided["all"],
            num_labels=sum(len(record.labels) - len(records[name].labels) for name, record in changed.items()),
            num_changed_ages=sum(_age_of(record) != _age_of(records[name]) for name, record in changed.items()),
            num_decisions=decided["new"],
            num_overruled=decided["overruled"],
            num_questions=queue.add(questions) if questions else 0,
            num_left=num_left + decided["left"],
            refused=tuple(refused),
        )


def with_new(held: Iterable[AgeLabel], new: Iterable[AgeLabel]) -> tuple[AgeLabel, ...]:
    """Labels with those added that say something new, oldest first among the new.

    A label that is there is no new one, nor is one that repeats what its annotator said last before it.
    """
    kept = list(held)
    for label in sorted(new, key=lambda one: (moment(one), one.annotator)):
        before = [one for one in kept if one.annotator == label.annotator and moment(one) < moment(label)]
        repeats = any(replace(one, labelled_at=label.labelled_at) == label for one in latest(before))
        if label not in kept and not repeats:
            kept.append(label)
    return tuple(kept)


def _labels(
    found: Mapping[Kind, list[tuple[Mapping[str, Any], Answer]]], records: Mapping[str, Record],
    refused: list[tuple[Kind, Refused]],
) -> tuple[dict[str, list[AgeLabel]], int]:  # fmt: skip
    """Picture id -> labels of it; and how many answers are about pictures that have left the archive."""
    num_left = 0
    labels: defaultdict[str, list[AgeLabel]] = defaultdict(list)
    for kind in AGE_KINDS:
        role = "adjudicator" if kind == "adjudication" else "annotator"
        for row, answer in found[kind]:
            try:
                name, sha256 = _picture_of(kind, row.get("meta"))
                if name not in records or records[name].sha256 != sha256:
                    num_left += 1
                    continue
                labels[name].append(age_label(answer, role))
            except ValueError as error:
                refused.append((kind, _refused(answer, error)))
    return dict(labels), num_left


def _picture_of(kind: Kind, meta: object) -> tuple[str, str]:
    """Name and digest of the picture that a task asks about. Raises ValueError for a task that we did not make."""
    asked = asked_picture(kind, meta)
    if asked is None:
        raise ValueError("its task is none of ours")
    return asked


def _decide(
    found: Mapping[Kind, list[tuple[Mapping[str, Any], Answer]]], queue: ReviewQueue,
    refused: list[tuple[Kind, Refused]],
) -> Counter[str]:  # fmt: skip
    """Write down decisions, the last of each item; gives back how many are "new", how many there are in "all".

    Those of items that have left the queue with their pictures are "left". What somebody decided outside of the server
    stays; answers that differ from it are "overruled".
    """
    items = {item.item_id: item for item in queue.items()}
    last: dict[str, tuple[str, Answer]] = {}
    counts: Counter[str] = Counter()
    for kind, words in WORDS.items():
        for row, answer in found[kind]:
            try:
                item = _item_of(kind, row.get("meta"), items)
                if item is None:
                    counts["left"] += 1
                    continue
                decided = decision(answer, words)
            except ValueError as error:
                refused.append((kind, _refused(answer, error)))
                continue
            counts["all"] += 1
            if item not in last or last[item][1].answered_at <= answer.answered_at:
                last[item] = decided, answer
    for name, (decided, answer) in last.items():
        known = items[name]
        is_older = known.decided_at is not None and _moment(known.decided_at) >= _moment(answer.answered_at)
        if known.decision == decided:
            continue
        if known.decided_by is not None and not ANNOTATOR.fullmatch(known.decided_by):
            counts["overruled"] += 1
        elif not is_older:
            queue.decide(name, decided, by=f"annotator-{answer.annotator}", at=answer.answered_at)
            counts["new"] += 1
    return counts


def _item_of(kind: Kind, meta: object, items: Mapping[str, ReviewItem]) -> str | None:
    """Id of the item that a task asks about; None where it has left the queue.

    Raises:
        ValueError: we did not make the task, or for another project.
    """
    name = meta.get("item_id") if isinstance(meta, Mapping) else None
    if not isinstance(meta, Mapping) or not isinstance(name, str) or meta.get("key") != item_key(name):
        raise ValueError("its task is none of ours")
    if name not in items:
        return None
    if f"{items[name].kind}s" != kind:
        raise ValueError(f"the item {name[:60]!r} of the review queue is none of this project")
    return name


def _with_labels(record: Record, new: Iterable[AgeLabel]) -> Record:
    """A record with labels added and its age weighed anew."""
    labels = with_new(record.labels, new)
    if labels == record.labels:
        return record
    labelled = replace(record, labels=labels)
    found = weigh(labelled)
    return replace(
        labelled, age_min_years=found.min_years, age_max_years=found.max_years, age_provenance=found.provenance
    )


def _questions(record: Record) -> list[ReviewItem]:
    """What the labels of a record give somebody to look at."""
    verdict = verdict_of(record.labels)
    reasons = [REASONS[verdict]] if verdict is not None and verdict in REASONS else []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        ReviewItem(kind="picture", picture_ids=(record.picture_id,), reason=reason, source=SOURCE, added_at=now)
        for reason in (*reasons, *weigh(record).doubts)
    ]


def _refused(answer: Answer, error: ValueError) -> Refused:
    return Refused(task=answer.task, annotation=answer.annotation, reason=shown(error))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _age_of(record: Record) -> tuple[float, float, str]:
    return record.age_min_years, record.age_max_years, record.age_provenance
