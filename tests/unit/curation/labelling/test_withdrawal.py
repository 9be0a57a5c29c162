"""Tasks of pictures that left the archive: which go, and what is made of answers to the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import Record
from cafdata.takedown import Request, takedown
from curation.labelling.client import Access, LabelStudio
from curation.labelling.project import ProjectPlan
from curation.labelling.pulling import pull
from curation.labelling.tasks import item_key, picture_key
from curation.labelling.withdrawal import withdraw
from tests.label_stub import LabelStub, serving
from tests.make_archive import make_archive

AT = "2026-05-03T10:00:00+00:00"
NAME = "faces"
Json = dict[str, Any]


@pytest.fixture
def stub() -> Iterator[LabelStub]:
    with serving() as answering:
        yield answering


@pytest.fixture
def client(stub: LabelStub) -> Iterator[LabelStudio]:
    with LabelStudio(Access(url=stub.url, token="x")) as opened:
        yield opened


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Two people, six pictures each."""
    return make_archive(tmp_path / NAME, 2)


def meta_of(record: Record) -> Json:
    key = picture_key("ages", record.picture_id, record.sha256)
    return {"key": key, "picture_id": record.picture_id, "sha256": record.sha256}


def said(age_years: int) -> Json:
    result = [{"from_name": "age", "to_name": "face", "type": "number", "value": {"number": age_years}}]
    return {"id": 9, "completed_by": 1, "created_at": AT, "updated_at": AT, "result": result, "was_cancelled": False}


def projects(kind: str = "ages") -> Json:
    title = ProjectPlan(kind=kind, archive_name=NAME).title  # type: ignore[arg-type]
    return {"results": [{"id": 3, "title": title, "label_config": "<View/>", "maximum_annotations": 1}]}


def prepared(*answers: object) -> list[tuple[int, bytes] | None]:
    return [(200, json.dumps(one).encode()) for one in answers]


def listed(*tasks: Json) -> Json:
    return {"tasks": list(tasks), "total": len(tasks)}


def test_answers_about_pictures_that_left_are_counted_and_nothing_is_refused(
    archive: Archive, stub: LabelStub, client: LabelStudio
) -> None:
    here, gone, changed = list(archive.records())[:3]
    archive.remove([gone.picture_id])
    other = meta_of(changed) | {"sha256": "0" * 64, "key": picture_key("ages", changed.picture_id, "0" * 64)}
    forged = meta_of(here) | {"key": "0" * 32}
    metas = [meta_of(here), meta_of(gone), other, forged]
    tasks = [{"id": number, "meta": meta, "annotations": [said(33)]} for number, meta in enumerate(metas)]
    stub.answers = prepared([{"id": 1}], projects(), listed(*tasks))
    done = pull(client, archive, NAME)
    assert (done.num_answers, done.num_labels, done.num_left) == (1, 1, 2)
    assert [refused.reason for _, refused in done.refused] == ["its task is none of ours"]


def test_decisions_about_items_that_left_are_counted_too(
    archive: Archive, stub: LabelStub, client: LabelStudio
) -> None:
    result = [{"from_name": "decision", "to_name": "face", "type": "choices", "value": {"choices": ["keep"]}}]
    metas = [{"item_id": "a", "key": item_key("a")}, {"item_id": "a", "key": "0" * 32}]
    tasks = [
        {"id": number, "meta": meta, "annotations": [said(33) | {"result": result}]}
        for number, meta in enumerate(metas)
    ]
    stub.answers = prepared([{"id": 1}], projects("pictures"), listed(*tasks))
    done = pull(client, archive, NAME)
    assert (done.num_left, len(done.refused)) == (1, 1)


def test_tasks_that_nobody_needs_go_unless_they_were_labelled(
    archive: Archive, stub: LabelStub, client: LabelStudio
) -> None:
    here, gone, labelled, meanwhile = list(archive.records())[:4]
    archive.remove([one.picture_id for one in (gone, labelled, meanwhile)])
    counts = {here: 0, gone: 0, labelled: 1, meanwhile: 0}
    tasks = [
        {"id": number, "meta": meta_of(record), "total_annotations": count}
        for number, (record, count) in enumerate(counts.items())
    ]
    tasks.append({"id": 7, "meta": {"key": "0" * 32}, "total_annotations": 0})
    later = [task | {"total_annotations": 1} if task["id"] == 3 else task for task in tasks]
    stub.answers = prepared(projects(), listed(*tasks), listed(*later), {})
    assert withdraw(client, client.projects(), archive, NAME) == 1
    assert json.loads(stub.bodies[-1])["selectedItems"]["included"] == [1]


def test_what_was_removed_on_request_goes_labels_and_all(
    archive: Archive, stub: LabelStub, client: LabelStudio
) -> None:
    here, gone = list(archive.records())[:2]
    takedown(archive, Request(sha256=(gone.sha256,)))
    tasks = [
        {"id": number, "meta": meta_of(record), "total_annotations": 1} for number, record in enumerate((here, gone))
    ]
    stub.answers = prepared(projects(), listed(*tasks), {})
    assert withdraw(client, client.projects(), archive, NAME) == 1
    assert json.loads(stub.bodies[-1])["selectedItems"]["included"] == [1]


