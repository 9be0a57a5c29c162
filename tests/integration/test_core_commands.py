"""python -m core as a user runs it: photos in, files out, errors as one sentence."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from core.ages import TEN
from core.generator import Generator, GeneratorConfig
from core.weights import add_model
from tests.models import random_estimator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a ten- and a four-group model whose weights are drawn at random."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for groups in ("10", "4"):
        config = GeneratorConfig(
            size_px=64,
            groups=groups,
            channels=(8, 12),
            encoder_blocks=(0, 1),
            decoder_blocks=(1, 1),
            code_width=16,
        )
        add_model(Generator(config), f"tiny-{groups}", folder, licence="none")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the astronaut, a wall, and a text that calls itself a picture."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(astronaut()).save(folder / "astronaut.jpg", quality=95)
    Image.new("RGB", (300, 300), (180, 170, 160)).save(folder / "wall.png")
    (folder / "letter.jpg").write_text("Dear Sir or Madam")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def core(zoo: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AGETRANS_MODELS": str(zoo), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "core", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def transform(zoo: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return core(zoo, "transform", *arguments, "--pack", "embedded", "--precision", "float32")


def test_a_folder_gives_what_can_be_done_and_names_what_cannot(zoo: Path, photos: Path, tmp_path: Path) -> None:
    done = transform(zoo, photos, "--out", tmp_path)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(line["photo"]).name for line in lines] == ["astronaut.jpg", "letter.jpg", "wall.png"]
    assert 0 <= lines[0]["present_age_years"] <= 100
    assert "not a picture" in lines[1]["error"]
    assert "No face found" in lines[2]["error"]
    assert "Traceback" not in done.stderr

    folder = tmp_path / "astronaut"
    record = json.loads((folder / "record.json").read_text())
    assert record["model"] == "tiny-10"
    assert len(record["model_sha256"]) == 64
    assert record["ages_years"] == list(TEN.typical_years)
    assert np.asarray(record["matrix"]).shape == (2, 3)
    assert len(record["face_box"]) == 4
    assert record["noise"] == "off"
    assert sorted(record["files"]) == sorted(file.name for file in folder.iterdir() if file.name != "record.json")
    assert len(record["files"]) == 11
    assert {path.name for path in tmp_path.iterdir()} == {"astronaut"}
    for name in record["files"][:10]:
        with Image.open(folder / name) as picture:
            assert picture.size == (512, 512)


def test_everything_that_is_written_carries_every_mark(zoo: Path, photos: Path, tmp_path: Path) -> None:
    done = transform(zoo, photos / "astronaut.jpg", "--out", tmp_path, "--groups", "4", "--video")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "astronaut"
    record = json.loads((folder / "record.json").read_text())
    assert (record["label"], record["provenance"]) == ("AI-aged", "C2PA") and "watermark" in record["watermark"]
    looked = core(zoo, "inspect", *(folder / name for name in record["files"]), photos / "astronaut.jpg")
    assert looked.returncode == 0, looked.stderr
    *made, given = [json.loads(line) for line in looked.stdout.splitlines()]
    assert [Path(one["file"]).name for one in made] == record["files"] and len(made) == 6
    for one in made:
        assert one["has_label"] and one["is_watermarked"], one
        assert one["provenance"]["is_valid"] and not one["provenance"]["is_trusted"]
        assert one["provenance"]["made"]["model_sha256"] == record["model_sha256"]
    assert [one["provenance"]["made"]["ages"] for one in made[:4]] == [[name] for name in record["age_names"]]
    assert not given["has_label"] and not given["is_watermarked"] and given["provenance"] is None
    present = f"{record['present_age_years']:.0f}"
    assert all(present not in one["provenance"]["made"]["ages"] for one in made), "the present age is nobody's business"


def test_files_that_cannot_be_looked_at_are_named(zoo: Path, photos: Path, data_folder: Path) -> None:
    looked = core(zoo, "inspect", photos / "letter.jpg", "nowhere.png", photos / "wall.png")
    assert looked.returncode == 1
    lines = [json.loads(line) for line in looked.stdout.splitlines()]
    assert "not a picture" in lines[0]["error"] and "There is no file nowhere.png" in lines[1]["error"]
    assert lines[2]["media_type"] == "image/png"
    (data_folder / "anchors.pem").write_text("no certificate")
    looked = core(zoo, "inspect", photos / "wall.png", "--anchors", data_folder / "anchors.pem")
    assert "anchors are no certificates" in looked.stdout + looked.stderr and looked.returncode == 1
    assert core(zoo, "inspect").returncode == 1


def test_a_wrong_key_is_said_and_nothing_is_written(
    zoo: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGETRANS_C2PA_KEY", str(tmp_path / "key.pem"))
    done = transform(zoo, photos / "astronaut.jpg", "--out", tmp_path / "out", "--ages", "60")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: AGETRANS_C2PA_KEY is set and AGETRANS_C2PA_CERTIFICATES is not"
    )
    assert not (tmp_path / "out").exists()


def test_a_second_run_skips_what_is_done_and_redoes_what_changed(zoo: Path, photos: Path, tmp_path: Path) -> None:
    photo = photos / "astronaut.jpg"
    assert transform(zoo, photo, "--out", tmp_path, "--ages", "5,25").returncode == 0
    made = tmp_path / "astronaut" / "25.png"
    first = made.stat().st_mtime_ns
    again = transform(zoo, photo, "--out", tmp_path, "--ages", "5,25")
    assert json.loads(again.stdout)["skipped"] is True
    assert made.stat().st_mtime_ns == first
    other = transform(zoo, photo, "--out", tmp_path, "--ages", "5,63")
    assert "skipped" not in json.loads(other.stdout)
    folder = tmp_path / "astronaut"
    assert {file.name for file in folder.iterdir()} == {"5.png", "63.png", "sheet.png", "record.json"}
    (folder / "63.png").unlink()
    assert "skipped" not in json.loads(transform(zoo, photo, "--out", tmp_path, "--ages", "5,63").stdout)
    for nonsense in ("[]", "{"):
        (folder / "record.json").write_text(nonsense)
        assert transform(zoo, photo, "--out", tmp_path, "--ages", "5,63").returncode == 0


def test_photos_of_one_name_keep_apart(zoo: Path, tmp_path: Path) -> None:
    photos = []
    for number, folder in enumerate("abc"):
        (tmp_path / folder).mkdir()
        photos.append(tmp_path / folder / "x.png")
        Image.fromarray(np.roll(astronaut(), 5 * number, axis=0)).save(photos[-1])
    done = transform(zoo, *photos, "--ages", "60", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert {folder.name for folder in (tmp_path / "out").iterdir()} == {"x", "x-2", "x-3"}
    again = transform(zoo, photos[1], "--ages", "60", "--out", tmp_path / "out")
    assert json.loads(again.stdout) == {"photo": str(photos[1]), "folder": str(tmp_path / "out/x-2"), "skipped": True}


def test_the_four_group_sweep_goes_forth_and_back(zoo: Path, photos: Path, tmp_path: Path) -> None:
    done = transform(zoo, photos / "astronaut.jpg", "--out", tmp_path, "--groups", "4", "--video")
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "astronaut" / "sweep.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in film.decode(video=0)]
    assert len(frames) == 31 + 30
    for number in (0, 10, 25):
        assert np.abs(frames[number] - frames[-1 - number]).mean() < 2, "the way back shows other frames or captions"


def test_every_face_has_its_folder(zoo: Path, tmp_path: Path) -> None:
    two = np.concatenate([astronaut(), astronaut()[:, ::-1]], axis=1)
    Image.fromarray(two).save(tmp_path / "two.png")
    done = transform(zoo, tmp_path / "two.png", "--out", tmp_path / "out", "--ages", "60", "--face", "all")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out" / "two").iterdir()} == {"face0", "face1"}
    none = transform(zoo, tmp_path / "two.png", "--out", tmp_path / "out", "--ages", "60", "--face", "2")
    assert none.returncode == 1
    assert "no face 2 in this photo: it has 2" in json.loads(none.stdout)["error"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.jpg"], "There is no file or folder nowhere.jpg."),
        (["--ages", "5,old"], "'old' is no age"),
        (["--ages", "500"], "knows ages from 0 to 120 years, not 500"),
        (["--groups", "4", "--ages", "5"], "knows ages from 15 to 120 years, not 5"),
        (["--face", "left"], "face must be"),
        (["--model", "nobody"], "There is no model nobody"),
        (["--model", "tiny-4", "--groups", "10"], "tiny-4 has 4 groups, not 10"),
        (["--pack", "insightface:/nowhere"], "/nowhere"),
        (["--device", "cuda:9"], "cuda:9 is not here"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    zoo: Path, photos: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    photo = [] if arguments[0] == "nowhere.jpg" else [str(photos / "astronaut.jpg")]
    done = core(zoo, "transform", *photo, *arguments, "--out", tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_folder_that_cannot_be_written_is_one_line(zoo: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    done = transform(zoo, photos / "astronaut.jpg", "--out", tmp_path / "taken", "--ages", "60")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert str(tmp_path / "taken") in done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def informed_zoo(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same models and an age estimator."""
    folder = tmp_path_factory.mktemp("informed") / "models"
    shutil.copytree(zoo, folder)
    add_model(random_estimator(), "tiny-reader", folder, licence="none")
    return folder


