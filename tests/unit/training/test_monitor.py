"""The loss log over kills and damage, gradient norms, and what is read from fixed faces at every age."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import RunBroken
from core.generator import Generator, GeneratorConfig
from core.images import decode_photo
from tests.drawn import face
from training.monitor import LossLog, ages_made, gradient_norm, read_losses, sample_grid, write_grid

TINY = GeneratorConfig(size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=16)


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(TINY).eval()


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([np.asarray(face(years, 0, random, 32)) for years in (5, 60)])


def test_a_report_holds_means_rates_and_the_share_of_waiting(tmp_path: Path) -> None:
    log = LossLog(tmp_path / "losses.jsonl", 0, 0)
    log.since -= 10.0
    log.add({"d": 1.0, "r1": 8.0})
    log.add({"d": 2.0})
    line = log.report(2, 80, waited_s=2.5)
    assert (line["step"], line["d"], line["r1"]) == (2, 1.5, 8.0)
    assert line["faces_per_s"] == pytest.approx(8.0, rel=0.05)
    assert line["waiting"] == pytest.approx(0.25, rel=0.05)
    log.since -= 10.0
    log.add({"d": 5.0})
    again = log.report(3, 160, waited_s=5.0)
    assert (again["d"], "r1" in again) == (5.0, False)
    assert again["waiting"] == pytest.approx(0.25, rel=0.05)
    assert read_losses(tmp_path / "losses.jsonl") == [line, again]


def test_steps_that_will_be_done_again_and_half_a_line_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "losses.jsonl"
    whole = "".join(json.dumps({"step": step, "d": 1.0}) + "\n" for step in (25, 50, 75))
    path.write_text(whole + '{"step": 100, "d')
    assert [line["step"] for line in read_losses(path)] == [25, 50, 75]
    LossLog(path, 50, 0)
    assert path.read_text() == whole[: len(whole) * 2 // 3]


@pytest.mark.parametrize("damage", ['{"step": 30, "d\n', "[3]\n", '{"d": 1.0}\n', '{"step": "x"}\n'])
def test_other_damage_is_named_by_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "losses.jsonl"
    path.write_text('{"step": 25}\n' + damage + '{"step": 50}\n')
    with pytest.raises(RunBroken, match="line 2"):
        LossLog(path, 50, 0)


def test_a_log_that_cannot_be_written_stops_the_run_with_a_reason(tmp_path: Path) -> None:
    log = LossLog(tmp_path / "losses.jsonl", 0, 0)
    (tmp_path / "losses.jsonl").mkdir()
    with pytest.raises(RunBroken, match="cannot write the log"):
        log.report(1, 1, waited_s=0.0)


def test_gradient_norm_is_the_length_of_all_gradients_together() -> None:
    network = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    assert gradient_norm(network) == 0.0
    network[0].weight.grad = torch.tensor([[3.0, 0.0]])
    network[1].bias.grad = torch.tensor([-4.0])
    assert gradient_norm(network) == pytest.approx(5.0)
    network[1].bias.grad = torch.tensor([math.nan])
    assert math.isnan(gradient_norm(network))


def test_ages_are_read_from_what_is_made_for_each_group(generator: Generator, faces: np.ndarray) -> None:
    seen = []

    def reader(pictures: Tensor) -> Tensor:
        seen.append(pictures)
        return pictures.mean((1, 2, 3)) * 100

    ages = ages_made(generator, reader, faces)
    assert tuple(ages) == generator.groups.names
    grid = sample_grid(generator, faces).reshape(2, 32, 11, 32, 3)
    for column, (years, pictures) in enumerate(zip(ages.values(), seen, strict=True), start=1):
        shown = grid[:, :, column].astype(np.float64) / 127.5 - 1
        assert years == pytest.approx(shown.mean() * 100, abs=0.3)
        assert pictures.shape == (2, 3, 32, 32)
        assert pictures.abs().max() <= 1


def test_the_grid_shows_each_face_and_then_its_ages(generator: Generator, faces: np.ndarray, tmp_path: Path) -> None:
    grid = write_grid(generator, faces, tmp_path / "grid.png")
    assert grid.shape == (64, 11 * 32, 3)
    assert (grid[:32, :32] == faces[0]).all() and (grid[32:, :32] == faces[1]).all()
    assert (decode_photo((tmp_path / "grid.png").read_bytes()) == grid).all()


def test_a_grid_of_large_faces_is_shrunk(monkeypatch: pytest.MonkeyPatch, generator: Generator) -> None:
    large = np.full((2, 32, 32, 3), 77, np.uint8)
    monkeypatch.setattr("training.monitor.GRID_PX", 16)
    grid = sample_grid(generator, large)
    assert grid.shape == (32, 11 * 16, 3)
    assert np.abs(grid[:, :16].astype(int) - 77).max() <= 1
