"""Figures that follow from what a generator does, with real judges on real faces."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from cafdata.archive import Archive
from core.ages import TEN
from core.align import Points
from core.detect import FacePack, open_pack
from core.errors import DataBroken, TableMissing
from core.generator import Generator, GeneratorConfig
from core.images import encode_png
from core.thresholds import BUNDLED, ThresholdTable, read_table
from tests.drawn import face_parquet
from tests.make_archive import drawn_picture
from tests.models import random_estimator
from training.archive_faces import archive_digest
from training.contender import Contender, OurContender, Outputs, Pictures, contender, unfiled
from training.digest import files_digest
from training.evaluate import evaluate, evaluate_all
from training.judge import AgeSexJudge, EstimatorJudge
from training.material import Material, Panel


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
    assert sum(part.num_faces for part in found.slices) == 3 * 4, "by sex, by race and by group"
    assert found.frechet.features == pack.identity

    (tmp_path / "b" / "sheets").mkdir(parents=True)
    (tmp_path / "b" / "sheets" / "15-29.png").write_bytes(b"of another model")
    again = evaluate(keeper, material, Panel(judges=(judge,), pack=pack), tmp_path / "b")
    assert not (tmp_path / "b" / "sheets" / "15-29.png").exists()
    assert again == found
    names = ["figures.json", "figures.md", "report.html", "sheet.png", *(f"sheets/{name}.png" for name in TEN.names)]
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "a").as_posix() for path in files} == set(names)
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    written = json.loads((tmp_path / "a" / "figures.json").read_text(), parse_constant=pytest.fail)
    assert written == json.loads(json.dumps(dataclasses.asdict(found)))


def test_real_faces_are_the_same_however_many_are_read_at_a_time(
    pack: FacePack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = face_parquet(tmp_path / "faces.parquet", count=16)
    more = face_parquet(tmp_path / "more.parquet", count=46, seed=1)
    four = contender(unfiled(keeps("4"), "keeper"))
    panel = Panel(judges=(EstimatorJudge(random_estimator(), "one"),), pack=pack)
    found = []
    for count in (64, 5):
        monkeypatch.setattr("training.frechet.AT_ONCE", count)
        material = Material(faces=faces, real=(more,))
        found.append(evaluate(four, material, panel, tmp_path / str(count)).frechet)
    assert found[0].num_pictures == found[1].num_pictures
    for one, other in zip(found[0].real, found[1].real, strict=True):
        assert one is not None and one == pytest.approx(other, rel=1e-4)


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
    assert [part.name for part in found.slices] == [
        "male", "female", "from 15-29", "from 30-39", "from 40-49", "from 50+",
    ]  # fmt: skip
    assert found.likeness.genuine_rate_published_by_target == (None,) * 4


def table_of(pack: FacePack) -> ThresholdTable:
    """ArcFace's published table under the name of the pack's recogniser; right for no recogniser that there is."""
    table = read_table(BUNDLED / "arcface-statistics-0.001.json")
    sha256 = files_digest([pack.recogniser_file])
    return dataclasses.replace(table, recogniser=pack.identity, recogniser_sha256=sha256)


def test_faces_and_real_pairs_of_an_archive(pack: FacePack, keeper: Contender, tmp_path: Path) -> None:
    """A generator that changes nothing passes every threshold, and is more like its input than real people are."""
    archive = Archive.create(tmp_path / "archive")
    archive.append(drawn_picture(person, 25, framing="utkface", split="test") for person in range(2))
    # The same two people, over and over: more than thirty real pairs of 20-29 and 50-69, and none of other groups.
    others = ((person, 60 + number) for person in range(2) for number in range(9))
    archive.append(drawn_picture(person, age, framing="utkface", split="train") for person, age in others)
    archive.append(drawn_picture(person, 26, framing="utkface", split="train") for person in range(2))
    panel = Panel(judges=(EstimatorJudge(random_estimator(), "one"),), pack=pack, table=table_of(pack))
    material = Material(faces=tmp_path / "archive", split="test", pairs=tmp_path / "archive")
    found = evaluate(keeper, material, panel, tmp_path / "out")
    assert found.num_faces == 2
    assert found.rectified is not None
    assert found.why_not_rectified is None
    assert [row.rectified_rate for row in found.rectified.targets] == [1] * 10
    assert found.rectified.real_source.endswith("real pairs of the archive archive")
    rows = {row.name: row.real for row in found.rectified.from_twenties}
    assert [name for name, real in rows.items() if real is not None] == ["50-69"]
    assert rows["50-69"] is not None
    assert (rows["50-69"].num_pairs, rows["50-69"].above) == (36, 1)
    digest = archive_digest(tmp_path / "archive")
    assert [(one.role, one.sha256) for one in found.inputs[:2]] == [("faces", digest), ("real pairs", digest)]
    assert found.inputs[0].name == "archive, split test"
    assert [one.role for one in found.inputs[2:]] == ["judge", "recogniser"]
    assert "## Rectified verification" in (tmp_path / "out" / "figures.md").read_text()


class Interrupted(OurContender):
    """One that is stopped as it begins."""

    def age(self, faces: Pictures, points: Points, ages_years: npt.NDArray[np.int64]) -> Outputs:
        assert len(faces) == len(points) == len(ages_years)
        raise KeyboardInterrupt


def test_what_was_seen_of_one_model_is_kept_until_all_are_done(
    pack: FacePack, keeper: Contender, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    panel = Panel(judges=(EstimatorJudge(random_estimator(), "one"),), pack=pack)
    material = Material(faces=face_parquet(tmp_path / "faces.parquet", count=2))
    second = unfiled(keeps("4"), "second")
    assert isinstance(second.network, Generator)
    with pytest.raises(KeyboardInterrupt):
        evaluate_all((keeper, Interrupted(second, second.network)), material, panel, tmp_path / "out")
    assert len(list((tmp_path / "out" / ".observed").rglob("*.npz"))) == 1
    capfd.readouterr()
    found = evaluate_all((keeper, contender(second)), material, panel, tmp_path / "out")
    assert "going on after 1 parts" in capfd.readouterr().err
    assert [figures.model for figures in found] == ["keeper", "second"]
    assert not (tmp_path / "out" / ".observed").exists()


def test_thresholds_of_another_recogniser_are_refused(pack: FacePack) -> None:
    judges = (EstimatorJudge(random_estimator(), "one"),)
    for changes in ({"recogniser": "other"}, {"recogniser_sha256": "0" * 64}):
        with pytest.raises(TableMissing, match="thresholds do not carry over"):
            Panel(judges=judges, pack=pack, table=dataclasses.replace(table_of(pack), **changes))  # type: ignore[arg-type]


def test_what_is_missing_is_named(pack: FacePack, keeper: Contender, tmp_path: Path) -> None:
    faces = face_parquet(tmp_path / "faces.parquet", count=3)
    panel = Panel(judges=(EstimatorJudge(random_estimator(), "one"),), pack=pack)
    with pytest.raises(DataBroken, match="no photos in"):
        evaluate(keeper, Material(faces=faces, photos=tmp_path / "none"), panel, tmp_path)
    with pytest.raises(ValueError, match="needs a judge"):
        Panel(judges=(), pack=pack)
