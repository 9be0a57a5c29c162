"""A site's no is heeded: robots.txt, X-Robots-Tag, reservations; and whatever cannot be read is a no."""

import gzip
import json
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import robots
from curation.addresses import Target, checked
from curation.connecting import Answer
from curation.pacing import Pace
from curation.refusal import Refusal
from curation.robots import Robots, check_answer, forbidding_tag, parse_reservations, parse_robots
from tests.turned_clock import TurnedClock

OURS = "AgeTransBot"


@dataclass
class Web:
    """Answers for a site's own files; what is not there is 404."""

    files: dict[str, tuple[int, bytes] | Refusal] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(self, target: Target, max_bytes: int) -> Answer:
        self.asked.append(target.url)
        found = self.files.get(target.url, self.files.get(target.path, (404, b"")))
        if isinstance(found, Refusal):
            raise found
        if len(found[1]) > max_bytes:
            raise Refusal("too large")
        return Answer(target=target, status=found[0], headers=httpx2.Headers(self.headers), data=found[1])


class Guarded:
    """Robots over a Web, on a turned clock."""

    def __init__(self, web: Web) -> None:
        self.clock = TurnedClock()
        self.pace = Pace(1.0, 60.0, self.clock)
        self.robots = Robots(web.get, self.pace, 60.0, self.clock)

    def reason(self, url: str = "http://a.example/x.jpg") -> str:
        """Why an address is refused; "" where it is not."""
        try:
            self.robots.check(checked(url))
        except Refusal as refusal:
            return refusal.reason
        return ""


def reason_for(text: str | bytes, url: str = "http://a.example/x.jpg", status: int = 200) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return Guarded(Web({"/robots.txt": (status, data)})).reason(url)


FORBIDS = "robots.txt forbids"
RULES = {
    "empty": ("", ""),
    "nothing disallowed": ("User-agent: *\nDisallow:", ""),
    "all": ("User-agent: *\nDisallow: /", FORBIDS),
    "all, named": ("User-agent: AgeTransBot\nDisallow: /", FORBIDS),
    "all, named in other letters": ("user-agent: agetransBOT\ndisallow: /", FORBIDS),
    "all, named with a version": ("User-agent: AgeTransBot/2.0\nDisallow: /", FORBIDS),
    "others": ("User-agent: OtherBot\nDisallow: /", ""),
    "others before all": ("User-agent: OtherBot\nUser-agent: *\nDisallow: /", FORBIDS),
    "our group alone counts": ("User-agent: *\nDisallow: /\nUser-agent: AgeTransBot\nAllow: /", ""),
    "a part of our name is not ours": ("User-agent: Age\nAllow: /\nUser-agent: *\nDisallow: /", FORBIDS),
    "more than our name is not ours": ("User-agent: AgeTransBotNot\nAllow: /\nUser-agent: *\nDisallow: /", FORBIDS),
    "two groups of ours": (
        "User-agent: AgeTransBot\nAllow: /b\nUser-agent: x\nDisallow:\nUser-agent: AgeTransBot\nDisallow: /x",
        FORBIDS,
    ),
    "longest match allows": ("User-agent: *\nDisallow: /\nAllow: /x.jpg", ""),
    "longest match forbids": ("User-agent: *\nAllow: /\nDisallow: /x", FORBIDS),
    "equal length allows": ("User-agent: *\nDisallow: /x\nAllow: /x", ""),
    "star": ("User-agent: *\nDisallow: /*.jpg$", FORBIDS),
    "dollar": ("User-agent: *\nDisallow: /x$", ""),
    "escaped": ("User-agent: *\nDisallow: /%78.jpg", FORBIDS),
    "mark of byte order": ("\ufeffUser-agent: *\nDisallow: /", FORBIDS),
    "old line ends": ("User-agent: *\rDisallow: /", FORBIDS),
    "comments": ("# hello\nUser-agent: * # all\nDisallow: / # this", FORBIDS),
    "spaces": ("  User-Agent :  *  \n\tDisallow :\t/  ", FORBIDS),
    "no colon": ("User-agent *\nDisallow /", FORBIDS),
    "rules of nobody": ("Disallow: /", ""),
    "nonsense": ("hello\nworld", ""),
    "a page": ("<!DOCTYPE html><html>not found</html>", "robots.txt unreadable"),
    "a page after spaces": ("\n\n <html>", "robots.txt unreadable"),
    "binary": ("User-agent: *\0\nAllow: /", "robots.txt unreadable"),
}


@pytest.mark.parametrize(("text", "expected"), RULES.values(), ids=RULES.keys())
def test_rules(text: str, expected: str) -> None:
    assert reason_for(text) == expected


def test_bytes_that_are_no_utf8_close_the_site() -> None:
    assert reason_for(b"User-agent: *\nAllow: /\xff") == "robots.txt unreadable"


STATUSES = {
    404: "",
    410: "",
    400: "",
    451: "",
    401: FORBIDS,
    403: FORBIDS,
    429: "robots.txt unreadable",
    500: "robots.txt unreadable",
    503: "robots.txt unreadable",
    204: "robots.txt unreadable",
    304: "robots.txt unreadable",
}


