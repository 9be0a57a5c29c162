"""A run of the published recipe becomes a model that ages photos."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from PIL import Image
from skimage.data import astronaut

from core.aging import FaceAger
from core.detect import open_pack
from core.device import choose
from core.images import read_photo
from core.reference import ReferenceGenerator
from core.weights import list_models, load
from tests.drawn import face_parquet
from training.state import load_reference_average

ROOT = Path(__file__).resolve().parents[2]


def training(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_reference_run_is_exported_and_ages_a_photo(tmp_path: Path) -> None:
    data = face_parquet(tmp_path / "faces.parquet")
    run, models = tmp_path / "run", tmp_path / "models"
    how = ["--preset", "reference-tiny", "--steps", "2", "--threads", "1", "--data", data, "--out", run]
    assert training("train", *how).returncode == 0
    terms = ["--name", "ours-anew", "--licence", "CC BY 4.0", "--trained-on", "drawn faces", "--models", models]
    unframed = training("export", run, *terms)
    assert unframed.returncode == 1
    assert "is exported with --framing" in unframed.stderr
    assert not models.exists()
    wrong = training("export", run, *terms, "--framing", "square")
    assert wrong.returncode == 1
    assert "no framing 'square'" in wrong.stderr

    done = training("export", run, *terms, "--framing", "ffhq")
    assert done.returncode == 0, done.stderr
    (info,) = list_models(models)
    assert (info.architecture, info.groups, info.framing, info.config) == (
        "reference",
        "10",
        "ffhq",
        {"max_channels": 16},
    )
    assert "drawn faces" in (models / info.card).read_text(encoding="utf-8")
    assert json.loads((models / "ours-anew.json").read_text(encoding="utf-8"))["preset"] == "reference-tiny"
    model = load(models / info.file)
    assert isinstance(model.network, ReferenceGenerator)
    for key, value in load_reference_average(run).state_dict().items():
        torch.testing.assert_close(model.network.state_dict()[key], value, rtol=0, atol=0)

    photo = tmp_path / "astronaut.png"
    Image.fromarray(astronaut()).save(photo)
    ager = FaceAger(model, open_pack("embedded"), choose("cpu", "float32"))
    aging = ager.transform(read_photo(photo))
    assert len(aging.results) == 10
    assert aging.results[0].photo.shape == astronaut().shape
