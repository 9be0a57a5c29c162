"""The benchmark of near-duplicates runs and asks the same of all ways; at a small size its ratios mean nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.duplicates import asked_of_faiss, indexed, planted_hashes, scan
from cafdata.duplicates import self_pairs

ROOT = Path(__file__).resolve().parents[3]


def test_all_ways_find_the_same() -> None:
    hashes, wanted = planted_hashes(600, 1)
    found = scan(hashes)
    assert len(wanted) == 12
    assert {tuple(pair) for pair in wanted.tolist()} <= {tuple(pair) for pair in found.tolist()}
    assert np.array_equal(self_pairs(hashes), found)
    answers = asked_of_faiss(indexed(hashes), hashes)
    assert np.array_equal(np.unique(answers[answers[:, 0] < answers[:, 1]], axis=0), found)


def test_benchmark_ends_with_name_value_unit_lines() -> None:
    command = [sys.executable, "-m", "benchmarks.duplicates", "--hashes", "3000", "--rounds", "2", "--asked", "500"]
    done = subprocess.run([*command, "--no-bars"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    last = [line.split() for line in done.stdout.splitlines()[-13:]]
    assert [(name, unit) for name, _, unit in last] == [
        ("pairs_of_64_bits", "s"),
        ("pairs_of_64_bits_spread", "s"),
        ("pairs_of_256_bits", "s"),
        ("pairs_of_256_bits_spread", "s"),
        ("pairs_peak", "MiB"),
        ("scan_of_few", "s"),
        ("scan_of_few_spread", "s"),
        ("ours_of_few", "s"),
        ("ours_of_few_spread", "s"),
        ("speedup_over_scan", "x"),
        ("faiss_asked", "s"),
        ("faiss_asked_spread", "s"),
        ("speedup_over_faiss_for_all", "x"),
    ]
    assert all(float(value) > 0 for name, value, _ in last if not name.endswith(("spread", "peak")))
