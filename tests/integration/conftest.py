"""One running app for the tests that only ask it."""

import os
from collections.abc import Iterator

import pytest

from tests.running_app import RunningApp, running_app


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """app.py whose connections to anywhere are written down, by an audit hook in its own process."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "def watch(event, args):\n"
        "    if event == 'socket.connect' and isinstance(args[1], tuple):\n"
        "        print('CONNECTS', args[1], file=sys.stderr, flush=True)\n"
        "    elif event == 'socket.getaddrinfo':\n"
        "        print('ASKS FOR', args[:2], file=sys.stderr, flush=True)\n"
        "sys.addaudithook(watch)\n"
    )
    with running_app(folder, environment={**os.environ, "PYTHONPATH": str(folder)}) as running:
        yield running
