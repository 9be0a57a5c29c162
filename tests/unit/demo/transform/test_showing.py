"""The strip stops between two ages when it is closed, as a cancelled event is: what was not begun is not computed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import skimage.data
import torch
from gradio.blocks import postprocess_update_dict
from gradio.context import Context

from core.age_reader import PresentAge
from core.generator import Generator, GeneratorConfig
from core.weights import add_model
from demo.delivery import Delivery
from demo.language import Language
from demo.stopping import Askings, ending
from demo.studio import Studio
from demo.transform.layout import YEARS, choices, modes
from demo.transform.tab import TransformTab
from tests.wiring import stopped_by

SAY = Language("en")


@pytest.fixture
def tab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TransformTab]:
    torch.manual_seed(0)
    for groups in ("10", "4"):
        config = GeneratorConfig(
            size_px=128, groups=groups, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16
        )
        add_model(Generator(config), f"tiny-{groups}", tmp_path / "models", licence="none")
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path / "models"))
    studio = Studio(pack="embedded")
    with gr.Blocks(analytics_enabled=False):
        yield TransformTab(studio, SAY, Delivery(str(tmp_path / "cache")))


def test_a_strip_that_is_cancelled_computes_no_further_age(tab: TransformTab) -> None:
    network: Any = tab.studio.ager("tiny-10").network
    counted: list[int] = []
    network.decoder.register_forward_hook(lambda *args: counted.append(len(args[2][0])))
    photo = skimage.data.astronaut()
    sitting = tab.studio.look(photo, "tiny-10")
    counted.clear()
    running: Any = tab.age(Askings(), 0.0, sitting, "tiny-10", True, "close-up", "", "10", None, 50)
    seen = [next(running) for _ in range(4)]
    assert len(seen[3][tab.strip]["value"]) == 3
    running.close()
    assert sum(counted) <= 1 + 4, "own age, and three ages made two at a time"
    counted.clear()
    assert len([*tab.age(Askings(), 0.0, sitting, "tiny-10", True, "close-up", "", "10", None, 50)]) == 13
    assert sum(counted) > 10
    # a browser that does not know yet that it runs cannot close it; then asking for something else ends it
    askings, begun = Askings(), list[Any]()
    for step in tab.age(askings, 0.0, sitting, "tiny-10", True, "close-up", "", "10", None, 50):
        begun.append(step)
        askings.anew(1.0)
    assert len(begun) == 1


def test_work_that_was_overtaken_says_last_what_the_page_is_since(tab: TransformTab) -> None:
    sitting, askings = tab.studio.look(skimage.data.astronaut(), "tiny-10"), Askings()
    asked = (sitting, "tiny-10", True, "close-up", "", "10", None, 50)
    running = tab.age(askings, 0.0, *asked)
    assert next(running)[tab.run]["visible"] is False  # this may come to the page after the answer to what comes now
    page = tab.pick(askings, 1.0, Askings(), sitting, "tiny-10", SimpleNamespace(index=0))  # type: ignore[arg-type]
    (last,) = running
    assert last[tab.run]["visible"] and last[tab.run]["interactive"] and last[tab.cancel]["visible"] is False
    assert last == {part: page[part] for part in tab.strip_parts if part in page} and tab.sitting not in last
    askings.anew(2.0)
    running = tab.age(askings, 2.0, *asked)
    next(running)
    askings.anew(3.0)
    assert not [*running], "what was pressed since says itself what the page is"
    running = tab.age(askings, 3.0, *asked)
    next(running)
    stopped = ending(tab.stopped)(askings, 4.0)
    assert [*running] == [stopped] and stopped[tab.shown] is None


def test_work_that_waits_for_a_place_never_begins_once_something_else_is_asked_for(tab: TransformTab) -> None:
    sitting, askings = (
        replace(tab.studio.look(skimage.data.astronaut(), "tiny-10"), present_age=PresentAge(years=9)),
        Askings(),
    )
    askings.anew(1.0)  # the press
    tab.allow(askings, 3.0, Askings(), sitting, False)
    late = tab.age(askings, 2.0, sitting, "tiny-10", True, "close-up", "", "10", None, 50)
    assert not [*late], "asked for with a tick that is taken back since"
    assert len([*tab.age(askings, 4.0, sitting, "tiny-10", True, "close-up", "", "10", None, 50)]) == 13


def test_pages_said_again_are_whole_though_gradio_takes_the_values_out_of_the_first(tab: TransformTab) -> None:
    sitting, askings = tab.studio.look(skimage.data.astronaut(), "tiny-10"), Askings()
    running = tab.age(askings, 0.0, sitting, "tiny-10", True, "close-up", "", "10", None, 50)
    next(running)
    page = tab.look_once(askings, 1.0, Askings(), None, False, "tiny-10", [], sitting)
    postprocess_update_dict(tab.strip, page[tab.strip])
    assert "value" not in page[tab.strip]
    (last,) = running
    assert last[tab.strip]["value"] == [] and last[tab.strip]["visible"] is False


def test_what_is_saved_or_made_of_a_face_does_not_outlive_what_allowed_it(tab: TransformTab) -> None:
    sitting, showings, gatherings = tab.studio.look(skimage.data.astronaut(), "tiny-10"), Askings(), Askings()
    asked = (sitting, "tiny-10", True, "close-up", "", ("group", 3))
    make = tab.for_this_face(tab.make_png)
    (saved,) = make(showings, 1.0, *asked)
    assert saved[tab.file]
    tab.allow(Askings(), 2.0, showings, sitting, False)
    (dropped,) = make(showings, 1.0, *asked)
    assert dropped[tab.file] is None and dropped[tab.saving] == ""
    together = (sitting, "tiny-10", True, "70+")
    assert tab.age_together(gatherings, 3.0, showings, *together)[tab.together]["visible"]
    assert not tab.age_together(gatherings, 1.0, showings, *together)[tab.together]["visible"], "another face since"
    ending(tab.gone)(gatherings, 4.0)
    assert not tab.age_together(gatherings, 3.0, showings, *together)[tab.together]["visible"], "its tick taken back"


def test_what_is_kept_as_it_is_may_change_while_the_first_ages_are_made(tab: TransformTab) -> None:
    sitting, askings = tab.studio.look(skimage.data.astronaut(), "tiny-10"), Askings()
    rest = (sitting, "tiny-10", True, "close-up", "", "10", None, 50)
    running = tab.age(askings, 0.0, *rest)
    shown = next(running)[tab.shown]
    tab.relock(askings, 1.0, sitting, ["hair"])
    assert not [*running]
    again = [*tab.age_again(askings, 1.0, shown, *rest)]
    assert len(again) == 13 and again[-2][tab.cancel]["visible"] is False
    assert [*tab.age_again(askings, 1.0, None, *rest)] == [{tab.progress: ""}], "nobody asked for ages yet"


def test_a_guardians_tick_taken_back_takes_away_what_was_made(tab: TransformTab) -> None:
    root = Context.root_block
    assert root is not None
    for part, event in ((tab.run, "click"), (tab.view, "input"), (tab.save_zip, "click")):
        assert stopped_by(root, (part, event), (tab.guardian, "input")), event
    assert stopped_by(root, (tab.family_run, "click"), (tab.family_guardian, "input"))
    assert not stopped_by(root, (tab.family_run, "click"), (tab.guardian, "input")), "it has a tick of its own"
    sitting = replace(tab.studio.look(skimage.data.astronaut(), "tiny-10"), present_age=PresentAge(years=9))
    askings, showings = Askings(), Askings()
    told = tab.allow(askings, 5.0, showings, sitting, True)
    assert told[tab.run]["interactive"] and told[tab.notice] == ""
    running = tab.age(askings, 6.0, sitting, "tiny-10", True, "close-up", "", "10", None, 50)
    next(running)
    told = tab.allow(askings, 9.0, showings, sitting, False)
    assert not told[tab.run]["interactive"] and "Tick the second box" in told[tab.notice]
    assert not told[tab.strip]["visible"] and not told[tab.result]["visible"] and told[tab.shown] is None
    assert [*running] == [{part: told[part] for part in tab.strip_parts if part in told}]
    late = tab.show_newest(showings, 8.0, sitting, "tiny-10", True, "close-up", "", ("group", 3))
    assert tab.shown not in late
    told = tab.allow(askings, 10.0, showings, None, True)
    assert told[tab.run]["interactive"] is False and "no longer held" in told[tab.notice]


def test_that_an_age_cannot_be_shown_is_said_though_the_strip_is_done(tab: TransformTab) -> None:
    sitting = tab.studio.look(skimage.data.astronaut(), "tiny-4")
    _, refused, weighed = tab.strip_of(sitting, "tiny-4", True, "close-up", "", YEARS, None, 5)
    assert "Something went wrong" in refused[tab.progress] and refused[tab.run]["visible"]
    assert tab.progress not in weighed


def test_ages_by_the_year_are_the_sliders_and_what_was_shown_is_made_again(tab: TransformTab) -> None:
    sitting = tab.studio.look(skimage.data.astronaut(), "tiny-10")
    linked = ("age", 5.0)
    first = next(tab.strip_of(sitting, "tiny-10", True, "close-up", "", YEARS, linked, 60))
    assert first[tab.shown] == ("age", 60.0), "the slider was moved since the page was opened by a link"
    asked = (sitting, "tiny-10", True, "close-up", "", "10")
    assert next(tab.age(Askings(), 0.0, *asked, ("group", 9), 50))[tab.shown] == ("group", 9)
    for shown in (("group", 0), ("age", 33.0)):
        assert next(tab.age_again(Askings(), 0.0, shown, *asked, ("group", 9), 50))[tab.shown] == shown


def test_two_models_show_the_same_age_beside_each_other(tab: TransformTab) -> None:
    sitting = tab.studio.look(skimage.data.astronaut(), "tiny-10")
    updates = tab.show(sitting, "tiny-10", True, "close-up", "tiny-4", ("age", 33.0))
    assert [caption for _, caption in updates[tab.beside]["value"]] == ["tiny-10: 33", "tiny-4: 33"]
    assert not tab.show(sitting, "tiny-10", True, "close-up", "", ("age", 33.0))[tab.beside]["visible"]
    too_young = tab.show(sitting, "tiny-10", True, "close-up", "tiny-4", ("age", 5.0))
    assert too_young[tab.shown] == ("age", 5.0) and not too_young[tab.beside]["visible"]


def test_a_photo_that_is_looked_at_already_is_left_as_it_is(tab: TransformTab) -> None:
    photo = skimage.data.astronaut()
    (sitting,) = [tab.look(photo, True, "tiny-10", [])[tab.sitting]]
    assert tab.look_once(Askings(), 1, Askings(), photo, True, "tiny-10", [], sitting) == {tab.sitting: sitting}
    assert "Tick" in tab.look_once(Askings(), 1, Askings(), photo, False, "tiny-10", [], sitting)[tab.notice]
    another = tab.look_once(Askings(), 1, Askings(), photo.copy(), True, "tiny-10", [], sitting)
    assert another[tab.sitting] is not sitting and not another[tab.strip]["visible"]


def test_what_was_asked_before_and_comes_after_undoes_nothing(tab: TransformTab) -> None:
    askings, showings, photo = Askings(), Askings(), skimage.data.astronaut()
    sitting = tab.look_once(askings, 20.0, showings, photo, True, "tiny-10", [], None)[tab.sitting]
    assert sitting is not None
    assert tab.look_once(askings, 10.0, showings, photo, False, "tiny-10", [], sitting) == {tab.sitting: sitting}
    late = tab.change_model(askings, 15.0, showings, photo, False, "tiny-4", [])
    assert tab.sitting not in late and tab.limits in late, "the model's own words change all the same"
    assert "Tick" in tab.look_once(askings, 30.0, showings, photo, False, "tiny-10", [], sitting)[tab.notice]
    late = tab.show_newest(showings, 25.0, sitting, "tiny-10", False, "close-up", "", ("group", 3))
    assert tab.shown not in late, "of a face that was left since"
    asked = tab.show_newest(showings, 35.0, sitting, "tiny-10", False, "close-up", "", ("group", 3))
    assert asked[tab.shown] == ("group", 3)


def test_a_link_sets_the_page_up_and_nonsense_does_not(tab: TransformTab) -> None:
    opened = tab.open_link("?model=tiny-4&age=33&view=whole")
    assert opened[tab.mode] == "4" and opened[tab.wanted] == ("age", 33.0) and opened[tab.view] == "whole"
    assert opened[tab.model]["value"] == "tiny-4"
    assert tab.open_link("?model=../../etc/passwd&age=1e9") == {tab.wanted: None}
    query = tab.link_to("tiny-4", "4", ("age", 33.0), "whole")["value"]
    assert tab.open_link(query) == opened


def test_modes_and_models_follow_what_is_here(tab: TransformTab) -> None:
    assert [name for _, name in modes(tab.studio, SAY)] == ["10", "4", "years"]
    assert [name for _, name in choices(tab.studio, "4")] == ["tiny-4"]
    assert len(choices(tab.studio, "years")) == 2
