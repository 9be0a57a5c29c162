"""Asking Face++ politely and once: paced, again after passing faults, within a budget, each step in the journal."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from core.errors import FaceppRefused
from training.facepp import Method, Reply, Service
from training.facepp_journal import Journal
from training.facepp_outcome import Outcome, outcome_of

LONGEST_WAIT_S: Final = 60.0
NAP_S: Final = 0.05
"""How late a wish to stop may be noticed while waiting."""
NUM_HOPELESS: Final = 3
"""So many questions in a row without an answer, and the service counts as gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """How often and how stubbornly to ask."""

    rate_per_s: float = 1.0
    """Requests a second, at most."""
    num_tries: int = 6
    """Requests for one question, at most."""
    first_wait_s: float = 1.0
    """Wait before the second request of a question; doubled before each further one, up to a minute. The actual
    wait is drawn between half of it and all of it."""

    def __post_init__(self) -> None:
        if not 0 < self.rate_per_s <= 1000:
            raise ValueError(f"the rate is above 0 and at most 1000 requests a second, got {self.rate_per_s}")
        if not 1 <= self.num_tries <= 100:
            raise ValueError(f"a question is tried 1 to 100 times, got {self.num_tries}")
        if not 0 <= self.first_wait_s <= LONGEST_WAIT_S:
            raise ValueError(f"the first wait is 0 to {LONGEST_WAIT_S:g} seconds, got {self.first_wait_s}")

    def wait_s(self, num_faults: int, luck: random.Random) -> float:
        """Seconds to wait after so many faults in a row."""
        longest = min(LONGEST_WAIT_S, self.first_wait_s * 2.0 ** (num_faults - 1)) if num_faults else 0.0
        return longest * luck.uniform(0.5, 1.0)


class Stopped(Exception):
    """The user wishes to stop; nothing is in flight."""


class BudgetSpent(Exception):
    """One more request could cost more than was allowed."""


class Asker:
    """Puts questions to the service, one after the other."""

    def __init__(self, service: Service, journal: Journal, manners: Manners, max_calls: int | None = None) -> None:
        """Nothing is sent yet.

        Args:
            max_calls: requests that may be charged for, in all runs with this journal together; None for any number.
        """
        self._service, self._journal, self._manners = service, journal, manners
        self._max_calls = max_calls
        self._luck = random.Random()
        self._last_sent_s = -float("inf")
        self._num_hopeless = 0

    def ask(
        self, key: str, method: Method, pictures: tuple[bytes, ...], is_stopped: Callable[[], bool] = lambda: False
    ) -> Outcome:
        """Ask until there is an answer or a lasting error, and write it down.

        Args:
            is_stopped: asked before each request and while waiting.
        Raises:
            Stopped, BudgetSpent: before a request; nothing is in flight.
            FaceppRefused: the service would refuse everything else too, or does not answer any more.
            OSError: the journal cannot be written.
        """
        for num_faults in range(self._manners.num_tries):
            self._wait(self._manners.wait_s(num_faults, self._luck), is_stopped)
            reply = self._send(key, method, pictures)
            if not reply.is_passing:
                break
        if reply.ends_all:
            raise FaceppRefused(f"Face++ refuses everything: {reply.error}; {remedy(reply)}")
        outcome = outcome_of(key, method, reply)
        self._journal.settle(outcome)
        self._num_hopeless = 0 if outcome.status != "gave_up" else self._num_hopeless + 1
        if self._num_hopeless == NUM_HOPELESS:
            raise FaceppRefused(f"{NUM_HOPELESS} questions in a row had no answer ({reply.error}); try again later")
        return outcome

    def _send(self, key: str, method: Method, pictures: tuple[bytes, ...]) -> Reply:
        """One request, in the journal before and after."""
        if self._max_calls is not None and self._journal.contents.num_charged >= self._max_calls:
            raise BudgetSpent
        self._journal.sent(key)
        self._last_sent_s = time.monotonic()
        reply = self._service.ask(method, pictures)
        if reply.is_free:
            self._journal.free(key, reply.error)
        elif reply.is_passing:
            self._journal.lost(key, reply.error)
        return reply

    def _wait(self, seconds: float, is_stopped: Callable[[], bool]) -> None:
        """Wait so long, and until the rate allows the next request. Raises Stopped."""
        now = time.monotonic()
        until = max(now + seconds, self._last_sent_s + 1.0 / self._manners.rate_per_s)
        while not is_stopped():
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(NAP_S, left_s))
        raise Stopped


def remedy(reply: Reply) -> str:
    """What to do about a refusal of everything."""
    if reply.http_status == 401:
        return "check FACEPP_KEY and FACEPP_SECRET, and that they belong to this endpoint"
    if reply.http_status == 403:
        return "look into your account: rights, balance"
    return "check --endpoint"


@contextmanager
def gentle_stop(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Within it, a first SIGINT or SIGTERM lets the request in flight end; a second one ends at once."""
    asked = False

    def ask(_number: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        say("stopping after the call in flight; once more stops at once and may pay for that call twice")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
