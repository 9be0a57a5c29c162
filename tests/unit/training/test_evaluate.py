"""The judge, and figures that follow from what a generator does."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.align import UTKFACE
from core.detect import FacePack, open_pack
from core.errors import WeightsMissing
from core.generator import Generator, GeneratorConfig
from training.data import load_faces
from training.evaluate import as_markdown, evaluate
from training.judge import AgeSexJudge


@pytest.fixture(scope="module")
def judge(shared: Path) -> AgeSexJudge:
    return AgeSexJudge(shared / "models" / "insightface2018_gender_age_112.onnx")


@pytest.fixture(scope="module")
def pack(shared: Path) -> FacePack:
    return open_pack(f"insightface:{shared / 'models' / 'pack_scrfd_mobilefacenet'}")


@pytest.fixture(scope="module")
def keeper() -> Generator:
    """A generator whose mask is closed: it gives every face back as it is."""
    torch.manual_seed(0)
    config = GeneratorConfig(size_px=64, channels=(8, 12), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=16)
    network = Generator(config).eval().requires_grad_(False)
    network.decoder.head.bias[3 * config.fold**2 :] = -1e4
    return network


def test_the_judge_reads_real_faces(shared: Path, judge: AgeSexJudge) -> None:
    faces = load_faces((shared / "data" / "utkface_eval.parquet",), 112).spread(110)
    template = np.broadcast_to(UTKFACE.template("arcface5", 112), (len(faces), 5, 2))
    ages, women = judge.read(faces.faces, template)
    assert np.abs(ages - faces.ages_years).mean() < 12
    assert np.corrcoef(ages, faces.ages_years)[0, 1] > 0.8
    adults = faces.ages_years >= 20
    assert ((women > 0.5) == (faces.sexes == 1))[adults].mean() > 0.8


def test_a_generator_that_changes_nothing_is_found_out(
    shared: Path, judge: AgeSexJudge, pack: FacePack, keeper: Generator, tmp_path: Path
) -> None:
    data = shared / "data" / "utkface_eval.parquet"
    found = evaluate(keeper, "keeper", data, judge, pack, tmp_path / "a", max_faces=12)
    assert found.num_outputs == 120
    assert found.cosine == pytest.approx(1, abs=1e-4)
    assert found.own_age_psnr_db > 70
    assert found.sex_kept == 1
    assert abs(found.spearman) < 0.05
    assert len(set(np.round(found.judged_mean_years, 6))) == 1
    assert found.spearman_real > 0.7

    again = evaluate(keeper, "keeper", data, judge, pack, tmp_path / "b", max_faces=12)
    assert again == found
    for name in ("figures.json", "figures.md", "sheet.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert json.loads((tmp_path / "a" / "figures.json").read_text()) == json.loads(
        json.dumps(dataclasses.asdict(found))
    )
    assert "| 0-2 |" in as_markdown(found)


def test_a_missing_judge_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no judge at"):
        AgeSexJudge(tmp_path / "judge.onnx")
