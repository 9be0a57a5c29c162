"""The estimator behind Label Studio's interface: a real server, the bundled estimator, hostile requests."""

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.age_reader import PresentAge, bundled_reader
from core.detect import open_pack
from core.device import choose
from core.images import encode_jpeg
from curation.labelling.backend import MAX_BODY_BYTES, Backend, prediction, reader_of

PICTURE = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xff a picture").decode()


def read(data: bytes) -> PresentAge | None:
    return PresentAge(years=33.6, interval_years=(28.6, 38.6)) if data.startswith(b"\xff\xd8\xff") else None


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend(0, "some-net", read) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


def ask(backend: Backend, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*backend.server_address[:2], timeout=20)  # type: ignore[arg-type]
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    connection.request(method, path, body=data, headers=headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_it_speaks_the_interface(backend: Backend) -> None:
    assert ask(backend, "GET", "/health") == (200, {"status": "UP", "model_class": "some-net"})
    assert ask(backend, "POST", "/setup", {"project": "1.1"})[1] == {"model_version": "some-net"}
    status, body = ask(backend, "POST", "/predict", {"tasks": [{"data": {"face": PICTURE}}, {"data": {}}]})
    assert status == 200
    assert body["results"][0]["result"][0]["value"] == {"number": 34}
    assert body["results"][0]["score"] == 0.5
    assert body["results"][1] == {"model_version": "some-net", "score": 0.0, "result": []}


def test_events_forged_or_replayed_change_nothing(backend: Backend) -> None:
    before = ask(backend, "POST", "/predict", {"tasks": [{"data": {"face": PICTURE}}]})
    for number in range(40):
        event = {
            "action": "ANNOTATION_CREATED",
            "annotation": {"id": number % 20, "result": [{"value": {"number": 1e9}}]},
        }
        assert ask(backend, "POST", "/webhook", event) == (200, {"status": "nothing is learnt from labels here"})
    assert ask(backend, "POST", "/predict", {"tasks": [{"data": {"face": PICTURE}}]}) == before


@pytest.mark.parametrize(
    "face",
    ["http://127.0.0.1/secret", "file:///etc/passwd", "/data/upload/1/x.jpg", "data:image/jpeg;base64,%%%", 5, None,
     "data:text/html;base64,PHNjcmlwdD4=", {"a": 1}, "data:image/svg+xml;base64,PHN2Zz4="],
)  # fmt: skip
def test_only_pictures_inside_the_task_are_looked_at(face: object) -> None:
    assert prediction({"data": {"face": face}}, read, "some-net")["result"] == []


def test_odd_requests_are_refused_and_the_next_is_served(backend: Backend) -> None:
    assert ask(backend, "GET", "/elsewhere")[0] == 404
    assert ask(backend, "POST", "/elsewhere", {})[0] == 404
    assert ask(backend, "POST", "/predict", b"[" * 2000)[0] == 400
    assert ask(backend, "POST", "/predict", [1])[0] == 400
    assert ask(backend, "POST", "/predict", {"tasks": "all"})[0] == 400
    assert ask(backend, "POST", "/predict", {"tasks": [{}] * 1000})[0] == 400
    assert ask(backend, "POST", "/predict", b"", **{"Content-Length": str(MAX_BODY_BYTES + 1)})[0] == 413
    assert ask(backend, "POST", "/predict", b"", **{"Content-Length": "-1"})[0] == 411
    assert ask(backend, "POST", "/predict", {"tasks": [None, [], 3, {"data": []}]})[0] == 200
    assert ask(backend, "GET", "/")[0] == 200


def test_the_bundled_estimator_reads_a_face() -> None:
    from skimage import data

    reader = bundled_reader(choose("cpu", "float32"))
    assert reader is not None
    look = reader_of(open_pack("embedded"), reader)
    found = look(encode_jpeg(data.astronaut()))
    assert found is not None and 15 < found.years < 60
    assert look(b"no picture") is None
    assert look(encode_jpeg(data.astronaut()[400:, 300:].copy())) is None
