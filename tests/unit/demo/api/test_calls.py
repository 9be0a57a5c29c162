"""What programs may ask for, on a tiny untrained generator: manners first, then the work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch

from core.age_reader import PresentAge
from core.ages import TEN
from core.aging import FaceAger
from core.generator import Generator, GeneratorConfig
from core.images import decode_photo
from core.weights import add_model
from demo.answering import Refusal
from demo.api.calls import AGREE, GUARDIAN, MAX_PIXELS, Calls, years_in
from demo.delivery import Delivery
from demo.studio import Studio

TINY = {"size_px": 32, "channels": (8, 16), "encoder_blocks": (0, 0), "decoder_blocks": (1, 0), "code_width": 16}
ASTRONAUT: npt.NDArray[np.uint8] = skimage.data.astronaut()
ASKED: dict[str, Any] = {"ages": [8, 70], "model": "", "face": 0, "agreed": True, "guardian_agrees": True}


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    add_model(Generator(GeneratorConfig(groups="10", **TINY)), "tiny-10", folder, licence="none")  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGETRANS_MODELS", str(folder))
        yield Calls(Studio(pack="embedded"), Delivery(str(tmp_path_factory.mktemp("cache"))))


def test_ages_become_files_in_their_order_and_a_record(calls: Calls) -> None:
    aged = calls.age_face(ASTRONAUT, **ASKED)
    assert [Path(path).name for path in aged.files] == aged.record["files"] == ["age_8.png", "age_70.png"]
    assert all(decode_photo(Path(path).read_bytes()).shape == ASTRONAUT.shape for path in aged.files)
    assert aged.record["label"] == "AI-aged" and aged.record["ages_years"] == [8, 70]
    assert calls.age_face(ASTRONAUT, **ASKED | {"ages": None}).record["ages_years"] == list(TEN.typical_years)


@pytest.mark.parametrize("agreed", [False, None, 1, "true", [True]])
def test_before_the_agreement_no_face_is_looked_for(calls: Calls, monkeypatch: pytest.MonkeyPatch, agreed: Any) -> None:
    looked: list[str] = []
    monkeypatch.setattr(calls.studio.pack, "detect", lambda _photo: looked.append("looked"))
    for call in (
        lambda: calls.age_face(ASTRONAUT, **ASKED | {"agreed": agreed}),
        lambda: calls.present_age(ASTRONAUT, agreed=agreed),
        lambda: calls.verify_faces(ASTRONAUT, ASTRONAUT, ages=None, agreed=agreed, guardian_agrees=True),
    ):
        with pytest.raises(Refusal) as refused:
            call()
        assert str(refused.value) == AGREE
    assert looked == []


def test_a_face_that_reads_as_a_childs_needs_a_guardian(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FaceAger, "present_age", lambda *_: PresentAge(years=17.9))
    with pytest.raises(Refusal, match="under 18") as refused:
        calls.age_face(ASTRONAUT, **ASKED | {"guardian_agrees": False})
    assert str(refused.value) == GUARDIAN
    with pytest.raises(Refusal, match="under 18"):
        calls.verify_faces(ASTRONAUT, ASTRONAUT, ages=[8, 30], agreed=True, guardian_agrees="yes")
    assert len(calls.age_face(ASTRONAUT, **ASKED).files) == 2
    monkeypatch.setattr(FaceAger, "present_age", lambda *_: PresentAge(years=18.0))
    assert len(calls.age_face(ASTRONAUT, **ASKED | {"guardian_agrees": False}).files) == 2


def test_an_answer_has_a_bound(calls: Calls) -> None:
    wide = np.zeros((4000, 4000, 3), np.uint8)
    with pytest.raises(Refusal, match="send a smaller photo or ask for fewer ages"):
        calls.age_face(wide, **ASKED | {"ages": [30.0] * (MAX_PIXELS // 16_000_000 + 1)})


@pytest.mark.parametrize(
    "ages", [[float("nan")], [-1], [121], [True], ["8"], "8", 8, {"a": 1}, [None], [1e400], [10**400]]
)
def test_what_is_no_age_is_refused(ages: Any) -> None:
    with pytest.raises(Refusal, match="ages"):
        years_in(ages, "ages", 20)


@pytest.mark.parametrize("face", [-1, 1.5, "0", None, True, float("nan"), 7, {}])
def test_what_is_no_face_is_refused(calls: Calls, face: Any) -> None:
    with pytest.raises(Refusal, match="face"):
        calls.age_face(ASTRONAUT, **ASKED | {"face": face})


@pytest.mark.parametrize("model", ["other", 5, ["tiny-10"], {"name": "tiny-10"}, "../tiny-10"])
def test_what_is_no_model_is_refused(calls: Calls, model: Any) -> None:
    with pytest.raises(Refusal, match="There is no such model; there are tiny-10"):
        calls.age_face(ASTRONAUT, **ASKED | {"model": model})


def test_two_photos_are_held_against_each_other(calls: Calls) -> None:
    told = calls.verify_faces(ASTRONAUT, ASTRONAUT[:, ::-1].copy(), ages=[4, 41], agreed=True, guardian_agrees=True)
    assert told["gap_years"] == 37 and told["recogniser"] == "dlib_resnet_v1"
    assert told["passes_one_size"] == (told["score"] >= told["one_size_threshold"])
    assert "ages 4 and 41" in told["sentence"]
    with pytest.raises(Refusal, match="one for each of the two photos"):
        calls.verify_faces(ASTRONAUT, ASTRONAUT, ages=[4], agreed=True, guardian_agrees=True)


def test_ages_of_all_faces_are_read(calls: Calls) -> None:
    pair = np.concatenate([ASTRONAUT, ASTRONAUT[:, ::-1]], axis=1)
    told = calls.present_age(pair, agreed=True)
    assert [face["face"] for face in told["faces"]] == [0, 1]
    assert all(0 <= face["present_age_years"] <= 120 for face in told["faces"])
