"""How a site says no, and that it is heeded: robots.txt, X-Robots-Tag, and reservations of text and data mining.

Every doubt counts as a no. Stricter than RFC 9309: a robots.txt that needs a login (401, 403), that is too long, is a
page of HTML or is not UTF-8 closes the site; for now, since it says nothing yet of what is on it. The reservations are
those of the TDM Reservation Protocol: a header, and /.well-known/tdmrep.json.
"""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

from protego import Protego

from curation.addresses import Target, checked
from curation.asking import SHUT_OUT
from curation.connecting import Answer, Headers
from curation.framing import unpacked
from curation.pacing import Clock, Pace
from curation.refusal import Reason, Refusal

TOKEN: Final = "AgeTransBot"
"""The name that robots.txt and X-Robots-Tag speak to us by."""
MAX_ROBOTS_BYTES: Final = 512 << 10
KEPT_S: Final = 24 * 3600.0
KEPT_FAILED_S: Final = 600.0
"""How long it is remembered that a site's rules could not be read for a reason that may pass."""
MAX_SITES: Final = 4096
"""So many sites' rules are remembered; then the oldest are read again."""
TDM_PATH: Final = "/.well-known/tdmrep.json"

USER_AGENT: Final = re.compile(r"[ \t]*user[- ]?agent[ \t]*[: \t][ \t]*(.*)", re.IGNORECASE)
NO_TOKEN: Final = re.compile(r"[^A-Za-z_-]")
NOBODY: Final = "somebody-else"

TAGS: Final[dict[str, Reason]] = {
    "noai": "noai",
    "noimageai": "noimageai",
    "noindex": "noindex",
    "noimageindex": "noimageindex",
    "none": "noindex",
}
EVERYBODY: Final = frozenset({"*", "all", "robots", "robot", "bots", "bot", "crawlers", "ai"})
ROBOT: Final = re.compile(r"\*|[a-z][a-z0-9_.-]*", re.ASCII)
"""A robot's name. The hours of a date stand before a colon too."""
VALUED: Final = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""Tags that have a colon though nobody is named before it."""


Get = Callable[[Target, int], Answer]
"""Fetches a site's own file of at most so many bytes, over redirects. Raises Refusal."""


class Site:
    """What is known of one scheme, host and port."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.robots: Protego | None = None
        self.tdm: Protego | None = None
        self.fault: Refusal | None = None
        """Why nothing on it may be fetched."""
        self.until_s = float("-inf")
        self.has_tdm = False
        """Whether its reservations were read."""


class Robots:
    """The rules of all sites, each read when it is first needed. For any number of threads."""

    def __init__(self, get: Get, pace: Pace, max_wait_s: float, clock: Clock) -> None:
        """Know none yet.

        Args:
            pace: is slowed down where a site asks for it.
            max_wait_s: longest Crawl-delay that is kept; a site that asks for more is left alone.
        """
        self._get, self._pace, self._max_wait_s, self._clock = get, pace, max_wait_s, clock
        self._sites: OrderedDict[str, Site] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, target: Target) -> None:
        """Let a target pass if its site does not forbid it. Reads the site's rules where they are not known.

        Raises:
            Refusal: "robots.txt forbids", "robots.txt unreadable", "robots.txt asks for too slow a pace", "reserved
                for text and data mining" or "tdmrep.json unreadable".
        """
        site = self._site(target.origin)
        with site.lock:
            if self._clock.now_s() >= site.until_s:
                self._read_robots(site, target.origin)
            if site.fault is not None:
                raise site.fault.again()
            assert site.robots is not None
            if not site.robots.can_fetch(target.url, TOKEN):
                raise Refusal("robots.txt forbids", target.path)
            self._pace.slow_down(target.host, self._delay_s(site.robots))
            if not site.has_tdm:
                self._read_reservations(site, target.origin)
            if site.fault is not None:
                raise site.fault.again()
            if site.tdm is not None and not site.tdm.can_fetch(target.url, TOKEN):
                raise Refusal("reserved for text and data mining", f"by {target.origin}{TDM_PATH}")

    def _site(self, origin: str) -> Site:
        with self._lock:
            site = self._sites.setdefault(origin, Site())
            self._sites.move_to_end(origin)
            while len(self._sites) > MAX_SITES:
                self._sites.popitem(last=False)
            return site

    def _delay_s(self, robots: Protego) -> float:
        delay_s = robots.crawl_delay(TOKEN) or 0.0
        rate = robots.request_rate(TOKEN)
        if rate is not None:
            delay_s = max(delay_s, rate.seconds / rate.requests)
        if delay_s > self._max_wait_s:
            raise Refusal("robots.txt asks for too slow a pace", f"{delay_s:g} s between two requests")
        return delay_s

    def _read_robots(self, site: Site, origin: str) -> None:
        site.robots, site.tdm, site.fault, site.has_tdm = None, None, None, False
        try:
            data = self._read(origin, "/robots.txt", "robots.txt unreadable")
            site.robots = parse_robots(data or b"")
        except Refusal as fault:
            site.fault = fault.again()
        self._keep(site)

    def _read_reservations(self, site: Site, origin: str) -> None:
        site.has_tdm = True
        assert site.robots is not None
        if not site.robots.can_fetch(origin + TDM_PATH, TOKEN):
            return  # it may not be read, so it cannot be meant for us
        try:
            data = self._read(origin, TDM_PATH, "tdmrep.json unreadable")
            site.tdm = None if data is None else parse_reservations(data)
        except Refusal as fault:
            site.fault = fault.again()
            self._keep(site)

    def _keep(self, site: Site) -> None:
        is_passing = site.fault is not None and site.fault.is_passing
        site.until_s = self._clock.now_s() + (KEPT_FAILED_S if is_passing else KEPT_S)

    def _read(self, origin: str, path: str, unreadable: Reason) -> bytes | None:
        """A site's own file; None where there is none."""
        try:
            answer = self._get(checked(origin + path, allow_loopback=True), MAX_ROBOTS_BYTES)
            if answer.status == 200:
                return unpacked(answer.data, answer.headers.get("content-encoding", ""), MAX_ROBOTS_BYTES)
        except Refusal as fault:
            raise Refusal(unreadable, f"{fault}", is_passing=True) from None
        if 400 <= answer.status < 500 and answer.status not in (*SHUT_OUT, 408, 425, 429):
            return None
        if answer.status in SHUT_OUT and unreadable == "robots.txt unreadable":
            raise Refusal("robots.txt forbids", f"HTTP {answer.status} for {path} itself", is_passing=True)
        raise Refusal(unreadable, f"HTTP {answer.status}", is_passing=True)


