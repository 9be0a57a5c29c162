"""No secret in argv, output, logs or traces: canaries through every command, their failures included."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from curation.labelling.server import OWNER, Server, is_up
from tests.labelling.conftest import FIRST_START, ROOT, MakeArchive, free_port

PASSWORD = "canary-password-7f3a"
TOKEN = "5ec2e7" + "c" * 34


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LABEL_STUDIO")}
    return kept | {"LABEL_STUDIO_PASSWORD": PASSWORD, "LABEL_STUDIO_TOKEN": TOKEN} | more


@contextmanager
def watching_command_lines() -> Iterator[list[str]]:
    """Every command line on this machine that holds one of the canaries, looked for all the time."""
    found: list[str] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if PASSWORD.encode() in line or TOKEN.encode() in line:
                    found.append(line.decode(errors="replace"))
            time.sleep(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        is_over.set()
        watcher.join()


def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.labelling.command", *words]
    return subprocess.run(command, cwd=ROOT, env=environment(**more), capture_output=True, text=True, timeout=120)


@pytest.mark.usefixtures("server")
def test_up_and_every_command_keep_secrets(program: Path, make_archive: MakeArchive, tmp_path: Path) -> None:
    """A server of its own by `label up`, then push, pull, status with the right token and with a wrong one."""
    folder, port = tmp_path / "studio", free_port()
    folder.mkdir()
    # The database of a first start saves a minute; its owner has other secrets, which are the right ones here.
    for name in FIRST_START.iterdir():
        if not name.name.startswith("owner."):
            subprocess.run(["cp", "-r", str(name), str(folder)], check=True)
    archive, address = str(make_archive(2).folder), f"http://127.0.0.1:{port}"
    words = ["up", "--folder", str(folder), "--port", str(port), "--environment", str(program.parent.parent)]
    output = []
    with watching_command_lines() as lines:
        up = subprocess.Popen(
            # A suite that runs in the background ignores Ctrl-C, and what it starts would, too.
            ["env", "--default-signal=INT", sys.executable, "-m", "tests.labelling.command", *words],
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert up.stdout is not None
            first = up.stdout.readline()
            assert address in first, up.communicate()
            assert OWNER in first
            right = (FIRST_START / "owner.token").read_text()
            for token, code in ((right, 0), (TOKEN, 1)):
                for command in ("push", "pull", "status"):
                    outcome = run(command, archive, LABEL_STUDIO_URL=address, LABEL_STUDIO_TOKEN=token)
                    assert outcome.returncode == code, outcome.stderr
                    assert right not in outcome.stdout + outcome.stderr
                    output += [outcome.stdout, outcome.stderr]
            output += [run("up", "--port", str(port)).stderr]
        finally:
            up.send_signal(signal.SIGINT)
            output += [first, *up.communicate(timeout=60)]
    assert lines == []
    assert not is_up(address), "Ctrl-C stops the server"
    for path in folder.rglob("*.log"):
        output.append(path.read_text(errors="replace"))
    for text in output:
        assert PASSWORD not in text
        assert TOKEN not in text
    assert (folder / "owner.token").stat().st_mode & 0o077 == 0
    assert (folder / "owner.token").read_text() == TOKEN


def test_a_server_answers_on_loopback_only(server: Server) -> None:
    """Nothing but 127.0.0.1 is listened on at its port."""
    port = int(server.access.url.rpartition(":")[2])
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    at_port = {address for address in listening if address.endswith(f":{port:04X}")}
    assert {address.partition(":")[0] for address in at_port} == {"0100007F"}
    assert f":{port:04X} 0000" not in Path("/proc/net/tcp6").read_text()
