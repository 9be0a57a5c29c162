"""What a page holds of its visitors, on real Gradio sessions: forgotten in time, and no more than fits."""

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.routes import App

from demo.front import Doors
from demo.keeping import MIB, Keeper, KeepingLimits, held_bytes
from tests.page_client import Visitor, post_json

MIB_PHOTO = np.zeros((1024, 1024), np.uint8)


class Page:
    """A page whose visitors each hold one thing."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        with gr.Blocks(analytics_enabled=False) as self.blocks:
            self.state = gr.State(None)
        App.create_app(self.blocks)
        self.keeper = Keeper(self.blocks, folder, KeepingLimits(**limits))

    def hold(self, visitor: str, value: Any) -> None:
        self.blocks.state_holder[visitor][self.state._id] = value

    def held(self, *visitors: str) -> list[bool]:
        return [self.blocks.state_holder[visitor][self.state._id] is not None for visitor in visitors]


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    page = Page(tmp_path, forget_after_s=0.2)
    page.hold("a", MIB_PHOTO)
    time.sleep(0.25)
    page.hold("b", MIB_PHOTO)
    page.keeper.look_over()
    assert page.held("a", "b") == [False, True]


def test_the_oldest_are_forgotten_where_all_together_are_too_much(tmp_path: Path) -> None:
    page = Page(tmp_path, max_held_bytes=2 * MIB)
    for visitor in "abc":
        page.hold(visitor, {"photo": MIB_PHOTO.copy()})
        time.sleep(0.01)
    page.keeper.look_over()
    assert page.held("a", "b", "c") == [False, True, True]


def test_who_closed_the_page_is_forgotten_unless_it_is_used_again(tmp_path: Path) -> None:
    page = Page(tmp_path, left_after_s=0.1)
    for visitor in "abc":
        page.hold(visitor, MIB_PHOTO)
    for visitor in "ab":
        page.blocks.state_holder.session_data[visitor].is_closed = True
    page.keeper.look_over()
    time.sleep(0.15)
    assert page.held("b") == [True]  # uses it
    page.keeper.look_over()
    assert page.held("a", "b", "c") == [False, True, True]
    assert not page.blocks.state_holder.session_data["b"].is_closed


@dataclass(frozen=True, slots=True)
class Sitting:
    photo: Any
    tiles: tuple[Any, ...] = ()


class Track:
    def __init__(self, frame: Any) -> None:
        self.frame = frame


def test_bytes_are_found_wherever_they_are_and_counted_once() -> None:
    def of(value: Any) -> int:
        return held_bytes(value, set())

    assert of(None) == of(5) == of("text") == of([]) == 0
    assert of(MIB_PHOTO) == of([MIB_PHOTO, {"again": MIB_PHOTO}]) == MIB
    assert of(MIB_PHOTO[:10, :10]) == MIB, "a view keeps the whole"
    assert of(Sitting(MIB_PHOTO, (b"x" * 7, Track(np.zeros(9, np.uint8))))) == MIB + 16
    circle: list[Any] = []
    circle.append(circle)
    assert of(circle) == 0


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[gr.Blocks, str]]:
    """A page whose one button answers at once."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with gr.Blocks(analytics_enabled=False) as blocks:
        said = gr.Textbox(elem_id="said")
        gr.Button(elem_id="work").click(lambda: "x" * 1000, None, said, api_visibility="private")
    limits = KeepingLimits(left_after_s=0.3, headers_timeout_s=0.3, look_every_s=0.05)
    keeper = Keeper(blocks, tmp_path, limits)
    blocks.queue(api_open=False)
    _, address, _ = blocks.launch(
        prevent_thread_lock=True, quiet=True, app_kwargs={"lifespan": keeper.running}, ssr_mode=False
    )
    yield blocks, address.rstrip("/")
    blocks.close()


