"""Several processes of one run see, lose and learn together what one with the whole batch does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.drawn import face_parquet

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_parquet(tmp_path_factory.mktemp("data") / "faces.parquet")


def trained(num_processes: int, preset: str, data: Path, batch_size: int, steps: int, out: Path) -> dict[str, Any]:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(num_processes)]
    run = [preset, str(data), str(batch_size), str(steps), str(out)]
    done = subprocess.run(
        [sys.executable, *launch, "-m", "tests.integration.one_of_many", *run],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(out.read_text())
    assert seen["count"] == num_processes
    return seen


@pytest.mark.parametrize("preset", ["tiny", "reference-tiny"])
def test_two_processes_equal_one_with_twice_the_batch(preset: str, data: Path, tmp_path: Path) -> None:
    one = trained(1, preset, data, 16, 6, tmp_path / "one.json")
    two = trained(2, preset, data, 8, 6, tmp_path / "two.json")
    for step, (alone, together) in enumerate(zip(one["terms"], two["terms"], strict=True)):
        assert alone.keys() == together.keys()
        for name, value in alone.items():
            assert together[name] == pytest.approx(value, rel=2e-3, abs=2e-4), f"{name} in step {step}"
    assert np.allclose(one["weights"], two["weights"], atol=2e-3)
