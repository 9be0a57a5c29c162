"""The door: where the token may go, what is repeated and what never, and that no sentence holds a secret."""

import http.server
import json
import threading
import traceback
from collections.abc import Iterator

import pytest

from curation.labelling.client import Access, LabellingRefused, LabelStudio, Unsure, access_from_environment

TOKEN = "c0ffee" + "0" * 34


class Stub(http.server.ThreadingHTTPServer):
    """Answers with what is next in the list: a status and a body, or hangs up for None."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, bytes] | None] = []
        self.seen: list[tuple[str, str, str]] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Stub

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        answer = self.server.answers.pop(0)
        if answer is not None:
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr("curation.labelling.client.PAUSE_S", 0.01)
    with Stub() as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def client(stub: Stub) -> Iterator[LabelStudio]:
    with LabelStudio(Access(url=f"http://127.0.0.1:{stub.server_address[1]}", token=TOKEN)) as opened:
        yield opened


def test_the_environment_is_the_only_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", TOKEN)
    with pytest.raises(LabellingRefused, match="LABEL_STUDIO_URL is not set"):
        access_from_environment()
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://localhost:8080/")
    assert access_from_environment().url == "http://localhost:8080"


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("http://labels.example.org", TOKEN),
        ("ftp://127.0.0.1", TOKEN),
        ("http://me:secret@127.0.0.1", TOKEN),
        ("http://127.0.0.1", ""),
        ("http://127.0.0.1", f"{TOKEN} x"),
        ("http://127.0.0.1", f"{TOKEN}\n"),
        ("labels", TOKEN),
    ],
)
def test_the_token_goes_nowhere_it_should_not(url: str, token: str) -> None:
    with pytest.raises(ValueError, match="LABEL_STUDIO") as caught:
        Access(url=url, token=token)
    assert not token or token.strip() not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_reads_are_tried_again_and_changes_are_not(client: LabelStudio, stub: Stub) -> None:
    stub.answers = [(503, b""), None, (200, b'{"release": "1.23.2"}')]
    assert client.version() == "1.23.2"
    for answer in (None, (502, b"<html>"), (504, b"")):
        stub.answers, stub.seen = [answer], []
        with pytest.raises(Unsure, match="run the same again"):
            client.import_tasks(1, [{"data": {}}])
        assert len(stub.seen) == 1


def test_no_sentence_and_no_trace_holds_the_token_or_a_picture(client: LabelStudio, stub: Stub) -> None:
    picture = "data:image/jpeg;base64," + "A" * 5000
    body = json.dumps({"detail": "no", "validation_errors": {"tasks": [TOKEN + picture]}}).encode()
    for status in (400, 401, 403, 404, 413):
        stub.answers = [(status, body)]
        with pytest.raises(LabellingRefused) as caught:
            client.import_tasks(1, [{"data": {}}])
        shown = "".join(traceback.format_exception(caught.value))
        assert TOKEN not in shown
        assert len(str(caught.value)) < 500
        assert ("check LABEL_STUDIO_TOKEN" in str(caught.value)) == (status == 401)
    assert TOKEN not in repr(client.access)
    assert TOKEN not in repr(client)


def test_nobody_there_is_said_plainly() -> None:
    with LabelStudio(Access(url="http://127.0.0.1:9", token=TOKEN)) as client:
        with pytest.raises(LabellingRefused, match="cannot be reached") as caught:
            client.create_project({})
        assert not isinstance(caught.value, Unsure)


def test_a_personal_access_token_is_exchanged(stub: Stub) -> None:
    access = Access(url=f"http://127.0.0.1:{stub.server_address[1]}", token="head.body.tail")
    stub.answers = [(200, b'{"access": "short-lived"}'), (200, b'{"release": "1"}'), (200, b'{"release": "1"}')]
    with LabelStudio(access) as client:
        client.version()
        client.version()
    assert [header for _, _, header in stub.seen] == ["", "Bearer short-lived", "Bearer short-lived"]
