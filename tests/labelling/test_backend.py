"""The estimator connected to the real server: a suggestion comes when it is asked for."""

import threading

import httpx2

from core.age_reader import PresentAge
from curation.labelling.backend import Backend
from curation.labelling.client import LabelStudio
from curation.labelling.project import ProjectPlan
from curation.labelling.pushing import PushPlan, push
from curation.labelling.server import Server
from curation.labelling.sync import find
from tests.labelling.conftest import MakeArchive


def test_a_suggestion_comes_when_it_is_asked_for(
    server: Server, studio: LabelStudio, make_archive: MakeArchive
) -> None:
    archive = make_archive(1)
    push(studio, archive, PushPlan(archive_name=archive.folder.name))
    project = find(studio.projects(), ProjectPlan(kind="ages_once", archive_name=archive.folder.name))
    assert project is not None
    (task,) = studio.tasks(project.number)
    with Backend(0, "some-net", lambda _: PresentAge(years=41.2, interval_years=(36, 46))) as backend:
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        studio.connect_backend(project.number, backend.url, "some-net")
        studio.connect_backend(project.number, backend.url, "some-net")
        headers = {"Authorization": f"Token {server.access.token}"}
        with httpx2.Client(base_url=server.access.url, headers=headers, timeout=60, trust_env=False) as owner:
            known = owner.get("/api/ml", params={"project": project.number}).json()
            asked = owner.post(
                f"/api/dm/actions?id=retrieve_tasks_predictions&project={project.number}",
                json={"selectedItems": {"all": True, "excluded": []}, "project": project.number},
            )
            found = owner.get(f"/api/tasks/{task['id']}").json()
        backend.shutdown()
    assert len(known) == 1
    assert asked.status_code == 200, asked.text
    (prediction,) = found["predictions"]
    assert prediction["result"][0]["value"] == {"number": 41}
    assert prediction["score"] == 0.5
