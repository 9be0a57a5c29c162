"""What is refused before anybody is asked, names that change their minds, and rules that cannot be."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpcore2
import pytest

from core.errors import FetchRefused
from curation.connecting import connect_by_socket
from curation.fetch import Fetched, Fetcher, FetchRules, Validators
from curation.stage import Drop
from tests import polite_site
from tests.hostile_addresses import EVERY
from tests.polite_site import Page, Site
from tests.turned_clock import TurnedClock

CONTACT = "curators@faces.example.org"
PUBLIC, OTHER_PUBLIC = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"


def rules(**changes: object) -> FetchRules:
    return FetchRules(**{"contact": CONTACT, "min_delay_s": 0.0, "timeout_s": 2.0} | changes)  # type: ignore[arg-type]


@dataclass
class Wire:
    """Leads every connection to a site on loopback, and notes where it was meant to go."""

    port: int = 9
    connected: list[tuple[str, int]] = field(default_factory=list)

    def connect(self, address: str, port: int, timeout_s: float) -> httpcore2.NetworkStream:
        self.connected.append((address, port))
        return connect_by_socket("127.0.0.1", self.port, timeout_s)


@dataclass
class Names:
    """A name server that gives its answers in turn, the last one for good; and counts."""

    answers: list[Sequence[str]]
    num_asked: int = 0

    def resolve(self, host: str, port: int) -> Sequence[str]:  # noqa: ARG002
        self.num_asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def site() -> Iterator[Site]:
    with polite_site.serving() as site:
        site.pages["/a.jpg"] = Page()
        yield site


class SocketWatch:
    """Notes what Python does with sockets and names. There is one, for audit hooks cannot be taken away."""

    def __init__(self) -> None:
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self.note)

    def note(self, event: str, args: tuple[object, ...]) -> None:
        if self.is_on and event.startswith("socket."):
            self.seen.append(f"{event} {args[1:]}")


@pytest.fixture(scope="module")
def sockets() -> SocketWatch:
    return SocketWatch()


@pytest.mark.parametrize("url", EVERY)
def test_address_is_refused_without_a_socket_or_a_name_server(sockets: SocketWatch, url: str) -> None:
    with Fetcher(rules()) as fetcher:
        sockets.seen, sockets.is_on = [], True
        try:
            outcome = fetcher.fetch(url)
            [many] = fetcher.fetch_many([(url, None)])
            with pytest.raises(FetchRefused):
                fetcher.ask(url, {"a": "b"})
        finally:
            sockets.is_on = False
    assert sockets.seen == []
    assert isinstance(outcome, Drop) and outcome == many
    assert outcome.reason in {"address malformed", "address not public", "port not allowed", "scheme not allowed"}
    assert not outcome.is_passing


def test_the_watch_sees_sockets(sockets: SocketWatch, site: Site) -> None:
    """Else the test above could not fail."""
    with Fetcher(rules(allow_loopback=True)) as fetcher:
        sockets.seen, sockets.is_on = [], True
        try:
            fetcher.fetch(site.url("/a.jpg"))
        finally:
            sockets.is_on = False
    assert any(event.startswith("socket.connect") for event in sockets.seen)


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["fe80::1%eth0"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::a9fe:a9fe"],
        [PUBLIC, "10.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [OTHER_PUBLIC, PUBLIC, "fd00::1"],
        [PUBLIC, "no address"],
    ],
    ids=" ".join,
)
def test_name_that_leads_anywhere_private_is_not_connected_to(answer: list[str]) -> None:
    wire, names = Wire(), Names([answer])
    with Fetcher(rules(), resolve=names.resolve, connect=wire.connect) as fetcher:
        outcome = fetcher.fetch("http://pictures.example/a.jpg")
        with pytest.raises(FetchRefused, match="address not public"):
            fetcher.ask("https://api.example/", {})
    assert isinstance(outcome, Drop) and outcome.reason == "robots.txt unreadable"
    assert "address not public" in outcome.detail
    assert wire.connected == []


def test_checked_address_is_the_one_that_is_connected_to(site: Site) -> None:
    wire, names = Wire(site.port), Names([[PUBLIC]])
    with Fetcher(rules(), resolve=names.resolve, connect=wire.connect) as fetcher:
        outcome = fetcher.fetch("http://pictures.example/a.jpg")
    assert isinstance(outcome, Fetched) and outcome.url == "http://pictures.example/a.jpg"
    assert wire.connected == [(PUBLIC, 80)] and names.num_asked == 1
    assert {visit.headers["Host"] for visit in site.visits} == {"pictures.example"}


def test_name_that_changes_its_mind_gains_nothing(site: Site) -> None:
    """Public while robots.txt is read, private for the picture: the site closes each connection in between."""
    site.pages["/robots.txt"] = Page(status=404, body=b"", headers={"Connection": "close"})
    site.pages["/.well-known/tdmrep.json"] = Page(status=404, body=b"", headers={"Connection": "close"})
    wire, names = Wire(site.port), Names([[PUBLIC], [PUBLIC], ["127.0.0.1"]])
    with Fetcher(rules(), resolve=names.resolve, connect=wire.connect) as fetcher:
        outcome = fetcher.fetch("http://pictures.example/a.jpg")
    assert isinstance(outcome, Drop) and outcome.reason == "address not public"
    assert outcome.detail == "pictures.example is at 127.0.0.1"
    assert wire.connected == [(PUBLIC, 80)] * 2 and names.num_asked == 3
    assert "/a.jpg" not in site.paths()


def test_other_addresses_of_a_host_are_tried(site: Site) -> None:
    def connect(address: str, port: int, timeout_s: float) -> httpcore2.NetworkStream:
        wire.connected.append((address, port))
        if address == OTHER_PUBLIC:
            raise httpcore2.ConnectError("no route")
        return connect_by_socket("127.0.0.1", site.port, timeout_s)

    wire = Wire()
    with Fetcher(rules(), resolve=Names([[OTHER_PUBLIC, PUBLIC]]).resolve, connect=connect) as fetcher:
        assert isinstance(fetcher.fetch("http://pictures.example/a.jpg"), Fetched)
    assert wire.connected == [(OTHER_PUBLIC, 80), (PUBLIC, 80)]


def resolve_slowly(host: str, port: int) -> list[str]:  # noqa: ARG001
    time.sleep(5)
    return [PUBLIC]


def resolve_nothing(host: str, port: int) -> list[str]:  # noqa: ARG001
    return []


def resolve_unknown(host: str, port: int) -> list[str]:
    raise OSError(f"no such name: {host}:{port}")


@pytest.mark.parametrize(
    ("resolve", "words"),
    [(resolve_slowly, "too slow"), (resolve_nothing, "host not found"), (resolve_unknown, "no such name")],
)
def test_name_server_that_does_not_help(resolve: Callable[[str, int], list[str]], words: str) -> None:
    start_s = time.monotonic()
    with Fetcher(rules(timeout_s=0.3), resolve=resolve) as fetcher:
        outcome = fetcher.fetch("http://pictures.example/a.jpg")
    assert isinstance(outcome, Drop) and words in outcome.detail and outcome.is_passing
    assert time.monotonic() - start_s < 2


@pytest.mark.parametrize("path", ["/a.jpg", "/robots.txt", "/.well-known/tdmrep.json"])
@pytest.mark.parametrize(("status", "is_passing"), [(401, True), (403, True), (402, False), (404, False), (451, False)])
def test_who_is_shut_out_learns_nothing_of_the_picture(site: Site, path: str, status: int, is_passing: bool) -> None:
    """A block of our address may pass, whatever of a site it is first met at; a picture that is gone is gone."""
    site.pages[path] = Page(status=status, body=b"")
    with Fetcher(rules(allow_loopback=True)) as fetcher:
        outcome = fetcher.fetch(f"http://127.0.0.1:{site.port}/a.jpg")
    if path == "/a.jpg" or is_passing:
        assert isinstance(outcome, Drop) and outcome.is_final == (not is_passing)
    else:
        assert isinstance(outcome, Fetched), "a site without such a file forbids nothing"


def test_host_where_nobody_listens_is_a_passing_drop() -> None:
    with Fetcher(rules(allow_loopback=True)) as fetcher:
        outcome = fetcher.fetch("http://127.0.0.1:9/a.jpg")
    assert isinstance(outcome, Drop) and "cannot connect" in outcome.detail and outcome.is_passing


def test_kept_connection_that_the_server_closed_is_made_anew(site: Site) -> None:
    with Fetcher(rules(allow_loopback=True), clock=TurnedClock()) as fetcher:
        for _ in range(3):
            assert isinstance(fetcher.fetch(site.url("/a.jpg")), Fetched)
            site.pages["/last.jpg"] = Page(headers={"Connection": "close"})
            assert isinstance(fetcher.fetch(site.url("/last.jpg")), Fetched)


CONTACTS = {
    "a@b.org": True,
    "first.last+bot@my-lab.university.edu": True,
    "https://example.org/bot?about=us": True,
    "http://example.org": True,
    "": False,
    "me": False,
    "me@localhost": False,
    "@example.org": False,
    "http://localhost/": False,
    "ftp://example.org": False,
    "a@b.org\r\nX: y": False,
    "a@b.org) Mozilla/5.0 (": False,
    "a @b.org": False,
    "ä@b.org": False,
    "a@" + "b" * 300 + ".org": False,
}


@pytest.mark.parametrize(("contact", "is_good"), CONTACTS.items())
def test_contact_must_be_one(contact: str, is_good: bool) -> None:
    if is_good:
        assert contact in FetchRules(contact=contact).user_agent
    else:
        with pytest.raises(ValueError, match="contact is an e-mail or web address"):
            FetchRules(contact=contact)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_delay_s", -1),
        ("min_delay_s", float("nan")),
        ("max_bytes", 0),
        ("max_bytes", 1.5),
        ("timeout_s", 0),
        ("timeout_s", float("inf")),
        ("max_redirects", -1),
        ("max_wait_s", -1),
        ("max_tries", 0),
        ("max_hosts", 0),
    ],
)
def test_rules_that_cannot_be(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        rules(**{name: value})


def test_detail_of_a_drop_shows_what_a_server_hides(site: Site) -> None:
    site.pages["/a.jpg"] = Page(kind="te\u00adxt/\u0085x" + "y" * 1000)
    with Fetcher(rules(allow_loopback=True)) as fetcher:
        outcome = fetcher.fetch(site.url("/a.jpg"))
    assert isinstance(outcome, Drop) and outcome.reason == "no picture"
    assert outcome.detail.isprintable() and len(outcome.detail) < 1000


def test_no_threads_are_left(site: Site) -> None:
    before = threading.active_count()
    with Fetcher(rules(allow_loopback=True)) as fetcher:
        fetcher.fetch_many([(site.url("/a.jpg"), Validators())] * 3)
    assert threading.active_count() <= before + 2  # the site's own threads for connections that just ended
