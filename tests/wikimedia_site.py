"""A Wikimedia on loopback: query service, Wikidata, Commons, and hosts with pictures and robots.txt of their own.

127.0.0.1 has the APIs; pictures are on 127.0.0.2 and up, all at one port. Nobody on it ever lived. `truth` says what
must happen to each picture, `requests` how often each address was asked for.

    python -m tests.wikimedia_site --pictures 200 --hosts 10      # serves until it is ended; says where as JSON
"""

import argparse
import hashlib
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.wikimedia_json import Json, file_page
from tests.wikimedia_world import SiteFile, Truth, World

ROBOTS = "User-agent: *\nDisallow: /private/\nDisallow: /wikidata/\nDisallow: /commons/w/\nDisallow: /sparql\n"
"""As Wikimedia's, it keeps robots off the APIs, which are meant for programs that ask them by their rules."""
MEMBERS, RESULTS = 3, 4
"""A page of a category, and of a search: small, so that everything has to be continued."""
MODIFIED = formatdate(1_600_000_000, usegmt=True)


class WikimediaSite:
    """Use `serving()`. What it serves is that of a `World`."""

    def __init__(self, world: World, *, latency_s: float = 0.0) -> None:
        """Open its ports; `start` begins to answer.

        Args:
            world: people, files and truth.
            latency_s: time that a picture takes.
        """
        self.world, self.latency_s = world, latency_s
        self.requests: Counter[str] = Counter()
        """Host, path and query to how often they were asked for."""
        self.sent: Counter[str] = Counter()
        """The same for each picture, of the times that its bytes were sent."""
        self.agents: set[str] = set()
        """User-Agents of all requests."""
        self.most_at_once: Counter[str] = Counter()
        """Host to the most requests that were under way at one moment."""
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._made: dict[int, bytes] = {}
        self._places = {(file.host, file.path): file for file in world.files.values()}
        self._hosts = [f"127.0.0.{number}" for number in range(1, world.num_hosts + 3)]
        self._servers = _open(self._hosts, self)

    @property
    def truth(self) -> dict[str, Truth]:
        """Picture id to what must happen to it."""
        return self.world.truth

    @property
    def port(self) -> int:
        """Of all hosts."""
        return int(self._servers[0].server_address[1])

    @property
    def settings(self) -> dict[str, str]:
        """Where the APIs are, as the source's settings have it."""
        base = f"http://127.0.0.1:{self.port}"
        return {
            "sparql": f"{base}/sparql",
            "wikidata": f"{base}/wikidata/w/api.php",
            "commons": f"{base}/commons/w/api.php",
        }

    def url(self, file: SiteFile) -> str:
        """Of a picture."""
        return f"http://{self.picture_hosts[file.host]}:{self.port}{file.path}"

    @property
    def picture_hosts(self) -> list[str]:
        """By number; the last one's robots.txt cannot be read."""
        return self._hosts[1:]

    def times_fetched(self, picture_id: str) -> int:
        """How often a picture was asked for."""
        file = self.world.files[int(picture_id.removeprefix("wikimedia/M"))]
        return self.requests[self.url(file).removeprefix("http://")]

    def prepare(self) -> None:
        """Draw all pictures now; otherwise each is drawn when it is first asked for, and kept."""
        for page_id in self.world.files:
            self.picture(page_id)

    def picture(self, page_id: int) -> bytes:
        """The bytes of a file."""
        if page_id not in self._made:
            self._made[page_id] = self.world.data(page_id)
        return self._made[page_id]

    def change(self, page_id: int, **changes: Any) -> SiteFile:
        """Change a file that is there: its picture (`make`), `words`, `is_gone` and so on. Gives back the new one."""
        file = replace(self.world.files[page_id], **changes)
        self.world.files[page_id] = self._places[file.host, file.path] = file
        self._made.pop(page_id, None)
        return file

    def start(self) -> None:
        """Answer, each host in threads of its own."""
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """End."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def file_at(self, host: str, path: str) -> SiteFile | None:
        """The file that a host has at a path."""
        number = self.picture_hosts.index(host) if host in self.picture_hosts else -1
        return self._places.get((number, path))

    @contextmanager
    def counting(self, host: str, target: str, agent: str) -> Iterator[None]:
        """Around one request."""
        with self._lock:
            self.requests[f"{host}:{self.port}{target}"] += 1
            self.agents.add(agent)
            self._now[host] += 1
            self.most_at_once[host] = max(self.most_at_once[host], self._now[host])
        try:
            yield
        finally:
            with self._lock:
                self._now[host] -= 1

    def select(self, query: str) -> Json:
        """What the query service answers to the two kinds of query that are asked."""
        people = self.world.people
        named = re.search(r"VALUES \?person \{([^}]*)\}", query)
        if named is not None:
            found = [qid for qid in re.findall(r"wd:(Q\d+)", named[1]) if qid in people]
        else:
            first, end = re.findall(r'"(\d{4}-\d\d-\d\d)T00:00:00Z"\^\^xsd:dateTime', query)
            least, limit, offset = (_number(query, word) for word in (r"\?links >=", "LIMIT", "OFFSET"))
            links = {qid: len(person.item["sitelinks"]) for qid, person in people.items()}
            fitting = [qid for qid in people if first <= people[qid].born < end and links[qid] >= least]
            fitting.sort(key=lambda qid: (-links[qid], qid))
            found = fitting[offset : offset + limit]
        rows = [{"person": {"type": "uri", "value": f"http://www.wikidata.org/entity/{qid}"}} for qid in found]
        return {"head": {"vars": ["person"]}, "results": {"bindings": rows}}

    def entities(self, ids: list[str]) -> Json:
        """`wbgetentities` of either wiki."""
        if len(ids) > 50:
            return {"error": {"code": "toomanyvalues", "info": "Too many values supplied; the limit is 50."}}
        found: Json = {}
        for one in ids:
            file = self.world.files.get(int(one[1:])) if one.startswith("M") else None
            person = self.world.people.get(one)
            known = file.entity if file is not None else person.item if person is not None else None
            found[one] = known or {"id": one, "missing": ""}
        return {"entities": found, "success": 1}

    def query(self, asked: dict[str, str]) -> Json:
        """`action=query` of Commons: members of a category, a search, or details of pages."""
        files = list(self.world.files.values())
        if asked.get("list") == "categorymembers":
            categories = {person.qid: f"Category:{person.category}" for person in self.world.people.values()}
            members = [one for one in files if one.in_category and categories[one.qid] == asked["cmtitle"]]
            members.sort(key=lambda one: one.title)
            start = int(asked.get("cmcontinue", "page|0").partition("|")[2])
            return _page("categorymembers", members, start, MEMBERS, {"cmcontinue": f"page|{start + MEMBERS}"})
        if asked.get("list") == "search":
            qid = asked["srsearch"].removeprefix("haswbstatement:P180=")
            results = [one for one in files if qid in _depicted(one)]
            start = int(asked.get("sroffset", "0"))
            return _page("search", results, start, RESULTS, {"sroffset": str(start + RESULTS)})
        if "pageids" in asked:
            pages = [(one, self.world.files.get(int(one))) for one in asked["pageids"].split("|")]
        else:
            titles = {one.title: one for one in files}
            pages = [(one, titles.get(one.replace("_", " "))) for one in asked["titles"].split("|")]
        if len(pages) > 50:
            return {"error": {"code": "toomanyvalues", "info": "Too many values supplied; the limit is 50."}}
        return {"batchcomplete": True, "query": {"pages": [self._details(*one) for one in pages]}}

    def _details(self, asked: str, file: SiteFile | None) -> Json:
        if file is None:
            return {"ns": 6, "title": asked, "missing": True}
        page_url = f"http://127.0.0.1:{self.port}/commons/wiki/{file.page_id}"
        return file_page(file.page_id, file.title, self.url(file), page_url, file.words, mime=file.mime)


class Handler(BaseHTTPRequestHandler):
    """One request, of whichever host."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    """Head and body leave together; apart, the second waits for the first to be acknowledged."""
    server: "Server"

    def do_GET(self) -> None:
        site, host = self.server.site, str(self.server.server_address[0])
        with site.counting(host, self.path, self.headers.get("User-Agent", "")):
            target = urlsplit(self.path)
            asked = {name: values[-1] for name, values in parse_qs(target.query, keep_blank_values=True).items()}
            if target.path == "/robots.txt":
                is_closed = host == site.picture_hosts[-1]
                self.answer(403 if is_closed else 200, ROBOTS.encode(), "text/plain; charset=utf-8")
            elif host == "127.0.0.1" and target.path == "/sparql":
                self.reply(site.select(asked["query"]))
            elif host == "127.0.0.1" and target.path in ("/wikidata/w/api.php", "/commons/w/api.php"):
                is_query = asked["action"] == "query"
                self.reply(site.query(asked) if is_query else site.entities(asked["ids"].split("|")))
            else:
                self.send_picture(site.file_at(host, target.path))

    def send_picture(self, file: SiteFile | None) -> None:
        """A picture, or that it is as it was, or that there is none."""
        if file is None or file.is_gone:
            return self.answer(404, b"<html>404 Not Found</html>", "text/html")
        site = self.server.site
        time.sleep(site.latency_s)
        data = site.picture(file.page_id)
        etag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
        headers = {"ETag": etag, "Last-Modified": MODIFIED, **file.headers}
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, b"", file.mime, headers)
        site.sent[site.url(file).removeprefix("http://")] += 1
        return self.answer(200, data, file.mime, headers)

    def reply(self, body: Json) -> None:
        """An API's answer."""
        self.answer(200, json.dumps(body).encode(), "application/json; charset=utf-8")

    def answer(self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """One host."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], site: WikimediaSite) -> None:
        super().__init__(address, Handler)
        self.site = site

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed leaves a broken connection; that is what these tests do."""


@contextmanager
def serving(
    *,
    seed: int = 0,
    num_pictures: int | None = None,
    faults: bool = True,
    num_hosts: int = 4,
    latency_s: float = 0.0,
) -> Iterator[WikimediaSite]:
    """A site that answers; the arguments are those of `World` and `WikimediaSite`."""
    world = World(seed=seed, num_pictures=num_pictures, faults=faults, num_hosts=num_hosts)
    site = WikimediaSite(world, latency_s=latency_s)
    site.start()
    try:
        yield site
    finally:
        site.stop()


def _open(hosts: list[str], site: WikimediaSite) -> list[Server]:
    """A server for each host, all at one port that is free on all of them."""
    for _ in range(20):
        servers = [Server((hosts[0], 0), site)]
        try:
            servers += [Server((host, int(servers[0].server_address[1])), site) for host in hosts[1:]]
        except OSError:
            for server in servers:
                server.server_close()
            continue
        return servers
    raise OSError("no port is free on all loopback addresses")


def _page(kind: str, files: list[SiteFile], start: int, size: int, more: dict[str, str]) -> Json:
    """A page of a list, with where it goes on."""
    found = [{"pageid": one.page_id, "ns": 6, "title": one.title} for one in files[start : start + size]]
    body: Json = {"query": {kind: found}}
    if start + size < len(files):
        body["continue"] = {**more, "continue": "-||"}
    return body


def _depicted(file: SiteFile) -> list[str]:
    claims = file.entity["statements"].get("P180", [])
    return [claim["mainsnak"]["datavalue"]["value"]["id"] for claim in claims]


def _number(query: str, word: str) -> int:
    found = re.search(rf"{word} (\d+)", query)
    assert found is not None, query
    return int(found[1])


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=None)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that a picture takes")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--prepare", action="store_true", help="draw all pictures before the first answer")
    said = parser.parse_args()
    with serving(
        seed=said.seed,
        num_pictures=said.pictures,
        faults=not said.no_faults,
        num_hosts=said.hosts,
        latency_s=said.latency,
    ) as site:
        if said.prepare:
            site.prepare()
        sys.stdout.write(json.dumps(site.settings | {"files": len(site.world.files)}) + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
