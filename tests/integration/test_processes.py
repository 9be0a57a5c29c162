"""Several processes of one run see, lose and learn together what one with the whole batch does."""

import json
import os
import re
import shutil
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


def launched(num_processes: int, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(num_processes), "-m", module]
    return subprocess.run(
        [sys.executable, *launch, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def trained(num_processes: int, preset: str, data: Path, batch_size: int, steps: int, out: Path) -> dict[str, Any]:
    done = launched(
        num_processes, "tests.integration.one_of_many", preset, str(data), str(batch_size), str(steps), str(out)
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
    assert two["behind"] == pytest.approx(one["behind"], rel=0.1), "an average of the same half-life"


def test_machines_that_do_not_go_on_from_the_same_state_are_stopped(data: Path, tmp_path: Path) -> None:
    """Each process has a run folder of its own. Equal copies of a state go on; a newer one beside none does not."""

    def train(steps: int) -> "subprocess.CompletedProcess[str]":
        options = ["--out", str(tmp_path / "run-RANK"), "--data", str(data), "--steps", str(steps), "--threads", "1"]
        return launched(2, "tests.integration.one_apart", "train", *options)

    begun = train(12)
    assert begun.returncode == 0, begun.stderr
    main, other = tmp_path / "run-0", tmp_path / "run-1"
    assert not (other / "state.safetensors").exists(), "only the main process writes"
    before = (main / "state.safetensors").read_bytes()
    refused = train(14)
    assert refused.returncode != 0
    # Both processes say it on one stderr, at times in the same line.
    said = set(re.findall(r"error: .*?state\.safetensors", refused.stderr))
    assert said == {
        "error: of 2 processes those of rank 1 begin with other weights of the Discriminator than the main one: "
        "let all see one run folder, or give each machine a copy of the same state.safetensors"
    }
    assert (main / "state.safetensors").read_bytes() == before
    shutil.copyfile(main / "state.safetensors", other / "state.safetensors")
    gone_on = train(14)
    assert gone_on.returncode == 0, gone_on.stderr
    assert re.findall(r'"step": (\d+)', gone_on.stdout) == ["14", "14"]  # at times in the same line, too


def test_machines_that_are_told_different_things_are_stopped(data: Path, tmp_path: Path) -> None:
    """Other options, or other faces under the same name; the same faces may lie anywhere."""
    for rank in range(2):
        shutil.copyfile(data, tmp_path / f"same-{rank}.parquet")
        face_parquet(tmp_path / f"other-{rank}.parquet", seed=rank)

    def refusals(*options: str) -> set[str]:
        out = tmp_path / f"{len(options)}-RANK"
        begun = launched(2, "tests.integration.one_apart", "train", "--out", str(out), "--steps", "2", *options)
        assert begun.returncode != 0
        return set(re.findall(r"error: .*? than the main one", begun.stderr))

    said = "error: of 2 processes that of rank 1 was given another %s than the main one"
    same, other = str(tmp_path / "same-RANK.parquet"), str(tmp_path / "other-RANK.parquet")
    assert refusals("--data", same, "--learning-rate", "1e-RANK", "--seed", "RANK") == {said % "learning_rate, seed"}
    assert refusals("--data", other) == {said % "data"}
