"""The guard on a real server: what is too large or too slow is answered at once, the rest passes."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import uvicorn

from demo.guard import SECURITY_HEADERS, Guard, Message, Receive, RequestLimits, Send
from tests.page_client import multipart

LIMITS = RequestLimits(max_upload_bytes=4000, max_body_bytes=1000, body_timeout_s=0.6)


class Reader:
    """The application behind the guard: reads the body, says how long it was, notes what it saw."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        length, more = 0, True
        try:
            while more:
                message = await receive()
                length += len(message.get("body", b""))
                more = message.get("more_body", False)
        except OSError:
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"broken line"})
            return
        self.lengths.append(length)
        said = str(length).encode()
        headers = [(b"content-length", str(len(said)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})


@contextmanager
def serving(app: Reader) -> Iterator[int]:
    """A real uvicorn with the guard in front of `app`; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Guard(app, LIMITS), log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def port(reader: Reader) -> Iterator[int]:
    with serving(reader) as number:
        yield number


def answer_to(port: int, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """Send raw bytes, waiting before each further part; the whole answer, until the server hangs up."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as line:
        for number, part in enumerate(parts):
            if number:
                time.sleep(pause_s)
            try:
                line.sendall(part)
            except OSError:  # the server has answered and hung up
                break
        return b"".join(iter(lambda: line.recv(65536), b""))


def post(path: str, body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def test_a_body_within_the_limit_passes_whole(port: int) -> None:
    answer = answer_to(port, post("/gradio_api/queue/join", b"x" * 1000))
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"1000")


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/gradio_api/queue/join", 1001, 413),
        ("/gradio_api/upload", 4000, 200),
        ("/gradio_api/upload", 4001, 413),
        ("/gradio_api/upload/", 4000, 200),
        ("/gradio_api/upload/../queue/join", 4000, 413),
    ],
)
def test_only_uploads_may_be_large(port: int, path: str, size: int, status: int) -> None:
    assert answer_to(port, post(path, b"x" * size)).startswith(f"HTTP/1.1 {status}".encode())


def test_an_address_that_no_file_can_have_is_refused(port: int) -> None:
    assert answer_to(port, post("/gradio_api/file=/" + "a" * 255, b"")).startswith(b"HTTP/1.1 200")
    assert answer_to(port, post("/gradio_api/file=/" + "a" * 256, b"")).startswith(b"HTTP/1.1 414")


def test_a_form_of_many_parts_is_refused_and_one_of_few_passes(port: int) -> None:
    def form(num_parts: int) -> bytes:
        body, content_type = multipart([("files", f"{number}.jpg", b"x") for number in range(num_parts)])
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    assert answer_to(port, form(8)).startswith(b"HTTP/1.1 200")
    assert b"send one file at a time" in answer_to(port, form(9))


def test_a_declared_giant_is_refused_before_its_body_is_sent(port: int, reader: Reader) -> None:
    seen = len(reader.lengths)
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n\r\n"
    started = time.monotonic()
    answer = answer_to(port, head)
    assert answer.startswith(b"HTTP/1.1 413") and b"send a smaller picture" in answer
    assert time.monotonic() - started < LIMITS.body_timeout_s
    assert len(reader.lengths) == seen


def test_a_body_of_undeclared_length_is_counted(port: int, reader: Reader) -> None:
    seen = len(reader.lengths)
    head = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1f4\r\n" + b"x" * 500 + b"\r\n"
    answer = answer_to(port, head, chunk, chunk, chunk, pause_s=0.02)
    assert answer.startswith(b"HTTP/1.1 413") and b"broken line" not in answer
    assert len(reader.lengths) == seen


def test_a_stalled_body_is_closed_in_time(port: int) -> None:
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\nabc"
    started = time.monotonic()
    answer = answer_to(port, head)
    took_s = time.monotonic() - started
    assert answer.startswith(b"HTTP/1.1 408") and b"broken line" not in answer
    assert LIMITS.body_timeout_s * 0.9 < took_s < LIMITS.body_timeout_s + 2


def test_a_body_that_trickles_is_closed_although_it_moves(port: int) -> None:
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n"
    answer = answer_to(port, head, *[b"x" * 10] * 12, pause_s=0.1)
    assert answer.startswith(b"HTTP/1.1 408")


def test_many_stalled_bodies_do_not_hold_up_an_honest_one(port: int) -> None:
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n"
    stalled = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(50)]
    try:
        for line in stalled:
            line.sendall(head)
        assert answer_to(port, post("/x", b"honest")).endswith(b"6")
        assert all(line.recv(12) == b"HTTP/1.1 408" for line in stalled)
    finally:
        for line in stalled:
            line.close()


@pytest.mark.parametrize("request_bytes", [post("/x", b""), post("/x", b"x" * 1001)], ids=["200", "413"])
def test_every_answer_carries_the_security_headers(port: int, request_bytes: bytes) -> None:
    answer = answer_to(port, request_bytes)
    for name, value in SECURITY_HEADERS:
        assert name + b": " + value in answer


class BusyReader(Reader):
    """Begins to read when the time for a body is over."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await asyncio.sleep(LIMITS.body_timeout_s + 0.2)
        await super().__call__(scope, receive, send)


@pytest.mark.parametrize("body", [b"", b"x" * 900], ids=["nothing", "a body"])
def test_a_server_that_is_late_does_not_blame_the_visitor(body: bytes) -> None:
    with serving(BusyReader()) as late:
        answer = answer_to(late, post("/x", body))
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(str(len(body)).encode())


def test_pictures_are_kept_by_no_browser(port: int) -> None:
    for path in ("/gradio_api/file=/photo.jpg", "/gradio_api/file//photo.jpg"):  # Gradio's old way is still open
        assert b"cache-control: no-store" in answer_to(port, post(path, b""))
    assert b"cache-control" not in answer_to(port, post("/assets/index.js", b""))


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="2000"):
        RequestLimits(max_upload_bytes=1000, max_body_bytes=2000)
    with pytest.raises(ValueError, match="positive"):
        RequestLimits(body_timeout_s=0)
