"""kill -9, a full or failing disk, Ctrl-C at any moment of a curation run: the same command ends where it would have.

Afterwards manifest and shards are byte for byte those of an undisturbed run, nothing is left half written, and no
picture whose answer was written down is asked for again. `make soak` does it at every call that changes something on
the disk, and at fifty random moments; make test at a few.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cafdata.archive import Archive
from cafdata.queue import ReviewQueue
from cafdata.takedown import Request, takedown
from tests.loopback_run import QUIET, ROOT, asked, brought_up, command, curate, drafts, fingerprint, seen, write_recipe
from tests.make_archive import saved_again
from tests.wikimedia_site import WikimediaSite, serving

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "mkdir", "ftruncate")
NUM_HOSTS = 5
"""Hosts with pictures: so many can be in flight at once."""


@pytest.fixture(scope="module")
def site() -> Iterator[WikimediaSite]:
    with serving(num_pictures=6) as running:
        running.prepare()
        yield running


@pytest.fixture(scope="module")
def undisturbed(site: WikimediaSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; how many requests and seconds it took is in `took.json`."""
    folder = tmp_path_factory.mktemp("undisturbed")
    before, begun_s = site.requests.total(), time.monotonic()
    brought_up(write_recipe(folder, site))
    took = {"requests": site.requests.total() - before, "seconds": time.monotonic() - begun_s}
    (folder / "took.json").write_text(json.dumps(took))
    return folder


