"""A server on loopback that breaks HTTP in one way for each path, and counts what it gets rid of."""

import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

JPEG_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
BLOCK = b"\xff" * 65536
PICTURE = b"\xff\xd8" + b"x" * 998


class Visitor:
    """One connection, and the means to misbehave on it."""

    def __init__(self, connection: socket.socket, server: "HostileServer") -> None:
        self.connection, self.server = connection, server
        self.behaviour = ""
        self.is_open = True

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        with self.server.lock:
            self.server.num_bytes_sent[self.behaviour] += len(data)

    def endlessly(self, data: bytes, pause_s: float = 0.0) -> None:
        """Until the visitor leaves or the server stops."""
        while not self.server.has_stopped.is_set():
            self.send(data)
            if pause_s:
                time.sleep(pause_s)

    def hang_up(self) -> None:
        self.is_open = False

    def reset(self) -> None:
        """Close the connection with a reset instead of an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.is_open = False

    def redirect(self, location: str) -> None:
        self.send(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())


def with_length(body: bytes, length: int) -> bytes:
    return JPEG_HEAD + f"Content-Length: {length}\r\n\r\n".encode() + body


def page(visitor: Visitor, kind: bytes) -> None:
    body = b"<!DOCTYPE html><html>Please log in</html>"
    visitor.send(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body))


def drip(visitor: Visitor) -> None:
    visitor.send(JPEG_HEAD + b"Content-Length: 100000\r\n\r\n")
    visitor.endlessly(b"x", 0.02)


def drip_head(visitor: Visitor) -> None:
    visitor.send(JPEG_HEAD + b"X-Long: ")
    visitor.endlessly(b"x", 0.02)


def drip_chunks(visitor: Visitor) -> None:
    visitor.send(JPEG_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    visitor.endlessly(b"1\r\nx\r\n", 0.02)


def endless_body(visitor: Visitor) -> None:
    visitor.send(JPEG_HEAD + b"\r\n")
    visitor.endlessly(BLOCK)


def endless_chunks(visitor: Visitor) -> None:
    visitor.send(JPEG_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    visitor.endlessly(b"1\r\nx\r\n" * 10_000)


def endless_chunk_extension(visitor: Visitor) -> None:
    visitor.send(JPEG_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;")
    visitor.endlessly(BLOCK)


def endless_trailers(visitor: Visitor) -> None:
    visitor.send(JPEG_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    visitor.endlessly(b"X-Trailer: x\r\n" * 1000)


def endless_head(visitor: Visitor) -> None:
    visitor.send(JPEG_HEAD)
    visitor.endlessly(b"X-Header: x\r\n" * 1000)


def endless_interim(visitor: Visitor) -> None:
    visitor.endlessly(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def never(visitor: Visitor) -> None:
    visitor.server.has_stopped.wait(30)


def announced_more(visitor: Visitor) -> None:
    visitor.send(with_length(PICTURE, 2000))
    visitor.hang_up()


def announced_huge(visitor: Visitor) -> None:
    visitor.send(with_length(b"", 10**12))
    visitor.endlessly(BLOCK)


def gzip_bomb(visitor: Visitor) -> None:
    body = bomb()
    visitor.send(JPEG_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def half_then_reset(visitor: Visitor) -> None:
    visitor.send(with_length(PICTURE[:500], 1000))
    time.sleep(0.05)
    visitor.reset()


def reset(visitor: Visitor) -> None:
    visitor.reset()


def chain(visitor: Visitor) -> None:
    visitor.server.num_hops += 1
    visitor.redirect(f"/redirect-chain?{visitor.server.num_hops}")


def close_after(data: bytes) -> Callable[[Visitor], None]:
    def behave(visitor: Visitor) -> None:
        visitor.send(data)
        visitor.hang_up()

    return behave


def say(data: bytes) -> Callable[[Visitor], None]:
    return lambda visitor: visitor.send(data)


def redirect_to(location: str) -> Callable[[Visitor], None]:
    return lambda visitor: visitor.redirect(location)


@cache
def bomb(num_mebibytes: int = 200) -> bytes:
    """Zeros, gzipped: a thousandth of their size."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(num_mebibytes)) + packer.flush()


CHUNKED = JPEG_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

