"""Fetching from real servers on loopback: hostile ones cost little and end as drops, polite ones are treated so."""

import gzip
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from httpcore2 import NetworkStream

from core.errors import FetchRefused
from curation.addresses import checked
from curation.connecting import connect_by_socket
from curation.fetch import Fetched, Fetcher, FetchRules, NotModified, Validators
from curation.refusal import Refusal
from curation.stage import Drop
from tests import hostile_server, polite_site
from tests.hostile_addresses import EVERY
from tests.hostile_server import BEHAVIOURS, PICTURE, HostileServer, bomb, say, with_length
from tests.polite_site import JPEG, Page, Site, Visit
from tests.turned_clock import TurnedClock

CONTACT = "curators@faces.example.org"
TIMEOUT_S = 1.0
SLACK_S = 1.0
MEBIBYTE = 1 << 20


def rules(**changes: object) -> FetchRules:
    given = {"contact": CONTACT, "min_delay_s": 0.0, "max_bytes": MEBIBYTE, "timeout_s": TIMEOUT_S}
    return FetchRules(**given | {"allow_loopback": True} | changes)  # type: ignore[arg-type]


@pytest.fixture
def site() -> Iterator[Site]:
    with polite_site.serving(4) as site:
        yield site


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileServer]:
    with hostile_server.serving() as server:
        yield server


@pytest.fixture(scope="module")
def fetcher() -> Iterator[Fetcher]:
    """Waits by a turned clock, so that backing off takes no time."""
    with Fetcher(rules(), clock=TurnedClock()) as fetcher:
        yield fetcher


