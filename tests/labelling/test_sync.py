"""Push and pull against the real server: each task once, each label kept, each bad one named."""

from collections import Counter
from typing import Any

import pytest

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.takedown import Request, takedown
from curation.labelling.client import LabellingRefused, LabelStudio
from curation.labelling.project import Kind, ProjectPlan
from curation.labelling.pulling import pull
from curation.labelling.pushing import Pushed, PushPlan, push
from curation.labelling.selection import Selection
from curation.labelling.server import Server
from curation.labelling.status import status
from curation.labelling.sync import Note, find
from tests.label_proxy import Fault, LabelProxy
from tests.labelling.annotating import age_result, answer, decision_result
from tests.labelling.conftest import MakeArchive
from tests.make_archive import drawn_picture

AT = "2024-05-03T10:00:00+00:00"


def plan_of(archive: Archive, share: float = 0.5) -> PushPlan:
    return PushPlan(
        archive_name=archive.folder.name, selection=Selection(share_by_several=share, num_gold=2), settle_s=1.2
    )


def tasks_of(studio: LabelStudio, archive: Archive, kind: Kind) -> dict[str, dict[str, Any]]:
    """Picture or item -> its task; fails if one is there twice."""
    project = find(studio.projects(), ProjectPlan(kind=kind, archive_name=archive.folder.name))
    tasks = [] if project is None else list(studio.tasks(project.number, with_labels=True))
    names = [task["meta"].get("picture_id") or task["meta"]["item_id"] for task in tasks]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    return dict(zip(names, tasks, strict=True))


def test_every_picture_is_one_task_however_often_it_is_pushed(studio: LabelStudio, make_archive: MakeArchive) -> None:
    archive = make_archive(6)
    first = push(studio, archive, plan_of(archive))
    again = push(studio, archive, plan_of(archive))
    assert {kind: (one.num_new, one.num_known) for kind, one in first.projects.items()} == {
        "ages": (3, 0),
        "ages_once": (3, 0),
    }
    assert sum(one.num_new for one in again.projects.values()) == 0
    several, once = (tasks_of(studio, archive, kind) for kind in ("ages", "ages_once"))
    assert not several.keys() & once.keys()
    assert several.keys() | once.keys() == {record.picture_id for record in archive.records()}


def test_a_picture_stays_in_its_project_when_the_shares_change(studio: LabelStudio, make_archive: MakeArchive) -> None:
    archive = make_archive(6)
    push(studio, archive, plan_of(archive, 0.5))
    moved = push(studio, archive, plan_of(archive, 1.0))
    assert sum(one.num_new for one in moved.projects.values()) == 0


def test_labels_arrive_once_and_weigh_in(server: Server, studio: LabelStudio, make_archive: MakeArchive) -> None:
    changes = {"age_min_years": 20.0, "age_max_years": 60.0, "age_provenance": "estimator"}
    archive = make_archive(pictures=[drawn_picture(number, 30, **changes) for number in range(4)])
    push(studio, archive, plan_of(archive, 1.0))
    tasks = tasks_of(studio, archive, "ages")
    one, two, three, _ = sorted(tasks)
    answer(server.access, tasks[one]["id"], age_result(34, 4))
    answer(server.access, tasks[two]["id"], age_result(20, None, "not a face"))
    answer(server.access, tasks[three]["id"], age_result(None, None, "child: needs review"))
    done = pull(studio, archive, archive.folder.name)
    assert (done.num_labels, done.num_changed_ages, done.num_questions, done.refused) == (3, 1, 2, ())
    records = {record.picture_id: record for record in archive.records()}
    assert records[one].labels[0].age_years == 34
    assert records[one].labels[0].confidence == 4
    assert records[one].age_provenance == "annotators"
    assert records[one].age_min_years < 34 < records[one].age_max_years
    assert (records[two].labels[0].verdict, records[two].labels[0].age_years) == ("not_a_face", None)
    assert records[two].age_provenance == "estimator"
    reasons = {item.picture_ids[0]: item.reason for item in ReviewQueue(archive.folder).open_items()}
    assert reasons == {two: "annotators say it is not a face", three: "an annotator sees a child"}
    again = pull(studio, archive, archive.folder.name)
    assert (again.num_answers, again.num_labels, again.num_questions, again.num_changed_ages) == (3, 0, 0, 0)


