"""The change of aligned crops equals what a photo is given, and is steadied where nothing moves."""

import numpy as np
import pytest
import skimage.data
import torch

from core.aging import FaceAger
from core.detect import open_pack
from core.device import choose
from core.generator import Generator, GeneratorConfig, age_code
from core.moving import MovingFace, likeness, steadied
from core.weights import LoadedModel
from tests.models import info_of


@pytest.fixture(scope="module")
def ager() -> FaceAger:
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16, groups="10"
    )
    network = Generator(config)
    network.decoder.head.weight.data *= 20  # so that ages differ by grey levels, not by fractions of one
    return FaceAger(
        LoadedModel(info=info_of(network), network=network), open_pack("embedded"), choose("cpu", "float32")
    )


def test_a_frame_becomes_what_a_photo_becomes(ager: FaceAger) -> None:
    photo = np.ascontiguousarray(skimage.data.astronaut())
    whole = ager.transform(photo, ages_years=[70.0])
    assert whole.present_age is not None
    moving = MovingFace(ager)
    matrix = moving.matrix(whole.face)
    crops = [moving.crop(photo, matrix)] * 2
    changes = moving.changes(crops, 70.0, whole.present_age.years)
    assert len(changes) == 2 and changes[0].shape == (32, 32, 3) and changes[0].dtype == np.float32
    aged = moving.paste(photo, matrix, changes[1]).astype(int)
    assert np.abs(aged - whole.results[0].photo).max() <= 1
    assert np.abs(aged - photo).max() > 3


@pytest.mark.parametrize(("years", "gap"), [(34.5, 0.0), (70.0, 2.0 + 12 / 19), (1.0, 6.0)])
def test_the_change_is_counted_from_the_present_age_near_it(ager: FaceAger, years: float, gap: float) -> None:
    network = ager.network
    assert isinstance(network, Generator)
    shown = np.random.default_rng(1).integers(60, 190, (32, 32, 3)).astype(np.uint8)
    x = torch.from_numpy(shown).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        made, present = (network(x, age_code(network.groups, [age])).clamp(-1, 1) for age in (years, 34.5))
    expected = ((made - x) - np.exp(-gap) * (present - x))[0].permute(1, 2, 0).numpy() * 127.5
    (change,) = MovingFace(ager).changes([shown], years, 34.5)
    assert change == pytest.approx(expected, abs=1e-3)
    assert (np.abs(change).max() == 0) == (years == 34.5)


def test_ages_beyond_the_model_are_refused(ager: FaceAger) -> None:
    with pytest.raises(ValueError, match="0 to 120 years"):
        MovingFace(ager).changes([np.zeros((32, 32, 3), np.uint8)], 130.0, 30.0)


def test_a_change_is_steadied_where_the_crops_agree() -> None:
    shown = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    moved = shown.copy()
    moved[:, 32:] = 255 - moved[:, 32:]
    change, before = np.full((64, 64, 3), 10, np.float32), np.full((64, 64, 3), 20, np.float32)
    mixed = steadied(change, moved, before, shown, 0.5)
    assert mixed[:, :20] == pytest.approx(15.0)
    assert mixed[:, 44:] == pytest.approx(10.0, abs=0.01)
    assert likeness(shown, shown).min() == 1
    with pytest.raises(ValueError, match="1"):
        steadied(change, shown, before, shown, 1.0)
