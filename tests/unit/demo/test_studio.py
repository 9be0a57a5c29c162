"""From bytes to labelled pictures, with a real face pack and tiny untrained generators."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch

from core.age_reader import PresentAge
from core.ages import FOUR, TEN
from core.errors import BadImage, NoFace, WeightsRefused
from core.generator import Generator, GeneratorConfig
from core.images import decode_photo, encode_jpeg
from core.marking import has_label
from core.watermark import detect
from core.weights import add_model, load
from demo.answering import APOLOGY, Refusal, answering
from demo.studio import MAX_WORKED_PIXELS, Sitting, Studio
from tests.models import random_estimator

TINY = {"size_px": 32, "channels": (8, 16), "encoder_blocks": (0, 0), "decoder_blocks": (1, 0), "code_width": 16}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio on two tiny models, ten and four groups, and the pack that needs no download."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for groups in ("4", "10"):
        network = Generator(GeneratorConfig(groups=groups, **TINY))  # type: ignore[arg-type]
        add_model(network, f"tiny-{groups}", folder, licence="none, it learnt nothing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGETRANS_MODELS", str(folder))
        yield Studio(pack="embedded")


@pytest.fixture(scope="module")
def astronaut() -> npt.NDArray[np.uint8]:
    photo: npt.NDArray[np.uint8] = skimage.data.astronaut()
    return photo


@pytest.fixture(scope="module")
def sitting(studio: Studio, astronaut: npt.NDArray[np.uint8]) -> Sitting:
    return studio.look(astronaut, "tiny-10")


def test_without_a_name_the_ten_group_model_is_taken(studio: Studio) -> None:
    assert studio.default_model == "tiny-10"
    assert {info.name for info in studio.models} == {"tiny-10", "tiny-4"}


def test_the_face_is_found_where_it_is(sitting: Sitting) -> None:
    assert len(sitting.faces) == 1
    left, top, right, bottom = sitting.face.box
    assert left < 225 < right and top < 120 < bottom  # the nose of the astronaut
    assert sitting.present_age is not None and 0 <= sitting.present_age.years <= 100


@pytest.mark.parametrize(("model", "names"), [("tiny-10", TEN.names), ("tiny-4", FOUR.names)])
def test_the_strip_has_every_group_in_order(
    studio: Studio, sitting: Sitting, model: str, names: tuple[str, ...]
) -> None:
    assert tuple(picture.name for picture in studio.strip(sitting, model)) == names


def test_every_picture_that_leaves_is_marked(studio: Studio, sitting: Sitting) -> None:
    picture = studio.picture(sitting, "tiny-10", ("group", 9))
    for shown in (picture.photo, picture.close_up, picture.tile, studio.sheet(sitting, "tiny-10")):
        assert has_label(shown) and detect(shown).is_marked
    for bare in (picture.aged.photo, picture.aged.portrait):
        assert not has_label(bare) and not detect(bare).is_marked
    assert picture.tile.shape == (256, 256, 3)


def test_before_and_after_are_framed_alike(studio: Studio, sitting: Sitting) -> None:
    picture = studio.picture(sitting, "tiny-10", ("age", 33.0))
    assert picture.name == "33"
    assert picture.close_up.shape == studio.before(sitting).shape


def test_the_other_face_of_two_can_be_picked(studio: Studio, astronaut: npt.NDArray[np.uint8]) -> None:
    pair = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    both = studio.look(np.ascontiguousarray(pair), "tiny-10")
    assert len(studio.thumbnails(both)) == 2
    other = studio.pick(both, 1, "tiny-10")
    assert other.face is both.faces[1] and both.picked == 0
    middle = both.photo.shape[1] / 2
    sides = [face.box[0] < middle for face in both.faces]
    changed = studio.picture(other, "tiny-10", ("group", 0)).aged
    columns = np.nonzero((changed.photo != both.photo).any(axis=2))[1]
    assert (columns.mean() < middle) == sides[1]
    assert sorted(sides) == [False, True]


def test_the_archive_holds_every_age_and_says_how_it_was_made(studio: Studio, sitting: Sitting) -> None:
    with zipfile.ZipFile(io.BytesIO(studio.archive(sitting, "tiny-4"))) as archive:
        assert archive.testzip() is None
        pictures = [name for name in archive.namelist() if "_age_" in name]
        assert pictures == [
            "01_age_15-29.png", "02_age_30-39.png", "03_age_40-49.png", "04_age_50-plus.png",
        ]  # fmt: skip
        assert all(decode_photo(archive.read(name)).shape == sitting.photo.shape for name in pictures)
        record = json.loads(archive.read("record.json"))
        assert set(archive.namelist()) == {*record["files"], "record.json"}
    assert record["files"] == [*pictures, "sheet.png"]
    assert record["model"] == "tiny-4" and len(record["model_sha256"]) == 64
    assert sitting.present_age is not None and record["present_age_years"] == sitting.present_age.years
    assert record["present_age_interval_years"] is None and record["age_estimator"] is None
    assert record["ages_years"] == list(FOUR.typical_years)
    assert record["face_box"] == [round(edge, 3) for edge in sitting.face.box]


def test_a_child_asks_for_a_guardian(sitting: Sitting) -> None:
    def aged(years: float | None) -> Sitting:
        age = None if years is None else PresentAge(years=years)
        return Sitting(photo=sitting.photo, faces=sitting.faces, present_age=age)

    assert aged(17.9).needs_guardian
    assert not aged(18.0).needs_guardian
    assert not aged(None).needs_guardian


def test_an_estimator_in_the_folder_reads_the_ages_of_every_model(
    studio: Studio, astronaut: npt.NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for info in studio.models:
        network = load(info.folder / info.file).network
        add_model(network, info.name, tmp_path, licence="none")
    add_model(random_estimator(), "reader", tmp_path, licence="none")
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path))
    informed = Studio(pack="embedded")
    assert {info.name for info in informed.models} == {"tiny-10", "tiny-4"}  # an estimator is no choice of ages
    seen = informed.look(astronaut, "tiny-10")
    assert seen.present_age is not None and seen.present_age.interval_years is not None
    assert informed.look(astronaut, "tiny-4").present_age == seen.present_age
    assert studio.look(astronaut, "tiny-10").present_age != seen.present_age
    with zipfile.ZipFile(io.BytesIO(informed.archive(seen, "tiny-4"))) as archive:
        record = json.loads(archive.read("record.json"))
    assert record["age_estimator"] == "reader"
    assert record["present_age_years"] == seen.present_age.years
    assert record["present_age_interval_years"] == list(seen.present_age.interval_years)


def test_a_damaged_estimator_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_model(Generator(GeneratorConfig(groups="10", **TINY)), "tiny-10", tmp_path, licence="none")  # type: ignore[arg-type]
    info = add_model(random_estimator(), "reader", tmp_path, licence="none")
    (tmp_path / info.file).write_bytes(b"damaged")
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path))
    with pytest.raises(WeightsRefused, match="sha256"):
        Studio(pack="embedded")


def test_known_troubles_keep_their_sentence(studio: Studio) -> None:
    with pytest.raises(Refusal, match="This file is not a picture"), answering():
        studio.read(b"not a picture")
    with pytest.raises(Refusal, match="No face found in this photo"), answering():
        studio.look(np.full((300, 300, 3), 200, np.uint8), "tiny-10")


def test_unknown_troubles_are_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Refusal) as caught, answering():
        raise RuntimeError("secret of the house")
    assert str(caught.value) == APOLOGY
    assert "secret of the house" in caplog.text


def test_metadata_does_not_survive_reading(studio: Studio, astronaut: npt.NDArray[np.uint8]) -> None:
    plain = encode_jpeg(astronaut)
    canary = b"\xff\xe1\x00\x18Exif\x00\x00CANARY-CANARY--"
    marked = plain[:2] + canary[: 2 + 0x18] + plain[2:]
    assert b"CANARY" in marked
    assert b"CANARY" not in encode_jpeg(studio.read(marked))


@pytest.mark.parametrize(("height_px", "width_px"), [(5000, 4000), (1000, 20_000)])
def test_a_photo_too_large_to_be_worked_on_is_shrunk_in_shape(studio: Studio, height_px: int, width_px: int) -> None:
    photo = studio.read(encode_jpeg(np.full((height_px, width_px, 3), 90, np.uint8), 80))
    assert 0.99 * MAX_WORKED_PIXELS < photo.shape[0] * photo.shape[1] <= MAX_WORKED_PIXELS
    assert photo.shape[0] / photo.shape[1] == pytest.approx(height_px / width_px, rel=2e-3)
    small = encode_jpeg(np.full((3000, 4000, 3), 90, np.uint8), 80)
    assert studio.read(small).shape == (3000, 4000, 3)


@pytest.mark.parametrize("error", [BadImage, NoFace])
def test_errors_of_core_are_refusals(error: type[Exception]) -> None:
    with pytest.raises(Refusal, match="a sentence"), answering():
        raise error("a sentence")
