"""What judges read, and that each sees faces as it expects them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.align import UTKFACE
from core.errors import WeightsMissing
from core.estimator import Estimator
from core.images import resize, to_tensor
from tests.models import random_estimator
from training.data import load_faces
from training.judge import AgeSexJudge, EstimatorJudge, bundled_estimator, estimator_named


def noise(size_px: int, count: int = 5) -> np.ndarray:
    """Noise of growing contrast, which an untrained estimator tells apart."""
    random = np.random.default_rng(0)
    levels = random.normal(size=(count, size_px, size_px, 3)) * np.linspace(10, 80, count)[:, None, None, None]
    return (127 + levels).clip(0, 255).astype(np.uint8)


def anywhere(count: int) -> np.ndarray:
    return np.zeros((count, 5, 2))


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return random_estimator()


def test_the_age_sex_judge_reads_real_faces(shared: Path) -> None:
    judge = AgeSexJudge(shared / "models" / "insightface2018_gender_age_112.onnx")
    faces = load_faces((shared / "data" / "utkface_eval.parquet",), 112).spread(110)
    template = np.broadcast_to(UTKFACE.template("arcface5", 112), (len(faces), 5, 2))
    ages, women, features = judge.read(faces.faces, template)
    assert features is None
    assert np.abs(ages - faces.ages_years).mean() < 12
    assert np.corrcoef(ages, faces.ages_years)[0, 1] > 0.8
    adults = faces.ages_years >= 20
    assert ((women > 0.5) == (faces.sexes == 1))[adults].mean() > 0.8


def test_a_missing_judge_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no judge at"):
        AgeSexJudge(tmp_path / "judge.onnx")


def test_an_estimator_judges_as_it_reads(estimator: Estimator) -> None:
    faces = np.concatenate([noise(32)] * 5)
    ages, women, features = EstimatorJudge(estimator, "tiny").read(faces, anywhere(25))
    assert features is not None
    pictures = to_tensor(faces[:5])
    np.testing.assert_allclose(ages[:5], estimator.read(pictures).years, atol=1e-3)
    np.testing.assert_allclose(ages[20:], ages[:5], atol=1e-3)
    assert np.ptp(ages[:5]) > 1, "this estimator does not tell faces apart, and the test would pass for any"
    assert features.shape == (25, estimator.config.channels[-1])
    assert ((women > 0) & (women < 1)).all()
    mirrored = EstimatorJudge(estimator, "tiny").read(faces[:5, :, ::-1].copy(), anywhere(5))
    np.testing.assert_allclose(mirrored.ages_years, ages[:5], atol=1e-3)
    np.testing.assert_allclose(mirrored.features, features[:5], atol=1e-5)


def test_an_estimator_gets_faces_of_its_own_size(estimator: Estimator) -> None:
    judge = EstimatorJudge(estimator, "tiny")
    larger = noise(48, 3)
    resized = np.stack([resize(one, 32, 32) for one in larger])
    np.testing.assert_array_equal(
        judge.read(larger, anywhere(3)).ages_years, judge.read(resized, anywhere(3)).ages_years
    )
    with pytest.raises(ValueError, match="3 faces, but points of 2"):
        judge.read(larger, anywhere(2))


def test_a_folder_without_the_judging_estimator_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path))
    assert bundled_estimator() is None
    with pytest.raises(WeightsMissing):
        estimator_named("age-judge-128")


def test_a_generator_is_no_judge() -> None:
    with pytest.raises(ValueError, match="agetrans-128-10 is no age estimator"):
        estimator_named("agetrans-128-10")


def test_the_judging_estimator_is_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, estimator: Estimator
) -> None:
    from core.weights import add_model

    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path))
    add_model(estimator, "age-judge-128", tmp_path, licence="none", dtype=torch.float32)
    judge = bundled_estimator()
    assert judge is not None
    assert judge.name == "age-judge-128"
    faces = noise(32)
    expected = EstimatorJudge(estimator, "tiny").read(faces, anywhere(5)).ages_years
    np.testing.assert_allclose(judge.read(faces, anywhere(5)).ages_years, expected, atol=1e-4)