BEHAVIOURS: dict[str, tuple[Callable[[Visitor], None], set[str]]] = {
    "endless-body": (endless_body, {"too large"}),
    "endless-chunks": (endless_chunks, {"too large", "too slow"}),
    "endless-chunk-extension": (endless_chunk_extension, {"broken answer", "too large"}),
    "endless-trailers": (endless_trailers, {"broken answer", "too large"}),
    "endless-head": (endless_head, {"broken answer", "too large"}),
    "endless-interim": (endless_interim, {"too large", "too slow"}),
    "drip": (drip, {"too slow"}),
    "drip-head": (drip_head, {"too slow"}),
    "drip-chunks": (drip_chunks, {"too slow"}),
    "never": (never, {"too slow"}),
    "announced-more": (announced_more, {"broken answer"}),
    "announced-less": (say(with_length(PICTURE, 10)), {"broken answer"}),
    "announced-huge": (announced_huge, {"too large"}),
    "announced-twice": (say(JPEG_HEAD + b"Content-Length: 5\r\n" + with_length(PICTURE, 1000)[17:]), {"broken answer"}),
    "announced-negative": (say(with_length(PICTURE, -1)), {"broken answer"}),
    "junk-after-body": (say(with_length(PICTURE, 1000) + b"HTTP/1.1 200 OK\r\n\r\njunk"), {"broken answer"}),
    "junk-after-chunks": (say(CHUNKED + b"2\r\n\xff\xd8\r\n0\r\n\r\njunk"), {"broken answer"}),
    "gzip-bomb": (gzip_bomb, {"encoded picture"}),
    "redirect-loop": (redirect_to("/redirect-loop"), {"too many redirects"}),
    "redirect-chain": (chain, {"too many redirects"}),
    "redirect-file": (redirect_to("file:///etc/passwd"), {"scheme not allowed"}),
    "redirect-private": (redirect_to("http://10.0.0.1/a.jpg"), {"address not public"}),
    "redirect-number": (redirect_to("//2130706433/a.jpg"), {"address malformed"}),
    "redirect-bracket": (redirect_to("http://[::1/a.jpg"), {"address malformed"}),
    "redirect-nowhere": (say(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), {"broken answer"}),
    "chunked-garbage": (say(CHUNKED + b"ZZZ\r\nxx\r\n"), {"broken answer"}),
    "chunk-too-large": (say(CHUNKED + b"F" * 30 + b"\r\nxx\r\n"), {"broken answer"}),
    "half-then-reset": (half_then_reset, {"broken answer"}),
    "reset": (reset, {"connection broken"}),
    "hang-up": (close_after(b""), {"connection broken"}),
    "huge-header": (say(JPEG_HEAD + b"X-Huge: " + b"x" * (1 << 20) + b"\r\n\r\n"), {"broken answer"}),
    "http-0.9": (close_after(b"just the picture, no head\n" * 100), {"broken answer"}),
    "binary": (close_after(PICTURE), {"broken answer"}),
    "nul-in-header": (say(JPEG_HEAD + b"X-Nul: a\0b\r\nContent-Length: 0\r\n\r\n"), {"broken answer"}),
    "no-such-status": (close_after(b"HTTP/1.1 99999 OK\r\n\r\n"), {"broken answer"}),
    "switching": (
        say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        {"broken answer"},
    ),
    "page": (lambda visitor: page(visitor, b"text/html; charset=utf-8"), {"no picture"}),
    "page-called-picture": (lambda visitor: page(visitor, b"image/jpeg"), {"no picture"}),
    "no-kind": (say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xd8"), {"no picture"}),
    "empty": (say(with_length(b"", 0)), {"no picture"}),
    "no-content": (say(b"HTTP/1.1 204 No Content\r\n\r\n"), {"no picture"}),
    "partial": (
        say(b"HTTP/1.1 206 Partial Content\r\nContent-Type: image/jpeg\r\nContent-Length: 2\r\n\r\n\xff\xd8"),
        {"broken answer"},
    ),
    "unasked-304": (say(b"HTTP/1.1 304 Not Modified\r\n\r\n"), {"broken answer"}),
    "login": (say(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), {"refused by the server"}),
    "error": (say(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), {"server error"}),
}
"""Name of the path -> what is done there, and the reasons that are right for it."""


class HostileServer:
    """Use `serving`. Behaves well for what it has no behaviour for: 404."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.has_stopped = threading.Event()
        self.num_bytes_sent: Counter[str] = Counter()
        self.num_hops = 0
        self.robots: Callable[[Visitor], None] | None = None
        """What is done when robots.txt is asked for; nothing special for None."""

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.port}/{behaviour}"

    def accept(self) -> None:
        while not self.has_stopped.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        visitor = Visitor(connection, self)
        with connection, suppress(OSError):
            while visitor.is_open and not self.has_stopped.is_set():
                head = b""
                while b"\r\n\r\n" not in head:
                    data = connection.recv(4096)
                    if not data:
                        return
                    head += data
                path = head.split(b" ")[1].decode().partition("?")[0].lstrip("/")
                visitor.behaviour = path
                if path == "robots.txt" and self.robots is not None:
                    self.robots(visitor)
                elif path in BEHAVIOURS:
                    BEHAVIOURS[path][0](visitor)
                elif path == "good":
                    visitor.send(with_length(PICTURE, len(PICTURE)))
                else:
                    visitor.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def serving() -> Iterator[HostileServer]:
    """A hostile server at work on a free port."""
    server = HostileServer()
    thread = threading.Thread(target=server.accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.has_stopped.set()
        with suppress(OSError):
            server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(5)
