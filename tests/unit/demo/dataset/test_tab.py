"""The tab's answers on an archive with a keeper: consent first, what is filed, what is refused, time travel's marks."""

import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.context import Context

from cafdata.archive import Archive
from cafdata.queue import ReviewQueue
from cafdata.removal_requests import RemovalRequests
from cafdata.sample import SAMPLE
from core.inspection import inspect
from demo.dataset.tab import DatasetTab
from demo.delivery import Delivery
from demo.language import Language
from demo.stopping import Askings, ending
from demo.studio import Studio
from tests.wiring import stopped_by


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("kept") / "people"
    shutil.copytree(SAMPLE, folder)
    return Archive(folder)


@pytest.fixture(scope="module")
def tab(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatasetTab]:
    studio = Studio(pack="embedded", archive=str(archive.folder))
    delivery = Delivery(str(tmp_path_factory.mktemp("cache")))
    with gr.Blocks(), gr.Tab("Dataset"):
        yield DatasetTab(studio, Language("en"), delivery)


def picked(index: int) -> Any:
    return SimpleNamespace(index=index)


def test_nothing_is_compared_before_consent(tab: DatasetTab, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tab.room
    asked: list[str] = []
    for name in ("detect", "find", "embed"):
        monkeypatch.setattr(room.studio.pack, name, lambda *_, name=name: asked.append(name))
    (told,) = room.compare("", "synthetic-01/composite", "synthetic-01/59", False, True)
    assert "Tick the box" in told[room.journey]
    (said,) = tab.pairs.begin("", "same", 0, "all", False, True)
    assert "Tick the box" in said[tab.pairs.note]
    *_, needs = room.compare("", "synthetic-01/06", "synthetic-01/59", True, False)
    assert needs[room.guardian]["visible"] and asked == []


def test_a_generated_face_beside_the_real_one_carries_its_marks(tab: DatasetTab) -> None:
    room = tab.room
    _, made, *_, last = room.compare("", "synthetic-01/composite", "synthetic-01/59", True, False)
    assert "Generated and real: score" in made[room.journey] and "never lived" in made[room.journey]
    assert "years apart" in last[room.journey] and "% score less" in last[room.journey]
    paths = [Path(path) for path, _ in made[room.three]["value"]]
    assert [path.name for path in paths] == ["start.jpg", "generated.jpg", "real.jpg"]
    found = [inspect(path) for path in paths]
    assert [one.provenance is not None for one in found] == [False, True, False], "only what was made here is signed"
    assert found[1].is_watermarked and found[1].has_label


def test_pairs_of_an_archive_that_has_changed_are_drawn_anew(tab: DatasetTab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the archive as it was would be other pictures in the one that is there now."""
    pairs = tab.pairs
    *_, last = pairs.begin("", "same", 0, "all", True, True)
    search = last[pairs.search]
    *_, more = pairs.go_on("", search, True, True)
    assert more[pairs.search].position == 2 * len(last[pairs.seen])
    monkeypatch.setattr(pairs.shelf, "_home", None)  # as after a new generation: it is read again
    *_, told = pairs.go_on("", search, True, True)
    assert "has changed" in told[pairs.note]
    assert told[pairs.search] is None and told[pairs.pairs] == []


def test_pairs_with_under_18s_end_with_the_tick_for_them(tab: DatasetTab) -> None:
    pairs = tab.pairs
    *_, last = pairs.begin("", "same", 0, "all", True, True)
    (told,) = pairs.go_on("", last[pairs.search], True, False)
    assert "Press “Look at pairs” first." in told[pairs.note] and pairs.pairs not in told
    gone = pairs.ticked(False)
    assert gone[pairs.search] is None and gone[pairs.pairs] == [] and gone[pairs.seen] == []
    *_, adults = pairs.begin("", "same", 0, "all", True, False)
    *_, more = pairs.go_on("", adults[pairs.search], True, False)
    assert more[pairs.seen], "for them no tick is needed"


def test_pairs_end_though_the_browser_did_not_know_that_they_are_looked_at(tab: DatasetTab) -> None:
    pairs, askings = tab.pairs, Askings()
    running = pairs.begin_anew(askings, 1.0, "", "same", 0, "all", True, True)
    assert next(running)[pairs.stop]["visible"]
    told = ending(pairs.ticked)(askings, 2.0, False)
    assert [*running] == [told] and told[pairs.pairs] == [] and told[pairs.stop]["visible"] is False


def test_a_tick_taken_back_stops_what_goes_on(tab: DatasetTab) -> None:
    assert Context.root_block is not None
    pairs, room = tab.pairs, tab.room
    for button, boxes in ((pairs.start, (pairs.consent, pairs.guardian)), (pairs.more, (pairs.consent, pairs.guardian)),
                          (room.go, (room.consent, room.guardian))):  # fmt: skip
        for box in boxes:
            assert stopped_by(Context.root_block, (button, "click"), (box, "input"))


def test_only_two_pictures_of_one_person(tab: DatasetTab) -> None:
    for pair in (("synthetic-01/composite", "synthetic-02/composite"), ("a", "a"), ("synthetic-01/59", "nobody/1")):
        *_, told = tab.room.compare("", *pair, True, True)
        assert 'role="alert"' in told[tab.room.journey]


def test_a_doubt_goes_to_the_review_queue_once(tab: DatasetTab, archive: Archive) -> None:
    pair, reason = ("synthetic-01/06", "synthetic-01/59"), "an age looks wrong"
    assert "Filed" in tab.pairs.file("", pair, reason)
    assert "already" in tab.pairs.file("", pair, reason)
    assert "Something went wrong" in tab.pairs.file("", pair, "<script>alert(1)</script>")
    assert "Press the pair" in tab.pairs.file("", None, reason)
    (item,) = ReviewQueue(archive.folder).open_items()
    assert (item.picture_ids, item.reason, item.source) == (pair, reason, "the app")


def test_requests_are_filed_inert(tab: DatasetTab, archive: Archive) -> None:
    attack = "<script>alert(1)</script>\u2003\n and more"
    assert "is filed" in tab.request("", "picture_id", " synthetic-01/06 ", attack, "")
    assert "already" in tab.request("", "picture_id", "synthetic-01/06", attack, "")
    for asked, value, why in (
        ("picture_id", "no such picture", "me"),
        ("person_id", "=HYPERLINK(1)", "me"),
        ("person_id", "synthetic-01", "\u202egnp.exe"),
        ("person_id", "synthetic-01", "\x00"),
        ("person_id", "synthetic-01", "   "),
        ("source_url", "javascript:alert(1)", "me"),
        ("sha256", "synthetic-01", "me"),
    ):
        answer = tab.request("", asked, value, why, "")
        assert 'role="alert"' in answer and "<script" not in answer, (asked, value, unescape(answer))
    (request,) = RemovalRequests(archive.folder).all()
    assert request.value == "synthetic-01/06" and request.why == "<script>alert(1)</script> and more"


def test_an_archive_elsewhere_gets_nothing_written(tab: DatasetTab, archive: Archive) -> None:
    before = sorted(path.name for path in archive.folder.iterdir())
    answer = tab.request("org/elsewhere", "person_id", "somebody", "<b>me</b>", "")
    assert "nothing was filed" in answer and "&lt;b&gt;me&lt;/b&gt;" in answer
    assert sorted(path.name for path in archive.folder.iterdir()) == before


def test_the_tab_is_filled_when_it_is_entered_and_left_alone_after(tab: DatasetTab) -> None:
    entered = tab.enter("", [], 0.0)
    assert "166 pictures of 20 people" in entered[tab.title]
    listed, filled_s = entered[tab.room.listed], entered[tab.room.filled_s]
    assert len(listed) == 20 and tab.enter("", listed, filled_s) == {tab.room.filled_s: filled_s}
    assert tab.room.listed in tab.enter("", listed, filled_s - 560)


def test_a_person_is_met_and_a_picture_told(tab: DatasetTab) -> None:
    room = tab.room
    met = room.meet("", ["synthetic-13"], picked(0))
    assert len(met[room.strip]["value"]) == 8 and "synthetic-13/01" in met[room.facts]
    told = room.tell("", "synthetic-13", picked(7))
    assert told[room.picked] == "synthetic-13/58"
    form = tab.ask_for(told[room.picked])
    assert form[tab.value] == "synthetic-13/58" and form[tab.views]["selected"] == "removal"
