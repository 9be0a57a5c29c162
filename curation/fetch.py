"""Fetching pictures politely and safely: the one place of curation that asks the web for anything.

In this order, for an address and for every address that it redirects to: is it on the public web
(`curation.addresses`), does its site allow it (`curation.robots`), is it its host's turn (`curation.pacing`); then it
is asked, within limits that hold against any server (`curation.connecting`).
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

from cafdata import fields
from core.errors import FetchRefused
from curation.addresses import Target
from curation.allowance import Allowance
from curation.answered import accept_picture, content_type
from curation.asking import Asker, Errand, refuse_status
from curation.connecting import Answer, Connect, Line, Opened, Resolve, connect_by_socket, resolve_by_system
from curation.framing import unpacked
from curation.pacing import Clock, Pace
from curation.refusal import Refusal
from curation.robots import TOKEN, Robots
from curation.stage import Drop

STAGE: Final = "fetch"
PRODUCT: Final = f"{TOKEN}/0.1"
CONTACT: Final = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+|https?://[\w-]+(\.[\w-]+)+(:\d+)?(/[!-'*-~]*)?", re.ASCII)
MAX_CONTACT: Final = 200
SPARE_BYTES: Final = 1 << 18
"""Above the body and an eighth of it: for the head of an answer and its framing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchRules:
    """How the web is asked."""

    contact: str
    """E-mail or web address at which site owners reach you; every request carries it."""
    min_delay_s: float = 1.0
    """Pause between two requests to one host; a site's robots.txt may lengthen it."""
    max_bytes: int = 32 << 20
    """Largest file that is fetched."""
    timeout_s: float = 20.0
    """Longest time on the line for one file, redirects and further tries included; waiting for a turn is not."""
    max_redirects: int = 5
    max_wait_s: float = 60.0
    """Longest wait that a server may ask for; one that asks for more is left for a later run."""
    max_tries: int = 3
    """Times that a busy server is asked."""
    max_hosts: int = 32
    """Hosts that are asked at the same time."""
    allow_loopback: bool = False
    """Lets addresses of this machine through, for tests; nothing else that is not public."""

    def __post_init__(self) -> None:
        if not isinstance(self.contact, str) or len(self.contact) > MAX_CONTACT or not CONTACT.fullmatch(self.contact):
            raise ValueError(f"contact is an e-mail or web address that site owners can use, got {self.contact!r}")
        fields.number("min_delay_s", self.min_delay_s, 0, 3600)
        fields.whole("max_bytes", self.max_bytes, 1, 1 << 30)
        fields.number("timeout_s", self.timeout_s, 0.01, 3600)
        fields.whole("max_redirects", self.max_redirects, 0, 20)
        fields.number("max_wait_s", self.max_wait_s, 0, 24 * 3600)
        fields.whole("max_tries", self.max_tries, 1, 10)
        fields.whole("max_hosts", self.max_hosts, 1, 1000)

    @property
    def user_agent(self) -> str:
        """What every request says of who asks."""
        return f"{PRODUCT} ({self.contact})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Validators:
    """What a server said of the version that it sent, to ask later whether there is another."""

    etag: str | None = None
    last_modified: str | None = None

    def headers(self) -> dict[str, str]:
        """What to send along to be spared the same version; what cannot stand in a header is left out."""
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value and value.isascii() and value.isprintable()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A picture file, not yet looked into."""

    url: str
    """Where it was found, after redirects."""
    data: bytes = field(repr=False)
    content_type: str
    """As the server calls it, such as "image/jpeg"."""
    validators: Validators


@dataclass(frozen=True, kw_only=True, slots=True)
class NotModified:
    """The server still has the version that is known."""

    url: str


class Fetcher:
    """Asks the web, within the rules. For any number of threads; a process has one."""

    def __init__(
        self,
        rules: FetchRules,
        *,
        clock: Clock | None = None,
        resolve: Resolve = resolve_by_system,
        connect: Connect = connect_by_socket,
    ) -> None:
        """Make one; nobody is asked yet. To be closed after use, or used in `with`.

        Args:
            clock: what waits are measured by; the machine's own by default.
            resolve: finds the IP addresses of a host.
            connect: opens a connection to one of them.
        """
        self.rules = rules
        clock = clock or Clock()
        self._line = Line(
            allow_loopback=rules.allow_loopback, num_kept=2 * rules.max_hosts, resolve=resolve, connect=connect
        )
        self._pace = Pace(rules.min_delay_s, rules.max_wait_s, clock)
        self._asker = Asker(
            self._line,
            self._pace,
            clock,
            allow_loopback=rules.allow_loopback,
            max_redirects=rules.max_redirects,
            max_tries=rules.max_tries,
        )
        self._robots = Robots(self._site_file, self._pace, rules.max_wait_s, clock)
        self._workers = ThreadPoolExecutor(rules.max_hosts, thread_name_prefix="fetch")

    @property
    def num_bytes_read(self) -> int:
        """Of everything that was ever received, refused answers included."""
        return self._line.num_bytes_read

    def fetch(self, url: str, known: Validators | None = None) -> "Fetched | NotModified | Drop":
        """Fetch one picture file, waiting for its host's turn.

        Args:
            known: of the version that one has; where the server has no other, nothing is sent.
        Returns:
            The file; or that it is as it was; or why not, as a Drop of stage "fetch".
        """
        try:
            return self._picture(url, known)
        except Refusal as refusal:
            return Drop(stage=STAGE, reason=refusal.reason, detail=refusal.detail, is_passing=refusal.is_passing)

    def fetch_many(
        self,
        wanted: Sequence[tuple[str, Validators | None]],
        keep: "Callable[[int, Fetched | NotModified | Drop], object] | None" = None,
    ) -> "list[Fetched | NotModified | Drop]":
        """Fetch many files, as `fetch` does: several hosts at once, the files of one host one after the other.

        Args:
            wanted: addresses, each with what is known of it.
            keep: is told place and outcome of each at once, from any thread.
        Returns:
            An outcome for each, in the same order.
        """
        by_host: dict[str, list[int]] = defaultdict(list)
        for place, (url, _) in enumerate(wanted):
            by_host[_host(url)].append(place)
        outcomes: list[Fetched | NotModified | Drop | None] = [None] * len(wanted)
        abandoned = Event()

        def fetch_from_one_host(places: list[int]) -> None:
            for place in places:
                if abandoned.is_set():
                    return
                outcomes[place] = outcome = self.fetch(*wanted[place])
                if keep is not None:
                    keep(place, outcome)

        longest_first = sorted(by_host.values(), key=len, reverse=True)
        try:
            work = [self._workers.submit(fetch_from_one_host, places) for places in longest_first]
            for done in wait(work, return_when=FIRST_EXCEPTION).done:
                done.result()
        finally:
            abandoned.set()
        return [outcome for outcome in outcomes if outcome is not None]

    def ask(self, url: str, parameters: Mapping[str, str]) -> Any:
        """Ask an API that is documented for programs, and so not a matter of robots.txt.

        Args:
            url: of the API, without parameters.
            parameters: become the query.
        Returns:
            The JSON value that it answers.
        Raises:
            FetchRefused: it may not be asked, refuses, fails, or answers something else.
        """
        errand = self._errand({"Accept": "application/json", "Accept-Encoding": "gzip"}, self.rules.max_bytes)
        try:
            for _ in range(self.rules.max_tries):
                answer = self._asker.follow(f"{url}?{urlencode(parameters)}", errand)
                refuse_status(answer.status)
                if "retry-after" not in answer.headers:
                    break
            else:  # MediaWiki sends this with status 200 where its databases lag behind
                raise Refusal("server busy", "it answers, but asks to be asked again", is_passing=True)
            data = unpacked(answer.data, answer.headers.get("content-encoding", ""), self.rules.max_bytes)
        except Refusal as refusal:
            remedy = "; try again later" if refusal.is_passing else ""
            raise FetchRefused(f"{url} gives no answer that can be used: {refusal}{remedy}") from None
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise FetchRefused(f"{url} answers what is no JSON: {error}; check the address") from None

    def close(self) -> None:
        """End: whoever waits for a turn is refused, connections are closed."""
        self._pace.end()
        self._workers.shutdown(cancel_futures=True)
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _picture(self, url: str, known: Validators | None) -> Fetched | NotModified:
        headers = {"Accept": "image/*", "Accept-Encoding": "identity"}
        if known is not None:
            headers |= known.headers()
        errand = self._errand(headers, self.rules.max_bytes, permit=self._robots.check, accept=accept_picture)
        answer = self._asker.follow(url, errand)
        if answer.status == 304 and len(headers) > 2:
            return NotModified(url=answer.target.url)
        refuse_status(answer.status)
        if not answer.data or answer.data.lstrip()[:1] == b"<":
            raise Refusal("no picture", "markup" if answer.data else "an empty body")
        return Fetched(
            url=answer.target.url,
            data=answer.data,
            content_type=content_type(answer.headers),
            validators=Validators(etag=answer.headers.get("etag"), last_modified=answer.headers.get("last-modified")),
        )

    def _site_file(self, target: Target, max_bytes: int) -> Answer:
        """A robots.txt and its like, for `Robots`."""
        return self._asker.follow(target.url, self._errand({"Accept-Encoding": "gzip"}, max_bytes))

    def _errand(
        self,
        headers: Mapping[str, str],
        max_bytes: int,
        permit: Callable[[Target], None] = lambda _: None,
        accept: Callable[[Opened], None] = lambda _: None,
    ) -> Errand:
        return Errand(
            headers={"User-Agent": self.rules.user_agent, **headers},
            max_bytes=max_bytes,
            allowance=Allowance(self.rules.timeout_s, max_bytes + max_bytes // 8 + SPARE_BYTES),
            permit=permit,
            accept=accept,
        )


def _host(url: str) -> str:
    """What files are told apart by to share out the work; "" where an address has none."""
    with suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""
