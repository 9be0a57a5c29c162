"""The estimator learns, and a run that stops and goes on equals one that does not."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import RunBroken
from tests.drawn import face_parquet
from tests.models import TINY_ESTIMATOR
from training.data import FaceSet, load_faces
from training.estimator import EstimatorRun, EstimatorTraining, held_out_rows, train_estimator
from training.estimator_export import export_estimator
from training.terms import ModelTerms

CONFIG = EstimatorTraining(network=TINY_ESTIMATOR, num_faces=320, batch_size=16, num_threads=1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_parquet(tmp_path_factory.mktemp("data") / "faces.parquet", count=120)


@pytest.fixture(scope="module")
def faces(file: Path) -> FaceSet:
    return load_faces((file,), TINY_ESTIMATOR.size_px)


def test_two_sittings_equal_one(faces: FaceSet, tmp_path: Path) -> None:
    straight = EstimatorRun(CONFIG, faces)
    terms = [straight.do_step() for _ in range(6)]
    first = EstimatorRun(CONFIG, faces)
    for _ in range(3):
        first.do_step()
    first.save(tmp_path / "state.safetensors")
    second = EstimatorRun(CONFIG, faces)
    second.load(tmp_path / "state.safetensors")
    assert [second.do_step() for _ in range(3)] == terms[3:]
    for one, other in zip(straight.average.state_dict().values(), second.average.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_it_learns_the_ages_of_drawn_faces(file: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, num_faces=6400, batch_size=32, learning_rate=5e-3, data=(str(file),))
    run = train_estimator(config, tmp_path / "run")
    assert run.step == 200
    lines = (tmp_path / "run" / "losses.jsonl").read_text().splitlines()
    first, last = (float(line.split('"mae": ')[1].split(",")[0].rstrip("}")) for line in (lines[0], lines[-1]))
    assert last < 0.8 * first


def test_the_rate_rises_then_falls_to_nothing(faces: FaceSet) -> None:
    run = EstimatorRun(CONFIG, faces)
    rates = []
    for step in range(run.num_steps + 1):
        run.step = step
        rates.append(run.learning_rate())
    assert rates[0] == 0 and max(rates) > 0.9 * CONFIG.learning_rate and rates[-1] < 1e-8


def test_held_out_faces_stay_held_out_when_more_are_added() -> None:
    few, many = held_out_rows(1000, 0.05, 0), held_out_rows(5000, 0.05, 0)
    assert 20 < len(few) < 90
    assert np.array_equal(few, many[many < 1000])


def test_a_run_does_not_go_on_with_other_faces(tmp_path: Path) -> None:
    """What comes before others moves all of them, under the same --data; what comes after them moves none."""
    folder, run, terms = tmp_path / "data", tmp_path / "run", ModelTerms(name="a", licence="b", trained_on="c")
    folder.mkdir()
    face_parquet(folder / "m.parquet", count=60)
    config = dataclasses.replace(CONFIG, num_faces=32, data=(str(folder / "*.parquet"),))
    train_estimator(config, run)
    with pytest.raises(RunBroken, match=r"other faces held out \(seed 0 -> 1\).*another --out"):
        train_estimator(dataclasses.replace(config, seed=1), run)
    with pytest.raises(RunBroken, match="the first 60 of the 7 here are not those"):
        train_estimator(dataclasses.replace(config, max_faces=7), run)
    face_parquet(folder / "n.parquet", count=50, seed=1)
    train_estimator(dataclasses.replace(config, num_faces=48), run)
    (folder / "n.parquet").rename(folder / "a.parquet")
    with pytest.raises(RunBroken, match="the first 110 of the 110 here are not those it learnt from"):
        train_estimator(dataclasses.replace(config, num_faces=64), run)
    with pytest.raises(RunBroken, match="the first 110 of the 110 here"):
        export_estimator(run, terms, tmp_path / "models", folder / "m.parquet")


def test_what_precision_a_run_began_with_it_keeps(file: Path, faces: FaceSet, tmp_path: Path) -> None:
    for precision in ("bfloat16", "float32"):
        begun = EstimatorRun(CONFIG, faces, precision)
        begun.do_step()
        (tmp_path / precision).mkdir()
        begun.save(tmp_path / precision / "estimator.safetensors")
        config = dataclasses.replace(CONFIG, num_faces=32, data=(str(file),))
        state = train_estimator(config, tmp_path / precision)
        assert (state.step, str(state.compute.dtype)) == (2, f"torch.{precision}")


def test_several_processes_are_refused(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunBroken, match="train-estimator runs in one process"):
        train_estimator(dataclasses.replace(CONFIG, data=(str(file),)), tmp_path)


def test_a_damaged_checkpoint_says_what_to_do(file: Path, tmp_path: Path) -> None:
    (tmp_path / "estimator.safetensors").write_bytes(b"no tensors")
    with pytest.raises(RunBroken, match=r"estimator\.safetensors"):
        train_estimator(dataclasses.replace(CONFIG, data=(str(file),)), tmp_path)
