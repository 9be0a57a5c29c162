"""A push beside what is on the server already; the server's answers are prepared."""

import json
from pathlib import Path

from cafdata.archive import Archive
from cafdata.record import AgeLabel
from curation.labelling.client import Access, LabelStudio
from curation.labelling.project import ProjectPlan
from curation.labelling.pushing import PushPlan, push
from curation.labelling.selection import Selection
from curation.labelling.tasks import picture_key
from tests.label_stub import serving
from tests.make_archive import drawn_picture

LABEL = AgeLabel(annotator="annotator-1", verdict="age", age_years=30, labelled_at="2024-05-03T10:00:00+00:00")


def test_gold_that_was_pushed_stays_the_gold_of_a_larger_archive(tmp_path: Path) -> None:
    """Twelve pictures whose dates say the age, four of them on the server; nothing else is left to ask."""
    archive = Archive.create(tmp_path / "faces")
    dates = {"born": "1950-06-01", "captured": "1980-01-10", "age_provenance": "dates", "labels": (LABEL,)}
    archive.append(
        drawn_picture(number, 30, **dates | {"age_min_years": 29.5, "age_max_years": 29.6}) for number in range(12)
    )
    tasks = []
    for number, record in list(enumerate(archive.records()))[::3]:
        key = picture_key("ages", record.picture_id, record.sha256)
        meta = {"key": key, "picture_id": record.picture_id, "sha256": record.sha256}
        tasks.append({"id": number, "meta": meta, "total_annotations": 0})
    title = ProjectPlan(kind="ages", archive_name="faces").title
    project = {"id": 3, "title": title, "label_config": "<View/>", "maximum_annotations": 2}
    answers = ({"results": [project]}, {"tasks": tasks, "total": len(tasks)})
    plan = PushPlan(archive_name="faces", selection=Selection(num_gold=4))
    with serving() as stub, LabelStudio(Access(url=stub.url, token="x")) as client:
        stub.answers = [(200, json.dumps(one).encode()) for one in answers]
        done = push(client, archive, plan)
        assert {method for method, _, _ in stub.seen} == {"GET"}
    assert [(kind, one.num_new, one.num_known) for kind, one in done.projects.items()] == [("ages", 0, 4)]
