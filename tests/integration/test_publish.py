"""From an archive to `datasets.load_dataset`, through the real commands and a Hub on loopback; no secret anywhere."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cafdata.archive import Archive
from tests.hub_server import LETS_IN, OWNER, HubServer
from tests.make_release import grown_picture, make_release
from tests.publisher import Publisher

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "cafdata" / "sample"
LOAD = """
import hashlib, json, sys
import datasets
from cafdata.features import record_features

datasets.disable_progress_bars()

def load(repo, name, revision, token):
    rows, sha256 = {}, {}
    for split, table in datasets.load_dataset(repo, name, revision=revision, token=token or False).items():
        has_pictures = "image" in table.features
        assert table.features == record_features(with_pictures=has_pictures), table.features
        if has_pictures:
            assert table[0]["image"].size == (table[0]["width_px"], table[0]["height_px"])
            table = table.cast_column("image", datasets.Image(decode=False))
        for row in table:
            image = row.pop("image", None)
            rows[row["picture_id"]] = row
            assert row["split"] == split
            sha256[row["picture_id"]] = hashlib.sha256(image["bytes"]).hexdigest() if image else None
    return {"rows": rows, "sha256": sha256}

for repo, name, revision, token in json.loads(sys.argv[1]):
    try:
        print(json.dumps(load(repo, name, revision, token)))
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with HubServer() as made:
        yield made


@pytest.fixture(scope="module")
def publisher(server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    made = Publisher(server.address, tmp_path_factory.mktemp("home"))
    yield made
    made.close()


def run(server: HubServer, home: Path, *words: str, token: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, in which a token is given by the environment only."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": server.address, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home)}
    if token:
        environment["HF_TOKEN"] = token
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)


def load(server: HubServer, home: Path, *jobs: tuple[str, str, str, str]) -> list[dict[str, Any]]:
    """What `datasets.load_dataset` gives in a process of its own: repository, configuration, revision and token."""
    ran = run(server, home, "-c", LOAD, json.dumps(jobs), token="")
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_what_is_loaded_is_what_was_built_and_what_went_is_gone(
    server: HubServer, publisher: Publisher, tmp_path: Path
) -> None:
    folder = shutil.copytree(SAMPLE, tmp_path / "sample")
    code, wrote = publisher.run("publish", str(folder), "--repo", "org/sample", "--public", token=OWNER)
    assert code == 0, wrote
    report = json.loads(wrote.splitlines()[-1])
    assert (report["version"], report["commits"], report["pictures"]) == (1, 2, 166)
    records = {record.picture_id: record for record in Archive(SAMPLE).records()}
    refused, pictures, metadata, first = load(
        server,
        tmp_path / "reader",
        ("org/sample-pictures", "pictures", "v1", "hf_stranger"),
        ("org/sample-pictures", "pictures", "main", LETS_IN),
        ("org/sample", "metadata", "main", ""),
        ("org/sample", "metadata", "v1", ""),
    )
    assert pictures["sha256"] == {name: record.sha256 for name, record in records.items()}
    assert pictures["rows"] == json.loads(json.dumps({name: record.to_row() for name, record in records.items()}))
    assert metadata["rows"] == first["rows"] == pictures["rows"]
    assert set(metadata["sha256"].values()) == {None}
    assert "gated" in refused["error"]

    takedown = ("takedown", str(folder), "--person", "synthetic-01", "--hub", "org/sample")
    code, wrote = publisher.run(*takedown, token=OWNER)
    gone = {name for name, record in records.items() if record.person_id == "synthetic-01"}
    told = [json.loads(line) for line in wrote.splitlines() if line.startswith("{")]
    assert code == 0, wrote
    assert [set(one["pictures"]) for one in told] == [gone, gone, gone]
    pictures, metadata, first = load(
        server,
        tmp_path / "reader",
        ("org/sample-pictures", "pictures", "main", LETS_IN),
        ("org/sample", "metadata", "main", ""),
        ("org/sample", "metadata", "v1", ""),
    )
    assert pictures["sha256"] == {name: record.sha256 for name, record in records.items() if name not in gone}
    assert set(metadata["rows"]) == set(records) - gone
    assert "error" in first


CANARY = "hf_canary5f2c9e"


