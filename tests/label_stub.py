"""A server that says what Label Studio would say, one prepared answer after another; it remembers what it was asked."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class LabelStub(http.server.ThreadingHTTPServer):
    """Answers with what is next in the list: a status and a body, or hangs up for None; the last again and again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, bytes] | None] = []
        self.seen: list[tuple[str, str, str]] = []
        """Method, path and Authorization of every request."""
        self.bodies: list[bytes] = []
        """What came with each."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving() -> Iterator[LabelStub]:
    """A stub that answers until the context ends."""
    with LabelStub() as stub:
        threading.Thread(target=stub.serve_forever, daemon=True).start()
        try:
            yield stub
        finally:
            stub.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: LabelStub

    def _serve(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
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