def start(recipe: Path, *before: str) -> "subprocess.Popen[str]":
    """A run in a process group of its own."""
    return subprocess.Popen(
        [*before, *command(recipe)], cwd=ROOT, env=os.environ | QUIET,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def check_the_end(recipe: Path, undisturbed: Path) -> None:
    """The same command brings it to the same end."""
    brought_up(recipe)
    assert fingerprint(recipe.parent / "archive") == fingerprint(undisturbed / "archive")
    assert drafts(recipe.parent) == []
    work = recipe.parent / "archive.work"
    assert list((work / "embeddings").iterdir()) == []
    assert not list((work / "fetched").glob("*.journal")) and not (work / "asked.journal").exists()
    names = {path.name for path in work.iterdir()}
    assert names == {path.name for path in (undisturbed / "archive.work").iterdir()}


def check_nothing_twice(site: WikimediaSite, before: "Counter[str]", kills: int) -> None:
    """Asked again is at most what was in flight when a run was killed: one of each host."""
    counts = asked(site) - before
    again = sum(count - 1 for count in counts.values())
    assert again <= kills * NUM_HOSTS, counts.most_common(5)


def test_kills_at_random_moments(site: WikimediaSite, undisturbed: Path, tmp_path: Path, is_full: bool) -> None:
    """While the sources are read, while pictures are fetched and looked at, while it is decided and sealed.

    In folders that go on from where the last kill left them, three times at most.
    """
    moments = random.Random(0)
    whole = json.loads((undisturbed / "took.json").read_text())
    kills, number = 0, 0
    while kills < (50 if is_full else 3):
        folder = tmp_path / str(number)
        folder.mkdir()
        recipe, before, killed_here = write_recipe(folder, site), asked(site), 0
        while killed_here < 3 and killed_at(recipe, site, moments, whole):
            killed_here += 1
        kills += killed_here
        check_the_end(recipe, undisturbed)
        check_nothing_twice(site, before, killed_here)
        shutil.rmtree(folder)
        number += 1


def killed_at(recipe: Path, site: WikimediaSite, moments: random.Random, whole: dict[str, float]) -> bool:
    """Start a run and kill it after so many requests, or so many seconds. Whether that came before its end."""
    by_requests = moments.random() < 0.5
    last_request = site.requests.total() + moments.uniform(0, whole["requests"])
    last_s = time.monotonic() + moments.uniform(0, whole["seconds"])
    running = start(recipe)
    while running.poll() is None:
        if site.requests.total() > last_request if by_requests else time.monotonic() > last_s:
            break
        time.sleep(0.003)
    running.kill()
    _, said = running.communicate()
    assert running.returncode in (0, -signal.SIGKILL), said
    return running.returncode != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_it_goes_on(
    site: WikimediaSite, undisturbed: Path, tmp_path: Path, is_full: bool, number: signal.Signals
) -> None:
    """Ctrl-C reaches workers too. Exit 130, one line; status can be asked at any time."""
    if not is_full and number != signal.SIGINT:
        pytest.skip("make soak does it")
    recipe, before = write_recipe(tmp_path, site), asked(site)
    running = start(recipe)
    while (asked(site) - before).total() < 8:
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    status = json.loads(curate(recipe, verb="status").stdout)
    assert status["is_listed"] and not status["is_sealed"]
    if number == signal.SIGINT:
        os.killpg(running.pid, number)
    else:
        running.send_signal(number)
    signalled_s = time.monotonic()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert time.monotonic() - signalled_s < 20
    assert "stopped; what was finished is kept" in said and "Traceback" not in said, said
    check_the_end(recipe, undisturbed)
    check_nothing_twice(site, before, 1)


@pytest.fixture(scope="module")
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace (Debian: apt-get install strace)")
    return found


@dataclass(frozen=True, kw_only=True)
class Point:
    """A call that changes something on the disk: the so many-th of its name in a run that goes on from a folder."""

    call: str
    number: int
    base: Path | None
    """Copied to go on from; None: a run from nothing."""


def placed(folder: Path, site: WikimediaSite, base: Path | None) -> Path:
    """A recipe in a new folder, with what a run left that was broken off."""
    if base is not None:
        shutil.copytree(base, folder)
    folder.mkdir(exist_ok=True)
    return write_recipe(folder, site)


def traced(strace: str, site: WikimediaSite, folder: Path, base: Path | None) -> list[tuple[str, int, str]]:
    """Name, number and line of each call of a run's own thread that changes something in its folder."""
    recipe, log = placed(folder, site, base), folder / "log"
    running = start(recipe, strace, "-qq", "-y", "-o", str(log), "-e", f"trace={','.join(CALLS)}")
    _, said = running.communicate()
    assert running.returncode == 0, said
    counts: Counter[str] = Counter()
    found = []
    for line in log.read_text().splitlines():
        call = line.partition("(")[0]
        counts[call] += 1
        if str(folder) in line:
            found.append((call, counts[call], line))
    return found


@pytest.fixture(scope="module")
def points(
    strace: str, site: WikimediaSite, undisturbed: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Point]:
    """Every one: of a run from nothing until it begins its archive, then of a run that goes on from there."""
    place = tmp_path_factory.mktemp("points")
    whole = traced(strace, site, place / "whole", None)
    assert fingerprint(place / "whole" / "archive") == fingerprint(undisturbed / "archive")
    half = next(row for row, (_, _, line) in enumerate(whole) if f'"{place / "whole" / "archive"}"' in line)
    call, number, _ = whole[half]
    broken = placed(place / "half", site, None)
    inject = f"inject={call}:signal=KILL:when={number}"
    start(broken, strace, "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject).communicate()
    assert not (place / "half" / "archive" / "manifest.json").exists()
    assert list((place / "half" / "archive.work" / "embeddings").iterdir())
    rest = traced(strace, site, place / "rest", place / "half")
    assert fingerprint(place / "rest" / "archive") == fingerprint(undisturbed / "archive")
    found = [Point(call=call, number=number, base=None) for call, number, _ in whole[:half]]
    found += [Point(call=call, number=number, base=place / "half") for call, number, _ in rest]
    kinds = Counter(point.call for point in found)
    assert kinds["fsync"] > 20 and kinds["rename"] > 10 and kinds["write"] > 10, kinds
    return found


def chosen(points: list[Point], is_full: bool, *calls: str) -> list[Point]:
    """All, or one of each half."""
    fitting = [point for point in points if not calls or point.call in calls]
    early, late = ([one for one in fitting if (one.base is None) == is_early] for is_early in (True, False))
    return fitting if is_full else [random.Random(3).choice(half) for half in (early, late)]


def injected(
    strace: str, site: WikimediaSite, undisturbed: Path, point: Point, folder: Path, how: str
) -> tuple[int, str]:
    """Status and words of a run in which one call fails or kills; the same command then comes to the same end."""
    recipe, before = placed(folder, site, point.base), asked(site)
    inject = f"inject={point.call}:{how}:when={point.number}"
    running = start(recipe, strace, "-qq", "-o", "/dev/null", "-e", f"trace={point.call}", "-e", inject)
    _, told = running.communicate()
    check_the_end(recipe, undisturbed)
    check_nothing_twice(site, before, 1)
    shutil.rmtree(folder)
    return running.returncode, told


@pytest.mark.slow
def test_a_kill_at_each_call(
    strace: str, site: WikimediaSite, undisturbed: Path, points: list[Point], tmp_path: Path, is_full: bool
) -> None:
    killed = 0
    for point in chosen(points, is_full):
        status, _ = injected(strace, site, undisturbed, point, tmp_path / "killed", "signal=KILL")
        killed += status != 0
    assert killed >= 0.8 * len(chosen(points, is_full))


@pytest.mark.slow
@pytest.mark.parametrize(("call", "fault"), [("write", "ENOSPC"), ("fsync", "EIO"), ("rename", "EIO")])
def test_a_fault_of_the_disk_at_each_call(
    strace: str,
    site: WikimediaSite,
    undisturbed: Path,
    points: list[Point],
    tmp_path: Path,
    is_full: bool,
    call: str,
    fault: str,
) -> None:
    """One sentence says what is wrong, and the same command goes on when it is mended."""
    said = {"ENOSPC": "No space left", "EIO": "Input/output error"}[fault]
    failed = 0
    for point in chosen(points, is_full, call)[None if is_full else 1 :]:
        status, told = injected(strace, site, undisturbed, point, tmp_path / "failed", f"error={fault}")
        if status:
            failed += 1
            assert status == 1 and "Traceback" not in told, told
            assert re.search(rf"^error: .*{said}", told, re.MULTILINE), told
    assert failed


@pytest.mark.slow
@pytest.mark.parametrize("how", ["signal=KILL", "error=ENOSPC"])
def test_a_worker_that_cannot_write_down_what_it_fetched(
    strace: str, site: WikimediaSite, undisturbed: Path, tmp_path: Path, is_full: bool, how: str
) -> None:
    """It dies, or its disk is full: the run says so in a sentence, and goes on when it is run again."""
    if not is_full and how != "error=ENOSPC":
        pytest.skip("make soak does it")
    for number in range(1, 6 if is_full else 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        recipe, before = write_recipe(folder, site), asked(site)
        inject = f"inject=pwrite64:{how}:when={number + 2}"
        running = start(recipe, strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", inject)
        _, told = running.communicate()
        assert running.returncode in (1, -signal.SIGKILL), told
        if running.returncode == 1:
            assert len(re.findall("^error: ", told, re.MULTILINE)) == 1 and "Traceback" not in told, told
        check_the_end(recipe, undisturbed)
        check_nothing_twice(site, before, 1)
        shutil.rmtree(folder)


@pytest.mark.slow
def test_a_picture_that_was_taken_down_never_comes_back(
    site: WikimediaSite, undisturbed: Path, tmp_path: Path, is_full: bool
) -> None:
    """In twenty runs, each of which finds it under other names, saved anew; nor does its face lie anywhere."""
    folder = Path(shutil.copytree(undisturbed, tmp_path / "copied"))
    archive = Archive(folder / "archive")
    held = {record.picture_id: record for record in archive.records()}
    copies: dict[str, list[int]] = {}
    for truth in site.truth.values():
        if truth.of in held and truth.plant in ("exact", "jpeg 50", "crop 5 %", "resize"):
            copies.setdefault(truth.of, []).append(int(truth.picture_id.removeprefix("wikimedia/M")))
    one = max(copies, key=lambda name: len(copies[name]))
    gone = {one, *(f"wikimedia/M{page}" for page in copies[one])}
    takedown(archive, Request(url=(str(held[one].source_url),)))
    before = site.times_fetched(one)
    files = dict(site.world.files)
    try:
        for number in range(20 if is_full else 1):
            for page in copies[one]:
                data = files[page].make()
                site.change(page, make=lambda data=data, quality=45 + 2 * number: saved_again(data, quality))
            brought_up(folder / "recipe.toml", "--anew")
            rows = seen(folder / "archive.work")
            assert gone.isdisjoint(record.picture_id for record in archive.records()), number
            assert not any(rows[name]["face"] for name in gone), number
            assert not any(gone & set(item.picture_ids) for item in ReviewQueue(archive.folder).items())
    finally:
        for page in copies[one]:
            site.change(page, make=files[page].make)
    assert site.times_fetched(one) == before
