"""Push and pull, killed and faulted at random, again and again: no task twice, no label lost.

Ten runs in `make test`; 200 with SOAK=full (python -m pytest tests/labelling/test_kills.py).
"""

import multiprocessing
import os
import random
import signal
from collections import Counter
from pathlib import Path

from cafdata.archive import Archive
from curation.labelling.client import Access, LabellingRefused, LabelStudio
from curation.labelling.project import AGE_KINDS, ProjectPlan
from curation.labelling.pulling import pull
from curation.labelling.pushing import PushPlan, push
from curation.labelling.selection import Selection
from curation.labelling.server import Server
from curation.labelling.sync import find
from tests.label_proxy import Fault, LabelProxy
from tests.labelling.annotating import age_result, answer
from tests.labelling.conftest import MakeArchive
from tests.make_archive import drawn_picture

RUNS = 200 if os.environ.get("SOAK") == "full" else 10
SERVER_KILLS = 5 if os.environ.get("SOAK") == "full" else 1
REQUESTS = 14
"""Of one run, about; a kill comes at one of them or never."""
SETTLE_S = 2.0


def plan_of(folder: Path) -> PushPlan:
    selection = Selection(share_by_several=0.5, num_gold=0)
    return PushPlan(archive_name=folder.name, selection=selection, settle_s=SETTLE_S)


def work(url: str, token: str, folder: Path, does_pull: bool) -> None:
    """One run, in a process of its own; a refusal ends it as it would end the command."""
    archive = Archive(folder)
    with LabelStudio(Access(url=url, token=token)) as client:
        try:
            if does_pull:
                pull(client, archive, folder.name)
            else:
                push(client, archive, plan_of(folder))
        except LabellingRefused:
            os._exit(1)


def faults(draw: random.Random) -> list[Fault]:
    """What happens to the requests of one run, most of which pass."""
    kinds: tuple[Fault, ...] = ("pass", "lose", "cut", "refuse", "late")
    return draw.choices(kinds, (85, 4, 4, 4, 3), k=200)


def run_once(proxy: LabelProxy, server: Server, folder: Path, draw: random.Random, does_pull: bool) -> None:
    """One run, killed before or after a request, or not at all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["curation.labelling.pushing", "curation.labelling.pulling", "tests.label_proxy"])
    process = context.Process(target=work, args=(proxy.url, server.access.token, folder, does_pull))
    dies_at, dies_first = draw.randrange(2 * REQUESTS), draw.random() < 0.5
    planned = faults(draw)

    def kill(number: int) -> None:
        if number == dies_at and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)

    proxy.reset()
    proxy.plan = lambda number, *_: planned[number % len(planned)]
    proxy.before, proxy.after = (kill, lambda _: None) if dies_first else (lambda _: None, kill)
    process.start()
    process.join(120)
    assert process.exitcode in (0, 1, -signal.SIGKILL)


def tasks_of(studio: LabelStudio, folder: Path) -> list[tuple[str, int]]:
    """(picture id, task) of the two projects of ages."""
    listing = studio.projects()
    projects = [find(listing, ProjectPlan(kind=kind, archive_name=folder.name)) for kind in AGE_KINDS[:2]]
    return [
        (task["meta"]["picture_id"], task["id"])
        for project in projects
        if project is not None
        for task in studio.tasks(project.number)
    ]


def test_killed_and_faulted_runs_double_nothing_and_lose_nothing(
    server: Server, studio: LabelStudio, proxy: LabelProxy, make_archive: MakeArchive
) -> None:
    draw = random.Random(20240503)
    archive = make_archive(4)
    folder, said = archive.folder, Counter[tuple[str, float]]()
    for run in range(RUNS):
        run_once(proxy, server, folder, draw, does_pull=run % 3 == 2)
        tasks = tasks_of(studio, folder)
        if tasks:
            name, task = draw.choice(tasks)
            age = round(draw.uniform(1, 90), 1)
            answer(server.access, task, age_result(age, draw.randint(1, 5)))
            said[name, age] += 1
        if run % 4 == 3:
            archive.append([drawn_picture(1000 + run, 20 + run % 50)])
    for late in proxy.late:
        late.join()
    push(studio, archive, plan_of(folder))
    pull(studio, archive, folder.name)
    counts = Counter(name for name, _ in tasks_of(studio, folder))
    assert counts == dict.fromkeys((record.picture_id for record in archive.records()), 1)
    held = Counter((one.picture_id, label.age_years) for one in archive.records() for label in one.labels)
    assert held == said
    assert list(archive.verify()) == []


def test_a_server_that_is_killed_has_all_or_nothing(program: Path, server: Server, make_archive: MakeArchive) -> None:
    """The server dies in the middle of a push, comes back, and the next push makes it whole."""
    archive = make_archive(4)
    folder, port = server.folder, int(server.access.url.rpartition(":")[2])
    for kill in range(SERVER_KILLS):
        archive.append([drawn_picture(2000 + 10 * kill + one, 30) for one in range(4)])
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=work, args=(server.access.url, server.access.token, archive.folder, False))
        process.start()
        process.join(0.3 + 0.4 * kill)
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(20)
        process.join(120)
        again = Server(program, folder, port)
        server.process = again.process
        server.wait()
    with LabelStudio(server.access) as client:
        push(client, archive, plan_of(archive.folder))
        counts = Counter(name for name, _ in tasks_of(client, archive.folder))
    assert counts == dict.fromkeys((record.picture_id for record in archive.records()), 1)