@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
def test_status_of_robots_txt(status: int, expected: str) -> None:
    assert reason_for("", status=status) == expected


@pytest.mark.parametrize("reason", ["host not found", "too slow", "too many redirects", "address not public"])
def test_robots_txt_that_cannot_be_fetched_closes_the_site_for_a_while(reason: str) -> None:
    web = Web({"/robots.txt": Refusal(reason)})  # type: ignore[arg-type]
    guarded = Guarded(web)
    with pytest.raises(Refusal, match=reason) as caught:
        guarded.robots.check(checked("http://a.example/x.jpg"))
    assert caught.value.reason == "robots.txt unreadable" and caught.value.is_passing
    assert guarded.reason() == "robots.txt unreadable" and len(web.asked) == 1
    web.files["/robots.txt"] = (404, b"")
    guarded.clock.passed_s += robots.KEPT_FAILED_S
    assert guarded.reason() == ""


def test_too_long_a_robots_txt_closes_the_site() -> None:
    line = b"# a comment to fill the file\n"
    longest = line * (robots.MAX_ROBOTS_BYTES // len(line))
    assert reason_for(longest) == ""
    assert reason_for(longest + line) == "robots.txt unreadable"
    packed = Web({"/robots.txt": (200, gzip.compress(longest + line))}, {"Content-Encoding": "gzip"})
    assert Guarded(packed).reason() == "robots.txt unreadable"
    packed = Web({"/robots.txt": (200, gzip.compress(b"User-agent: *\nDisallow: /"))}, {"Content-Encoding": "gzip"})
    assert Guarded(packed).reason() == FORBIDS


def test_rules_are_read_once_a_day_for_each_scheme_host_and_port() -> None:
    web = Web({"http://a.example/robots.txt": (200, b"User-agent: *\nDisallow: /no")})
    guarded = Guarded(web)
    for _ in range(3):
        assert guarded.reason("http://a.example/x.jpg") == ""
        assert guarded.reason("http://a.example/no.jpg") == FORBIDS
        assert guarded.reason("https://a.example/no.jpg") == ""
    assert sorted(web.asked) == sorted(
        f"{scheme}://a.example{path}" for scheme in ("http", "https") for path in ("/robots.txt", robots.TDM_PATH)
    )
    web.files.clear()
    guarded.clock.passed_s += 24 * 3600 - 1
    assert guarded.reason("http://a.example/no.jpg") == FORBIDS
    guarded.clock.passed_s += 2
    assert guarded.reason("http://a.example/no.jpg") == ""


def test_sites_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robots, "MAX_SITES", 3)
    web = Web()
    guarded = Guarded(web)
    for name in ("a", "b", "c", "a", "d", "a", "b"):
        guarded.reason(f"http://{name}.example/")
    asked = [url.split("/")[2] for url in web.asked if url.endswith("robots.txt")]
    assert asked == ["a.example", "b.example", "c.example", "d.example", "b.example"]


@pytest.mark.parametrize(
    ("line", "pause_s"),
    [
        ("Crawl-delay: 5", 5.0),
        ("Crawl-delay: 2.5", 2.5),
        ("Crawl-delay: 60", 60.0),
        ("Request-rate: 1/20", 20.0),
        ("Request-rate: 2/1m", 30.0),
        ("Crawl-delay: 0.1", 1.0),
        ("Crawl-delay: soon", 1.0),
        ("Crawl-delay: -3", 1.0),
    ],
)
def test_crawl_delay_is_kept(line: str, pause_s: float) -> None:
    guarded = Guarded(Web({"/robots.txt": (200, f"User-agent: *\n{line}".encode())}))
    assert guarded.reason() == ""
    for _ in range(2):
        with guarded.pace.turn("a.example"):
            began_s = guarded.clock.passed_s
    assert began_s == pause_s


def test_crawl_delay_of_others_is_theirs_and_too_long_a_one_is_refused() -> None:
    assert reason_for("User-agent: other\nCrawl-delay: 1000\nUser-agent: *\nDisallow:") == ""
    assert reason_for("User-agent: *\nCrawl-delay: 61") == "robots.txt asks for too slow a pace"


RESERVED = "reserved for text and data mining"
RESERVATIONS = {
    "none": ([], ""),
    "all": ([{"location": "/", "tdm-reservation": 1}], RESERVED),
    "all, by a star": ([{"location": "/*", "tdm-reservation": 1, "tdm-policy": "https://a.example/p"}], RESERVED),
    "as text": ([{"location": "/", "tdm-reservation": "1"}], RESERVED),
    "not": ([{"location": "/", "tdm-reservation": 0}], ""),
    "another folder": ([{"location": "/b/", "tdm-reservation": 1}], ""),
    "this folder": ([{"location": "/a/", "tdm-reservation": 1}], RESERVED),
    "a pattern": ([{"location": "/*.jpg$", "tdm-reservation": 1}], RESERVED),
    "another pattern": ([{"location": "/*.png$", "tdm-reservation": 1}], ""),
    "several, one reserves": (
        [{"location": "/a/", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}],
        RESERVED,
    ),
    "one without a list": ({"location": "/", "tdm-reservation": 1}, RESERVED),
    "without saying": ([{"location": "/"}], RESERVED),
    "without a place": ([{"tdm-reservation": 1}], RESERVED),
    "a number for a place": ([{"location": 5, "tdm-reservation": 1}], RESERVED),
    "a place with a line break": ([{"location": "/b\nAllow: /", "tdm-reservation": 1}], RESERVED),
    "a whole address for a place": ([{"location": "http://a.example/a", "tdm-reservation": 1}], RESERVED),
    "a list of words": (["/"], RESERVED),
    "a word": ("no", RESERVED),
    "null": (None, RESERVED),
    "many stars": ([{"location": "/" + "*a" * 200, "tdm-reservation": 1}], ""),
}


