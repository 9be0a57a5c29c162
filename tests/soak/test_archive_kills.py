"""kill -9, a full disk or a failing one at any call while an archive is written: nothing lost, nothing twice.

After each the archive is whole, in the state before or after a change, and loads as a whole; the same command run
again ends where an unbroken one does.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cafdata.archive import Archive
from cafdata.front_matter import split_readme
from cafdata.leftovers import leftovers
from cafdata.queue import ReviewQueue
from cafdata.record import Picture
from cafdata.tombstones import Tombstones
from tests.make_archive import make_archive
from tests.soak.archivist import bring_up

ROOT = Path(__file__).resolve().parents[2]
CALLS = ("write", "pwrite64", "fsync", "rename", "unlink", "mkdir", "ftruncate", "flock", "chmod")
A_LOOK = 3
"""Calls of each kind of test in make test, of about 800; each takes a second or two."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Three people, eighteen pictures."""
    return make_archive(tmp_path_factory.mktemp("source") / "a", 3)


@pytest.fixture(scope="module")
def pictures(source: Archive) -> list[Picture]:
    return list(source.pictures())


def state(folder: Path) -> dict[str, Any]:
    """All that an archive holds, in an order of its own."""
    archive = Archive(folder)
    return {
        "pictures": sorted(archive.pictures(), key=lambda picture: picture.record.picture_id),
        "rule": archive.manifest.rule,
        "queue": ReviewQueue(folder).items(),
        "tombstones": [(stone.marked, stone.value) for stone in Tombstones.read(folder).stones],
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, pictures: list[Picture]) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("unbroken") / "a"
    bring_up(folder, pictures)
    assert {picture.record.person_id for picture in state(folder)["pictures"]} == {"person-00000", "person-00002"}
    return state(folder)


def check_whole(folder: Path, pictures: list[Picture]) -> bool:
    """Whether there is an archive yet; if so, it is whole."""
    if not (folder / "manifest.json").exists():
        return False
    archive = Archive(folder)
    assert {finding.kind for finding in archive.verify()} <= {"removed"}
    bytes_of = {picture.record.picture_id: picture.data for picture in pictures}
    held = list(archive.pictures())
    assert all(picture.data == bytes_of[picture.record.picture_id] for picture in held)
    counts = {0, 9, 18, 16, 11, 12}
    assert len(held) in counts, "a change was done by half"
    readme = folder / "README.md"
    if readme.exists():
        head, _ = split_readme(readme.read_text())
        named = [file for way in head.get("configs", []) for part in way["data_files"] for file in part["path"]]
        assert all((folder / file).is_file() for file in named), "the README names what is not there"
    ReviewQueue(folder).items()
    return True


def check_the_same_in_the_end(folder: Path, pictures: list[Picture], unbroken: dict[str, Any]) -> None:
    bring_up(folder, pictures)
    assert state(folder) == unbroken
    assert list(Archive(folder).verify()) == []
    assert list(leftovers(folder, Archive(folder).manifest)) == []
    files = {path.name for path in folder.iterdir()}
    assert files == {"manifest.json", "README.md", "shards", "lock", "queue.json", "queue.lock", "tombstones.json"}


def test_kills_at_random_moments(
    tmp_path: Path, source: Archive, pictures: list[Picture], unbroken: dict[str, Any], is_full: bool
) -> None:
    """100 (5 in make test), in folders that go on from where the last kill left them until they are done."""
    moments = random.Random(0)
    command = [sys.executable, "-m", "tests.soak.archivist", str(source.folder)]
    kills, number, mid_change = 0, 0, 0
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
        assert nursery.stdin is not None and nursery.stdout is not None
        while kills < (100 if is_full else 5):
            folder = tmp_path / str(number)
            nursery.stdin.write(f"{folder}\n")
            nursery.stdin.flush()
            child = int(nursery.stdout.readline())
            time.sleep(moments.uniform(0, 0.4))
            os.kill(child, signal.SIGKILL)
            nursery.stdin.write("\n")
            nursery.stdin.flush()
            ended = int(nursery.stdout.readline())
            assert ended in (0, -signal.SIGKILL)
            kills += ended != 0
            is_there = check_whole(folder, pictures)
            mid_change += is_there and bool(list(leftovers(folder, Archive(folder).manifest)))
            if ended == 0 or kills % 3 == 0:
                check_the_same_in_the_end(folder, pictures, unbroken)
                number += 1
        nursery.stdin.close()
    assert mid_change or not is_full, "not one kill fell into a change"


@pytest.fixture(scope="module")
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace (Debian: apt-get install strace)")
    return found


def traced(strace: str, source: Archive, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """An archivist under strace; injections count the calls of its main thread."""
    command = [strace, "-f", "-qq", *options, sys.executable, "-m", "tests.soak.archivist", str(source.folder)]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, str(folder)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def points(strace: str, source: Archive, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    """Every call that changes something on the disk, by name and number."""
    place = tmp_path_factory.mktemp("points")
    traced(strace, source, place / "a", "-o", str(place / "log"), "-e", f"trace={','.join(CALLS)}")
    lines = (place / "log").read_text().splitlines()
    main = lines[0].split()[0]
    counts = dict.fromkeys(CALLS, 0)
    for line in lines:
        process, _, rest = line.partition(" ")
        call = rest.strip().partition("(")[0]
        if process == main and call in counts:
            counts[call] += 1
    assert counts["fsync"] > 20 and counts["rename"] > 10 and counts["unlink"] > 3, counts
    return [(call, number) for call in CALLS for number in range(1, counts[call] + 1)]


def chosen(points: list[tuple[str, int]], is_full: bool) -> Iterator[tuple[str, int]]:
    yield from points if is_full else random.Random(1).sample(points, min(len(points), A_LOOK))


@pytest.mark.slow
def test_a_kill_at_each_call(
    tmp_path: Path,
    strace: str,
    source: Archive,
    pictures: list[Picture],
    points: list[tuple[str, int]],
    unbroken: dict[str, Any],
    is_full: bool,
) -> None:
    killed = 0
    for call, number in chosen(points, is_full):
        folder = tmp_path / f"{call}-{number}"
        inject = f"inject={call}:signal=KILL:when={number}"
        done = traced(strace, source, folder, "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
        killed += done.returncode != 0
        check_whole(folder, pictures)
        check_the_same_in_the_end(folder, pictures, unbroken)
        shutil.rmtree(folder)
    assert killed >= 0.8 * len(list(chosen(points, is_full)))


@pytest.mark.slow
@pytest.mark.parametrize(("call", "fault"), [("write", "ENOSPC"), ("fsync", "EIO"), ("rename", "EIO")])
def test_a_fault_of_the_disk_at_each_call(
    tmp_path: Path,
    strace: str,
    source: Archive,
    pictures: list[Picture],
    points: list[tuple[str, int]],
    unbroken: dict[str, Any],
    is_full: bool,
    call: str,
    fault: str,
) -> None:
    """One line says what is wrong, and the archive is as it was before the change."""
    said = {"ENOSPC": "No space left", "EIO": "Input/output error"}[fault]
    failed = 0
    for _, number in chosen([point for point in points if point[0] == call], is_full):
        folder = tmp_path / f"{call}-{number}"
        inject = f"inject={call}:error={fault}:when={number}"
        done = traced(strace, source, folder, "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
        if done.returncode:
            failed += 1
            assert "Traceback" not in done.stderr, done.stderr
            assert said in done.stderr
        check_whole(folder, pictures)
        check_the_same_in_the_end(folder, pictures, unbroken)
        shutil.rmtree(folder)
    assert failed