def test_results_that_nobody_comes_for_are_dropped(served: tuple[gr.Blocks, str]) -> None:
    blocks, address = served
    visitor = Visitor(address)
    body = visitor.body_of(visitor.page.event("work", "click"))
    for number in range(5):
        assert post_json(address, "/gradio_api/queue/join", body | {"session_hash": f"absent{number}"}).status == 200
    assert visitor.fire("work", "click")[0].is_done
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s and blocks._queue.pending_messages_per_session:
        time.sleep(0.05)
    assert not [name for name in blocks._queue.pending_messages_per_session if name.startswith("absent")]
    assert not [name for name in blocks._queue.pending_event_ids_session if name.startswith("absent")]
    assert visitor.fire("work", "click")[0].is_done  # and who listens still hears


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow"], ids=["nothing", "half a header"])
def test_a_connection_without_a_request_is_closed(served: tuple[gr.Blocks, str], said: bytes) -> None:
    host, port = served[1].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(said)
        began_s = time.monotonic()
        assert line.recv(100) == b""
        assert 0.2 < time.monotonic() - began_s < 5
    visitor = Visitor(served[1])
    assert visitor.fire("work", "click")[0].is_done


def test_room_is_made_while_much_arrives(tmp_path: Path) -> None:
    page = Page(tmp_path, max_cache_bytes=8 * MIB)

    async def send() -> None:
        for number in range(20):
            (tmp_path / f"{number}.jpg").write_bytes(b"x" * MIB)
            await page.keeper.arriving(MIB)

    asyncio.run(send())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 8 * MIB
    assert (tmp_path / "19.jpg").exists()


def test_names_of_files_that_are_gone_are_not_kept(tmp_path: Path) -> None:
    page = Page(tmp_path)
    (tmp_path / "here.jpg").write_bytes(b"x")
    page.blocks.upload_file_set.update({str(tmp_path / "here.jpg"), str(tmp_path / "gone.jpg")})
    page.keeper.look_over()
    assert page.blocks.upload_file_set == {str(tmp_path / "here.jpg")}


def test_a_keeper_that_fails_is_not_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    page = Page(tmp_path, look_every_s=0.01)
    page.blocks.temp_file_sets.append({object()})  # what no version of Gradio puts there

    async def serve() -> int:
        async with page.keeper.running():
            deadline_s = time.monotonic() + 10
            while not page.keeper.is_broken and time.monotonic() < deadline_s:
                await asyncio.sleep(0.01)
        statuses: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        doors: Any = Doors(None, None, page.keeper)  # type: ignore[arg-type]
        await doors({"type": "http", "path": "/healthz", "method": "GET", "query_string": b""}, None, send)
        return statuses[0]

    assert asyncio.run(serve()) == 503
    assert "no longer deleted" in caplog.text and "TypeError" in caplog.text


def test_an_operator_may_shorten_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KeepingLimits.from_environment() == KeepingLimits()
    monkeypatch.setenv("AGETRANS_FORGET_AFTER_S", "30")
    monkeypatch.setenv("AGETRANS_MAX_CACHE_MIB", "50")
    monkeypatch.setenv("AGETRANS_MAX_HELD_MIB", "64.5")
    limits = KeepingLimits.from_environment()
    assert (limits.forget_after_s, limits.max_cache_bytes) == (30.0, 50 * MIB)
    assert limits.max_held_bytes == 64.5 * MIB


@pytest.mark.parametrize(
    ("name", "said", "sentence"),
    [
        ("AGETRANS_FORGET_AFTER_S", "soon", "give a number"),
        ("AGETRANS_FORGET_AFTER_S", "3600", "not 3600"),
        ("AGETRANS_FORGET_AFTER_S", "nan", "give a number"),
        ("AGETRANS_MAX_CACHE_MIB", "inf", "give a number"),
        ("AGETRANS_MAX_HELD_MIB", "0", "hold no photo"),
    ],
)
def test_what_is_no_limit_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, said: str, sentence: str) -> None:
    monkeypatch.setenv(name, said)
    with pytest.raises(ValueError, match=sentence):
        KeepingLimits.from_environment()
