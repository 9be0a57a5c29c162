"""The sweep: through every group's typical age, each frame with its age, there and back."""

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from core.ages import FOUR, TEN, AgeGroups
from core.aging import FaceAger
from core.animation import caption, gif, sweep, sweep_years, there_and_back
from core.detect import open_pack
from core.device import choose
from core.generator import Generator, GeneratorConfig
from core.weights import LoadedModel
from tests.models import info_of


@pytest.mark.parametrize("groups", [TEN, FOUR])
def test_every_typical_age_is_met(groups: AgeGroups) -> None:
    years = sweep_years(groups, 4)
    assert len(years) == 4 * (len(groups) - 1) + 1
    assert years[::4] == pytest.approx(groups.typical_years)
    assert years == sorted(years)


def test_a_caption_names_the_year_begun_and_its_group() -> None:
    assert caption(TEN, 2.7) == "2 years (group 0-2)"
    assert caption(TEN, 3.0) == "3 years (group 3-6)"
    assert caption(TEN, 77) == "77 years (group 70+)"


def test_frames_are_marked_portraits_with_a_caption_and_turn_round() -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=32, groups="4", channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16
    )
    network = Generator(config).eval()
    ager = FaceAger(LoadedModel(info=info_of(network), network=network), open_pack("embedded"), choose("cpu"))
    photo = astronaut()
    face = ager.find_faces(photo)[0]
    frames = list(sweep(ager, photo, face, None, steps=1, size_px=128))
    assert len(frames) == 4 and all(frame.shape[1] == 128 and frame.shape[0] > 128 for frame in frames)
    assert (frames[0] != frames[3]).any()
    turned = there_and_back(frames)
    assert [id(frame) for frame in turned[4:]] == [id(frame) for frame in (frames[2], frames[1], frames[0])]
    assert gif(frames).startswith(b"GIF89a")
    assert np.shape(turned) == (7, *frames[0].shape)
