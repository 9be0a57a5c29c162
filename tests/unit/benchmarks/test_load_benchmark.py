"""The benchmark of visitors at once, at its smallest."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.page_server import tiny_models

ROOT = Path(__file__).resolve().parents[3]


def test_it_says_what_two_visitors_wait(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.load", "--seconds", "0.5", "--visitors", "2"]
    environment = {**os.environ, "AGETRANS_MODELS": str(tiny_models(tmp_path))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == [f"load_2_visitors_{name}" for name in ("p50", "p95", "rate", "busy", "peak_memory")]
    assert all(re.fullmatch(r"\S+ [\d.]+ \S+", line) for line in done.stdout.splitlines())