def estimate(zoo: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return core(zoo, "estimate-age", *arguments, "--pack", "embedded", "--precision", "float32")


def test_ages_of_a_folder_become_a_table(informed_zoo: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "ages.csv"
    done = estimate(informed_zoo, photos, "--out", out)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["astronaut.jpg", "letter.jpg", "wall.png"]
    assert 0 <= float(rows[0]["low_years"]) < float(rows[0]["age_years"]) < float(rows[0]["high_years"]) <= 100
    assert "not a picture" in rows[1]["error"] and "No face found" in rows[2]["error"]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{key: str(value) for key, value in line.items()} for line in lines] == rows
    assert f"photo 1 of 3, astronaut.jpg: {rows[0]['age_years']} years" in done.stderr
    (tmp_path / "good").mkdir()
    shutil.copy(photos / "astronaut.jpg", tmp_path / "good")
    good = estimate(informed_zoo, tmp_path / "good", "--out", tmp_path / "good.csv", "--model", "tiny-reader")
    assert good.returncode == 0
    again = estimate(informed_zoo, tmp_path / "good", "--out", tmp_path / "good.csv")
    assert again.returncode == 0 and again.stdout == good.stdout and "done before" in again.stderr


def test_transform_takes_the_present_age_from_the_estimator(informed_zoo: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(photos / "astronaut.jpg", tmp_path / "in")
    read = json.loads(estimate(informed_zoo, tmp_path / "in", "--out", tmp_path / "ages.csv").stdout)
    done = transform(informed_zoo, tmp_path / "in", "--ages", "60", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    record = json.loads((tmp_path / "out" / "astronaut" / "record.json").read_text())
    for told in (line, record):
        assert round(told["present_age_years"], 1) == read["age_years"]
        assert [round(end, 1) for end in told["present_age_interval_years"]] == [read["low_years"], read["high_years"]]
    assert record["age_estimator"] == "tiny-reader" and len(record["age_estimator_sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "tiny-10"], "tiny-10 makes pictures and reads no ages"),
        (["--model", "nobody"], "There is no model nobody"),
        (["--out", "ages.xlsx"], "should end in .csv"),
    ],
)
def test_ages_that_cannot_be_read_are_one_sentence(
    informed_zoo: Path, photos: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = estimate(informed_zoo, photos, *([] if "--out" in arguments else ["--out", tmp_path / "a.csv"]), *arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and sentence in done.stderr


def test_without_an_estimator_it_is_said_what_to_do(zoo: Path, photos: Path, tmp_path: Path) -> None:
    done = estimate(zoo, photos, "--out", tmp_path / "ages.csv")
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no age estimator in") and "--model" in done.stderr
    assert not (tmp_path / "ages.csv").exists()


def test_an_estimator_makes_no_pictures(informed_zoo: Path, photos: Path, tmp_path: Path) -> None:
    done = transform(informed_zoo, photos / "astronaut.jpg", "--model", "tiny-reader", "--out", tmp_path)
    assert done.returncode == 1
    assert "error: tiny-reader reads ages and makes no pictures" in done.stderr


def test_models_are_listed_with_their_terms(zoo: Path) -> None:
    done = core(zoo, "models")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["tiny-10", "tiny-4"]
    assert all(json.loads(line)["licence"] == "none" for line in done.stdout.splitlines())
