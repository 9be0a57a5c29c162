"""Figures that follow from what a generator does, with real judges on real faces."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.detect import FacePack, open_pack
from core.errors import DataBroken
from core.generator import Generator, GeneratorConfig
from core.images import encode_png
from tests.drawn import face_parquet
from tests.models import random_estimator
from training.contender import Contender, contender, unfiled
from training.evaluate import Material, Panel, evaluate
from training.judge import AgeSexJudge, EstimatorJudge


@pytest.fixture(scope="module")
def judge(shared: Path) -> AgeSexJudge:
    return AgeSexJudge(shared / "models" / "insightface2018_gender_age_112.onnx")


@pytest.fixture(scope="module")
def pack(shared: Path) -> FacePack:
    return open_pack(f"insightface:{shared / 'models' / 'pack_scrfd_mobilefacenet'}")


@pytest.fixture(scope="module")
def keeper() -> Contender:
    return contender(unfiled(keeps("10"), "keeper"))


def keeps(groups: str) -> Generator:
    """A generator whose mask is closed: it gives every face back as it is."""
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=64, groups=groups, channels=(8, 12), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=16
    )
    network = Generator(config).eval().requires_grad_(False)
    network.decoder.head.bias[3 * config.fold**2 :] = -1e4
    return network


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one photo that shows a face, one that shows none, and a text."""
    from skimage.data import astronaut

    folder = tmp_path_factory.mktemp("photos")
    (folder / "astronaut.png").write_bytes(encode_png(np.ascontiguousarray(astronaut()[:320, 60:380])))
    (folder / "grey.png").write_bytes(encode_png(np.full((200, 200, 3), 127, np.uint8)))
    (folder / "README.md").write_text("two photos")
    return folder


def test_a_generator_that_changes_nothing_is_found_out(
    shared: Path, judge: AgeSexJudge, pack: FacePack, keeper: Contender, photos: Path, tmp_path: Path
) -> None:
    material = Material(faces=shared / "data" / "utkface_eval.parquet", photos=photos, max_faces=4)
    found = evaluate(keeper, material, Panel(judges=(judge,), pack=pack), tmp_path / "a")
    assert found.num_outputs == 40
    likeness, (judged,) = found.likeness, found.judges
    assert likeness.cosine == pytest.approx(1, abs=1e-4)
    assert likeness.above_bound == 1
    assert likeness.above_band_by_target == (1,) * 10
    assert found.own_age_psnr_db is not None
    assert found.own_age_psnr_db > 70
    assert found.skin_change_by_target == (0,) * 10
    assert found.point_drift_by_target == pytest.approx((0,) * 10, abs=1e-6)
    assert found.num_followed > 2
    assert found.surroundings is not None
    assert (found.surroundings.num_photos, found.surroundings.lowest_psnr_db) == (1, 100)
    assert judged.spearman == pytest.approx(0, abs=0.05)
    assert len(set(judged.judged_mean_years)) == 1
    assert judged.spearman_real is not None
    assert judged.spearman_real > 0.7
    assert judged.far_within_one_group_ratio is not None
    assert judged.far_within_one_group_ratio < 0.3
    assert len(found.slices) == 7
    assert sum(part.num_faces for part in found.slices) == 8
    assert found.frechet.features == pack.identity

    again = evaluate(keeper, material, Panel(judges=(judge,), pack=pack), tmp_path / "b")
    assert again == found
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["figures.json", "figures.md", "sheet.png"]
    for name in ("figures.json", "figures.md", "sheet.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    written = json.loads((tmp_path / "a" / "figures.json").read_text(), parse_constant=pytest.fail)
    assert written == json.loads(json.dumps(dataclasses.asdict(found)))


def test_a_judge_brings_its_features_and_more_real_faces(pack: FacePack, tmp_path: Path) -> None:
    """On drawn faces and four groups: faces under 15 years are left out."""
    faces = face_parquet(tmp_path / "faces.parquet", count=16)
    more = face_parquet(tmp_path / "more.parquet", count=46, seed=1)
    judges = (EstimatorJudge(random_estimator(), "one"), EstimatorJudge(random_estimator(seed=1), "two"))
    four = contender(unfiled(keeps("4"), "keeper"))
    panel = Panel(judges=judges, pack=pack)
    found = evaluate(four, Material(faces=faces, real=(more,)), panel, tmp_path / "out")
    assert [judged.judge for judged in found.judges] == ["one", "two"]
    assert found.judges[0] != found.judges[1]
    assert found.target_groups == ("15-29", "30-39", "40-49", "50+")
    # Ages 0, 6, 12, ..., 90: 13 from 15 up, of them 7 from 50 up. Of 0, 2, 4, ..., 90 there are 21 such, so 14 in a
    # half, but only 6 outputs at 50+ are of people who are not.
    assert found.num_faces == 13
    assert found.frechet.features == "one"
    assert found.frechet.num_pictures[0] == (2 + 7) // 2
    assert found.frechet.num_pictures[3] == 6
    assert found.frechet.outputs[3] is not None
    assert found.surroundings is None
    assert [part.name for part in found.slices] == ["male", "female"]
    assert found.likeness.genuine_rate_published_by_target == (None,) * 4


def test_what_is_missing_is_named(pack: FacePack, keeper: Contender, tmp_path: Path) -> None:
    faces = face_parquet(tmp_path / "faces.parquet", count=3)
    panel = Panel(judges=(EstimatorJudge(random_estimator(), "one"),), pack=pack)
    with pytest.raises(DataBroken, match="no photos in"):
        evaluate(keeper, Material(faces=faces, photos=tmp_path / "none"), panel, tmp_path)
    with pytest.raises(ValueError, match="needs a judge"):
        Panel(judges=(), pack=pack)
