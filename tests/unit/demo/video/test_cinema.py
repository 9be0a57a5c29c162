"""Files in, aged clips out, with a real face pack and a tiny untrained generator; sentences about both."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch

from core.age_reader import PresentAge
from core.clip_aging import Outcome, Step
from core.clips import Clip
from core.errors import BadClip, NoFace
from core.generator import Generator as Network
from core.generator import GeneratorConfig
from core.weights import add_model
from demo.answering import Refusal
from demo.language import Language
from demo.studio import Studio
from demo.video import words
from demo.video.cinema import Cinema, Film, Progress, Reel, Seen
from tests.make_clip import clip, moving_face

T = TypeVar("T")
REFUSAL = "a guardian has to agree"


@pytest.fixture(scope="module")
def cinema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cinema]:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16, groups="10"
    )
    add_model(Network(config), "tiny-10", folder, licence="none, it learnt nothing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGETRANS_MODELS", str(folder))
        yield Cinema(Studio(pack="embedded"))


@pytest.fixture
def reel(cinema: Cinema, tmp_path: Path) -> Reel:
    copy = cinema.bring(clip(moving_face(6), sound_s=0.6))
    path = tmp_path / "video.mp4"
    path.write_bytes(copy.data)
    return Reel(path=str(path), num_frames=copy.num_frames, length_s=copy.length_s)


def ended(steps: Generator[Progress, None, T]) -> tuple[list[Progress], T]:
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as done:
            return told, done.value


def test_a_reel_is_looked_at_and_aged(cinema: Cinema, reel: Reel) -> None:
    seen = cinema.look(reel)
    assert seen.num_faces == 1 and seen.present_age is not None
    told, film = ended(cinema.age(reel, 70.0, True, REFUSAL))
    assert isinstance(film, Film) and film.outcome.num_aged == 6
    assert len(list(Clip(film.data).frames())) == 6
    shares = [progress.share for progress in told]
    assert shares == sorted(shares) and all(0 < share <= 1 for share in shares)


def test_the_example_shows_one_grown_up(cinema: Cinema, reel: Reel) -> None:
    copy = cinema.example()
    assert (copy.num_frames, copy.length_s) == (60, pytest.approx(4.0, abs=0.1))
    Path(reel.path).write_bytes(copy.data)
    assert cinema.look(replace(reel, num_frames=60, length_s=4.0)).num_faces == 1


def test_stopping_leaves_nothing_behind(
    cinema: Cinema, reel: Reel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr("demo.video.cinema.TELL_EVERY_S", 0.0)
    steps = cinema.age(reel, 70.0, True, REFUSAL)
    while next(steps).step.is_following:
        pass
    assert list((tmp_path / "temporary").iterdir())
    steps.close()
    assert list((tmp_path / "temporary").iterdir()) == []


def test_what_cannot_be_used_is_refused(cinema: Cinema, reel: Reel, tmp_path: Path) -> None:
    with pytest.raises(BadClip, match="not a video"):
        cinema.bring(b"not a video" * 10)
    with pytest.raises(Refusal, match="This video is no longer held"):
        cinema.look(replace(reel, path=str(tmp_path / "gone.mp4")))
    copy = cinema.bring(clip([np.full((240, 320, 3), 128, np.uint8)] * 4))
    Path(reel.path).write_bytes(copy.data)
    with pytest.raises(NoFace, match="this video"):
        cinema.look(reel)


def test_a_child_needs_a_guardian(cinema: Cinema, reel: Reel, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(years: float | None) -> Seen:
        age = None if years is None else PresentAge(years=years)
        return Seen(reel=reel, present_age=age, num_faces=1, warnings=())

    assert seen(17.9).needs_guardian
    assert not seen(18.0).needs_guardian and not seen(None).needs_guardian
    monkeypatch.setattr("demo.video.cinema.ADULT_YEARS", 101)
    with pytest.raises(Refusal, match=REFUSAL):
        ended(cinema.age(reel, 70.0, False, REFUSAL))
    assert ended(cinema.age(reel, 70.0, True, REFUSAL))[1].data


def test_sentences_of_the_tab(reel: Reel) -> None:
    say = Language("en")
    seen = Seen(reel=reel, present_age=PresentAge(years=23.4), num_faces=2, warnings=())
    found = words.present(say, seen)
    assert "0.6 seconds, 6 pictures." in found and "2 faces found" in found and ">23<" in found
    assert "expect less" not in found
    assert "The face is very small; expect less." in words.present(say, replace(seen, warnings=("tiny",)))
    half = Progress(step=Step(is_following=False, num_done=5), share=0.64, left_s=12.0)
    assert "Ageing: 5 of 10 pictures. About 10 seconds left." in words.progress(say, half, 10)
    assert words.time_left(say, 200) == "About 3 minutes left."
    assert words.time_left(say, 0.2) == "About a second left."
    outcome = Outcome(num_frames=10, num_aged=8, present_age=None, flicker=0.3, flicker_unsteadied=0.6)
    assert "8 of 10 pictures" in words.verdict(say, outcome) and "50 %" in words.verdict(say, outcome)


def test_names_in_paths_are_no_markup() -> None:
    html = words.player('/tmp/a"><script>/x.mp4', 'a "label"', "<b>")
    assert "<script>" not in html and "<b>" not in html and "%22%3E%3Cscript%3E" in html
