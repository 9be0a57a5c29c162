"""A takedown that is killed before any of its renames and deletions: the same command finishes it, card and all."""

import json
import subprocess
import sys
from pathlib import Path

from cafdata.archive import Archive
from cafdata.card import write_card
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.removal_requests import RemovalRequest, RemovalRequests
from cafdata.shards import ShardSize
from cafdata.summary import summarise
from cafdata.summary_report import write_summary
from tests.make_archive import make_archive

ROOT = Path(__file__).resolve().parents[2]
GONE = "person-00001"

KILLS = """
import itertools, json, os, shutil, signal, sys
from pathlib import Path

from cafdata.archive import Archive
from cafdata.takedown import Request, takedown

whole, place, person = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def take_down(folder, kill_at):
    # A process of its own, made before anything was computed here, so that it starts from a clean state.
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    left = [kill_at]
    def watch(event, _):
        if event in ("os.rename", "os.remove"):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)
    takedown(Archive(folder), Request(person=(person,)))
    os._exit(0)

for number in itertools.count(1):
    folder = place / f"{number:03d}"
    shutil.copytree(whole, folder)
    was_killed = take_down(folder, number) == signal.SIGKILL
    findings = [finding.kind for finding in Archive(folder).verify()] if number % 4 == 0 else []
    assert take_down(folder, 0) == 0
    print(json.dumps({"folder": str(folder), "was_killed": was_killed, "findings": findings}), flush=True)
    if not was_killed:
        break
"""


def contents(folder: Path) -> dict[str, bytes]:
    """Files by their path, without locks; of tombstones the values alone, since each says when it was written."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "lock" not in path.name
    }
    stones = json.loads(found["tombstones.json"])["tombstones"]
    return found | {"tombstones.json": json.dumps([[stone["marked"], stone["value"]] for stone in stones]).encode()}


def test_killed_anywhere_it_ends_the_same(tmp_path: Path) -> None:
    whole = make_archive(tmp_path / "whole", 3, ShardSize(max_rows=7))
    write_card(whole)
    write_summary(summarise(whole.records()), whole.folder)
    ReviewQueue(whole.folder).add(
        ReviewItem(kind="picture", picture_ids=(name,), reason="doubt", source="test", added_at="2025-05-03T10:00:00Z")
        for name in ("p00001/04", "p00002/04")
    )
    waiting = RemovalRequests(whole.folder)
    for address in ("p00001/04", "p00001/66", "p00002/04"):
        url = f"https://photos.example.org/{address}"
        waiting.add(RemovalRequest(asked="source_url", value=url, why="It is me.", asked_at="2025-05-03T10:00:00Z"))
    for name, text in (("thresholds/a.json", "{}"), ("thresholds/b/c.npz", "x"), ("pairs/p.csv", "p00001/04,1\n")):
        (whole.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (whole.folder / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(whole.folder), str(tmp_path / "runs"), GONE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    *killed, straight = map(json.loads, done.stdout.splitlines())
    assert not straight["was_killed"] and len(killed) >= 15
    wanted = contents(Path(straight["folder"]))
    assert sorted(name for name in wanted if "/" not in name) == [
        "README.md", "coverage.png", "croissant.json", "manifest.json", "queue.json", "removal_requests.json",
        "summary.json", "summary.md", "tombstones.json",
    ]  # fmt: skip
    asked = RemovalRequests(Path(straight["folder"])).all()
    assert [one.value for one in asked] == ["https://photos.example.org/p00002/04"]
    assert not [name for name in wanted if name.startswith(("thresholds/", "pairs/"))]
    for run in killed:
        assert run["was_killed"]
        assert set(run["findings"]) <= {"removed", "card"}
        assert contents(Path(run["folder"])) == wanted, run["folder"]
    assert {kind for run in killed for kind in run["findings"]} == {"removed", "card"}
    assert list(Archive(Path(straight["folder"])).verify()) == []
