"""app.py where it cannot start: one sentence, or a page that says what is missing, until it is there."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from core.generator import Generator, GeneratorConfig
from core.weights import add_model
from tests.running_app import ROOT, running_app


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with models of ten and of four groups whose weights are drawn at random."""
    folder = tmp_path_factory.mktemp("models")
    config = GeneratorConfig(size_px=64, channels=(8, 12), encoder_blocks=(0, 1), decoder_blocks=(1, 1), code_width=16)
    for groups in ("10", "4"):
        add_model(Generator(replace(config, groups=groups)), f"tiny-{groups}", folder, licence="none")
    return folder


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield int(taken.getsockname()[1])


def refusal(models: Path, *arguments: str, **more: str) -> str:
    """What app.py says when it ends with an error."""
    environment = {**os.environ, "AGETRANS_MODELS": str(models), "OMP_NUM_THREADS": "1", **more}
    command = [sys.executable, "app.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_a_port_in_use_is_named(zoo: Path, busy_port: int) -> None:
    said = refusal(zoo, "--port", str(busy_port), "--pack", "embedded")
    assert said.startswith("error: ") and str(busy_port) in said


@pytest.mark.parametrize("port", ["", "7860a", "70000"])
def test_a_port_that_is_none_is_named(zoo: Path, port: str) -> None:
    assert refusal(zoo, GRADIO_SERVER_PORT=port).startswith(f"error: a port is a number from 0 to 65535, got {port!r};")
    assert refusal(zoo, "--port", port).startswith(f"error: a port is a number from 0 to 65535, got {port!r};")


def test_a_pack_that_is_none_is_named(zoo: Path) -> None:
    assert "no face pack 'nobody'" in refusal(zoo, "--pack", "nobody")


def test_an_archive_that_is_not_there_is_named(zoo: Path, tmp_path: Path) -> None:
    assert refusal(zoo, "--archive", str(tmp_path / "nowhere")).startswith(f"error: There is no archive {tmp_path}")


def test_half_of_a_key_for_signing_is_named(zoo: Path) -> None:
    said = refusal(zoo, AGETRANS_C2PA_KEY="x")
    assert said.startswith("error: AGETRANS_C2PA_KEY is set and")


def test_its_threads_sleep_while_they_wait_unless_it_is_told_otherwise(zoo: Path) -> None:
    """As torch's OpenMP found it when it was loaded."""
    environment = {**os.environ, "AGETRANS_MODELS": str(zoo), "OMP_DISPLAY_ENV": "true"}
    environment.pop("OMP_WAIT_POLICY", None)
    for told, found in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")):
        command = [sys.executable, "app.py", "--pack", "nobody"]
        done = subprocess.run(command, cwd=ROOT, env=environment | told, capture_output=True, text=True, timeout=300)
        assert f"OMP_WAIT_POLICY = '{found}'" in done.stderr


def ask(address: str, path: str = "/", **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers."""
    request = urllib.request.Request(address + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def settled(address: str, wanted: str, timeout_s: float = 60) -> str:
    """What /healthz says once its state is the one wanted; while one page makes way for the other, nothing answers."""
    deadline_s = time.monotonic() + timeout_s
    said = ""
    while time.monotonic() < deadline_s:
        with suppress(OSError):
            said = ask(address, "/healthz")[1]
            if json.loads(said)["state"] == wanted:
                return said
        time.sleep(0.2)
    pytest.fail(f"not {wanted} after {timeout_s:g} s: {said}")


def test_a_page_says_what_is_missing_until_it_is_there(zoo: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    environment = {**os.environ, "AGETRANS_MODELS": str(models), "OMP_NUM_THREADS": "1"}
    with running_app(tmp_path, environment=environment) as app:
        status, page, headers = ask(app.address)
        assert status == 503 and headers["retry-after"] == "5"
        assert "There is no model with 10 age groups" in page and str(models) in page
        assert "Put the model’s files back" in page and "Traceback" not in page
        assert headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff"
        assert ask(app.address, "/gradio_api/info")[0] == 503, "nothing is served in part"
        assert "There is no model" in settled(app.address, "not ready")

        models.mkdir()  # one model whole, the other damaged: still nothing is served
        shutil.copy(zoo / "tiny-10.safetensors", models)
        (models / "tiny-4.safetensors").write_bytes((zoo / "tiny-4.safetensors").read_bytes()[:-1])
        shutil.copy(zoo / "manifest.json", models)
        deadline_s = time.monotonic() + 30
        while "tiny-4.safetensors" not in (page := ask(app.address)[1]):
            assert time.monotonic() < deadline_s, page
            time.sleep(0.2)
        assert "Copy it anew" in page

        shutil.copy(zoo / "tiny-4.safetensors", models)
        settled(app.address, "ready")
        status, page, _ = ask(app.address)
        assert status == 200 and "One photo. Every age." in page
        assert app.process.poll() is None
        assert "Traceback" not in app.log.read_text()
        assert app.log.read_text().count("not ready: ") == 2, "each reason is logged once"
