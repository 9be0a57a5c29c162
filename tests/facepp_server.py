"""A server on loopback that behaves as Face++ is documented to, and as it should not, when told so.

It looks at the pictures it is sent: a picture without any contrast holds no face; the age follows from how bright a
picture is, the confidence from how far apart two are. It enforces keys, picture limits and a number of requests a
second, and counts what it would charge for. The next requests can be given faults, one each.
"""

import io
import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

KEY, SECRET = "canary-key-5f1b7c", "canary-secret-9e02aa"
THRESHOLDS = {"1e-3": 62.327, "1e-4": 69.101, "1e-5": 73.975}
MEGABYTE = 1_000_000


@dataclass
class Seen:
    """One request as the server saw it."""

    at_s: float
    method: str
    form: dict[str, bytes]
    files: dict[str, bytes]
    file_names: list[str] = field(default_factory=list)


class FaceppServer(ThreadingHTTPServer):
    """Use `serving()`; the attributes may be changed while it runs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: deque[str] = deque()
        """Faults of the next requests, in order: see `Handler.misbehave`; "" for none."""
        self.every_fault = ""
        """Fault of all requests for which `faults` holds none."""
        self.limit: tuple[int, float] | None = None
        """So many requests are let through within so many seconds."""
        self.let_through_s: list[float] = []
        self.delay_s = 0.0
        """Time an answer takes."""
        self.seen: list[Seen] = []
        self.num_charged = 0
        """Requests that were answered with a result, whether or not anyone was left to read it."""
        self.arrived = threading.Condition()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def wait_for(self, num_requests: int, timeout_s: float = 20.0) -> None:
        """Until so many requests have come in."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.seen) >= num_requests, timeout_s)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections kept, as the service does."""

    protocol_version = "HTTP/1.1"
    server: FaceppServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        method = self.path.rpartition("/")[2]
        form, files, names = parse_multipart(self.headers["Content-Type"], body)
        server = self.server
        with server.arrived:
            server.seen.append(Seen(time.monotonic(), method, form, files, names))
            fault = server.faults.popleft() if server.faults else server.every_fault
            server.arrived.notify_all()
        time.sleep(server.delay_s)
        if fault:
            self.misbehave(fault, method, files)
        elif self.path not in ("/facepp/v3/detect", "/facepp/v3/compare"):
            self.refuse(404, "API_NOT_FOUND")
        elif (form.get("api_key"), form.get("api_secret")) != (KEY.encode(), SECRET.encode()):
            self.refuse(401, "AUTHENTICATION_ERROR")
        elif self.is_one_too_many():
            self.refuse(403, "CONCURRENCY_LIMIT_EXCEEDED")
        elif len(body) > 2 * MEGABYTE:
            self.answer(413, b"<html>413 Request Entity Too Large</html>", "text/html")
        else:
            self.judge(method, form, files)

    def is_one_too_many(self) -> bool:
        server, now = self.server, time.monotonic()
        if server.limit is not None:
            number, window_s = server.limit
            if sum(1 for one in server.let_through_s if now - one < window_s) >= number:
                return True
        server.let_through_s.append(now)
        return False

    def judge(self, method: str, form: dict[str, bytes], files: dict[str, bytes]) -> None:
        """Detect or compare, as documented."""
        fields = ("image_file",) if method == "detect" else ("image_file1", "image_file2")
        pictures = []
        for name in fields:
            if name not in files:
                return self.refuse(400, f"MISSING_ARGUMENTS: {name}")
            error = picture_error(name, files[name])
            if error:
                return self.refuse(400, error)
            pictures.append(np.asarray(Image.open(io.BytesIO(files[name])).convert("L"), dtype=float))
        body: dict[str, Any] = {"request_id": f"1469761051,{len(self.server.seen)}", "time_used": 5}
        faces = [[] if picture.std() < 2 else [face_of(picture, form)] for picture in pictures]
        if method == "detect":
            body |= {"faces": faces[0], "face_num": len(faces[0]), "image_id": "abc=="}
        else:
            body |= {"faces1": faces[0], "faces2": faces[1]}
            if all(faces):
                body |= {"confidence": confidence(*pictures), "thresholds": THRESHOLDS}
        self.server.num_charged += 1
        return self.reply(200, body)

    def misbehave(self, fault: str, method: str, files: dict[str, bytes]) -> None:
        """Do one thing that a service does on a bad day."""
        form = {"return_attributes": b"age"}
        match fault.split(":")[0]:
            case "error":  # error:STATUS:MESSAGE
                _, status, message = fault.split(":", 2)
                self.refuse(int(status), message)
            case "cut":  # no answer at all
                self.cut()
            case "half":  # the result is charged for, its answer breaks off
                self.server.num_charged += 1
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"faces": [')
                self.wfile.flush()
                self.cut()
            case "slow":  # slow:SECONDS
                time.sleep(float(fault.split(":")[1]))
                self.judge(method, form, files)
            case "drip":  # a byte now and then
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            case "page":  # what a proxy says in the service's name
                self.answer(200, b"<html>Please log in</html>", "text/html")
            case "huge":
                self.answer(200, b'{"faces": "' + b"x" * 3 * MEGABYTE + b'"}', "application/json")
            case "gateway":
                self.answer(502, b"<html>Bad Gateway</html>", "text/html")
            case "moved":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:9/facepp/v3/detect")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "body":  # body:JSON
                self.server.num_charged += 1
                self.answer(200, fault.split(":", 1)[1].encode(), "application/json")
            case "echo":  # the keys come back
                self.refuse(400, f"BAD_ARGUMENTS:{KEY} and {SECRET}")
            case _:
                raise ValueError(f"no such fault: {fault}")

    def refuse(self, status: int, message: str) -> None:
        self.reply(status, {"time_used": 3, "error_message": message, "request_id": "1469761051,x"})

    def reply(self, status: int, body: dict[str, Any]) -> None:
        self.answer(status, json.dumps(body).encode(), "application/json")

    def answer(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def cut(self) -> None:
        """End the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def parse_multipart(kind: str, body: bytes) -> tuple[dict[str, bytes], dict[str, bytes], list[str]]:
    """Fields, files and the files' names of a form."""
    found = re.fullmatch(r'multipart/form-data; boundary="?([^"]+)"?', kind)
    assert found, kind
    form, files, names = {}, {}, []
    parts = (b"\r\n" + body).split(b"\r\n--" + found[1].encode())
    assert parts[0] == b"" and parts[-1].startswith(b"--")
    for part in parts[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"]*)"', head)
        file_name = re.search(rb'filename="([^"]*)"', head)
        assert name, head
        (files if file_name else form)[name[1].decode()] = data
        names += [file_name[1].decode()] if file_name else []
    return form, files, names


def picture_error(name: str, data: bytes) -> str:
    """The documented refusal of a picture, or "" for none."""
    if len(data) > 2 * MEGABYTE:
        return f"IMAGE_FILE_TOO_LARGE:{name}"
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (UnidentifiedImageError, OSError):
        return f"IMAGE_ERROR_UNSUPPORTED_FORMAT:{name}"
    if picture.format not in ("JPEG", "PNG"):
        return f"IMAGE_ERROR_UNSUPPORTED_FORMAT:{name}"
    return "" if min(picture.size) >= 48 and max(picture.size) <= 4096 else f"INVALID_IMAGE_SIZE:{name}"


def face_of(picture: np.ndarray, form: dict[str, bytes]) -> dict[str, Any]:
    face: dict[str, Any] = {
        "face_token": "c2fc0ad7",
        "face_rectangle": {"top": 1, "left": 1, "width": 40, "height": 40},
    }
    if form.get("return_attributes") == b"age":
        face["attributes"] = {"age": {"value": age_of(picture)}}
    return face


def age_of(picture: np.ndarray) -> int:
    return round(float(picture.mean()) / 3)


def confidence(one: np.ndarray, other: np.ndarray) -> float:
    return round(max(0.0, 97.5 - abs(float(one.mean()) - float(other.mean()))), 3)


@contextmanager
def serving() -> Iterator[FaceppServer]:
    """A server at work on a free port."""
    server = FaceppServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
