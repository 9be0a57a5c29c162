"""Answers of the Video tab: nothing is looked at before consent, uploads are replaced, the end of a making is told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from gradio.context import Context

from core.age_reader import PresentAge
from core.generator import Generator, GeneratorConfig
from core.weights import add_model
from demo.delivery import Delivery
from demo.language import Language
from demo.stopping import Askings, ending
from demo.studio import Studio
from demo.video.tab import VideoTab
from tests.make_clip import clip, moving_face
from tests.watched import Watched
from tests.wiring import stopped_by

CANARY = "CANARY-50.0875N-14.4214E"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoTab]:
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
            yield VideoTab(studio, Language("en"), Delivery(str(tmp_path_factory.mktemp("cache"))))


def calls(tab: VideoTab) -> int:
    pack: Any = tab.studio.pack
    return int(pack.calls)


def arrived(tab: VideoTab, data: bytes) -> dict[Any, Any]:
    upload = Path(tab.delivery.folder) / "upload.mp4"
    upload.write_bytes(data)
    updates = tab.arrive({"path": str(upload)})
    if updates[tab.reel] is None:
        assert not upload.exists()
    else:
        assert CANARY.encode() not in upload.read_bytes()
    return updates


def test_an_upload_is_replaced_and_nothing_is_looked_at_before_consent(tab: VideoTab) -> None:
    before = calls(tab)
    updates = arrived(tab, clip(moving_face(5), tags={"title": CANARY}))
    reel = updates[tab.reel]
    assert CANARY.encode() not in Path(reel.path).read_bytes() and reel.num_frames == 5
    assert "Tick the box above" in tab.look(reel, False)[tab.notice]
    assert calls(tab) == before
    gone = tab.look(None, True)
    assert gone[tab.seen] is None and gone[tab.players] == "" and tab.notice not in gone
    told = Askings()
    assert not told.is_late(20.0)
    assert tab.look_once(told, 10.0, reel, False, None) == {tab.seen: None}, "asked before, came after"
    assert "Tick the box above" in tab.look_once(told, 30.0, reel, False, None)[tab.notice]


def test_the_same_clip_arrives_for_two_visitors(tab: VideoTab) -> None:
    """Files of the same content lie in one place, whoever sent them."""
    first = arrived(tab, clip(moving_face(3), sound_s=0.3, tags={"title": CANARY}))[tab.reel]
    second = tab.arrive({"path": str(Path(tab.delivery.folder) / "upload.mp4")})
    assert second[tab.reel].num_frames == first.num_frames and second[tab.notice] == ""


def test_what_is_no_clip_goes_and_is_told(tab: VideoTab) -> None:
    updates = arrived(tab, b"no clip at all")
    assert updates[tab.reel] is None and "not a video" in updates[tab.notice]
    outside = tab.arrive({"path": "/etc/hostname"})
    assert outside[tab.reel] is None and 'role="alert"' in outside[tab.notice]
    assert Path("/etc/hostname").exists()
    assert tab.arrive(None)[tab.reel] is None


def test_from_clip_to_film(tab: VideoTab) -> None:
    reel = arrived(tab, clip(moving_face(6), sound_s=0.6))[tab.reel]
    seen = tab.look(reel, True)[tab.seen]
    assert "Waiting" in tab.wait(Askings(), 1.0, seen, True)[tab.progress]
    last = list(tab.age(seen, True, 70))[-1]
    assert Path(last[tab.save]["value"]).read_bytes()[4:8] == b"ftyp"
    assert last[tab.players].count("<video") == 2 and last[tab.cancel]["visible"] is False


def test_a_child_waits_for_its_guardian(tab: VideoTab) -> None:
    reel = arrived(tab, clip(moving_face(4)))[tab.reel]
    child = replace(tab.look(reel, True)[tab.seen], present_age=PresentAge(years=9))
    assert "Tick the second box" in tab.wait(Askings(), 1.0, child, False)[tab.progress]
    assert list(tab.age(child, False, 70)) == []
    assert tab.allow(child, True)[tab.run]["interactive"] is True
    assert tab.allow(child, False)[tab.run]["interactive"] is False


def test_work_ends_with_the_guardians_tick(tab: VideoTab) -> None:
    assert Context.root_block is not None
    assert stopped_by(Context.root_block, (tab.run, "click"), (tab.guardian, "input"))
    reel = arrived(tab, clip(moving_face(4)))[tab.reel]
    child = replace(tab.look(reel, True)[tab.seen], present_age=PresentAge(years=9))
    told = tab.allow(child, False)
    assert told[tab.progress] == "" and told[tab.run]["visible"] and told[tab.cancel]["visible"] is False
    assert "Tick the second box" in told[tab.notice]
    assert told[tab.verdict] == "" and told[tab.save]["visible"] is False and told[tab.players].count("<video") == 1


def test_a_clip_ends_though_the_browser_did_not_know_that_it_runs(tab: VideoTab) -> None:
    reel, askings = arrived(tab, clip(moving_face(4)))[tab.reel], Askings()
    seen = tab.look(reel, True)[tab.seen]
    assert tab.wait(askings, 1.0, seen, True)[tab.cancel]["visible"]
    running = tab.age_newest(askings, 2.0, seen, True, 70)
    next(running)
    told = tab.look_once(askings, 3.0, reel, False, seen)
    assert [*running] == [{part: told[part] for part in tab.made_parts if part in told}]
    assert told[tab.run]["interactive"] is False and "Tick the box" in told[tab.notice]
    assert not [*tab.age_newest(askings, 2.0, seen, True, 70)][1:], "it waited for a place until then"
    tab.wait(askings, 4.0, seen, True)
    running = tab.age_newest(askings, 5.0, seen, True, 70)
    next(running)
    stopped = ending(tab.stopped)(askings, 6.0)
    assert [*running] == [stopped] and "Nothing of it was kept" in stopped[tab.progress]


def test_a_clip_that_is_gone_is_told(tab: VideoTab) -> None:
    reel = arrived(tab, clip(moving_face(4)))[tab.reel]
    seen = tab.look(reel, True)[tab.seen]
    Path(reel.path).unlink()
    assert "This video is no longer held" in list(tab.age(seen, True, 70))[-1][tab.progress]
    assert "no longer held" in tab.wait(Askings(), 1.0, None, True)[tab.progress]
