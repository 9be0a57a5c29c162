"""A site on loopback that keeps a visitors' book: who asked what, when, and how many at once."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8 + b"\xff\xd9"
"""Passes for a picture as long as nobody decodes it."""


@dataclass
class Page:
    """What is answered for one path."""

    status: int = 200
    body: bytes = JPEG
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = "image/jpeg"
    takes_s: float = 0.0
    is_chunked: bool = False


@dataclass
class Visit:
    """One request."""

    host: str
    path: str
    headers: Mapping[str, str]
    started_s: float
    ended_s: float = 0.0


Answerer = Callable[[Visit], Page]


class Site:
    """One port on several loopback addresses. Use `serving`."""

    def __init__(self, num_hosts: int) -> None:
        self.pages: dict[str, Page | deque[Page] | Answerer] = {}
        """By "HOST/path" or "/path"; of a deque the first page is taken and, but for the last one, removed."""
        self.visits: list[Visit] = []
        self.num_connections = 0
        self.most_at_once: Counter[str] = Counter()
        self.at_once: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.servers = [Server(self, ("127.0.0.1", 0))]
        self.port = self.servers[0].server_address[1]
        self.servers += [Server(self, (f"127.0.0.{number}", self.port)) for number in range(2, num_hosts + 1)]

    def url(self, path: str, host: int = 1) -> str:
        """Address of a path on 127.0.0.`host`."""
        return f"http://127.0.0.{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        """What was asked for, in order, without the sites' own files."""
        own = ("/robots.txt", "/.well-known/tdmrep.json")
        return [visit.path for visit in self.visits if visit.path not in own]

    def page(self, visit: Visit) -> Page:
        """What this visit gets."""
        with self.lock:
            found = self.pages.get(f"{visit.host}{visit.path}", self.pages.get(visit.path.partition("?")[0]))
            if isinstance(found, deque):
                found = found.popleft() if len(found) > 1 else found[0]
        if found is None:
            return Page(status=404, body=b"", kind=None)
        return found if isinstance(found, Page) else found(visit)


class Server(ThreadingHTTPServer):
    """One address of a site."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, site: Site, address: tuple[str, int]) -> None:
        self.site = site
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor that leaves early is no fault of the site."""


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections kept."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def setup(self) -> None:
        super().setup()
        with self.server.site.lock:
            self.server.site.num_connections += 1

    def do_GET(self) -> None:
        site, host = self.server.site, str(self.server.server_address[0])
        visit = Visit(host, self.path, self.headers, time.monotonic())  # type: ignore[arg-type]
        with site.lock:
            site.visits.append(visit)
            site.at_once[host] += 1
            site.most_at_once[host] = max(site.most_at_once[host], site.at_once[host])
        page = site.page(visit)
        time.sleep(page.takes_s)
        self.send_response(page.status)
        if page.kind is not None:
            self.send_header("Content-Type", page.kind)
        for name, value in page.headers.items():
            self.send_header(name, value)
        has_body, body = page.status not in (204, 304), page.body
        if page.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        elif has_body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # It is over before its last byte is out: the visitor may ask again as soon as that has come.
        visit.ended_s = time.monotonic()
        with site.lock:
            site.at_once[host] -= 1
        if has_body:
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(num_hosts: int = 1) -> Iterator[Site]:
    """A site at work on 127.0.0.1 up to 127.0.0.`num_hosts`, without any pages yet."""
    site = Site(num_hosts)
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True) for server in site.servers]
    for thread in threads:
        thread.start()
    try:
        yield site
    finally:
        for server in site.servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
