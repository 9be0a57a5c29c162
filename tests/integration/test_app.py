"""app.py where it cannot start: one sentence, no trace."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.generator import Generator, GeneratorConfig
from core.weights import add_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with one model of ten groups whose weights are drawn at random."""
    folder = tmp_path_factory.mktemp("models")
    config = GeneratorConfig(size_px=64, channels=(8, 12), encoder_blocks=(0, 1), decoder_blocks=(1, 1), code_width=16)
    add_model(Generator(config), "tiny-10", folder, licence="none")
    return folder


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield int(taken.getsockname()[1])


def refusal(models: Path, *arguments: str) -> str:
    """What app.py says when it ends with an error."""
    environment = {**os.environ, "AGETRANS_MODELS": str(models), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "app.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_a_port_in_use_is_named(zoo: Path, busy_port: int) -> None:
    said = refusal(zoo, "--port", str(busy_port), "--pack", "embedded")
    assert said.startswith("error: ") and str(busy_port) in said


def test_a_pack_that_is_none_is_named(zoo: Path) -> None:
    assert "no face pack 'nobody'" in refusal(zoo, "--pack", "nobody")


def test_without_models_it_says_what_is_missing(tmp_path: Path) -> None:
    assert "There is no model with 10 age groups" in refusal(tmp_path)
