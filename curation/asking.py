"""One errand on the web: over redirects, each checked as the first address was, and again where a host is busy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from curation.addresses import Target, checked
from curation.allowance import Allowance
from curation.connecting import Answer, Line, Opened
from curation.pacing import Clock, Pace, retry_after_s
from curation.refusal import Refusal

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
BUSY: Final = frozenset({408, 425, 429, 503})
TRIED_AGAIN: Final = BUSY | {500, 502, 504}
SHUT_OUT: Final = frozenset({401, 403})
"""Say something of who asks, such as that our address is blocked for a while, and nothing of what is asked for."""
BACKOFF_S: Final = 1.0
"""Wait before the second try where a server does not say how long; doubled each time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """What is asked for, whoever is asked."""

    headers: Mapping[str, str]
    max_bytes: int
    """Of the body."""
    allowance: Allowance
    permit: Callable[[Target], None]
    """Raises Refusal where a target may not be asked."""
    accept: Callable[[Opened], None]
    """Looks at the head of an answer that is no error; raises Refusal where its body is not wanted."""


class Asker:
    """Does errands. For any number of threads."""

    def __init__(
        self, line: Line, pace: Pace, clock: Clock, *, allow_loopback: bool, max_redirects: int, max_tries: int
    ) -> None:
        """Take what it works with.

        Args:
            max_redirects: hops that are followed, 0 or more.
            max_tries: times that a busy host is asked, 1 or more.
        """
        self._line, self._pace, self._clock = line, pace, clock
        self._allow_loopback, self._max_redirects, self._max_tries = allow_loopback, max_redirects, max_tries

    def follow(self, url: str, errand: Errand) -> Answer:
        """The answer at the end of the redirects, whatever its status.

        Raises:
            Refusal: an address on the way may not be asked, does not answer as it should, or is one too many.
        """
        for _ in range(self._max_redirects + 1):
            target = checked(url, allow_loopback=self._allow_loopback)
            errand.permit(target)
            answer = self._ask(target, errand)
            if answer.status not in REDIRECTS:
                return answer
            location = answer.headers.get("location", "").strip()
            if not location:
                raise Refusal("broken answer", "a redirect without a target", is_passing=True)
            try:
                url = urljoin(target.url, location.replace(" ", "%20"))
            except ValueError as error:
                raise Refusal("address malformed", f"redirect: {error}") from None
        raise Refusal("too many redirects", f"over {self._max_redirects}")

    def _ask(self, target: Target, errand: Errand) -> Answer:
        """The last answer of one host, which was asked again where it was busy."""
        for num_tries in range(1, self._max_tries + 1):
            try:
                with self._pace.turn(target.host), self._line.get(target, errand.headers, errand.allowance) as opened:
                    answer = _taken(target, opened, errand)
                    is_final = opened.status not in TRIED_AGAIN
                    wait_s = retry_after_s(
                        opened.headers.get("retry-after"), opened.headers.get("date"), self._clock.date()
                    )
                    if wait_s is None:
                        wait_s = 0.0 if is_final else BACKOFF_S * 2 ** (num_tries - 1)
                    # Held within the turn, so no other thread slips in before the wait.
                    self._pace.hold(target.host, wait_s)
                    if is_final or num_tries == self._max_tries:
                        return answer
            except Refusal as refusal:
                # A kept connection that the server closes at this very moment looks like this.
                if refusal.reason != "connection broken" or num_tries == self._max_tries:
                    raise
        raise AssertionError("every last try returns or raises")


def _taken(target: Target, opened: Opened, errand: Errand) -> Answer:
    """An answer with its body, where that is wanted."""
    if opened.status < 400:
        errand.accept(opened)
    data = opened.read(errand.max_bytes) if opened.status == 200 else b""
    return Answer(target=target, status=opened.status, headers=opened.headers, data=data)


def refuse_status(status: int) -> None:
    """Let 200 pass.

    Raises:
        Refusal: "not found", "refused by the server", "server busy", "server error", "no picture" or "broken answer".
    """
    if status == 200:
        return
    detail = f"HTTP {status}"
    if status in (404, 410):
        raise Refusal("not found", detail)
    if status in BUSY:
        raise Refusal("server busy", detail, is_passing=True)
    if 400 <= status < 500:
        raise Refusal("refused by the server", detail, is_passing=status in SHUT_OUT)
    if status >= 500:
        raise Refusal("server error", detail, is_passing=True)
    if status == 204:
        raise Refusal("no picture", detail)
    raise Refusal("broken answer", detail, is_passing=True)