def test_the_token_is_nowhere(server: HubServer, publisher: Publisher, tmp_path: Path) -> None:
    """Neither in what the commands write, whatever fails, nor in their arguments, files or commits."""
    folder = make_release(tmp_path / "a", [grown_picture(person, age) for person in (0, 1) for age in (25, 48)]).folder
    broken = make_release(tmp_path / "b", [grown_picture(0, 25, author=None)]).folder
    publish = ("publish", str(folder), "--repo", "org/secret")
    takedown = ("takedown", str(folder), "--person", "person-00000", "--hub", "org/secret")
    seen: list[str] = []
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, done), daemon=True)
    watcher.start()
    server.owners = {OWNER, CANARY}
    outputs, bodies = [], []
    for words, fault, expected in (
        ((*publish, "--dry-run"), None, 0),
        (publish, 401, 1),
        (publish, 400, 1),
        (publish, None, 0),
        (("publish", str(broken), "--repo", "org/secret"), None, 1),
        (("publish", str(folder), "--repo", "nonsense"), None, 1),
        (("publish", str(folder), "--token", "x", "--repo", "org/secret"), None, 2),
        (takedown, 403, 1),
        (takedown, None, 0),
    ):
        server.forget()
        server.said = f"Bearer {CANARY}"
        if fault:
            server.fault = lambda *_, fault=fault: fault  # type: ignore[misc]
        code, wrote = publisher.run(*words, token=CANARY)
        outputs.append(wrote)
        assert "Traceback" not in wrote and code == expected, wrote
        bodies += server.bodies
    server.forget()
    ran = run(server, tmp_path / "home", "-m", "curation", *publish, token=CANARY)
    assert ran.returncode == 0, ran.stderr
    outputs.append(ran.stdout + ran.stderr)
    server.said, server.owners = "", {OWNER}
    done.set()
    watcher.join()
    assert seen, "the arguments of no command were seen"
    assert not any(CANARY in line for line in [*outputs, *seen])
    commits = [commit for repo in server.repos.values() for commit in repo.commits.values()]
    committed = b"".join(entry.data or b"" for commit in commits for entry in commit.tree.values())
    assert b"org/secret" in committed and CANARY.encode() not in committed
    sent = b"".join([*bodies, *server.bodies])
    assert b"edition.json" in sent and CANARY.encode() not in sent
    assert any(CANARY in header for _, header in server.headers), "the token was never used"
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left and not any(CANARY.encode() in path.read_bytes() for path in left)


def watch(seen: list[str], done: threading.Event) -> None:
    """Collect the command lines of all processes."""
    while not done.is_set():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if "curation publish" in line and line not in seen:
                seen.append(line)
        time.sleep(0.05)


def test_faults_are_listed_a_line_each_and_nothing_is_sent(
    server: HubServer, publisher: Publisher, tmp_path: Path
) -> None:
    pictures = [
        grown_picture(0, 25, licence="CC-BY-NC-4.0"),
        grown_picture(1, 25, born="2015", captured=None, age_provenance="given"),
    ]
    folder = make_release(tmp_path / "a", pictures).folder
    server.forget()
    for option in ("--dry-run", "--public"):
        code, wrote = publisher.run("publish", str(folder), "--repo", "org/x", option, token=OWNER)
        assert code == 1
        *told, line = wrote.splitlines()
        faults = [json.loads(one) for one in told]
        assert {(fault["gate"], fault["where"]) for fault in faults} == {
            ("licence", "p00000/25"),
            ("complete", "p00001/25"),
            ("minor", "p00001/25"),
        }
        assert line.startswith("error: ") and "may not be published, 3 faults" in line
    assert server.asked == []


def test_without_a_token_nothing_begins(publisher: Publisher, tmp_path: Path) -> None:
    folder = make_release(tmp_path / "a", [grown_picture(0, 25)]).folder
    before = Archive(folder).manifest
    for words in (
        ("publish", str(folder), "--repo", "org/x"),
        ("takedown", str(folder), "--person", "person-00000", "--hub", "org/x"),
    ):
        code, wrote = publisher.run(*words, token="")
        assert code == 1
        assert wrote.strip() == "error: there is no token in the environment; set HF_TOKEN to one that may write"
    assert Archive(folder).manifest == before


def test_whom_no_picture_shows_is_said(publisher: Publisher, tmp_path: Path) -> None:
    folder = make_release(tmp_path / "a", [grown_picture(0, 25)]).folder
    code, wrote = publisher.run("takedown", str(folder), "--person", "nobody-here", token="")
    assert code == 0
    assert "no picture here is of the person nobody-here" in wrote
    assert len(list(Archive(folder).records())) == 1
