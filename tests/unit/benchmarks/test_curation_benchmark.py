"""The benchmark of fetching and looking runs both ways over a small site; at that size its rates mean nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.curation import Outcome, computed_s, computed_until, lines_of, tree

ROOT = Path(__file__).resolve().parents[3]


def outcome(rate: float, cpu_s: float) -> Outcome:
    memory = [10.0, 20.0, 30.0, 34.0, 31.0, 35.0, 40.0, 38.0]
    return Outcome(rate=rate, cpu_s=cpu_s, site_cpu_s=0.001, whole_s=5.0, resident_mib=memory, share_mib=memory,
                   steady_mib=memory)  # fmt: skip


def test_figures_are_worked_out_as_said() -> None:
    plain, ours = [outcome(20, 0.039), outcome(30, 0.029)], [outcome(40, 0.029), outcome(30, 0.029)]
    lines = [line.split() for line in lines_of({"plain": plain, "ours": ours}, 0.02)]
    found = {name: float(value) for name, value, _ in lines}
    assert found["plain_at_20_ms"] == 25 and found["plain_at_20_ms_spread"] == 10
    assert found["ours_at_20_ms_cpu"] == 29 and found["site_at_20_ms_cpu"] == 1
    assert found["ours_at_20_ms_share_peak"] == 40 and found["ours_at_20_ms_share_growth"] == 24  # 39 less 15
    assert found["ratio_at_20_ms"] == 1.5  # of 2 and 1
    assert found["ratio_at_20_ms_on_free_cores"] == pytest.approx((4 + 10 / 3) / 2, abs=0.01)


def test_a_tree_of_processes_and_what_it_computed() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    parent = subprocess.Popen([sys.executable, "-c", program])
    try:
        deadline = time.monotonic() + 20
        while len(tree(parent.pid)) < 2 or computed_s(tree(parent.pid)[1]) < 0.2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        child = tree(parent.pid)[1]
        assert computed_s(parent.pid) < computed_s(child)
    finally:
        os.kill(tree(parent.pid)[-1], 9)
        parent.wait()
    assert tree(parent.pid) == [parent.pid]
    assert computed_until(Outcome(computed_s=[(10.0, 1.0), (12.0, 2.0)]), 11.0) == 1.5


def test_benchmark_ends_with_name_value_unit_lines() -> None:
    command = [sys.executable, "-m", "benchmarks.curation", "--pictures", "16", "--hosts", "4", "--latencies", "0.01"]
    done = subprocess.run(
        [*command, "--pack", "embedded", "--no-bars"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=600
    )
    last = [line.split() for line in done.stdout.splitlines()[-17:]]
    kinds = {"": "pictures/s", "_spread": "pictures/s", "_cpu": "ms/picture", "_whole": "s",
             "_resident_peak": "MiB", "_share_peak": "MiB", "_share_growth": "MiB"}  # fmt: skip
    assert [(name, unit) for name, _, unit in last] == [
        *((f"{way}_at_10_ms{end}", unit) for way in ("plain", "ours") for end, unit in kinds.items()),
        ("site_at_10_ms_cpu", "ms/picture"),
        ("ratio_at_10_ms", "x"),
        ("ratio_at_10_ms_on_free_cores", "x"),
    ]
    assert all(float(value) > 0 for name, value, _ in last if not name.endswith(("spread", "growth")))
    faces = [int(line.split(" faces")[0].split()[-1]) for line in done.stderr.splitlines() if " faces, " in line]
    assert len(faces) == 2 and min(faces) > 13, done.stderr
