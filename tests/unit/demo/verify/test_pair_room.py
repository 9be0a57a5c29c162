"""Answers of the room for two photos: nothing before consent, a score and no embedding kept, nothing stale."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch

from core.age_reader import PresentAge
from core.ages import TEN
from core.generator import Generator, GeneratorConfig
from core.images import encode_jpeg
from core.provenance import Made
from core.weights import add_model
from demo.delivery import Delivery
from demo.language import Language
from demo.stopping import Askings
from demo.studio import Studio
from demo.verify.pair_room import PairRoom
from demo.verify.pairing import Pairing, Side, age_meant
from demo.verify.words import Compared
from tests.watched import Watched

ASTRONAUT: npt.NDArray[np.uint8] = skimage.data.astronaut()
CANARY = b"CANARY-50.0875N-14.4214E"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairRoom]:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16, groups="10"
    )
    add_model(Generator(config), "tiny-10", folder, licence="none, it learnt nothing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGETRANS_MODELS", str(folder))
        studio = Studio(pack="embedded")
        studio.pack = studio.ager("tiny-10").pack = Watched(studio.pack)
        with gr.Blocks():
            yield PairRoom(studio, Language("en"), Delivery(str(tmp_path_factory.mktemp("cache"))))


@pytest.fixture(scope="module")
def side(room: PairRoom) -> Side:
    found = room.first.look(ASTRONAUT, True)[room.first.side]
    assert isinstance(found, Side)
    return replace(found, present_age=PresentAge(years=41))


def settle(room: PairRoom, *known: Any) -> Any:
    return room.settle(Askings(), 1.0, *known)


def calls(room: PairRoom) -> int:
    pack: Any = room.studio.pack
    return int(pack.calls)


def sent(room: PairRoom, data: bytes) -> tuple[Path, dict[Any, Any]]:
    upload = Path(room.delivery.folder) / "upload.jpg"
    upload.write_bytes(data)
    return upload, room.first.arrive({"path": str(upload)})


def test_a_photo_that_is_looked_at_already_is_left_as_it_is(room: PairRoom) -> None:
    first = room.first
    side = first.look(ASTRONAUT, True)[first.side]
    assert first.look_once(Askings(), 1, ASTRONAUT, True, side) == {first.side: side}
    assert first.look_once(Askings(), 1, ASTRONAUT, False, side)[first.side] is None
    assert first.look_once(Askings(), 1, ASTRONAUT.copy(), True, side)[first.side] not in (None, side)
    told = Askings()
    first.look_once(told, 20.0, ASTRONAUT, True, side)
    assert first.look_once(told, 10.0, ASTRONAUT, False, side) == {first.side: side}, "asked before, came after"


def test_sides_that_stayed_as_they_were_keep_what_was_compared(room: PairRoom) -> None:
    side = room.first.look(ASTRONAUT, True)[room.first.side]
    told = settle(room, side, False, side, False)
    assert told[room.result] == "" and told[room.compare]["interactive"]
    before = told[room.settled_on]
    assert settle(room, side, False, side, False, before) == {room.settled_on: before}
    assert settle(room, side, True, side, False, before)[room.result] == ""
    held = room.hold_together(side, False, side, False, 24, 24, 0.001)
    assert settle(room, side, False, side, False, held[room.settled_on]) == {room.settled_on: before}
    assert not settle(room, side, False, None, False, before)[room.compare]["interactive"]


def test_nothing_is_looked_for_before_the_tick(room: PairRoom) -> None:
    before = calls(room)
    plain = encode_jpeg(ASTRONAUT)
    comment = b"\xff\xfe" + (len(CANARY) + 2).to_bytes(2, "big") + CANARY
    upload, updates = sent(room, plain[:2] + comment + plain[2:])
    assert CANARY not in upload.read_bytes() and updates[room.first.photo] == str(upload)
    for one in room.sides:
        looked = one.look(updates[room.first.held], False)
        assert looked[one.side] is None and "Tick the box above" in looked[one.notice]
        nothing = one.look(None, True)
        assert nothing[one.side] is None and one.notice not in nothing, "what was said of a refused photo stays"
    assert room.hold_together(None, False, None, False, 41, 70, 0.001)[room.progress].count("alert") == 1
    assert calls(room) == before


def test_what_is_no_picture_goes_and_is_told(room: PairRoom) -> None:
    upload, updates = sent(room, b"no picture")
    assert not upload.exists()
    assert updates[room.first.held] is None and "not a picture" in updates[room.first.notice]
    outside = room.second.arrive({"path": "/etc/hostname"})
    assert outside[room.second.held] is None and 'role="alert"' in outside[room.second.notice]
    grey = np.full((300, 300, 3), 200, np.uint8)
    assert "No face found" in room.second.look(grey, True)[room.second.notice]


def test_from_two_photos_to_two_verdicts_and_only_a_score_is_kept(room: PairRoom, side: Side) -> None:
    other = room.second.look(ASTRONAUT[:, ::-1].copy(), True)[room.second.side]
    updates = room.hold_together(side, False, other, False, 41, 6, 0.001)
    compared = updates[room.compared]
    assert isinstance(compared, Compared) and 0.9 < compared.score <= 1 and not compared.is_made
    assert {name: type(value) for name, value in asdict(compared).items()} == {"score": float, "is_made": bool}
    assert 'id="verify-one-size"' in updates[room.result] and "Gap" in updates[room.result]
    before = calls(room)
    again = room.tell_again(compared, 41, 70, 0.0001)
    assert "41 and 70" in again[room.result] and "one pair in 10,000" in again[room.result]
    assert calls(room) == before  # ages and rate change without a face being looked at


def test_a_reading_decides_while_its_whole_years_are_entered(room: PairRoom, side: Side) -> None:
    almost = replace(side, present_age=PresentAge(years=29.7, interval_years=(25.9, 34.2)))
    met = room.first.met(almost)
    assert met[room.first.years]["value"] == 29 and "29 (25–34)" in met[room.first.found]["value"]
    told = room.hold_together(almost, False, side, False, 29, 41, 0.001)
    for result in (told[room.result], room.tell_again(told[room.compared], 29, 41, 0.001, almost, side)[room.result],
                   room.hold_together(almost, False, side, False, 29.7, 41, 0.001)[room.result]):  # fmt: skip
        assert "29 and 41" in result and "20–29" in result and "12 years" in result
    assert age_meant(29, almost) == 29.7 and age_meant(30, almost) == 30.0
    entered = room.tell_again(told[room.compared], 30, 41, 0.001, almost, side)[room.result]
    assert "30 and 41" in entered and "30–39" in entered


@pytest.mark.parametrize("years", [None, -1, 101, "41", True])
def test_an_age_that_is_none_is_asked_for(room: PairRoom, years: Any) -> None:
    updates = room.tell_again(Compared(score=0.9, is_made=False), 41, years, 0.001)
    assert updates[room.result] == "" and "Give both ages in years" in updates[room.progress]


def test_a_child_needs_a_guardian(room: PairRoom, side: Side) -> None:
    child = replace(side, present_age=PresentAge(years=9))
    assert room.first.met(child)[room.first.guardian]["visible"] is True
    before = calls(room)
    assert "Tick the second box" in room.hold_together(side, False, child, False, 41, 9, 0.001)[room.progress]
    assert "Tick the second box" in room.second_made(child, False, 9)[room.second.notice]
    assert "Tick the second box" in list(room.compare_strip(child, False, 9, 0.001))[-1][room.progress]
    assert calls(room) == before
    assert settle(room, side, False, child, False)[room.compare]["interactive"] is False
    assert settle(room, side, False, child, True)[room.compare]["interactive"] is True
    made = replace(child, made=Made(model="m", model_sha256="0" * 64, ages=("9",)), made_from=side.face)
    assert not made.needs_guardian


def test_a_second_photo_is_made_of_the_first_and_goes_with_it(room: PairRoom, side: Side) -> None:
    updates = room.second_made(side, False, 9)
    made = updates[room.second.side]
    assert isinstance(made, Side) and made.is_made and made.made_from is side.face
    assert updates[room.second.years]["value"] == round(TEN.typical_years[9])
    assert updates[room.second.consent]["visible"] is False
    assert Path(updates[room.second.photo]).read_bytes()[:2] == b"\xff\xd8"
    kept = settle(room, side, False, made, False)
    assert kept[room.compare]["interactive"] is True and room.second.side not in kept
    another = room.first.look(ASTRONAUT, True)[room.first.side]
    for first in (another, None):
        gone = settle(room, first, False, made, False)
        assert gone[room.second.side] is None and gone[room.second.photo] is None
        assert gone[room.compare]["interactive"] is False and gone[room.result] == ""


def test_the_strip_is_told_age_by_age(room: PairRoom, side: Side) -> None:
    steps = list(room.compare_strip(side, False, 41, 0.001))
    assert len(steps) == 12 and steps[0][room.cancel]["visible"] is True
    assert steps[-2][room.strip].count('<th scope="row">') == 10 and "10 of 10" in steps[-2][room.progress]
    assert steps[-1][room.progress] == "" and steps[-1][room.run]["visible"] is True


def test_without_tables_there_is_no_verdict(room: PairRoom, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "another recogniser"
    other.write_bytes(b"its weights")
    pairing = Pairing(room.studio)
    monkeypatch.setattr(room.studio.pack, "recogniser_file", other)
    assert pairing.source is None and pairing.verdict(0.9, (41, 70), 0.001) is None
    told = room.tell_again(Compared(score=0.9, is_made=False), 41, 70, 0.001)[room.result]
    assert "No verdict: there are no thresholds for the recogniser" in told and "Same person" not in told


def test_a_face_that_is_not_there_is_a_mistake(room: PairRoom, side: Side) -> None:
    with pytest.raises(ValueError, match="1 faces, no number 1"):
        room.pairing.pick(side, 1)


def test_a_comparison_that_was_overtaken_says_last_what_the_room_is_since(room: PairRoom, side: Side) -> None:
    askings = Askings()
    running = room.strip_anew(askings, 1.0, side, False, 41, 0.01)
    assert next(running)[room.run]["visible"] is False
    told = room.settle(askings, 2.0, None, False, None, False)
    assert [*running] == [{part: told[part] for part in room.strip_parts}]
    assert told[room.run]["visible"] is False and told[room.cancel]["visible"] is False


def test_what_was_made_with_a_guardians_tick_goes_with_it(room: PairRoom, side: Side) -> None:
    child, askings = replace(side, present_age=PresentAge(years=9)), Askings()
    made = room.make_second(askings, 1.0, child, True, 9)[room.second.side]
    assert made.is_made
    kept = room.settle(askings, 2.0, child, True, made, False)
    assert room.second.side not in kept and kept[room.compare]["interactive"]
    gone = room.settle(askings, 4.0, child, False, made, False)
    assert gone[room.second.side] is None and gone[room.second.photo] is None
    assert room.second.side not in room.make_second(askings, 3.0, child, True, 9), "made while the tick was taken back"
