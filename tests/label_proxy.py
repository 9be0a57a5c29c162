"""A proxy before a real Label Studio that does to requests what networks and killed programs do to them."""

import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["pass", "lose", "cut", "refuse", "late"]
"""Handed on; lost on the way there; done, and its answer lost; answered 502; lost for the client, and done later."""

Plan = Callable[[int, str, str], Fault]
"""Number of the request from 0, method, path -> what happens to it."""

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding"}
LATE_S = 0.7


class LabelProxy(ThreadingHTTPServer):
    """Hands requests on to a server, faulted as a plan says. `before` and `after` run around every one handed on."""

    daemon_threads = True

    def __init__(self, target: str, plan: Plan | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(target)
        self.target = (parts.hostname or "", parts.port or 80)
        self.plan: Plan = plan or (lambda *_: "pass")
        self.seen: list[tuple[str, str]] = []
        self.late: list[threading.Thread] = []
        self.before: Callable[[int], None] = lambda _: None
        self.after: Callable[[int], None] = lambda _: None
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reset(self) -> None:
        """Count from 0 again."""
        with self.guard:
            self.seen.clear()

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        """What the server says to a request: status, body, content type."""
        connection = http.client.HTTPConnection(*self.target, timeout=120)
        try:
            connection.request(method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(), response.getheader("Content-Type", "application/json")
        finally:
            connection.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed leaves broken connections: no news."""


class _Handler(BaseHTTPRequestHandler):
    server: LabelProxy
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        with self.server.guard:
            number = len(self.server.seen)
            self.server.seen.append((self.command, self.path))
        fault = self.server.plan(number, self.command, self.path)
        self.server.before(number)
        if fault == "lose":
            self._hang_up()
        elif fault == "refuse":
            self._answer(502, b"<html>bad gateway</html>", "text/html")
        elif fault == "late":
            late = threading.Thread(target=self._later, args=(headers, body))
            self.server.late.append(late)
            late.start()
            self._hang_up()
        else:
            status, data, kind = self.server.forward(self.command, self.path, headers, body)
            self.server.after(number)
            if fault == "cut":
                self._hang_up()
            else:
                self._answer(status, data, kind)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def _later(self, headers: dict[str, str], body: bytes) -> None:
        time.sleep(LATE_S)
        self.server.forward(self.command, self.path, headers, body)

    def _hang_up(self) -> None:
        self.close_connection = True

    def _answer(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
