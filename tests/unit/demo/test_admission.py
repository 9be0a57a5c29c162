"""Admission before a real Gradio application: what is taken up, what is refused and how."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.middleware import Middleware

from demo.admission import (
    BUSY,
    GONE,
    MALFORMED,
    UNKNOWN,
    YOURS,
    Admission,
    AdmissionLimits,
    address_of,
    fault_of,
    files_in,
)
from tests.page_client import Answer, Visitor, ask, multipart, post_json

LIMITS = AdmissionLimits(max_waiting=4, max_waiting_per_address=2, max_uploads_per_address=1)
JOIN = "/gradio_api/queue/join"


class Served:
    """A page with one button that works until it is let go, and a file that is read."""

    def __init__(self, cache: Path) -> None:
        self.going = threading.Event()
        self.going.set()
        self.started = threading.Semaphore(0)
        with gr.Blocks(analytics_enabled=False) as self.blocks:
            self.blocks.GRADIO_CACHE = str(cache)
            file = gr.File(elem_id="file")
            said = gr.Textbox(elem_id="said")
            button = gr.Button(elem_id="work")
            button.click(self.work, file, said, concurrency_limit=1, api_visibility="private")
        with self.blocks.route("Deutsch", "/de", show_in_navbar=False):
            gr.Button(elem_id="work").click(self.work, gr.File(), gr.Textbox(), api_visibility="private")
        self.blocks.queue(api_open=False)
        wrapped = Middleware(Admission, blocks=lambda: self.blocks, limits=LIMITS)  # type: ignore[arg-type]
        _, self.address, _ = self.blocks.launch(
            prevent_thread_lock=True, quiet=True, app_kwargs={"middleware": [wrapped]}, ssr_mode=False
        )
        self.address = self.address.rstrip("/")

    def work(self, file: str | None) -> str:
        self.started.release()
        assert self.going.wait(30)
        return "nothing" if file is None else Path(file).read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(cache))
        one = Served(cache)
        yield one
        one.going.set()
        one.blocks.close()


def join(served: Served, **changes: Any) -> Answer:
    visitor = Visitor(served.address)
    return post_json(served.address, JOIN, visitor.body_of(visitor.page.event("work", "click")) | changes)


def test_a_file_that_was_sent_is_read(served: Served) -> None:
    visitor = Visitor(served.address)
    visitor.put("file", visitor.upload(b"its words", "note.txt"))
    assert visitor.fire("work", "click")[0].is_done
    assert visitor.value("said") == "its words"


def test_a_file_of_the_server_is_not(served: Served, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for named in (str(secret), f"{served.blocks.GRADIO_CACHE}/../{secret.name}", "http://127.0.0.1:9/a", 5, ["a"], ""):
        for meta in ({}, {"meta": {"_type": "gradio.FileData"}}, {"is_stream": True}):
            answer = join(served, data=[{"path": named, **meta}])
            assert (answer.status, answer.json["detail"]) == (403, MALFORMED), named


def test_a_file_that_is_gone_is_said_to_be(served: Served) -> None:
    answer = join(served, data=[{"path": f"{served.blocks.GRADIO_CACHE}/abc/photo.jpg"}])
    assert (answer.status, answer.json["detail"]) == (410, GONE)


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"fn_index": 99_999}, 404, UNKNOWN),
        ({"fn_index": -1}, 404, UNKNOWN),
        ({"fn_index": "0"}, 404, UNKNOWN),
        ({"fn_index": True}, 404, UNKNOWN),
        ({"fn_index": None}, 400, MALFORMED),
        ({"data": None}, 400, MALFORMED),
        ({"data": []}, 404, UNKNOWN),
        ({"data": [None] * 1000}, 404, UNKNOWN),
        ({"session_hash": None}, 400, MALFORMED),
        ({"session_hash": "../../etc"}, 400, MALFORMED),
        ({"session_hash": "x" * 65}, 400, MALFORMED),
        ({"session_hash": {"a": 1}}, 400, MALFORMED),
    ],
)
def test_a_call_that_the_page_would_not_make_is_refused(
    served: Served, changes: dict[str, Any], status: int, sentence: str
) -> None:
    answer = join(served, **changes)
    assert (answer.status, answer.json["detail"]) == (status, sentence)


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{", b"[" * 500_000, b"\xff\xfe", b'{"data": "x"}'])
def test_what_is_no_call_is_refused(served: Served, body: bytes) -> None:
    assert ask(served.address, JOIN, body, {"Content-Type": "application/json"}).status == 400


def test_one_address_cannot_fill_the_queue_and_a_full_one_says_so(served: Served) -> None:
    """One at work, then as many waiting as one address may have; other addresses fill the rest."""
    served.going.clear()
    visitor = Visitor(served.address)
    body = visitor.body_of(visitor.page.event("work", "click"))
    while served.started.acquire(timeout=0.01):
        pass

    def from_address(host: str) -> Answer:
        return ask(
            served.address,
            JOIN,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "X-Forwarded-For": host},
        )

    try:
        assert from_address("192.0.2.1").status == 200
        assert served.started.acquire(timeout=20)
        assert [from_address("192.0.2.1").status for _ in range(3)] == [200, 200, 429]
        assert from_address("192.0.2.1").json["detail"] == YOURS
        assert [from_address("2001:db8::1").status, from_address("2001:db8::2").status] == [200, 200]
        full = from_address("192.0.2.9")
        assert (full.status, full.json["detail"], full.headers["retry-after"]) == (503, BUSY, "30")
    finally:
        served.going.set()
    for _ in range(4):
        assert served.started.acquire(timeout=20)
    assert visitor.fire("work", "click")[0].is_done


def test_an_address_sends_so_many_files_at_once(served: Served) -> None:
    body, content_type = multipart([("files", "a.txt", b"words")])
    head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    host, port = served.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(head.encode() + b"\r\n\r\n" + body[:50])
        refused = 0
        for _ in range(200):
            answer = ask(served.address, "/gradio_api/upload", body, {"Content-Type": content_type})
            refused = answer.status
            if refused == 429:
                break
        assert refused == 429 and answer.json["detail"] == YOURS
        line.sendall(body[50:])
        assert line.recv(12) == b"HTTP/1.1 200"
    assert ask(served.address, "/gradio_api/upload", body, {"Content-Type": content_type}).status == 200


def test_addresses_are_counted_by_household() -> None:
    def of(host: str) -> str:
        return address_of({"client": (host, 1)})

    assert of("192.0.2.1") != of("192.0.2.2")
    assert of("2001:db8::1") == of("2001:db8::ffff") != of("2001:db8:0:1::1")
    assert of("testclient") == "testclient" and address_of({}) == address_of({"client": None})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["path", "url", "a"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(values)
def test_every_path_is_found_wherever_it_stands(value: Any) -> None:
    """Counted again by reading the call's text."""
    found = files_in(value)
    named = json.dumps(value).count('"path": ')
    unnamed = json.dumps(value).count('"path": null')
    assert named - unnamed <= len(found) <= named


@given(st.text(max_size=60))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    folder = Path("/nowhere/cache")
    assert fault_of(f"/nowhere/cache/{name}", folder) is not None
    assert fault_of(name, folder) is not None


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="of 4 places"):
        AdmissionLimits(max_waiting=4, max_waiting_per_address=5)


def test_on_a_space_an_address_is_no_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_ID", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(name, raising=False)
    usual = AdmissionLimits.here()
    assert usual == AdmissionLimits() and usual.max_waiting_per_address < usual.max_waiting
    monkeypatch.setenv("SPACE_ID", "org/name")
    shared = AdmissionLimits.here()
    assert shared.max_waiting_per_address == shared.max_waiting == usual.max_waiting
    assert shared.max_uploads_per_address > usual.max_uploads_per_address
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/8")
    assert AdmissionLimits.here() == usual