@pytest.mark.parametrize(("value", "expected"), RESERVATIONS.values(), ids=RESERVATIONS.keys())
def test_reservations(value: object, expected: str) -> None:
    guarded = Guarded(Web({robots.TDM_PATH: (200, json.dumps(value).encode())}))
    assert guarded.reason("http://a.example/a/x.jpg") == expected


@pytest.mark.parametrize("data", [b"", b"<html>", b"[{", b"\xff\xfe", b"[" * 100_000, b"NaN"])
def test_unreadable_reservations_reserve_everything(data: bytes) -> None:
    assert Guarded(Web({robots.TDM_PATH: (200, data)})).reason() == RESERVED


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, ""), (410, ""), (400, ""), (403, "tdmrep.json unreadable"), (500, "tdmrep.json unreadable")],
)
def test_status_of_the_reservations(status: int, expected: str) -> None:
    web = Web({robots.TDM_PATH: (status, b"")})
    guarded = Guarded(web)
    assert guarded.reason() == expected
    assert guarded.reason() == expected and len(web.asked) == 2


def test_reservations_are_not_read_where_robots_txt_forbids_it() -> None:
    web = Web({"/robots.txt": (200, b"User-agent: *\nDisallow: /.well-known/")})
    assert Guarded(web).reason() == ""
    assert web.asked == ["http://a.example/robots.txt"]
    web = Web({"/robots.txt": (200, b"User-agent: *\nDisallow: /")})
    assert Guarded(web).reason() == FORBIDS
    assert web.asked == ["http://a.example/robots.txt"]


TAGS: dict[str, tuple[list[str], str | None]] = {
    "nothing": ([], None),
    "noai": (["noai"], "noai"),
    "noimageai": (["noimageai"], "noimageai"),
    "noindex": (["noindex"], "noindex"),
    "noimageindex": (["noimageindex"], "noimageindex"),
    "none": (["none"], "noindex"),
    "capitals": (["NoAI"], "noai"),
    "a list": (["nofollow, noarchive ,NOAI"], "noai"),
    "several headers": (["nofollow", "noarchive", "noai"], "noai"),
    "harmless ones": (["all, nofollow, noarchive, nosnippet, notranslate", "max-snippet: -1", "index"], None),
    "for us": ([f"{OURS}: noai"], "noai"),
    "for us in other letters": (["agetransbot : noindex"], "noindex"),
    "for everybody": (["*: noai"], "noai"),
    "for robots": (["robots: noai"], "noai"),
    "for somebody else": (["googlebot: noindex, noai"], None),
    "for somebody else, then for us": ([f"googlebot: noindex, {OURS}: noai"], "noai"),
    "for somebody else, then another header": (["googlebot: noindex", "noai"], "noai"),
    "after a date": (["unavailable_after: Sat, 25 Jun 2040 15:00:00 GMT, noai"], "noai"),
    "after a number": (["max-image-preview: large, noai"], "noai"),
    "a longer word": (["noaix, xnoai, no-ai"], None),
}


@pytest.mark.parametrize(("values", "expected"), TAGS.values(), ids=TAGS.keys())
def test_tags(values: list[str], expected: str | None) -> None:
    assert forbidding_tag(values) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("tdm-reservation", "1")], RESERVED),
        ([("TDM-Reservation", " 1 ")], RESERVED),
        ([("tdm-reservation", "0"), ("tdm-reservation", "1")], RESERVED),
        ([("tdm-reservation", "yes")], RESERVED),
        ([("tdm-reservation", "0")], ""),
        ([("X-Robots-Tag", "noai")], "noai"),
        ([("Content-Type", "image/jpeg")], ""),
    ],
)
def test_answer_whose_headers_forbid_its_use(headers: list[tuple[str, str]], expected: str) -> None:
    found = ""
    try:
        check_answer(httpx2.Headers(headers))
    except Refusal as refusal:
        found = refusal.reason
    assert found == expected


@given(st.binary(max_size=200))
def test_any_robots_txt_is_rules_or_a_refusal(data: bytes) -> None:
    try:
        parsed = parse_robots(data)
    except Refusal:
        return
    assert parsed.can_fetch("http://a.example/x", OURS) in (True, False)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["location", "tdm-reservation", "x"]), inner),
    )
)
def test_any_reservations_are_rules_or_a_refusal(value: object) -> None:
    with suppress(Refusal):
        parse_reservations(json.dumps(value).encode())
