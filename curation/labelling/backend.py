"""The age estimator as Label Studio's machine-learning backend, for those who want suggestions after the first pass.

The interface: GET /health and POST /setup say what it is; POST /predict takes tasks and gives predictions; training
events go to /webhook and are taken note of by nobody. The pictures come inside the tasks, so nothing is fetched from
anywhere: a task that names an address instead gets no suggestion.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from core.age_reader import AgeReader, PresentAge
from core.detect import FacePack
from core.errors import BadImage
from core.images import decode_photo
from curation.labelling import page

MAX_BODY_BYTES: Final = 64 << 20
MAX_TASKS: Final = 256
IDLE_S: Final = 30.0
"""A connection that says nothing for so long is closed."""
ADDRESSES: Final = ("data:image/jpeg;base64,", "data:image/png;base64,", "data:image/webp;base64,")

ReadAge = Callable[[bytes], PresentAge | None]
"""A picture's file -> the age of its largest face; None where there is none, or no picture."""


def reader_of(pack: FacePack, reader: AgeReader) -> ReadAge:
    """Reads the age of the largest face of a picture."""

    def read(data: bytes) -> PresentAge | None:
        try:
            photo = decode_photo(data)
        except BadImage:
            return None
        faces = pack.detect(photo)
        return reader.read(photo, faces[:1])[0] if faces else None

    return read


def prediction(task: object, read: ReadAge, model: str) -> dict[str, Any]:
    """What is suggested for one task: an age, or nothing. The score is 1 for an interval of no width."""
    data = task.get("data") if isinstance(task, Mapping) else None
    shown = data.get(page.FACE) if isinstance(data, Mapping) else None
    picture = _picture(shown)
    found = None if picture is None else read(picture)
    if found is None:
        return {"model_version": model, "score": 0.0, "result": []}
    width = 0.0 if found.interval_years is None else found.interval_years[1] - found.interval_years[0]
    value = {"number": round(found.years)}
    result = [{"from_name": page.AGE, "to_name": page.FACE, "type": "number", "value": value}]
    return {"model_version": model, "score": round(1 / (1 + width / 10), 3), "result": result}


class Backend(ThreadingHTTPServer):
    """The backend, not yet serving; `serve_forever` begins."""

    daemon_threads = True

    def __init__(self, port: int, model: str, read: ReadAge) -> None:
        """Bind to a port of 127.0.0.1, 0 for a free one.

        Args:
            model: name of the estimator, as predictions carry it.
            read: reads ages.
        """
        super().__init__(("127.0.0.1", port), _Handler)
        self.model, self.read = model, read

    @property
    def url(self) -> str:
        """Address for Label Studio."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Backend
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def do_GET(self) -> None:
        if self.path.rstrip("/") in ("", "/health"):
            self._answer(200, {"status": "UP", "model_class": self.server.model})
        else:
            self._answer(404, {"detail": "there is /health, /setup, /predict and /webhook"})

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        if self.path == "/setup":
            self._answer(200, {"model_version": self.server.model})
        elif self.path in ("/webhook", "/train"):
            self._answer(200, {"status": "nothing is learnt from labels here"})
        elif self.path == "/predict":
            tasks = body.get("tasks")
            if not isinstance(tasks, list) or len(tasks) > MAX_TASKS:
                self._answer(400, {"detail": f"tasks is a list of at most {MAX_TASKS}"})
                return
            results = [prediction(task, self.server.read, self.server.model) for task in tasks]
            self._answer(200, {"results": results, "model_version": self.server.model})
        else:
            self._answer(404, {"detail": "there is /health, /setup, /predict and /webhook"})

    def _body(self) -> dict[str, Any] | None:
        """The JSON object that was sent; None after an answer that refuses it."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            self.close_connection = True
            self._answer(411, {"detail": "a request needs its Content-Length"})
            return None
        if int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(413, {"detail": f"a request has at most {MAX_BODY_BYTES} bytes"})
            return None
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            self._answer(400, {"detail": "a request is a JSON object"})
            return None
        return body

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: requests hold pictures of people."""


def _picture(address: object) -> bytes | None:
    """The file in a `data:` address; None for anything else."""
    if not isinstance(address, str) or not address.startswith(ADDRESSES):
        return None
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        return None
