"""An archive on a Hub: `datasets.load_dataset("org/name", "pictures")` asks a server on loopback and gets the rows."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from cafdata.archive import Archive
from cafdata.features import export, record_features
from cafdata.sample import SAMPLE

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "4" * 40
SECRET = "hf_of_whoever_runs_this"


@dataclass
class Shelf:
    """The folders that a Hub has, by name of the data set, and what was asked of it."""

    folders: dict[str, Path]
    served: set[str] = field(default_factory=set)
    tokens: set[str | None] = field(default_factory=set)


class Hub(BaseHTTPRequestHandler):
    """Data sets with one commit each, read as the Hub's client and `datasets` read them."""

    protocol_version = "HTTP/1.1"
    shelf: Shelf

    def do_GET(self) -> None:
        self.shelf.tokens.add(self.headers.get("Authorization"))
        address = unquote(self.path.partition("?")[0])
        parts = address.strip("/").split("/")
        if parts[:2] == ["api", "datasets"] and len(parts) >= 4:
            self.describe("/".join(parts[2:4]), parts[4:])
        elif parts[0] == "datasets" and parts[3:4] == ["resolve"] and parts[4] in ("main", COMMIT):
            self.resolve("/".join(parts[1:3]), "/".join(parts[5:]))
        else:
            self.refuse("EntryNotFound")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def describe(self, name: str, what: list[str]) -> None:
        folder = self.shelf.folders.get(name)
        if folder is None:
            self.refuse("RepoNotFound")
        elif not what or what[0] == "revision":
            files = [{"rfilename": path.relative_to(folder).as_posix()} for path in files_in(folder)]
            self.tell({"id": name, "sha": COMMIT, "siblings": files, "private": False, "gated": False, "tags": []})
        elif what[0] == "tree":
            place = "/".join(what[2:])
            entries = sorted((folder / place).iterdir()) if (folder / place).is_dir() else []
            self.tell([entry_of(path, folder) for path in entries]) if entries else self.refuse("EntryNotFound")
        elif what[0] == "paths-info":
            body = self.rfile.read(int(self.headers["Content-Length"]))
            wanted = [folder / path for path in json.loads(body)["paths"]]
            self.tell([entry_of(path, folder) for path in wanted if path.exists()])
        else:
            self.refuse("EntryNotFound")

    def resolve(self, name: str, path: str) -> None:
        folder = self.shelf.folders.get(name)
        if folder is None or not (folder / path).is_file():
            self.refuse("EntryNotFound")
            return
        data = (folder / path).read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if self.command == "GET":
            self.shelf.served.add(path)
        wanted = self.headers.get("Range")
        if wanted is None:
            self.answer(200, data, headers)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        whole = {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}
        self.answer(206, part, headers | whole)

    def tell(self, what: object) -> None:
        self.answer(200, json.dumps(what).encode(), {"Content-Type": "application/json"})

    def refuse(self, code: str) -> None:
        self.answer(404, b"{}", {"X-Error-Code": code})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def entry_of(path: Path, folder: Path) -> dict[str, Any]:
    name, oid = path.relative_to(folder).as_posix(), hashlib.sha1(path.name.encode()).hexdigest()
    if path.is_dir():
        return {"type": "directory", "path": name, "size": 0, "oid": oid}
    return {"type": "file", "path": name, "size": path.stat().st_size, "oid": oid}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The bundled sample as it lies, and what is given away of it with and without pictures."""
    place = tmp_path_factory.mktemp("hub")
    for name, with_pictures in (("given", True), ("metadata-only", False)):
        export(Archive(SAMPLE), place / name, with_pictures=with_pictures)
    readme = place / "metadata-only" / "README.md"
    readme.write_text(readme.read_text(), newline="\r\n")  # as it was saved on another system
    return Shelf({"org/sample": SAMPLE, "org/given": place / "given", "org/metadata-only": place / "metadata-only"})


@pytest.fixture(scope="module")
def endpoint(shelf: Shelf) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubOfTest", (Hub,), {"shelf": shelf}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


LOAD = """
import hashlib, json, sys
import datasets

name, config, streaming = sys.argv[1:]
found = datasets.load_dataset(name, config, streaming=streaming == "streaming")
for split, rows in found.items():
    print(json.dumps({"split": split, "features": rows.features.to_dict()}))
    if "image" in rows.features:
        rows = rows.cast_column("image", datasets.Image(decode=False))
    for row in rows:
        image = row.pop("image", None)
        digest = image and hashlib.sha256(image["bytes"]).hexdigest()
        print(json.dumps({"row": row, "digest": digest}))
"""


LOOK = """
import hashlib, json, sys

from cafdata.catalogue import Catalogue
from cafdata.hub_files import HubFiles, HubLimits
from core.errors import ArchiveBroken

