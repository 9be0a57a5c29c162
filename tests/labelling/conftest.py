"""A real Label Studio server, started once for all tests here; skipped where it is not installed."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cafdata.archive import Archive
from cafdata.record import Picture
from curation.labelling.client import LabelStudio
from curation.labelling.server import Server, installed
from tests.label_proxy import LabelProxy
from tests.make_archive import drawn_picture

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-label-studio"
FIRST_START = ENVIRONMENT / "first-start"
"""A server's folder after its first start, which takes a minute: later tests begin with a copy of it."""

MakeArchive = Callable[..., Archive]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def program() -> Path:
    """The server's program."""
    found = installed(ENVIRONMENT)
    if found is None:
        pytest.skip("Label Studio is not installed in .venv-label-studio; run: make label-studio")
    return found


@pytest.fixture(scope="session")
def server(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with an owner and nothing else."""
    if not FIRST_START.is_dir():
        draft = tmp_path_factory.mktemp("first")
        with Server(program, draft / "folder", free_port()) as first:
            first.wait()
        shutil.copytree(draft / "folder", FIRST_START)
    folder = tmp_path_factory.mktemp("label-studio") / "folder"
    shutil.copytree(FIRST_START, folder)
    with Server(program, folder, free_port()) as running:
        running.wait()
        yield running


@pytest.fixture
def studio(server: Server) -> Iterator[LabelStudio]:
    """A client of it, as the owner."""
    with LabelStudio(server.access) as client:
        yield client


@pytest.fixture
def proxy(server: Server) -> Iterator[LabelProxy]:
    """A proxy before it that hands everything on until it is told otherwise."""
    with LabelProxy(server.access.url) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        for late in serving.late:
            late.join()
        serving.shutdown()


@pytest.fixture
def make_archive(tmp_path: Path, request: pytest.FixtureRequest) -> MakeArchive:
    """Makes archives of drawn pictures; the archive's name on the server is the test's own."""

    def make(num_pictures: int = 6, name: str = "", pictures: list[Picture] | None = None) -> Archive:
        number = abs(hash(request.node.nodeid)) % 10**8
        archive = Archive.create(tmp_path / (name or f"a{number}"))
        if pictures is None:
            pictures = [drawn_picture(number, 10 + number % 60) for number in range(num_pictures)]
        archive.append(pictures)
        return archive

    return make
