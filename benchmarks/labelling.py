"""Tasks pushed to a real Label Studio and pulled back, against its SDK used task by task.

python -m benchmarks.labelling [--tasks N] [--plain N]

Pushed: from an archive, with the picture in the task, and the keys looked at before and after. Pulled: labels checked
and written into the archive. The plain way makes one task a call with the same data (`tasks.create`) and reads one a
call (`tasks.get`); it is timed on fewer tasks and scaled. In between every task gets an answer, which is not timed.
The server is one of its own, from .venv-label-studio, with SQLite; both ways see the same one. Pictures are random
bytes of a face's size: nothing here decodes them.
"""

import argparse
import hashlib
import random
import socket
import sys
import tempfile
import time
from pathlib import Path

from label_studio_sdk import LabelStudio as Sdk

from cafdata.archive import Archive
from cafdata.record import Picture, Record
from curation.labelling.client import Access, LabelStudio
from curation.labelling.project import ProjectPlan
from curation.labelling.pulling import pull
from curation.labelling.pushing import PushPlan, push
from curation.labelling.selection import Selection
from curation.labelling.server import Server, install
from curation.labelling.sync import find
from curation.labelling.tasks import picture_address

ENVIRONMENT = Path(__file__).resolve().parents[1] / ".venv-label-studio"
PICTURE_BYTES = 8000
BAR = 5.0
CHUNK = 200


def made_pictures(count: int) -> list[Picture]:
    """Pictures as an archive takes them."""
    draw = random.Random(0)
    pictures = []
    for number in range(count):
        data = b"\xff\xd8\xff" + draw.randbytes(PICTURE_BYTES)
        record = Record(
            picture_id=f"picture-{number:06d}",
            person_id=f"person-{number:06d}",
            sha256=hashlib.sha256(data).hexdigest(),
            phash=f"{draw.getrandbits(64):016x}",
            age_min_years=0,
            age_max_years=90,
            age_provenance="estimator",
            width_px=128,
            height_px=128,
        )
        pictures.append(Picture(record=record, data=data))
    return pictures


def answer_all(client: LabelStudio, project: int, pictures: list[Picture], metas: list[dict[str, str]]) -> list[int]:
    """The same tasks with an answer each; gives back their numbers. Put in anew in bulk: one by one takes minutes."""
    person = min(client.user_ids())
    result = [{"from_name": "age", "to_name": "face", "type": "number", "value": {"number": 33}}]
    client.delete_tasks(project, [task["id"] for task in client.tasks(project)])
    answered = [
        {
            "data": {"face": picture_address(picture.data)},
            "meta": meta,
            "annotations": [{"result": result, "completed_by": person}],
        }
        for picture, meta in zip(pictures, metas, strict=True)
    ]
    for start in range(0, len(answered), CHUNK):
        client.import_tasks(project, answered[start : start + CHUNK])
    return [task["id"] for task in client.tasks(project)]


def ours(access: Access, pictures: list[Picture], folder: Path) -> tuple[float, float]:
    """Seconds to push all pictures, and to pull a label of each."""
    archive = Archive.create(folder)
    archive.append(pictures)
    plan = PushPlan(archive_name=folder.name, selection=Selection(share_by_several=0, num_gold=0))
    with LabelStudio(access) as client:
        start_s = time.perf_counter()
        pushed = push(client, archive, plan)
        push_s = time.perf_counter() - start_s
        assert pushed.projects["ages_once"].num_new == len(pictures)
        project = find(client.projects(), ProjectPlan(kind="ages_once", archive_name=folder.name))
        assert project is not None
        metas = {task["meta"]["picture_id"]: task["meta"] for task in client.tasks(project.number)}
        answer_all(client, project.number, pictures, [metas[one.record.picture_id] for one in pictures])
        start_s = time.perf_counter()
        pulled = pull(client, archive, folder.name)
        pull_s = time.perf_counter() - start_s
        assert pulled.num_labels == len(pictures) and not pulled.refused
    return push_s, pull_s


def plain(access: Access, pictures: list[Picture]) -> tuple[float, float]:
    """Seconds of the SDK, task by task."""
    client = Sdk(base_url=access.url, api_key=access.token)  # type: ignore[no-untyped-call]
    config = ProjectPlan(kind="ages_once", archive_name="plain").label_config()
    project = client.projects.create(title="plain", label_config=config)
    assert project.id is not None
    start_s = time.perf_counter()
    tasks = [client.tasks.create(project=project.id, data={"face": picture_address(one.data)}) for one in pictures]
    push_s = time.perf_counter() - start_s
    with LabelStudio(access) as answering:
        numbers = answer_all(answering, project.id, pictures, [{} for _ in tasks])
    start_s = time.perf_counter()
    read = [client.tasks.get(str(number)) for number in numbers]
    pull_s = time.perf_counter() - start_s
    assert all(task.annotations for task in read)
    return push_s, pull_s


def main() -> None:
    """Print figures, one `name value unit` a line; exit status 1 if the bar is not met."""
    parser = argparse.ArgumentParser(description="Label Studio in bulk against its SDK, task by task.")
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--plain", type=int, default=200)
    options = parser.parse_args()
    pictures = made_pictures(options.tasks)
    program = install(ENVIRONMENT, lambda line: print(line, file=sys.stderr))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, Server(program, Path(folder) / "server", port) as server:
        server.wait()
        plain_push_s, plain_pull_s = plain(server.access, pictures[: options.plain])
        push_s, pull_s = ours(server.access, pictures, Path(folder) / "archive")
    scale = options.tasks / options.plain
    print(f"labelling_push {push_s:.2f} s")
    print(f"labelling_pull {pull_s:.2f} s")
    print(f"sdk_push {plain_push_s * scale:.2f} s")
    print(f"sdk_pull {plain_pull_s * scale:.2f} s")
    ratio = (plain_push_s + plain_pull_s) * scale / (push_s + pull_s)
    print(f"labelling_ratio {ratio:.1f} x")
    if ratio < BAR:
        sys.exit(f"{options.tasks} tasks go less than {BAR:g} times as fast as the SDK's one by one")


if __name__ == "__main__":
    main()