for name, most in ((name, int(most)) for name, most in (word.split(":") for word in sys.argv[1:])):
    try:
        catalogue = Catalogue(HubFiles(name, HubLimits(max_rows=most)))
        rows = list(catalogue.rows_of("synthetic-03"))
        ids = [record.picture_id for record in catalogue.records(rows)]
        pictures = catalogue.pictures(rows) if catalogue.has_pictures else []
        digests = [hashlib.sha256(picture.data).hexdigest() for picture in pictures]
        print(json.dumps({"count": len(catalogue), "title": catalogue.title, "ids": ids, "digests": digests}))
    except ArchiveBroken as error:
        print(json.dumps({"refused": str(error)}))
"""


def load(endpoint: str, home: Path, name: str, config: str, how: str = "whole") -> "subprocess.CompletedProcess[str]":
    """Rows as `datasets` loads them, a line each."""
    return asking(endpoint, home, LOAD, name, config, how)


def asking(endpoint: str, home: Path, code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own, as the Hub's client reads its endpoint when it is imported."""
    offline = {"HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"}
    environment = {key: value for key, value in os.environ.items() if key not in offline}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": SECRET}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)


@pytest.mark.parametrize(
    ("name", "config", "how"),
    [
        ("org/sample", "pictures", "whole"),
        ("org/given", "pictures", "streaming"),
        ("org/given", "metadata", "whole"),
        ("org/metadata-only", "metadata", "streaming"),
    ],
)
def test_rows_and_pictures_are_those_of_the_archive(
    endpoint: str, shelf: Shelf, tmp_path: Path, name: str, config: str, how: str
) -> None:
    shelf.served.clear()
    done = load(endpoint, tmp_path / "home", name, config, how)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    heads = [line for line in lines if "split" in line]
    assert [head["split"] for head in heads] == ["train", "validation", "test"]
    wanted = record_features(with_pictures=config == "pictures").to_dict()
    assert [head["features"] for head in heads] == 3 * [json.loads(json.dumps(wanted))]
    rows = {line["row"]["picture_id"]: line for line in lines if "row" in line}
    pictures = {picture.record.picture_id: picture for picture in Archive(SAMPLE).pictures()}
    assert rows.keys() == pictures.keys()
    for key, line in rows.items():
        record = pictures[key].record
        assert line["row"]["person_id"] == record.person_id and line["row"]["sha256"] == record.sha256
        assert line["row"]["age_min_years"] == record.age_min_years and line["row"]["split"] == record.split
        assert line["digest"] == (hashlib.sha256(pictures[key].data).hexdigest() if config == "pictures" else None)
    parquet = {path for path in shelf.served if path.endswith(".parquet")}
    assert len(parquet) == 3, "nothing is fetched but the files of the configuration"
    if name != "org/sample":
        assert all(path.startswith(f"{config}/") for path in parquet)


def test_pictures_that_are_not_given_away_are_not_there(endpoint: str, tmp_path: Path) -> None:
    done = load(endpoint, tmp_path / "home", "org/metadata-only", "pictures")
    assert done.returncode != 0
    assert "BuilderConfig 'pictures' not found" in done.stderr


def test_looked_around_in_where_it_lies_without_an_account(endpoint: str, shelf: Shelf, tmp_path: Path) -> None:
    shelf.tokens.clear()
    names = ("org/sample:1000", "org/given:1000", "org/metadata-only:1000", "org/none:1000", "org/given:100", "../x:9")
    done = asking(endpoint, tmp_path / "home", LOOK, *names)
    assert done.returncode == 0, done.stderr
    sample, given, bare, none, large, path = (json.loads(line) for line in done.stdout.splitlines())
    held = [picture for picture in Archive(SAMPLE).pictures() if picture.record.person_id == "synthetic-03"]
    held.sort(key=lambda picture: (picture.record.age_min_years, picture.record.age_max_years))
    assert sample["title"] == "org/sample" and sample["count"] == given["count"] == bare["count"] == len(
        Archive(SAMPLE)
    )
    assert sample["ids"] == given["ids"] == bare["ids"] == [picture.record.picture_id for picture in held]
    assert sample["digests"] == given["digests"] == [picture.record.sha256 for picture in held] and not bare["digests"]
    assert "no open data set org/none" in none["refused"] and "too large" in large["refused"]
    assert "OWNER/NAME" in path["refused"]
    assert shelf.tokens == {None}, "whoever names a data set does not read with the server's account"


def test_a_hub_out_of_reach_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = asking("http://127.0.0.1:9", tmp_path / "home", LOOK, "org/sample:1000")
    assert "The Hub cannot be reached from here, so org/sample cannot be shown" in done.stdout
    assert len(done.stdout.splitlines()) == 1 and done.returncode == 0