BAD: dict[str, object] = {
    "below 0": age_result(-5),
    "a thousand million": age_result(1e9),
    "text": age_result("abc"),
    "nothing": [{"from_name": "age", "to_name": "face", "type": "number", "value": {"number": None}}],
    "a list": age_result([34]),
    "true": age_result(True),
    "the group asked instead": [
        {"from_name": "group", "to_name": "face", "type": "choices", "value": {"choices": ["20-29"]}}
    ],
    "a group beside the age": [
        *age_result(60),
        {"from_name": "group", "to_name": "face", "type": "choices", "value": {"choices": ["20-29"]}},
    ],
    "an unknown reason": age_result(None, None, "<img src=x onerror=alert(1)>"),
    "two ages": [*age_result(30), *age_result(40)],
    "six stars": age_result(30, 6),
    "no answer": [],
    "another kind of control": [{"from_name": "age", "to_name": "face", "type": "rating", "value": {"rating": 3}}],
}


def test_bad_labels_are_named_and_the_rest_kept(server: Server, studio: LabelStudio, make_archive: MakeArchive) -> None:
    archive = make_archive(len(BAD) + 1)
    push(studio, archive, plan_of(archive, 1.0))
    tasks = tasks_of(studio, archive, "ages")
    names = sorted(tasks)
    bad = {answer(server.access, tasks[name]["id"], result) for name, result in zip(names, BAD.values(), strict=False)}
    answer(server.access, tasks[names[-1]]["id"], age_result(41))
    done = pull(studio, archive, archive.folder.name)
    assert {refused.annotation for _, refused in done.refused} == bad
    assert all(refused.reason and refused.task for _, refused in done.refused)
    assert {one.picture_id: len(one.labels) for one in archive.records() if one.labels} == {names[-1]: 1}


def test_decisions_go_back_into_the_review_queue(
    server: Server, studio: LabelStudio, make_archive: MakeArchive
) -> None:
    archive = make_archive(3)
    first, second, third = sorted(record.picture_id for record in archive.records())
    queue = ReviewQueue(archive.folder)
    asked = [
        ReviewItem(kind="picture", picture_ids=(first,), reason="blurred?", source="faces", added_at=AT),
        ReviewItem(kind="pair", picture_ids=(second, third), reason="look alike", source="people", added_at=AT),
        ReviewItem(kind="picture", picture_ids=("elsewhere",), reason="who?", source="people", added_at=AT),
    ]
    queue.add(asked)
    done = push(studio, archive, plan_of(archive))
    assert done.without_picture == (asked[2].item_id,)
    pictures, pairs = (tasks_of(studio, archive, kind) for kind in ("pictures", "pairs"))
    assert (set(pictures), set(pairs)) == ({asked[0].item_id}, {asked[1].item_id})
    outside = {"elsewhere": drawn_picture(99, 30).data}
    more = push(
        studio, archive, plan_of(archive), pictures=lambda names: {n: outside[n] for n in names if n in outside}
    )
    assert more.projects["pictures"].num_new == 1
    answer(server.access, pictures[asked[0].item_id]["id"], decision_result("remove it"))
    answer(server.access, pairs[asked[1].item_id]["id"], decision_result("the same person"))
    brought = pull(studio, archive, archive.folder.name)
    assert (brought.num_decisions, brought.refused) == (2, ())
    decided = {item.item_id: item.decision for item in queue.items()}
    assert decided == {asked[0].item_id: "remove", asked[1].item_id: "same_person", asked[2].item_id: None}
    assert pull(studio, archive, archive.folder.name).num_decisions == 0


def test_disputes_go_to_an_adjudicator_whose_word_decides(
    server: Server, studio: LabelStudio, make_archive: MakeArchive
) -> None:
    changes = {"age_min_years": 0.0, "age_max_years": 90.0, "age_provenance": "estimator"}
    archive = make_archive(pictures=[drawn_picture(number, 30, **changes) for number in range(2)])
    push(studio, archive, plan_of(archive, 1.0))
    tasks = tasks_of(studio, archive, "ages")
    name = min(tasks)
    answer(server.access, tasks[name]["id"], age_result(20))
    pull(studio, archive, archive.folder.name)
    record = next(one for one in archive.records() if one.picture_id == name)
    other = record.labels[0].__class__(annotator="annotator-77", verdict="age", age_years=60, labelled_at=AT)
    archive.update([record.__class__(**{**_fields(record), "labels": (*record.labels, other)})])
    assert push(studio, archive, plan_of(archive, 1.0)).projects["adjudication"].num_new == 1
    disputed = tasks_of(studio, archive, "adjudication")
    assert set(disputed) == {name}
    answer(server.access, disputed[name]["id"], age_result(58, 5))
    pull(studio, archive, archive.folder.name)
    record = next(one for one in archive.records() if one.picture_id == name)
    assert len(record.labels) == 3
    assert record.age_min_years > 45 and record.age_max_years < 70
    assert "adjudication" not in push(studio, archive, plan_of(archive, 1.0)).projects


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


