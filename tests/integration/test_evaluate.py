"""Evaluations as people run them: several models at once, killed and taken up again."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cafdata.archive import Archive
from core.generator import Generator, GeneratorConfig
from core.images import encode_png
from core.reference import ReferenceGenerator
from core.thresholds import BUNDLED
from core.weights import add_model
from tests.drawn import face_parquet
from tests.make_archive import drawn_picture

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared")]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small generator of each kind, drawn at random."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    config = GeneratorConfig(size_px=32, channels=(4, 8), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=8)
    add_model(Generator(config).eval(), "ours", folder, licence="none")
    add_model(ReferenceGenerator(32, 4, 8).eval(), "theirs", folder, licence="none")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a grey photo: the pack finds no face in it, so pasting back takes no time."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "grey.png").write_bytes(encode_png(np.full((64, 64, 3), 127, np.uint8)))
    return folder


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "training", "evaluate", *map(str, arguments), "--threads", "1"]


def environment(models: Path) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "AGETRANS_MODELS": str(models)}


def evaluate(models: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=ROOT, env=environment(models), capture_output=True, text=True, timeout=300
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_models_of_both_kinds_side_by_side(models: Path, photos: Path, tmp_path: Path) -> None:
    faces = face_parquet(tmp_path / "faces.parquet", count=6)
    done = evaluate(models, "ours", "theirs", "--data", faces, "--photos", photos, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    ours, theirs = (json.loads(line) for line in done.stdout.splitlines())
    assert (ours["model"], theirs["model"]) == ("ours", "theirs")
    assert (len(ours["target_groups"]), len(theirs["target_groups"])) == (10, 4)
    assert theirs["num_faces"] < ours["num_faces"], "four groups begin at 15 years"
    assert (ours["present_age_mae_years"] is None, theirs["present_age_mae_years"] is None) == (False, True)
    assert ours["rectified"]["table"]["recogniser"] == "mobilefacenet_112"
    assert (ours["why_not_rectified"], ours["rectified"]["table"]["false_accept_rate"]) == (None, 1e-3)
    each = {"figures.json", "figures.md", "sheet.png"}
    names = {f"{model}/{name}" for model in ("ours", "theirs") for name in each}
    names |= {f"{one['model']}/sheets/{group}.png" for one in (ours, theirs) for group in one["target_groups"]}
    assert set(contents(tmp_path / "out")) == names | {"comparison.json", "comparison.md", "report.html"}
    compared = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert compared["weights_sha256"] == [ours["weights_sha256"], theirs["weights_sha256"]]

    twice = evaluate(models, "ours", "ours", "--data", faces, "--out", tmp_path / "twice")
    assert (twice.returncode, twice.stderr.splitlines()[-1]) == (1, "error: two models are called ours")
    nothing = evaluate(models, "--data", faces, "--out", tmp_path / "nothing")
    assert (nothing.returncode, nothing.stderr.splitlines()[-1]) == (1, "error: name a model to evaluate")


def test_a_killed_evaluation_goes_on_to_the_same_bits(models: Path, photos: Path, tmp_path: Path) -> None:
    faces = face_parquet(tmp_path / "faces.parquet", count=6)
    arguments = ("ours", "--data", faces, "--photos", photos, "--out")
    straight = evaluate(models, *arguments, tmp_path / "straight")
    assert straight.returncode == 0, straight.stderr
    out = tmp_path / "killed"
    started = subprocess.Popen(
        command(*arguments, out), cwd=ROOT, env=environment(models), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while not list(out.rglob("*.npz")) and time.monotonic() < deadline and started.poll() is None:
        time.sleep(0.02)
    started.kill()
    started.communicate()
    assert len(list(out.rglob("*.npz"))) == 1, "of two parts one was seen"
    assert not (out / "figures.json").exists()
    resumed = evaluate(models, *arguments, out)
    assert resumed.returncode == 0, resumed.stderr
    assert "going on after" in resumed.stderr
    assert contents(out) == contents(tmp_path / "straight")
    assert not (out / ".observed").exists()


def test_faces_and_pairs_of_an_archive_and_the_rate_of_the_thresholds(
    models: Path, photos: Path, tmp_path: Path
) -> None:
    archive = Archive.create(tmp_path / "archive")
    archive.append(drawn_picture(number, 25, framing="utkface", split="test") for number in range(2))
    archive.append(drawn_picture(number, 60, framing="utkface", split="train") for number in range(2))
    arguments = ("ours", "--archive", tmp_path / "archive", "--photos", photos, "--split", "test")
    done = evaluate(models, *arguments, "--rate", "0.01", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["num_faces"], found["rectified"]["table"]["false_accept_rate"]) == (2, 0.01)
    assert "pairs of the archive archive" in found["rectified"]["real_source"]
    assert [one["role"] for one in found["inputs"]] == ["faces", "real pairs", "photos", "judge", "recogniser"]
    wrong = evaluate(models, *arguments, "--rate", "0.2", "--out", tmp_path / "none")
    assert wrong.returncode == 0, wrong.stderr
    assert json.loads(wrong.stdout)["rectified"] is None
    assert "has thresholds for rates" in json.loads(wrong.stdout)["why_not_rectified"]
    theirs = BUNDLED / "dlib_resnet_v1-0.001.json"
    refused = evaluate(models, *arguments, "--table", theirs, "--out", tmp_path / "none")
    assert refused.returncode == 1
    assert "thresholds do not carry over" in refused.stderr
