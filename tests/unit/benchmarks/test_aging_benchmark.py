"""The benchmark of ageing: its reading of one face runs, on one core, and says what it found."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_a_face_is_read_on_one_core() -> None:
    command = [sys.executable, "-m", "benchmarks.aging", "--reading"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    found = json.loads(done.stdout)
    assert len(found["seconds"]) == 50
    assert found["estimator"].startswith("age-")
    assert 0 < statistics.median(found["seconds"]) < 1