FAULTS: tuple[Fault, ...] = ("lose", "cut", "refuse", "late")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_request_that_changes_the_server_may_fail(
    fault: Fault, server: Server, studio: LabelStudio, proxy: LabelProxy, make_archive: MakeArchive
) -> None:
    """Each POST and PATCH fails the first time it is made."""
    archive = make_archive(4)
    failed: set[str] = set()

    def plan(_: int, method: str, path: str) -> Fault:
        if method == "GET" or path in failed:
            return "pass"
        failed.add(path)
        return fault

    proxy.plan = plan
    access = server.access.__class__(url=proxy.url, token=server.access.token)
    with LabelStudio(access) as client:
        done = pushed_at_last(client, archive)
    for late in proxy.late:
        late.join()
    push(studio, archive, plan_of(archive))
    assert failed
    found = [tasks_of(studio, archive, kind) for kind in ("ages", "ages_once")]
    assert sum(map(len, found)) == 4
    assert sum(one.num_new + one.num_known for one in done.projects.values()) == 4


def pushed_at_last(client: LabelStudio, archive: Archive) -> Pushed:
    """Push until it goes through, as the refusals say."""
    refusals = []
    for _ in range(6):
        try:
            return push(client, archive, plan_of(archive))
        except LabellingRefused as error:
            refusals.append(str(error))
    raise AssertionError(refusals)


def test_an_import_into_a_project_that_is_gone_holds_nothing_up(studio: LabelStudio, make_archive: MakeArchive) -> None:
    archive = make_archive(2)
    Note(archive.folder, 30.0).write(10**6, ["a key"])
    assert push(studio, archive, plan_of(archive)).projects["ages_once"].num_new == 1
    assert not status(studio, archive, archive.folder.name).is_push_open


def test_copies_go_and_labels_stay(server: Server, studio: LabelStudio, make_archive: MakeArchive) -> None:
    archive = make_archive(3)
    push(studio, archive, plan_of(archive, 1.0))
    project = find(studio.projects(), ProjectPlan(kind="ages", archive_name=archive.folder.name))
    assert project is not None
    tasks = list(studio.tasks(project.number))
    again = [{"data": {"face": "data:image/png;base64,"}, "meta": task["meta"]} for task in tasks]
    studio.import_tasks(project.number, again)
    newest = max(studio.tasks(project.number), key=lambda task: int(task["id"]))
    answer(server.access, newest["id"], age_result(33))
    assert status(studio, archive, archive.folder.name).projects["ages"].copies == 3
    assert push(studio, archive, plan_of(archive, 1.0)).projects["ages"].num_copies == 3
    left = tasks_of(studio, archive, "ages")
    assert newest["id"] in {task["id"] for task in left.values()}
    assert pull(studio, archive, archive.folder.name).num_labels == 1


def test_tasks_that_others_made_are_left_alone(server: Server, studio: LabelStudio, make_archive: MakeArchive) -> None:
    archive = make_archive(2)
    push(studio, archive, plan_of(archive, 1.0))
    project = find(studio.projects(), ProjectPlan(kind="ages", archive_name=archive.folder.name))
    assert project is not None
    forged = [{"key": "0" * 32, "picture_id": "p00000/10", "sha256": "0" * 64}, {"note": "by hand"}]
    studio.import_tasks(project.number, [{"data": {"face": "x"}, "meta": meta} for meta in forged])
    for task in list(studio.tasks(project.number))[-2:]:
        answer(server.access, task["id"], age_result(33))
    done = pull(studio, archive, archive.folder.name)
    assert done.num_labels == 0
    assert [refused.reason for _, refused in done.refused] == ["its task is none of ours"] * 2
    assert status(studio, archive, archive.folder.name).projects["ages"].foreign == 1
    assert push(studio, archive, plan_of(archive, 1.0)).projects["ages"].num_copies == 0


def test_removed_pictures_leave_the_server(server: Server, studio: LabelStudio, make_archive: MakeArchive) -> None:
    archive = make_archive(3)
    kept, gone, _ = sorted(archive.records(), key=lambda one: one.picture_id)
    questions = [
        ReviewItem(kind="picture", picture_ids=(one.picture_id,), reason="who?", source="people", added_at=AT)
        for one in (kept, gone)
    ]
    ReviewQueue(archive.folder).add(questions)
    push(studio, archive, plan_of(archive, 1.0))
    answer(server.access, tasks_of(studio, archive, "ages")[gone.picture_id]["id"], age_result(33))
    takedown(archive, Request(sha256=(gone.sha256,)))
    done = push(studio, archive, plan_of(archive, 1.0))
    assert done.num_withdrawn == 2
    assert set(tasks_of(studio, archive, "ages")) == {record.picture_id for record in archive.records()}
    assert gone.picture_id not in tasks_of(studio, archive, "ages")
    assert set(tasks_of(studio, archive, "pictures")) == {questions[0].item_id}
    assert pull(studio, archive, archive.folder.name).refused == ()
