"""Frames in, aged frames out, with a real face pack and a tiny untrained generator."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from core.age_reader import PresentAge
from core.align import Photo
from core.errors import BadImage, NoFace
from core.generator import Generator, GeneratorConfig
from core.images import decode_photo, encode_jpeg
from core.weights import add_model
from demo.live.mirror import HEAD, READ_EVERY_S, Glance, Mirror, as_url, read_frame
from demo.studio import Studio
from tests.models import random_estimator


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16, groups="10"
    )
    network = Generator(config)
    network.decoder.head.weight.data *= 20  # so that ages differ by grey levels, not by fractions of one
    add_model(network, "tiny-10", folder, licence="none, it learnt nothing")
    add_model(random_estimator(), "reader", folder, licence="none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGETRANS_MODELS", str(folder))
        yield Mirror(Studio(pack="embedded"))


@pytest.fixture(scope="module")
def frame() -> Photo:
    return np.ascontiguousarray(skimage.data.astronaut()[:384, 32:480])


def test_a_frame_is_aged_around_the_face_and_carries_the_label(mirror: Mirror, frame: Photo) -> None:
    glance = mirror.look(frame, None, 1.0)
    aged, remembered = mirror.age(frame, glance, 70.0)
    changed = (aged != frame).any(axis=2)
    assert aged.shape == frame.shape
    assert changed[60:180, 150:250].mean() > 0.3, "the face"
    assert changed[-25:, -100:].mean() > 0.3, "the label"
    assert not changed[200:, :150].any()
    assert remembered.years == 70.0 and remembered.crop is not None


def test_the_present_age_is_held_and_read_again_now_and_then(mirror: Mirror, frame: Photo) -> None:
    glance = mirror.look(frame, None, 0.0)
    assert len(glance.ages) == 1
    for number in range(1, 10):
        glance = mirror.look(frame, glance, READ_EVERY_S * number / 9)
    assert len(glance.ages) == 2 and glance.track.time_s == READ_EVERY_S
    assert glance.present_age in glance.ages


def test_the_middle_reading_counts_and_a_child_needs_a_guardian(mirror: Mirror, frame: Photo) -> None:
    glance = mirror.look(frame, None, 0.0)

    def reads(*years: float) -> Glance:
        return replace(glance, ages=tuple(PresentAge(years=one) for one in years))

    assert reads(10, 30, 28).present_age == PresentAge(years=28)
    assert not reads(10, 30, 28).needs_guardian
    assert reads(10, 12, 28).needs_guardian
    assert reads().present_age is None and not reads().needs_guardian


def test_a_change_is_carried_over_only_for_the_same_age(mirror: Mirror, frame: Photo) -> None:
    glance = mirror.look(frame, None, 0.0)
    _, at_70 = mirror.age(frame, glance, 70.0)
    fresh, _ = mirror.age(frame, glance, 5.0)
    after, _ = mirror.age(frame, at_70, 5.0)
    assert np.array_equal(fresh, after)


def test_without_a_face_there_is_nothing_to_age(mirror: Mirror, frame: Photo) -> None:
    glance = mirror.look(frame, None, 0.0)
    with pytest.raises(NoFace):
        mirror.look(np.full_like(frame, 128), glance, 0.7)


def test_frames_travel_as_urls(frame: Photo) -> None:
    url = as_url(frame)
    assert np.array_equal(read_frame({"frame": url}), decode_photo(encode_jpeg(frame, 85)))


@pytest.mark.parametrize(
    "sent",
    [
        None,
        {},
        {"frame": 5},
        {"frame": "data:image/png;base64,AAAA"},
        {"frame": HEAD + "not base64"},
        {"frame": HEAD + "aé=="},
        {"frame": HEAD + base64.b64encode(b"no picture").decode()},
        {"frame": HEAD + "A" * 800_000},
        {"frame": "/etc/passwd"},
    ],
    ids=["nothing", "empty", "number", "png", "letters", "accents", "text", "heavy", "path"],
)
def test_what_is_no_frame_is_refused(sent: object) -> None:
    with pytest.raises(BadImage):
        read_frame(sent)


def test_a_frame_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(BadImage, match="million"):
        read_frame({"frame": as_url(np.zeros((1300, 1300, 3), np.uint8))})


def test_nothing_of_it_is_a_file(mirror: Mirror, frame: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    aged, _ = mirror.age(frame, mirror.look(frame, None, 0.0), 40.0)
    as_url(aged)
    assert list(tmp_path.iterdir()) == []
