"""From clip to aged clip with a real face pack and a tiny untrained generator: steady, marked, with its sound."""

from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch

from core.aging import FaceAger
from core.clip_aging import ClipAger, Outcome, Step, fades, middle, rate_of
from core.clips import Clip
from core.detect import open_pack
from core.device import choose
from core.errors import NoFace
from core.generator import Generator as Network
from core.generator import GeneratorConfig
from core.people import Person
from core.weights import LoadedModel
from tests.make_clip import clip, loudness_at, moving_face
from tests.models import info_of

T = TypeVar("T")


@pytest.fixture(scope="module")
def ager() -> ClipAger:
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16, groups="10"
    )
    network = Network(config)
    network.decoder.head.weight.data *= 20  # so that ages differ by many grey levels
    network.decoder.embedding[0].weight.data *= 20
    loaded = LoadedModel(info=info_of(network), network=network)
    return ClipAger(FaceAger(loaded, open_pack("embedded"), choose("cpu", "float32")))


def ended(steps: Generator[Step, None, T]) -> tuple[list[Step], T]:
    """All steps, and what the generator returns."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as done:
            return seen, done.value


def aged(ager: ClipAger, data: bytes, path: Path) -> tuple[Person, Outcome]:
    whole = Clip(data)
    followed, person = ended(ager.follow(whole))
    assert all(step.is_following for step in followed)
    age = ager.present_age(whole, person)
    steps, outcome = ended(ager.age(whole, person, age, 70.0, path))
    assert [step.num_done for step in steps] == list(range(1, outcome.num_frames + 1))
    return person, outcome


def test_a_clip_is_aged_frame_by_frame_with_its_times_and_its_sound(ager: ClipAger, tmp_path: Path) -> None:
    times_s = [0.1 * number + (0.03 if number % 2 else 0) for number in range(14)]
    data = clip(moving_face(14, (384, 288), noise=3), times_s=times_s, sound_s=1.4, tags={"title": "CANARY"})
    path = tmp_path / "aged.mp4"
    _, outcome = aged(ager, data, path)
    assert (outcome.num_frames, outcome.num_aged) == (14, 14)
    assert outcome.present_age is not None
    assert 0 < outcome.flicker < 0.8 * outcome.flicker_unsteadied
    assert b"CANARY" not in path.read_bytes()
    made = Clip(path.read_bytes())
    before, after = list(Clip(data).frames()), list(made.frames())
    assert [frame.time_s for frame in after] == pytest.approx([frame.time_s for frame in before], abs=0.002)
    # What the encoder does to a frame averages out over frames; the change does not.
    apart = np.mean([other.photo.astype(int) - one.photo for one, other in zip(before, after, strict=True)], axis=0)
    assert np.abs(apart[90:180, 150:240]).mean() > 2 * np.abs(apart[:60, :100]).mean()
    for one, other in zip(before, after, strict=True):
        corner = np.abs(one.photo.astype(int) - other.photo)[-22:-6, -70:-8]
        assert corner.mean() > 15, "the label is on every frame"
    sound = made.sound()
    assert sound is not None and loudness_at(sound.samples) > 0.95 and abs(sound.start_s) < 0.03
    assert [entry.name for entry in tmp_path.iterdir()] == ["aged.mp4"]


def test_frames_without_the_face_stay_and_are_marked(ager: ClipAger, tmp_path: Path) -> None:
    photos = [photo if number < 8 else np.full_like(photo, 128) for number, photo in enumerate(moving_face(16))]
    person, outcome = aged(ager, clip(photos), tmp_path / "aged.mp4")
    assert outcome.num_frames == 16 and outcome.num_aged == len(person.faces) < 16
    last = list(Clip((tmp_path / "aged.mp4").read_bytes()).frames())[-1].photo.astype(int)
    assert np.abs(last[:150] - 128).max() < 6 and np.abs(last - 128).max() > 60
    assert Clip((tmp_path / "aged.mp4").read_bytes()).sound() is None


def test_stopping_midway_leaves_nothing(ager: ClipAger, tmp_path: Path) -> None:
    whole = Clip(clip(moving_face(12)))
    _, person = ended(ager.follow(whole))
    steps = ager.age(whole, person, None, 70.0, tmp_path / "aged.mp4")
    next(steps)
    assert list(tmp_path.iterdir())
    steps.close()
    assert list(tmp_path.iterdir()) == []


def test_a_cut_does_not_count_as_flicker(ager: ClipAger, tmp_path: Path) -> None:
    """The same person, still, then still again in another shot: only what trembles within a shot counts."""
    face = next(moving_face(1))
    other = (np.roll(face[:, ::-1], 20, axis=1) * 0.35).astype(np.uint8)
    person, outcome = aged(ager, clip([face] * 5 + [other] * 5, bit_rate=8_000_000), tmp_path / "aged.mp4")
    assert sorted(person.begins) == [0, 5] and len(person.faces) == 10
    _, still = aged(ager, clip([face] * 5, bit_rate=8_000_000), tmp_path / "still.mp4")
    assert outcome.flicker_unsteadied < 2 * still.flicker_unsteadied + 0.2


def test_a_glimpse_finds_the_face_and_its_age(ager: ClipAger) -> None:
    frames = list(Clip(clip(moving_face(6))).frames(every_s=0.2))
    face, age, num_faces = ager.glimpse(frames)
    assert num_faces == 1 and age is not None
    left, _, right, _ = face.box
    assert 0 <= left < right <= frames[0].photo.shape[1]


def test_a_clip_without_a_face_is_refused(ager: ClipAger) -> None:
    nobody = Clip(clip([np.full((240, 320, 3), 128, np.uint8)] * 3))
    with pytest.raises(NoFace, match="this video"):
        ended(ager.follow(nobody))
    with pytest.raises(NoFace, match="this video"):
        ager.glimpse(list(nobody.frames()))


def test_an_age_the_model_does_not_know_is_refused_before_any_work(ager: ClipAger, tmp_path: Path) -> None:
    person = Person()
    with pytest.raises(ValueError, match="0 to 120"):
        ended(ager.age(Clip(b"no clip"), person, None, 200.0, tmp_path / "aged.mp4"))


def test_changes_fade_where_a_face_comes_and_goes(ager: ClipAger) -> None:
    _, person = ended(ager.follow(Clip(clip(moving_face(10)))))
    for number in (4, 5):
        del person.faces[number], person.times_s[number]
    shown = fades(person)
    assert shown[0] == shown[9] == 1 and shown[3] == shown[6] == 0
    assert 0 < shown[2] < shown[1] <= 1
    for number in (8, 9):
        del person.faces[number], person.times_s[number]
    shown = fades(person)
    assert shown[0] == 1 and shown[7] == 0, "lost for good"
    assert rate_of(person) == pytest.approx(10, rel=0.05)
    assert middle([]) is None and middle([None]) is None
