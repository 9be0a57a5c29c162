"""The Dockerfile without Docker: what it copies is laid out, its environment set, its commands run."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running_app import ROOT, free_port

TEXT = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
STATE = "/tmp/agetrans"
"""Below which the image writes."""


def lines(instruction: str) -> list[str]:
    return re.findall(rf"^{instruction} (.*)$", TEXT, re.MULTILINE)


def copied() -> list[str]:
    return [source for line in lines("COPY") for source in line.split()[:-1]]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the image holds."""
    folder = tmp_path_factory.mktemp("image")
    for name in copied():
        source, target = ROOT / name, folder / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.discriminator.safetensors")
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy(source, target)
    return folder


def test_what_is_copied_is_there_and_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name in copied():
        assert (ROOT / name).exists()
        assert any(pattern.startswith(name.rstrip("/")) for pattern in let_in), f"{name} does not reach the builder"


def test_nobody_runs_as_root() -> None:
    assert lines("USER") == ["visitor"]
    assert TEXT.index("\nUSER ") < TEXT.index("\nCMD ")
    assert not re.search(r"apt-get|build-essential|gcc", TEXT)


def test_temporary_files_have_a_place_where_the_image_may_write() -> None:
    environment = dict(pair.split("=", 1) for line in lines("ENV") for pair in line.split())
    made = [name for line in lines("RUN") for name in line.split() if name.startswith("/tmp")]
    assert environment["TMPDIR"] in made
    assert all(value.startswith(STATE) for value in environment.values() if value.startswith("/tmp"))


def test_the_image_serves_is_healthy_and_writes_where_it_may(image: Path, tmp_path: Path) -> None:
    pairs = [pair.split("=", 1) for line in lines("ENV") for pair in line.split()]
    environment = {name: value.replace(STATE, str(tmp_path)) for name, value in pairs}
    port = free_port()
    environment |= {"PATH": "/usr/bin:/bin", "GRADIO_SERVER_PORT": str(port)}
    [check] = [json.loads(line.partition(" CMD ")[2]) for line in lines("HEALTHCHECK")]
    check = [sys.executable, *(part.replace("7860", str(port)) for part in check[1:])]
    [command] = [json.loads(line) for line in lines("CMD")]
    before = {path for path in image.rglob("*") if "__pycache__" not in path.parts}

    def is_healthy() -> bool:
        return subprocess.run(check, env=environment, capture_output=True, timeout=30).returncode == 0

    [stop] = [getattr(signal, name) for name in lines("STOPSIGNAL")]
    with (tmp_path / "log").open("wb") as log:
        served = subprocess.Popen(
            [sys.executable, *command[1:]],
            cwd=image,
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: signal.signal(stop, signal.SIG_DFL),  # a shell's background job would ignore it
        )
    try:
        deadline_s = time.monotonic() + 120
        assert not is_healthy()
        while not is_healthy():
            assert served.poll() is None and time.monotonic() < deadline_s, (tmp_path / "log").read_text()
            time.sleep(0.3)
        served.send_signal(stop)
        assert served.wait(10) == 0, "docker stop would wait, then kill"
    finally:
        served.kill()
    assert {path for path in image.rglob("*") if "__pycache__" not in path.parts} == before
    assert not Path(STATE).exists() or os.environ.get("HOME", "").startswith(STATE)
