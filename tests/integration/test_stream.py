"""Streaming from a Hub on loopback through the real client, and the end of a process in the midst of it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.drawn import face_parquet

ROOT = Path(__file__).resolve().parents[2]


class Hub(BaseHTTPRequestHandler):
    """The dataset org/faces with its Parquet files under data/, read by ranges."""

    files: ClassVar[dict[str, bytes]] = {}
    ranges: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        address = self.path.partition("?")[0]
        if "/resolve/" in address:
            data = self.files[address.rpartition("/")[2]]
            self.ranges.append(self.headers["Range"])
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            part = data[int(first) : int(last) + 1]
            whole = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
            self.answer(206, part, {"Content-Range": whole})
        elif address.endswith("/tree/main"):
            self.tell([{"type": "directory", "path": "data", "size": 0, "oid": "1" * 40}])
        elif address.endswith("/tree/main/data"):
            files = self.files.items()
            self.tell([{"type": "file", "path": f"data/{n}", "size": len(d), "oid": "2" * 40} for n, d in files])
        elif address == "/api/datasets/org/faces":
            self.tell({"id": "org/faces", "sha": "3" * 40, "siblings": [], "private": False})
        else:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def tell(self, what: object) -> None:
        self.answer(200, json.dumps(what).encode(), {"Content-Type": "application/json"})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    for seed in (0, 1):
        face_parquet(made / f"train-{seed}.parquet", count=40, seed=seed)
    return made


@pytest.fixture(scope="module")
def hub(folder: Path) -> Iterator[str]:
    Hub.files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


STREAM = """
import hashlib, json, sys
from core.ages import TEN
from core.errors import CafError
from training.stream import FacesFromShards, StreamConfig

config = StreamConfig(size_px=16, batch_size=10, num_workers=1)
for place in sys.argv[1:]:
    try:
        with FacesFromShards((place,), TEN, config, seed=4, own_age_share=0.2) as stream:
            faces = stream.batch(3).faces.tobytes()
            print(json.dumps([stream.digest, hashlib.sha256(faces).hexdigest(), len(stream.files)]))
    except CafError as error:
        print(f"error: {error}", file=sys.stderr)
"""
HERE = "hf://datasets/org/faces/data"


def run(endpoint: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as the Hub's client reads its endpoint when it is imported."""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_what_the_hub_streams_is_what_the_folder_holds(hub: str, folder: Path, tmp_path: Path) -> None:
    Hub.ranges.clear()
    parts = (f"{folder}/*", f"{folder}/train-1", f"{HERE}/*", f"{HERE}/train-1")
    ran = run(hub, tmp_path, STREAM, *(f"{part}.parquet" for part in parts))
    assert ran.returncode == 0, ran.stderr
    all_here, one_here, all_there, one_there = map(json.loads, ran.stdout.splitlines())
    assert (all_there, one_there) == (all_here, one_here)
    assert (all_there[2], one_there[2]) == (2, 1)
    assert Hub.ranges
    assert not list(tmp_path.rglob("*.parquet")), "a stream leaves no copies"


def test_what_the_hub_lacks_or_cannot_give_is_said_in_one_line(hub: str, tmp_path: Path) -> None:
    places = (f"{HERE}/none-*.parquet", f"{HERE}/none.parquet", "hf://datasets/org/nobody/data/a.parquet")
    assert run(hub, tmp_path, STREAM, *places).stderr.splitlines() == [
        f"error: no data file matches {places[0]}",
        f"error: no such data file: {places[1]}",
        f"error: no such data file: {places[2]}",
    ]
    unreachable = run("http://127.0.0.1:9", tmp_path, STREAM, f"{HERE}/*.parquet").stderr
    assert f"error: {HERE}/*.parquet: it is damaged or out of reach" in unreachable
    assert "Traceback" not in unreachable


UNCLOSED = """
import sys
from core.ages import TEN
from training.prefetch import Prefetcher
from training.stream import FacesFromShards, StreamConfig

config = StreamConfig(size_px=16, batch_size=10, row_groups_per_window=1, steps_per_window=1, num_workers=1)
stream = FacesFromShards((sys.argv[1],), TEN, config, seed=4, own_age_share=0.2)
prefetcher = Prefetcher(stream, 0)
prefetcher.batch()
raise SystemExit(3)
"""


def test_a_process_ends_at_once_in_the_midst_of_streaming(folder: Path, tmp_path: Path) -> None:
    ended = run("http://127.0.0.1:9", tmp_path, UNCLOSED, f"{folder}/*.parquet")
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr == ""
