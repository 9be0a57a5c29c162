"""Turns for asking a host: one at a time, a pause after each, waits as long as asked for."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import pacing
from curation.pacing import Clock, Pace, retry_after_s
from curation.refusal import Refusal
from tests.turned_clock import START, TurnedClock


def take(pace: Pace, host: str = "a.example", lasts_s: float = 0.0, clock: TurnedClock | None = None) -> float:
    """Take a turn that lasts so long; seconds on the clock when it began."""
    with pace.turn(host):
        began_s = clock.passed_s if clock else 0.0
        if clock:
            clock.passed_s += lasts_s
    return began_s


def test_pause_runs_from_the_end_of_one_request_to_the_start_of_the_next() -> None:
    clock = TurnedClock()
    pace = Pace(1.0, 60.0, clock)
    assert [take(pace, lasts_s=3.0, clock=clock) for _ in range(3)] == [0.0, 4.0, 8.0]


def test_hosts_do_not_wait_for_each_other() -> None:
    clock = TurnedClock()
    pace = Pace(10.0, 60.0, clock)
    assert [take(pace, f"{name}.example", clock=clock) for name in "abc"] == [0.0, 0.0, 0.0]
    assert clock.slept_s == []


def test_pause_follows_a_request_that_failed() -> None:
    clock = TurnedClock()
    pace = Pace(2.0, 60.0, clock)
    with pytest.raises(RuntimeError), pace.turn("a.example"):
        raise RuntimeError
    assert take(pace, clock=clock) == 2.0


def test_a_host_can_ask_for_a_longer_pause_but_not_for_a_shorter_one() -> None:
    clock = TurnedClock()
    pace = Pace(2.0, 60.0, clock)
    pace.slow_down("a.example", 5.0)
    assert [take(pace, clock=clock) for _ in range(2)] == [0.0, 5.0]
    pace.slow_down("a.example", 0.5)
    assert [take(pace, clock=clock) for _ in range(2)] == [10.0, 12.0]


def test_a_host_is_left_alone_as_long_as_it_asks() -> None:
    clock = TurnedClock()
    pace = Pace(1.0, 60.0, clock)
    with pace.turn("a.example"):
        pace.hold("a.example", 30.0)
    assert take(pace, clock=clock) == 30.0


def test_a_wait_that_is_too_long_is_refused_at_once_and_passes_with_time() -> None:
    clock = TurnedClock()
    pace = Pace(1.0, 60.0, clock)
    with pace.turn("a.example"):
        pace.hold("a.example", 100.0)
    with pytest.raises(Refusal, match=r"a\.example wants 100 s") as caught:
        take(pace, clock=clock)
    assert caught.value.reason == "asked to wait too long" and caught.value.is_passing
    assert clock.slept_s == []
    clock.passed_s = 41.0
    assert take(pace, clock=clock) == 100.0


def test_end_wakes_whoever_waits() -> None:
    pace = Pace(0.0, 60.0, Clock())
    with pace.turn("a.example"):
        pace.hold("a.example", 50.0)
    start_s = time.monotonic()
    threading.Timer(0.1, pace.end).start()
    with pytest.raises(Refusal, match="fetching has ended"):
        take(pace)
    assert time.monotonic() - start_s < 5


def test_one_request_at_a_time_for_any_number_of_threads() -> None:
    pace = Pace(0.0, 60.0, Clock())
    inside, most, lock = {"a": 0, "b": 0}, {"a": 0, "b": 0}, threading.Lock()

    def ask_often(host: str) -> None:
        for _ in range(20):
            with pace.turn(host):
                with lock:
                    inside[host] += 1
                    most[host] = max(most[host], inside[host])
                time.sleep(0.0005)
                with lock:
                    inside[host] -= 1

    threads = [threading.Thread(target=ask_often, args=(host,)) for host in "ab" * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == {"a": 1, "b": 1}


def test_hosts_are_forgotten_but_not_while_they_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "MAX_HOSTS", 50)
    clock = TurnedClock()
    pace = Pace(1.0, 60.0, clock)
    with pace.turn("held.example"):
        pace.hold("held.example", 1e6)
    with pace.turn("busy.example"):
        for number in range(500):
            take(pace, f"{number}.example", clock=clock)
            clock.passed_s += 2
    assert len(pace._hosts) <= 50
    with pytest.raises(Refusal):
        take(pace, "held.example", clock=clock)
    assert take(pace, "busy.example", clock=clock) == 1001.0


HEADERS = {
    "seconds": ("120", None, 120.0),
    "none": ("0", None, 0.0),
    "spaces": (" 7 ", None, 7.0),
    "more digits than any wait has": ("9" * 40, None, 999999999.0),
    "a date": ("Sun, 01 Jun 2025 12:00:30 GMT", None, 30.0),
    "a date of RFC 850": ("Sunday, 01-Jun-25 12:00:30 GMT", None, 30.0),
    "a date of asctime": ("Sun Jun  1 12:00:30 2025", None, 30.0),
    "a date that is past": ("Sun, 01 Jun 2025 11:00:00 GMT", None, 0.0),
    "a server whose clock is an hour slow": ("Sun, 01 Jun 2025 11:00:20 GMT", "Sun, 01 Jun 2025 11:00:00 GMT", 20.0),
    "an unreadable Date": ("Sun, 01 Jun 2025 12:00:20 GMT", "today", 20.0),
    "absent": (None, None, None),
    "negative": ("-5", None, None),
    "a fraction": ("1.5", None, None),
    "an exponent": ("1e9", None, None),
    "no such day": ("Sun, 99 Jun 2025 12:00:00 GMT", None, None),
    "full-width digits": ("１２", None, None),
    "words": ("soon", None, None),
}


@pytest.mark.parametrize(("value", "sent", "expected"), HEADERS.values(), ids=HEADERS.keys())
def test_retry_after(value: str | None, sent: str | None, expected: float | None) -> None:
    assert retry_after_s(value, sent, START) == expected


@given(st.text(max_size=40), st.text(max_size=40))
def test_retry_after_of_any_text_is_a_wait_or_nothing(value: str, sent: str) -> None:
    wait_s = retry_after_s(value, sent, START)
    assert wait_s is None or wait_s >= 0
