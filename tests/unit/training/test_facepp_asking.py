"""Asking: the pace, the waits, the tries, the budget, and when to give the service up."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import FaceppRefused
from tests.facepp_server import KEY, SECRET, FaceppServer, serving
from tests.unit.training.test_facepp import picture
from training.facepp import Credentials, Service
from training.facepp_asking import Asker, BudgetSpent, Manners, Stopped, gentle_stop
from training.facepp_journal import Journal, open_journal

QUICK = Manners(rate_per_s=1000.0, num_tries=4, first_wait_s=0.001)
DATA = picture()


@pytest.fixture
def server() -> Iterator[FaceppServer]:
    with serving() as server:
        yield server


@pytest.fixture
def service(server: FaceppServer) -> Iterator[Service]:
    with Service(Credentials(key=KEY, secret=SECRET), server.endpoint, 5.0) as service:
        yield service


@pytest.fixture
def journal(server: FaceppServer, tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "journal.jsonl", server.endpoint) as journal:
        yield journal


def test_the_rate_is_kept_between_questions_and_between_tries(
    server: FaceppServer, service: Service, journal: Journal
) -> None:
    server.faults += ["", "error:500:INTERNAL_ERROR", "gateway"]
    asker = Asker(service, journal, Manners(rate_per_s=10.0, num_tries=4, first_wait_s=0.0))
    for number in range(4):
        assert asker.ask(f"detect:{number}", "detect", (DATA,)).value == 40
    assert len(server.seen) == 6
    assert server.seen[-1].at_s - server.seen[0].at_s > 0.4, "five gaps of a tenth of a second"


def test_a_limit_on_requests_a_second_is_outwaited_and_not_charged(
    server: FaceppServer, service: Service, journal: Journal
) -> None:
    server.limit = (3, 0.3)
    asker = Asker(service, journal, Manners(rate_per_s=100.0, num_tries=20, first_wait_s=0.02))
    assert [asker.ask(f"detect:{number}", "detect", (DATA,)).value for number in range(4)] == [40] * 4
    assert len(server.seen) > 4
    assert server.num_charged == journal.contents.num_charged == 4


def test_waits_double_up_to_a_minute_and_differ() -> None:
    manners, luck = Manners(first_wait_s=2.0), random.Random(1)
    assert manners.wait_s(0, luck) == 0
    for faults, longest in ((1, 2.0), (2, 4.0), (3, 8.0), (6, 60.0), (99, 60.0)):
        waits = {manners.wait_s(faults, luck) for _ in range(50)}
        assert longest / 2 <= min(waits) < max(waits) <= longest
        assert len(waits) > 40


def test_tries_end_in_a_named_reason(server: FaceppServer, service: Service, journal: Journal) -> None:
    server.faults += ["cut", "page", "half", "error:500:INTERNAL_ERROR"]
    outcome = Asker(service, journal, QUICK).ask("detect:a", "detect", (DATA,))
    assert outcome.cell == "gave_up: INTERNAL_ERROR"
    assert len(server.seen) == 4
    assert journal.contents.num_charged == 4, "each of them may have been charged"


def test_a_lasting_error_is_asked_once(server: FaceppServer, service: Service, journal: Journal) -> None:
    server.faults += ["error:400:BAD_ARGUMENTS:image_file"]
    outcome = Asker(service, journal, QUICK).ask("detect:a", "detect", (DATA,))
    assert outcome.cell == "api_error: BAD_ARGUMENTS:image_file"
    assert (len(server.seen), journal.contents.num_charged) == (1, 0)


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ("error:401:AUTHENTICATION_ERROR", "FACEPP_KEY"),
        ("error:403:AUTHORIZATION_ERROR:Denied by Client", "your account"),
        ("error:404:API_NOT_FOUND", "--endpoint"),
    ],
)
def test_a_refusal_of_everything_ends_the_run(
    server: FaceppServer, service: Service, journal: Journal, fault: str, remedy: str
) -> None:
    server.every_fault = fault
    with pytest.raises(FaceppRefused, match=remedy):
        Asker(service, journal, QUICK).ask("detect:a", "detect", (DATA,))
    assert (len(server.seen), journal.contents.num_charged, journal.contents.open_keys) == (1, 0, [])


def test_a_service_that_is_gone_is_given_up_after_three_questions(
    server: FaceppServer, service: Service, journal: Journal
) -> None:
    asker = Asker(service, journal, QUICK)
    server.faults += ["cut"] * 8 + [""] + ["cut"] * 12
    assert [asker.ask(f"detect:{key}", "detect", (DATA,)).status for key in "abcde"] == [
        *("gave_up", "gave_up", "ok", "gave_up", "gave_up")
    ]
    with pytest.raises(FaceppRefused, match="3 questions in a row"):
        asker.ask("detect:f", "detect", (DATA,))


def test_the_budget_holds_over_runs_and_counts_what_may_have_been_charged(
    server: FaceppServer, service: Service, journal: Journal
) -> None:
    server.faults += ["error:403:CONCURRENCY_LIMIT_EXCEEDED", "half"]
    asker = Asker(service, journal, QUICK, max_calls=3)
    assert [asker.ask(f"detect:{key}", "detect", (DATA,)).status for key in "ab"] == ["ok", "ok"]
    for again in (asker, Asker(service, journal, QUICK, max_calls=3)):
        with pytest.raises(BudgetSpent):
            again.ask("detect:c", "detect", (DATA,))
    assert len(server.seen) == 4
    assert server.num_charged == journal.contents.num_charged == 3


def test_a_wish_to_stop_is_heard_while_waiting(server: FaceppServer, service: Service, journal: Journal) -> None:
    server.every_fault = "gateway"
    asker = Asker(service, journal, Manners(rate_per_s=100.0, first_wait_s=30.0))
    begun = time.monotonic()
    with pytest.raises(Stopped):
        asker.ask("detect:a", "detect", (DATA,), lambda: len(server.seen) == 1 and time.monotonic() > begun + 0.2)
    assert time.monotonic() - begun < 5
    assert journal.contents.open_keys == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_the_second_insists(number: signal.Signals) -> None:
    said: list[str] = []
    before = signal.getsignal(number)
    with gentle_stop(said.append) as is_stopped:
        assert not is_stopped()
        os.kill(os.getpid(), number)
        assert is_stopped() and len(said) == 1
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("manners", "sentence"),
    [
        ({"rate_per_s": 0.0}, "rate"),
        ({"rate_per_s": float("nan")}, "rate"),
        ({"num_tries": 0}, "tried"),
        ({"first_wait_s": -1.0}, "wait"),
    ],
)
def test_manners_have_limits(manners: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Manners(**manners)  # type: ignore[arg-type]
