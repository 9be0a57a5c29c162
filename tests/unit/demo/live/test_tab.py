"""Answers of the Live tab: nothing is looked at before consent, a child waits for its guardian."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import skimage.data
import torch
from gradio.context import Context

from core.age_reader import PresentAge
from core.align import Photo
from core.generator import Generator, GeneratorConfig
from core.weights import add_model
from demo.delivery import Delivery
from demo.language import Language
from demo.live.mirror import as_url
from demo.live.tab import LiveTab
from demo.stopping import Askings, ending
from demo.studio import Studio
from tests.watched import Watched
from tests.wiring import stopped_by


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveTab]:
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
            yield LiveTab(studio, Language("en"), Delivery(str(tmp_path_factory.mktemp("cache"))))


def sent(photo: Photo, serial: int = 7) -> gr.EventData:
    return gr.EventData(None, {"frame": as_url(photo), "serial": serial})


def face() -> Photo:
    return np.ascontiguousarray(skimage.data.astronaut()[:384, 32:480])


def calls(tab: LiveTab) -> int:
    pack: Any = tab.studio.pack
    return int(pack.calls)


def test_without_consent_nothing_is_looked_at(tab: LiveTab, tmp_path: Path) -> None:
    before = calls(tab)
    told = tab.age(None, False, False, 70, sent(face()))
    assert told[tab.camera]["picture"] == "" and "Tick the first box" in told[tab.camera]["note"]
    steps = list(tab.make_strip(None, False, False, sent(face())))
    assert "Tick the first box" in steps[-1][tab.progress]
    assert calls(tab) == before and list(tmp_path.iterdir()) == []


def test_a_frame_is_answered_with_its_own_number(tab: LiveTab) -> None:
    told = tab.age(None, True, False, 70, sent(face(), 41))
    assert told[tab.camera]["serial"] == 41 and told[tab.camera]["picture"].startswith("data:image/jpeg;base64,")
    assert "It reads as about" in told[tab.camera]["note"]
    assert told[tab.glance].track.face.score > 0


def test_a_child_waits_for_its_guardian(tab: LiveTab) -> None:
    glance = tab.age(None, True, False, 70, sent(face()))[tab.glance]
    child = replace(glance, ages=(PresentAge(years=9),))
    told = tab.age(child, True, False, 70, sent(face()))
    assert told[tab.camera]["picture"] == "" and "Tick the second box" in told[tab.camera]["note"]
    assert told[tab.guardian]["visible"] is True
    assert tab.age(child, True, True, 70, sent(face()))[tab.camera]["picture"]
    steps = list(tab.make_strip(child, True, False, sent(face())))
    assert "Tick the second box" in steps[-1][tab.progress] and steps[-1][tab.sitting] is None


def test_who_is_not_there_and_what_is_no_frame(tab: LiveTab) -> None:
    told = tab.age(None, True, False, 70, sent(np.full((200, 200, 3), 128, np.uint8)))
    assert "No face in view" in told[tab.camera]["note"] and not told[tab.camera]["is_trouble"]
    assert told[tab.glance] is None
    told = tab.age(None, True, False, 70, gr.EventData(None, {"serial": 1}))
    assert told[tab.camera]["is_trouble"]


def test_a_strip_has_every_age_and_stopping_forgets(tab: LiveTab) -> None:
    steps = list(tab.make_strip(None, True, True, sent(face())))
    assert len(steps[-2][tab.strip]["value"]) == 10
    assert steps[0][tab.sitting] is not None and steps[-1][tab.saving]["visible"] is True
    assert tab.closed()[tab.glance] is None and tab.closed()[tab.sitting] is None


def test_what_is_forgotten_cannot_be_saved(tab: LiveTab) -> None:
    assert "no longer held" in tab.make_png(None, 3)[tab.saved]
    assert "no longer held" in tab.make_zip(None, None)[tab.saved]


def test_a_file_does_not_outlive_what_allowed_it(tab: LiveTab) -> None:
    assert Context.root_block is not None
    for button in (tab.save_png, tab.save_zip):
        for cause in ((tab.consent, "input"), (tab.guardian, "input"), (tab.camera, "play"), (tab.camera, "stop")):
            assert stopped_by(Context.root_block, (button, "click"), cause), cause[1]
    sitting, askings = next(iter(tab.make_strip(None, True, True, sent(face()))))[tab.sitting], Askings()
    save = tab.while_held(tab.make_png)
    assert save(askings, 1.0, sitting, 3)[tab.file]
    ending(tab.agree)(askings, 2.0, False)
    assert save(askings, 1.0, sitting, 3) == {tab.file: None, tab.saved: ""}


def test_a_strip_ends_and_goes_with_the_guardians_tick(tab: LiveTab) -> None:
    assert Context.root_block is not None
    assert stopped_by(Context.root_block, (tab.camera, "pause"), (tab.guardian, "input"))
    gone = tab.allow(False)
    assert gone[tab.sitting] is None and gone[tab.strip]["value"] == [] and gone[tab.cancel]["visible"] is False
    assert tab.start not in gone and tab.glance not in gone, "the camera goes on, and asks for the tick"


def test_a_strip_ends_though_the_browser_did_not_know_that_it_runs(tab: LiveTab) -> None:
    askings = Askings()
    answers: Any = ((tab.agree, (False,)), (tab.allow, (False,)), (tab.closed, ()), (tab.cancelled, ()))
    for second, (answer, asked) in enumerate(answers):
        moment_ms = second * 1000.0
        running = tab.strip_anew(askings, moment_ms, None, True, True, sent(face()))
        assert next(running)[tab.cancel]["visible"]
        told = ending(answer)(askings, moment_ms + 2, *asked)
        assert [*running] == [{part: told[part] for part in tab.rested() if part in told}]
        assert told[tab.cancel]["visible"] is False
        before = calls(tab)
        late = [*tab.strip_anew(askings, moment_ms + 1, None, True, True, sent(face()))]
        assert calls(tab) == before and all(step[tab.cancel]["visible"] is False for step in late)


def test_a_frame_under_way_ends_with_the_camera(tab: LiveTab) -> None:
    """Else its answer, coming last, would put back what was just forgotten."""
    assert Context.root_block is not None
    events = Context.root_block.fns
    [aging] = [number for number, event in events.items() if (tab.camera._id, "submit") in event.targets]
    for cause in ((tab.camera, "play"), (tab.camera, "pause"), (tab.camera, "stop"), (tab.consent, "input")):
        ended = [event.cancels for event in events.values() if (cause[0]._id, cause[1]) in event.targets]
        assert any(aging in cancels for cancels in ended), cause[1]
