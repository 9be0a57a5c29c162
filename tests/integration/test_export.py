"""From a run to a model on the shelf: evaluate, export, load, list."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from core.generator import Generator
from core.weights import list_models, load
from tests.drawn import face_parquet
from training.__main__ import main
from training.state import load_average

ROOT = Path(__file__).resolve().parents[2]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What the command line says, in this process, of what it refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["training", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 1
    return capsys.readouterr().err


def training(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of the tiny preset on drawn faces."""
    folder = tmp_path_factory.mktemp("export")
    data = face_parquet(folder / "faces.parquet")
    arguments = ["--preset", "tiny", "--steps", "50", "--threads", "1", "--data", data, "--out", folder / "run"]
    done = training("train", *arguments)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def export(run: Path, models: Path, photo: Path, *more: str) -> list[str | Path]:
    """The arguments of an export."""
    terms = ["--licence", "Non-commercial research only", "--trained-on", "drawn faces"]
    return ["export", run, "--name", "tiny", *terms, "--models", models, "--photo", photo, *more]


@pytest.mark.usefixtures("shared")
def test_strengths_are_chosen_on_faces_of_their_own(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def choose(out: Path, *more: str | Path) -> list[str | Path]:
        return ["choose-strengths", run, "--out", out, "--per-group", "1", "--threads", "1", *more]

    faces = run.parent / "faces.parquet"
    done = training(*choose(tmp_path / "out", "--data", faces, "--tried", "2", "0.5"))
    assert done.returncode == 0, done.stderr
    chosen = json.loads(done.stdout)["strength"]
    assert len(chosen) == 10
    assert set(chosen) <= {0.5, 2}
    written = json.loads((tmp_path / "out" / "strengths.json").read_text())
    assert written["chosen"] == chosen
    weak, strong = sorted(written["tried"], key=lambda one: one["strength"])
    assert [one["judge"] for one in weak["read"]] == ["insightface2018_gender_age_112", "age-judge-128"]
    for fainter, stronger in zip(weak["read"], strong["read"], strict=True):
        assert fainter["difference_years"] != stronger["difference_years"]
    assert (tmp_path / "out" / "strengths.md").read_text() in done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"strengths.json", "strengths.md"}

    few = refused(capsys, *choose(tmp_path / "few", "--data", face_parquet(tmp_path / "few.parquet", count=2)))
    assert few.startswith("error: no face of 3-6 years to choose strengths on; name other faces with --data")
    twice = refused(capsys, *choose(tmp_path / "twice", "--data", faces, "--tried", "1", "1"))
    assert "different strengths to try, got [1.0, 1.0]" in twice


@pytest.mark.usefixtures("shared")
def test_a_run_becomes_a_model_with_its_card(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photos" / "astronaut.png"
    photo.parent.mkdir()
    Image.fromarray(astronaut()).save(photo)
    early = refused(capsys, *export(run, tmp_path / "models", photo))
    assert "was not evaluated; run: python -m training evaluate" in early
    assert not (tmp_path / "models").exists()

    strengths = ["--strength", "0.5", "0.6", "0.7", "0.8", "0.9", "1", "1.1", "1.2", "1.3", "1.4"]
    few = ["--max-faces", "4", "--photos", photo.parent, "--threads", "1"]
    judged = training("evaluate", run, "--out", run / "figures", *few, *strengths)
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)["num_outputs"] == 40
    stronger = refused(capsys, *export(run, tmp_path / "models", photo, "--strength", "2"))
    assert "was evaluated with other weights" in stronger
    two = refused(capsys, *export(run, tmp_path / "models", photo, "--strength", "0.8", "0.7"))
    assert "strengths must be 10 numbers above 0 and at most 3, got (0.8, 0.7)" in two
    ignored = refused(capsys, "evaluate", "agetrans-128-10", "--out", tmp_path / "figures", "--strength", "0.8")
    assert "agetrans-128-10 is no run folder: an exported model has its strengths within" in ignored
    done = training(*export(run, tmp_path / "models", photo, "--notes", "The light was bad.", *strengths))
    assert done.returncode == 0, done.stderr

    (info,) = list_models(tmp_path / "models")
    assert (info.name, info.groups, info.size_px, info.framing) == ("tiny", "10", 32, "utkface")
    assert info.licence == "Non-commercial research only"
    network = load(tmp_path / "models" / info.file).network
    assert isinstance(network, Generator)
    faces = torch.rand(1, 3, 32, 32) * 2 - 1
    code = torch.zeros(1, 11)
    average = load_average(run, [float(one) for one in strengths[1:]])
    torch.testing.assert_close(network(faces, code), average(faces, code), atol=1e-2, rtol=0)
    assert network.config.strengths == average.config.strengths == (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4)

    model, data = tmp_path / "models" / info.file, run.parent / "faces.parquet"
    arguments = ["--preset", "tiny", "--steps", "12", "--threads", "1", "--data", data, "--start-from", model]
    onwards = training("train", *arguments, "--out", tmp_path / "onwards")
    assert onwards.returncode == 0, onwards.stderr
    card = (tmp_path / "models" / "tiny.md").read_text()
    for words in (
        "Non-commercial research only",
        "drawn faces",
        "**Strength**: the changes are multiplied by 0.5 for 0-2, 0.6 for 3-6,",
        "**Losses**: in `tiny.losses.csv`",
        "**Notes**: The light was bad.",
        "50 steps, 400 pictures",
        "--preset tiny",
        "## Limits",
    ):
        assert words in card
    assert "| 70+ |" in card
    with Image.open(tmp_path / "models" / "tiny.jpg") as picture:
        assert picture.width > 11 * 32
    written = json.loads((tmp_path / "models" / "tiny.json").read_text())
    assert (written["preset"], written["generator"]) == ("tiny", info.config)
    table = (tmp_path / "models" / "tiny.losses.csv").read_text().splitlines()
    assert table[0].startswith("step,faces,") and table[-1].startswith("50,400,") and len(table) == 3


@pytest.mark.usefixtures("shared")
def test_evaluating_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no model nobody" in refused(capsys, "evaluate", "nobody", "--out", tmp_path)
    (tmp_path / "empty").mkdir()
    empty = refused(capsys, "evaluate", tmp_path / "empty", "--out", tmp_path)
    assert "is no run folder with a checkpoint" in empty
