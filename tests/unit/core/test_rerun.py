"""A record gives the same pixels again, and one that cannot be is refused with a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from core.age_reader import PresentAge
from core.aging import FaceAger
from core.detect import open_pack
from core.device import choose
from core.errors import BadImage, RecordRefused, WeightsRefused
from core.generator import Generator, GeneratorConfig
from core.images import decode_photo, resize
from core.marking import mark
from core.rerun import rerun
from core.transform import record_of
from core.weights import add_model, load

ASTRONAUT = astronaut()


@pytest.fixture
def ager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaceAger:
    torch.manual_seed(0)
    config = GeneratorConfig(size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16)
    network = Generator(config).eval()
    with torch.no_grad():
        network.decoder.head.weight.mul_(5)
    add_model(network, "tiny", tmp_path / "models", licence="none")
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path / "models"))
    return FaceAger(load("tiny"), open_pack("embedded"), choose("cpu", "float32"))


@pytest.mark.parametrize(("years", "names"), [(None, ["0-2", "70-plus"]), ([33.0], ["33"])])
def test_a_record_gives_the_same_pixels(
    ager: FaceAger, tmp_path: Path, years: list[float] | None, names: list[str]
) -> None:
    asked = {"groups": [0, 9]} if years is None else {"ages_years": years}
    aging = ager.transform(ASTRONAUT, present_age=PresentAge(years=41.5), locks=("glasses",), **asked)  # type: ignore[arg-type]
    record = tmp_path / "record.json"
    record.write_text(json.dumps(record_of(ager, ASTRONAUT, aging, [], ("glasses",))))
    made = rerun(record, ASTRONAUT, tmp_path / "again", device="cpu")
    assert [path.name for path in made] == [*(f"{name}.png" for name in names), "sheet.png"]
    for path, aged in zip(made, aging.results, strict=False):
        assert (decode_photo(path.read_bytes()) == mark(aged.photo)).all()
        assert (aged.photo != ASTRONAUT).any()


def test_a_photo_that_was_made_smaller_first_is_so_again(ager: FaceAger, tmp_path: Path) -> None:
    worked_on, record = resize(ASTRONAUT, 400, 400), tmp_path / "record.json"
    aging = ager.transform(worked_on, ages_years=[70.0])
    told = record_of(ager, worked_on, aging, [])
    record.write_text(json.dumps(told))
    made, _ = rerun(record, ASTRONAUT, tmp_path / "again", device="cpu")
    assert (decode_photo(made.read_bytes()) == mark(aging.results[0].photo)).all()
    record.write_text(json.dumps({name: value for name, value in told.items() if name != "photo_size_px"}))
    with pytest.raises(BadImage, match="made it smaller first"):
        rerun(record, ASTRONAUT, tmp_path / "again")
    for wrong in ([10**12, 400], [400.0, 400], "400", [0, 0]):
        record.write_text(json.dumps({**told, "photo_size_px": wrong}))
        with pytest.raises(BadImage, match="pixels differ"):
            rerun(record, ASTRONAUT, tmp_path / "again")


def test_what_does_not_belong_together_is_refused(ager: FaceAger, tmp_path: Path) -> None:
    aging = ager.transform(ASTRONAUT, groups=[0])
    good = record_of(ager, ASTRONAUT, aging, [])
    path, out = tmp_path / "record.json", tmp_path / "again"

    def written(text: str) -> Path:
        path.write_text(text)
        return path

    with pytest.raises(BadImage, match="pixels differ"):
        rerun(written(json.dumps(good)), np.ascontiguousarray(ASTRONAUT[::-1]), out)
    with pytest.raises(WeightsRefused, match="other weights"):
        rerun(written(json.dumps({**good, "model_sha256": "0" * 64})), ASTRONAUT, out)
    with pytest.raises(RecordRefused, match="cannot be read"):
        rerun(written("{"), ASTRONAUT, out)
    with pytest.raises(RecordRefused, match="face_points"):
        rerun(written(json.dumps({k: v for k, v in good.items() if k != "face_points"})), ASTRONAUT, out)
    for wrong in ({"ages_years": [-5]}, {"locks": ["teeth"]}, {"face_points": [[1, 2]]}, {"ages_years": 3}):
        with pytest.raises(RecordRefused, match="what cannot be"):
            rerun(written(json.dumps({**good, "age_names": [], **wrong})), ASTRONAUT, out)
    assert not out.exists()
