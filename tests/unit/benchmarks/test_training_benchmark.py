"""The benchmark of a training step runs and says what it found."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_benchmark_ends_with_name_value_unit_lines() -> None:
    command = [sys.executable, "-m", "benchmarks.training", "--preset", "tiny", "--batch-size", "4", "--threads", "1"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    last = [line.split() for line in done.stdout.splitlines()[-4:]]
    assert [(name, unit) for name, _, unit in last] == [
        ("train_tiny_ours", "faces/s"),
        ("train_tiny_plain", "faces/s"),
        ("train_tiny_waiting", "share"),
        ("train_tiny_ratio", "x"),
    ]
    values = {name: float(value) for name, value, _ in last}
    assert values["train_tiny_ours"] > 0
    assert 0 <= values["train_tiny_waiting"] <= 1
    assert 0.1 < values["train_tiny_ratio"] < 10
