"""How fast one host is asked: one request at a time, a pause after each, and as long a wait as it asks for."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from curation.refusal import Refusal

MAX_HOSTS: Final = 10_000
"""So many hosts are remembered before those that may be asked at once are forgotten."""
NAP_S: Final = 0.5
"""Longest sleep before it is seen that fetching has ended."""


class Clock:
    """The machine's clock. Tests bring one that they turn themselves."""

    def now_s(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def date(self) -> datetime:
        """Date and time, with its offset from UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Host:
    """What is remembered of one host."""

    def __init__(self, delay_s: float) -> None:
        self.lock = threading.Lock()
        """Held while a request is in flight, and while the next one waits for its time."""
        self.delay_s = delay_s
        self.free_at_s = float("-inf")
        self.num_callers = 0
        """Threads that ask it or wait for it: it is not forgotten while there are any."""


class Pace:
    """Turns for asking hosts. For any number of threads."""

    def __init__(self, min_delay_s: float, max_wait_s: float, clock: Clock) -> None:
        """Set the pace.

        Args:
            min_delay_s: between the end of one request to a host and the start of the next.
            max_wait_s: nobody waits longer for a host; 0 or more.
        """
        self._min_delay_s, self._max_wait_s, self._clock = min_delay_s, max_wait_s, clock
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()
        self._has_ended = False

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """The right to ask a host once, as soon as it is due; others wait meanwhile.

        Raises:
            Refusal: the host asked for a longer wait than is waited, or `end` was called.
        """
        with self._lock:
            host = self._host(name)
            host.num_callers += 1
        try:
            with host.lock:
                self._wait(name, host)
                try:
                    yield
                finally:
                    host.free_at_s = max(host.free_at_s, self._clock.now_s() + host.delay_s)
        finally:
            with self._lock:
                host.num_callers -= 1

    def slow_down(self, name: str, delay_s: float) -> None:
        """Take a longer pause between requests to a host, as its robots.txt asks."""
        with self._lock:
            self._host(name).delay_s = max(self._min_delay_s, delay_s)

    def hold(self, name: str, wait_s: float) -> None:
        """Leave a host alone for so long from now, as it asked for. To be called within a turn."""
        with self._lock:
            host = self._host(name)
        host.free_at_s = max(host.free_at_s, self._clock.now_s() + wait_s)

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._has_ended = True

    def _host(self, name: str) -> Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= MAX_HOSTS:
                self._forget()
            host = self._hosts[name] = Host(self._min_delay_s)
        return host

    def _forget(self) -> None:
        now_s = self._clock.now_s()
        idle = [name for name, one in self._hosts.items() if not one.num_callers and one.free_at_s <= now_s]
        for name in idle:
            del self._hosts[name]

    def _wait(self, name: str, host: Host) -> None:
        while True:
            if self._has_ended:
                raise Refusal("fetching has ended", is_passing=True)
            wait_s = host.free_at_s - self._clock.now_s()
            if wait_s <= 0:
                return
            if wait_s > max(self._max_wait_s, host.delay_s):
                raise Refusal("asked to wait too long", f"{name} wants {wait_s:.0f} s", is_passing=True)
            self._clock.sleep(min(wait_s, NAP_S))


def retry_after_s(value: str | None, sent: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for; 0 for a moment that is past, None where it says nothing readable.

    Args:
        value: the header: "120", or "Fri, 31 Dec 1999 23:59:59 GMT".
        sent: the answer's Date header; a moment counts from it, so a server's wrong clock does no harm.
        now: what counts where there is none.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until = _moment(text)
    if until is None:
        return None
    return max(0.0, (until - (_moment(sent or "") or now)).total_seconds())


def _moment(text: str) -> datetime | None:
    """A date of HTTP, in any of its three forms (RFC 9110, 5.6.7); None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
