"""The benchmark runs; that both ways agree is tested with the bands (cafdata/test_bootstrap)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_benchmark_ends_with_name_value_unit_lines() -> None:
    command = [sys.executable, "-m", "benchmarks.calibration", "--pairs", "3000", "--people", "60", "--rounds", "1"]
    done = subprocess.run([*command, "--draws", "5"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    last = [line.split() for line in done.stdout.splitlines()[-8:]]
    assert [(name, unit) for name, _, unit in last] == [
        ("twenty_draws_plain", "s"),
        ("twenty_draws_plain_cpu", "s"),
        ("twenty_draws_ours", "s"),
        ("twenty_draws_ours_cpu", "s"),
        ("speedup_twenty_draws", "x"),
        ("speedup_twenty_draws_cpu", "x"),
        ("bands_of_55_cells_5_draws", "s"),
        ("bands_peak", "MiB"),
    ]
    assert all(float(value) > 0 for _, value, _ in last)