def test_pairs_go_of_which_the_queue_keeps_but_the_answer(
    archive: Archive, stub: LabelStub, client: LabelStudio
) -> None:
    """That two names are one person is known on after one was removed; nobody sees the faces any more."""
    names = [record.picture_id for record in archive.records()]
    removed = next(archive.records()).person_id
    pairs = [(names[0], names[-1]), (names[-2], names[-1])]
    items = [ReviewItem(kind="pair", picture_ids=pair, reason="?", source="s", added_at=AT) for pair in pairs]
    queue = ReviewQueue(archive.folder)
    queue.add(items)
    for item in items:
        queue.decide(item.item_id, "same_person", "anna", AT)
    takedown(archive, Request(person=(removed,)))
    assert len(queue.items()) == 2
    tasks = [{"id": number, "meta": meta_of_item(item), "total_annotations": 1} for number, item in enumerate(items)]
    stub.answers = prepared(projects("pairs"), listed(*tasks), {})
    assert withdraw(client, client.projects(), archive, NAME) == 1
    assert json.loads(stub.bodies[-1])["selectedItems"]["included"] == [0]


def test_who_skipped_a_task_has_seen_it(archive: Archive, stub: LabelStub, client: LabelStudio) -> None:
    skipped, gone = list(archive.records())[:2]
    archive.remove([skipped.picture_id, gone.picture_id])
    tasks = [
        {"id": number, "meta": meta_of(record), "total_annotations": 0, "cancelled_annotations": count}
        for number, (record, count) in enumerate(((skipped, 1), (gone, 0)))
    ]
    stub.answers = prepared(projects(), listed(*tasks), listed(*tasks), {})
    assert withdraw(client, client.projects(), archive, NAME) == 1
    assert json.loads(stub.bodies[-1])["selectedItems"]["included"] == [1]
    assert all("cancelled_annotations" in path for _, path, _ in stub.seen if path.startswith("/api/tasks"))


def questions(archive: Archive) -> list[ReviewItem]:
    """One about each of four pictures."""
    names = [record.picture_id for record in archive.records()][:4]
    asked = [
        ReviewItem(kind="picture", picture_ids=(name,), reason="who?", source="people", added_at=AT) for name in names
    ]
    ReviewQueue(archive.folder).add(asked)
    return asked


def meta_of_item(item: ReviewItem) -> Json:
    return {"item_id": item.item_id, "key": item_key(item.item_id)}


def test_questions_that_were_decided_leave_the_server(archive: Archive, stub: LabelStub, client: LabelStudio) -> None:
    """But for one that somebody skipped, and one labelled since the list was read."""
    decided, skipped, meanwhile, is_open = questions(archive)
    for item in (decided, skipped, meanwhile):
        ReviewQueue(archive.folder).decide(item.item_id, "remove", "curator", AT)
    tasks = [
        {"id": number, "meta": meta_of_item(item), "total_annotations": 0, "cancelled_annotations": item is skipped}
        for number, item in enumerate((decided, skipped, meanwhile, is_open))
    ]
    tasks.append({"id": 7, "meta": meta_of_item(decided) | {"key": "0" * 32}, "total_annotations": 0})
    later = [task | {"total_annotations": 1} if task["id"] == 2 else task for task in tasks]
    stub.answers = prepared(projects("pictures"), listed(*tasks), listed(*later), {})
    assert withdraw(client, client.projects(), archive, NAME) == 1
    assert json.loads(stub.bodies[-1])["selectedItems"]["included"] == [0]


def test_what_was_decided_in_the_archive_stays_decided(archive: Archive, stub: LabelStub, client: LabelStudio) -> None:
    """A later answer on the server is counted; those who decided there may change their minds."""
    queue = ReviewQueue(archive.folder)
    by_curator, by_annotator, alike, is_open = questions(archive)
    earlier = "2026-05-02T10:00:00+00:00"
    queue.decide(by_curator.item_id, "remove", "curator", earlier)
    queue.decide(by_annotator.item_id, "remove", "annotator-1", earlier)
    queue.decide(alike.item_id, "keep", "curator", earlier)
    result = [{"from_name": "decision", "to_name": "face", "type": "choices", "value": {"choices": ["keep it"]}}]
    tasks = [
        {"id": number, "meta": meta_of_item(item), "annotations": [said(33) | {"result": result}]}
        for number, item in enumerate((by_curator, by_annotator, alike, is_open))
    ]
    for num_new in (2, 0):
        stub.answers = prepared([{"id": 1}], projects("pictures"), listed(*tasks))
        done = pull(client, archive, NAME)
        assert (done.num_decisions, done.num_overruled, done.refused) == (num_new, 1, ())
        assert [(item.decision, item.decided_by) for item in queue.items()] == [
            ("remove", "curator"),
            ("keep", "annotator-1"),
            ("keep", "curator"),
            ("keep", "annotator-1"),
        ]