def peak_bytes() -> int:
    """Most memory that this process has held since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pytest.skip("the peak of memory cannot be set back here (/proc/self/clear_refs)")


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_hostile_behaviour_ends_as_a_drop_in_time(hostile: HostileServer, fetcher: Fetcher, behaviour: str) -> None:
    before = fetcher.num_bytes_read
    start_s = time.monotonic()
    outcome = fetcher.fetch(hostile.url(behaviour))
    took_s = time.monotonic() - start_s
    assert isinstance(outcome, Drop), outcome
    assert outcome.stage == "fetch" and outcome.reason in BEHAVIOURS[behaviour][1], outcome
    assert took_s <= TIMEOUT_S + SLACK_S
    assert fetcher.num_bytes_read - before <= 2 * MEBIBYTE
    good = fetcher.fetch(hostile.url("good"))
    assert isinstance(good, Fetched) and good.data == PICTURE


def test_hostile_server_takes_no_memory(hostile: HostileServer) -> None:
    """All behaviours that send without end, several times; the server in this process is counted too."""
    endless = [name for name in BEHAVIOURS if name.startswith(("endless", "announced-huge", "huge"))] + ["gzip-bomb"]
    with Fetcher(rules(), clock=TurnedClock()) as fetcher:
        for name in endless:
            fetcher.fetch(hostile.url(name))
        forget_peak()
        before = peak_bytes()
        for name in endless * 2:
            assert isinstance(fetcher.fetch(hostile.url(name)), Drop)
        grown = peak_bytes() - before
    assert grown <= 20 * MEBIBYTE


ROBOTS = {
    "drips": hostile_server.drip,
    "is endless": hostile_server.endless_body,
    "never comes": hostile_server.never,
    "is a bomb": lambda visitor: visitor.send(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb()) + bomb()
    ),
    "redirects without end": lambda visitor: visitor.redirect("/robots.txt"),
    "redirects to a private address": lambda visitor: visitor.redirect("http://192.168.0.1/robots.txt"),
    "is junk": say(b"junk\r\n\r\n"),
    "breaks off": hostile_server.half_then_reset,
}


@pytest.mark.parametrize("fault", ROBOTS)
def test_hostile_robots_txt_closes_the_site_in_time(fault: str) -> None:
    with hostile_server.serving() as server, Fetcher(rules(), clock=TurnedClock()) as fetcher:
        server.robots = ROBOTS[fault]
        start_s = time.monotonic()
        outcome = fetcher.fetch(server.url("good"))
        assert isinstance(outcome, Drop) and outcome.reason == "robots.txt unreadable" and outcome.is_passing
        assert time.monotonic() - start_s <= TIMEOUT_S + SLACK_S
        assert server.num_bytes_sent["good"] == 0


def is_refused_even_here(url: str) -> bool:
    """Whether an address stays refused where loopback is allowed, and means itself in a Location header too."""
    try:
        checked(url, allow_loopback=True)
    except Refusal:
        return "://" in url and "///" not in url and not url.startswith("http://:") and url.isprintable()
    return False


NOT_PUBLIC = [url for url in EVERY if is_refused_even_here(url)]


def test_redirects_to_what_is_not_public_are_refused_without_a_connection(site: Site) -> None:
    connected: list[tuple[str, int]] = []

    def connect(address: str, port: int, timeout_s: float) -> NetworkStream:
        connected.append((address, port))
        return connect_by_socket(address, port, timeout_s)

    for number, url in enumerate(NOT_PUBLIC):
        site.pages[f"/{number}"] = Page(status=302, headers={"Location": url.encode().decode("latin-1")})
    with Fetcher(rules(), connect=connect) as fetcher:
        outcomes = fetcher.fetch_many([(site.url(f"/{number}"), None) for number in range(len(NOT_PUBLIC))])
    reasons = {"address not public", "address malformed", "port not allowed", "scheme not allowed"}
    assert len(NOT_PUBLIC) >= 60
    pairs = zip(NOT_PUBLIC, outcomes, strict=True)
    assert [(url, one) for url, one in pairs if not isinstance(one, Drop) or one.reason not in reasons] == []
    assert set(connected) == {("127.0.0.1", site.port)}


def test_name_that_changes_its_mind_reaches_nothing_private() -> None:
    """With real sockets, in a network of its own where a public address and private ones all answer."""
    root = Path(__file__).resolve().parents[2]
    isolated = ["unshare", "--map-root-user", "--net"]
    try:
        subprocess.run([*isolated, "ip", "link", "set", "lo", "up"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network of one's own can be made here (unshare, ip)")
    program = [sys.executable, str(root / "tests/integration/rebinding.py")]
    environment = os.environ | {"PYTHONPATH": str(root)}
    result = subprocess.run([*isolated, *program], env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout)
    assert found["outcomes"].pop("steady") == "fetched"
    assert len(found["outcomes"]) == 12
    assert [one for one in found["outcomes"].values() if "address not public" not in one] == []
    assert set(found["connections"]) == {"93.184.216.34"}


def test_certificate_that_only_the_environment_vouches_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    make += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(make, check=True, capture_output=True, timeout=60)
    except OSError:
        pytest.skip("no certificate can be made here (openssl)")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with polite_site.serving() as site:
        server = site.servers[0]
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        with Fetcher(rules()) as fetcher, pytest.raises(FetchRefused, match=r"cannot connect .*certificate"):
            fetcher.ask(site.url("/api").replace("http:", "https:"), {})
        assert site.visits == []


def test_page_forbidden_by_robots_txt_is_never_asked_for(site: Site) -> None:
    site.pages["127.0.0.1/robots.txt"] = Page(body=b"User-agent: *\nDisallow: /no/", kind="text/plain")
    site.pages["127.0.0.2/robots.txt"] = Page(status=503, body=b"")
    site.pages["127.0.0.3/robots.txt"] = Page(status=403, body=b"")
    site.pages["127.0.0.4/.well-known/tdmrep.json"] = Page(
        body=json.dumps([{"location": "/no/", "tdm-reservation": 1}]).encode()
    )
    for path in ("/a.jpg", "/no/a.jpg"):
        site.pages[path] = Page()
    site.pages["/yes/a.jpg"] = Page(status=301, headers={"Location": "/no/a.jpg"})
    wanted = [(site.url(path, host), None) for host in (1, 2, 3, 4) for path in ("/a.jpg", "/no/a.jpg", "/yes/a.jpg")]
    wanted += [(site.url("/x/../no/a.jpg"), None), (site.url("/%6eo/a.jpg"), None)]
    with Fetcher(rules(), clock=TurnedClock()) as fetcher:
        outcomes = fetcher.fetch_many(wanted)
    reasons = [one.reason if isinstance(one, Drop) else "" for one in outcomes]
    forbids, reserved = "robots.txt forbids", "reserved for text and data mining"
    assert reasons[:3] == ["", forbids, forbids]
    assert reasons[3:6] == ["robots.txt unreadable"] * 3
    assert reasons[6:9] == [forbids] * 3
    assert reasons[9:12] == ["", reserved, reserved]
    assert reasons[12:] == [forbids, forbids]
    assert [visit.path for visit in site.visits if visit.path.startswith("/no/")] == []
    assert {visit.host for visit in site.visits if visit.path.endswith(".jpg")} == {"127.0.0.1", "127.0.0.4"}


def test_answer_that_forbids_its_use_is_dropped_unread(site: Site) -> None:
    site.pages["/noai.jpg"] = Page(headers={"X-Robots-Tag": "nofollow, NoAI"})
    site.pages["/theirs.jpg"] = Page(headers={"X-Robots-Tag": "googlebot: noindex"})
    site.pages["/tdm.jpg"] = Page(headers={"tdm-reservation": "1"})
    site.pages["/moved.jpg"] = Page(status=302, headers={"X-Robots-Tag": "noindex", "Location": "/theirs.jpg"})
    with Fetcher(rules()) as fetcher:
        outcomes = [fetcher.fetch(site.url(path)) for path in ("/noai.jpg", "/tdm.jpg", "/moved.jpg", "/theirs.jpg")]
    assert [one.reason if isinstance(one, Drop) else "" for one in outcomes] == [
        "noai",
        "reserved for text and data mining",
        "noindex",
        "",
    ]


def test_every_request_says_who_asks_and_how_to_reach_them_and_nothing_else(site: Site) -> None:
    site.pages["/a.jpg"] = Page(headers={"Set-Cookie": "id=1"})
    site.pages["/b.jpg"] = Page(status=302, headers={"Location": "/a.jpg", "Set-Cookie": "id=2"})
    site.pages["/api"] = Page(body=b"{}", kind="application/json")
    with Fetcher(rules()) as fetcher:
        for path in ("/a.jpg", "/b.jpg", "/a.jpg", "/missing.jpg"):
            fetcher.fetch(site.url(path))
        fetcher.ask(site.url("/api"), {"a": "b"})
    assert len(site.visits) == 8
    assert {visit.headers["User-Agent"] for visit in site.visits} == {f"AgeTransBot/0.1 ({CONTACT})"}
    assert {name.lower() for visit in site.visits for name in visit.headers} == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
    }


def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.pages["/a.jpg"] = Page()
    with Fetcher(rules()) as fetcher:
        assert isinstance(fetcher.fetch(site.url("/a.jpg")), Fetched)


def test_one_request_at_a_time_for_each_host_and_pauses_between(site: Site) -> None:
    pause_s = 0.05
    site.pages["/a.jpg"] = Page(takes_s=0.02)
    with Fetcher(rules(min_delay_s=pause_s)) as fetcher:
        wanted = [(site.url("/a.jpg", host), None) for host in (1, 2, 3, 4)] * 4
        threads = [threading.Thread(target=fetcher.fetch_many, args=(wanted,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(site.most_at_once.values()) == {1}
    assert len(site.paths()) == 3 * len(wanted)
    for host in {visit.host for visit in site.visits}:
        visits = sorted((visit for visit in site.visits if visit.host == host), key=lambda visit: visit.started_s)
        gaps_s = [later.started_s - earlier.ended_s for earlier, later in pairwise(visits)]
        assert min(gaps_s) >= pause_s - 0.005
    started_s = min(visit.started_s for visit in site.visits)
    for host in (1, 2, 3, 4):  # they did not wait for each other
        assert min(one.started_s for one in site.visits if one.host == f"127.0.0.{host}") - started_s < 0.5


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_server_that_asks_to_wait_is_asked_again_then(site: Site, status: int, form: str) -> None:
    def busy(_: Visit) -> Page:
        later = format_datetime(datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2), usegmt=True)
        site.pages["/a.jpg"] = Page()
        return Page(status=status, headers={"Retry-After": "2" if form == "seconds" else later})

    site.pages["/a.jpg"] = busy
    with Fetcher(rules()) as fetcher:
        outcome = fetcher.fetch(site.url("/a.jpg"))
    assert isinstance(outcome, Fetched)
    first, second = (visit for visit in site.visits if visit.path == "/a.jpg")
    assert abs(second.started_s - first.ended_s - 2) <= 1.0


def test_server_that_asks_to_wait_too_long_is_left_alone(site: Site) -> None:
    site.pages["/a.jpg"] = Page(status=429, headers={"Retry-After": "3600"})
    site.pages["/b.jpg"] = Page()
    clock = TurnedClock()
    with Fetcher(rules(), clock=clock) as fetcher:
        outcomes = [fetcher.fetch(site.url(path)) for path in ("/a.jpg", "/b.jpg")]
        assert [(one.reason, one.is_passing) for one in outcomes if isinstance(one, Drop)] == [
            ("asked to wait too long", True)
        ] * 2
        assert site.paths() == ["/a.jpg"]
        clock.passed_s += 3600
        assert isinstance(fetcher.fetch(site.url("/b.jpg")), Fetched)


def test_busy_server_is_asked_a_few_times_and_no_more(site: Site) -> None:
    site.pages["/a.jpg"] = Page(status=503)
    site.pages["/b.jpg"] = deque([Page(status=502), Page(status=429), Page()])
    clock = TurnedClock()
    with Fetcher(rules(), clock=clock) as fetcher:
        outcome = fetcher.fetch(site.url("/a.jpg"))
        assert isinstance(outcome, Drop) and outcome.reason == "server busy" and outcome.is_passing
        assert site.paths() == ["/a.jpg"] * 3 and clock.passed_s == 3.0
        assert isinstance(fetcher.fetch(site.url("/b.jpg")), Fetched)


def test_version_that_is_known_is_not_sent_again(site: Site) -> None:
    def picture(visit: Visit) -> Page:
        if visit.headers.get("If-None-Match") == '"v1"' or visit.headers.get("If-Modified-Since") == "yesterday":
            return Page(status=304, kind=None, headers={"Content-Length": str(len(JPEG))})
        return Page(headers={"ETag": '"v1"', "Last-Modified": "yesterday"})

    site.pages["/a.jpg"] = picture
    url = site.url("/a.jpg")
    with Fetcher(rules()) as fetcher:
        first = fetcher.fetch(url)
        assert isinstance(first, Fetched)
        assert (first.data, first.content_type, first.url) == (JPEG, "image/jpeg", url)
        assert first.validators == Validators(etag='"v1"', last_modified="yesterday")
        assert fetcher.fetch(url, first.validators) == NotModified(url=url)
        assert fetcher.fetch(url, Validators(last_modified="yesterday")) == NotModified(url=url)
        assert site.num_connections == 1
        assert isinstance(fetcher.fetch(url, Validators(etag='"v0"')), Fetched)
        assert isinstance(fetcher.fetch(url, Validators(etag="\r\nX: y", last_modified="\x85")), Fetched)


def test_a_size_is_allowed_to_the_byte(site: Site) -> None:
    site.pages["/a.jpg"] = Page(body=b"\xff" * MEBIBYTE)
    site.pages["/b.jpg"] = Page(body=b"\xff" * (MEBIBYTE + 1))
    site.pages["/c.jpg"] = Page(body=b"\xff" * MEBIBYTE, is_chunked=True)
    site.pages["/d.jpg"] = Page(body=b"\xff" * (MEBIBYTE + 1), is_chunked=True)
    with Fetcher(rules()) as fetcher:
        outcomes = [fetcher.fetch(site.url(f"/{name}.jpg")) for name in "abcd"]
    assert [len(one.data) for one in outcomes[::2] if isinstance(one, Fetched)] == [MEBIBYTE] * 2
    dropped = [one for one in outcomes[1::2] if isinstance(one, Drop)]
    assert [(one.reason, one.is_passing) for one in dropped] == [("too large", False)] * 2


def test_a_size_that_is_announced_and_too_large_is_not_waited_for(hostile: HostileServer, fetcher: Fetcher) -> None:
    before = fetcher.num_bytes_read
    outcome = fetcher.fetch(hostile.url("announced-huge"))
    assert isinstance(outcome, Drop) and "1000000000000 bytes are announced" in outcome.detail
    assert fetcher.num_bytes_read - before <= 4 * 65536


def test_redirects_are_followed_so_far(site: Site) -> None:
    for number in range(1, 7):
        site.pages[f"/{number}"] = Page(status=302, headers={"Location": f"{number - 1}"}, body=b"", kind=None)
    site.pages["/1"] = Page(status=308, headers={"Location": "/a picture"})
    site.pages["/a%20picture"] = Page(kind="application/octet-stream")
    with Fetcher(rules()) as fetcher:
        fetched, dropped = fetcher.fetch(site.url("/5")), fetcher.fetch(site.url("/6"))
    assert isinstance(fetched, Fetched) and fetched.url == site.url("/a%20picture")
    assert isinstance(dropped, Drop) and dropped.reason == "too many redirects"


def test_many_outcomes_come_in_the_order_asked_for(site: Site) -> None:
    for number in range(20):
        site.pages[f"/{number}"] = Page(body=b"\xff\xd8" + bytes([number]))
    wanted = [(site.url(f"/{number}", 1 + number % 4), None) for number in range(20)]
    wanted[7] = ("http://10.0.0.1/", None)
    wanted[9] = ("http://[", None)
    with Fetcher(rules(max_hosts=2)) as fetcher:
        outcomes = fetcher.fetch_many(wanted)
        assert fetcher.fetch_many([]) == []
    marks = [one.data[2] if isinstance(one, Fetched) else one.reason for one in outcomes]  # type: ignore[union-attr]
    expected: list[object] = list(range(20))
    expected[7], expected[9] = "address not public", "address malformed"
    assert marks == expected


def test_fault_of_the_program_ends_the_work_of_all_hosts(site: Site) -> None:
    def connect(address: str, port: int, timeout_s: float) -> NetworkStream:
        if address == "127.0.0.2":
            raise RuntimeError("a fault of the program")
        return connect_by_socket(address, port, timeout_s)

    site.pages["/a.jpg"] = Page(takes_s=0.05)
    wanted = [(site.url("/a.jpg"), None)] * 40 + [(site.url("/a.jpg", 2), None)]
    with Fetcher(rules(), connect=connect) as fetcher:
        with pytest.raises(RuntimeError, match="a fault of the program"):
            fetcher.fetch_many(wanted)
        num_asked = len(site.paths())
        time.sleep(0.4)
        assert len(site.paths()) <= num_asked + 1 < 20


def test_connections_are_kept_where_an_answer_ends_cleanly(site: Site) -> None:
    site.pages["/a.jpg"], site.pages["/chunked.jpg"] = Page(), Page(is_chunked=True)
    with Fetcher(rules()) as fetcher:
        for path in ("/a.jpg", "/missing.jpg", "/chunked.jpg") * 5:
            fetcher.fetch(site.url(path))
    assert site.num_connections == 1


def test_answer_that_comes_with_another_one_does_not_speak_for_the_next_picture() -> None:
    """The second answer in one go would pass for the answer to the next request."""
    forged = with_length(PICTURE, len(PICTURE)) + with_length(b"\xff\xd8forged", 8)
    with hostile_server.serving() as server, Fetcher(rules(), clock=TurnedClock()) as fetcher:
        server.robots = say(forged.replace(b"200 OK", b"404 No"))
        good = fetcher.fetch(server.url("good"))
        assert isinstance(good, Fetched) and good.data == PICTURE
    with hostile_server.serving() as server, Fetcher(rules(), clock=TurnedClock()) as fetcher:
        BEHAVIOURS["forged"] = (say(forged), set())
        try:
            first, second = (fetcher.fetch(server.url(name)) for name in ("forged", "good"))
        finally:
            del BEHAVIOURS["forged"]
    assert isinstance(first, Drop) and first.reason == "broken answer"
    assert isinstance(second, Fetched) and second.data == PICTURE


def test_close_ends_a_wait(site: Site) -> None:
    site.pages["/a.jpg"] = Page(status=429, headers={"Retry-After": "50"})
    fetcher = Fetcher(rules())
    threading.Timer(0.3, fetcher.close).start()
    start_s = time.monotonic()
    outcome = fetcher.fetch(site.url("/a.jpg"))
    assert isinstance(outcome, Drop) and outcome.reason == "fetching has ended"
    assert time.monotonic() - start_s < 5


def test_api_is_asked(site: Site) -> None:
    value = {"query": {"pages": ["ä", 1, None]}}
    body = json.dumps(value).encode()
    site.pages["/robots.txt"] = Page(body=b"User-agent: *\nDisallow: /")
    site.pages["/plain"] = Page(body=body, kind="application/json")
    site.pages["/packed"] = Page(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    with Fetcher(rules()) as fetcher:
        assert fetcher.ask(site.url("/plain"), {"titles": "A|B", "q": "ä&b"}) == value
        assert fetcher.ask(site.url("/packed"), {}) == value
    assert site.visits[0].path == "/plain?titles=A%7CB&q=%C3%A4%26b"
    assert "/robots.txt" not in [visit.path for visit in site.visits]


API_FAULTS = {
    "missing": (Page(status=404, body=b""), "not found"),
    "page": (Page(body=b"<html>", kind="text/html"), "no JSON"),
    "deep": (Page(body=b"[" * 100_000, kind="application/json"), "no JSON"),
    "bomb": (Page(body=bomb(), headers={"Content-Encoding": "gzip"}), "too large"),
    "no gzip": (Page(body=b"{}", headers={"Content-Encoding": "gzip"}), "no gzip"),
    "half a gzip": (Page(body=gzip.compress(b"{}" * 99)[:-9], headers={"Content-Encoding": "gzip"}), "breaks off"),
    "brotli": (Page(body=b"{}", headers={"Content-Encoding": "br"}), "not offered"),
    "large": (Page(body=b" " * (MEBIBYTE + 1)), "too large"),
    "lagging": (Page(body=b"{}", headers={"Retry-After": "5"}), "try again later"),
    "private": (Page(status=302, headers={"Location": "http://10.0.0.1/api"}), "address not public"),
}


@pytest.mark.parametrize("fault", API_FAULTS)
def test_api_that_fails_is_one_sentence(site: Site, fetcher: Fetcher, fault: str) -> None:
    page, words = API_FAULTS[fault]
    site.pages["/api"] = page
    with pytest.raises(FetchRefused, match=words) as caught:
        fetcher.ask(site.url("/api"), {})
    assert site.url("/api") in str(caught.value) and "\n" not in str(caught.value)


def test_lagging_api_is_asked_again(site: Site, fetcher: Fetcher) -> None:
    lagging = Page(body=b'{"error": {"code": "maxlag"}}', headers={"Retry-After": "5"})
    site.pages["/api"] = deque([lagging, lagging, Page(body=b"[1]")])
    assert fetcher.ask(site.url("/api"), {}) == [1]