def parse_robots(data: bytes) -> Protego:
    """The rules of a robots.txt, for `TOKEN`.

    Groups are matched as RFC 9309 has it: the product token is ours, in any case, or "*"; never a part of it.

    Raises:
        Refusal: "robots.txt unreadable": it is a page of HTML, binary, or not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal("robots.txt unreadable", f"no UTF-8: {error}", is_passing=True) from None
    if text.lstrip().startswith("<") or "\0" in text:
        raise Refusal("robots.txt unreadable", "it is HTML or binary", is_passing=True)
    return Protego.parse("\n".join(_for_us(line) for line in re.split(r"\r\n|\r|\n", text)))


def _for_us(line: str) -> str:
    """A line as it is, or a line that names whom the rules are for, reduced to our token, "*" or somebody else."""
    found = USER_AGENT.fullmatch(line)
    if found is None:
        return line
    named = found[1].partition("#")[0].strip()
    if named.startswith("*"):
        return "User-agent: *"
    token = re.split(NO_TOKEN, named, maxsplit=1)[0]
    return f"User-agent: {TOKEN if token.lower() == TOKEN.lower() else NOBODY}"


def parse_reservations(data: bytes) -> Protego:
    """The reservations of a tdmrep.json as rules: what may not be fetched is reserved.

    Where several of its patterns match a path, a reservation among them counts, whatever the order.

    Raises:
        Refusal: "reserved for text and data mining": it cannot be read, so everything is.
    """
    try:
        entries = json.loads(data)
        entries = [entries] if isinstance(entries, dict) else entries
        reserved = [_location(entry) for entry in entries if entry.get("tdm-reservation") not in (0, "0")]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refusal("reserved for text and data mining", f"its tdmrep.json cannot be read: {error}") from None
    return Protego.parse("\n".join(["User-agent: *", *(f"Disallow: {location}" for location in reserved)]))


def _location(entry: dict[str, Any]) -> str:
    location = entry.get("location", "/")
    if not isinstance(location, str) or not location.startswith(("/", "*")) or not location.isprintable():
        raise ValueError(f"a location is a path, got {str(location)[:60]!r}")
    return location.replace("#", "%23").replace(" ", "%20")


def check_answer(headers: Headers) -> None:
    """Let an answer pass if its headers do not forbid to use what it holds.

    Raises:
        Refusal: "noai", "noimageai", "noindex", "noimageindex" or "reserved for text and data mining".
    """
    reason = forbidding_tag(headers.get_list("x-robots-tag"))
    if reason is not None:
        raise Refusal(reason, "X-Robots-Tag")
    if any(one.strip() not in ("", "0") for value in headers.get_list("tdm-reservation") for one in value.split(",")):
        raise Refusal("reserved for text and data mining", "header")


def forbidding_tag(values: Sequence[str]) -> Reason | None:
    """The first tag of X-Robots-Tag headers that forbids us the picture; None where there is none.

    Args:
        values: one for each header. A name before a colon holds for what follows it in the same header.
    """
    for value in values:
        is_for_us = True
        for part in value.lower().split(","):
            name, colon, rest = part.partition(":")
            if colon and ROBOT.fullmatch(name.strip()) and name.strip() not in VALUED:
                is_for_us = name.strip() == TOKEN.lower() or name.strip() in EVERYBODY
                part = rest
            if is_for_us and part.strip() in TAGS:
                return TAGS[part.strip()]
    return None
