"""Many visitors at once: everybody gets their own result or a clean refusal, nothing hangs, nothing grows."""

import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.admission import AdmissionLimits
from tests.page_client import Answer, Listening, Visitor, ask, post_json
from tests.page_server import Watched, coloured_face, sit, tiny_models, until, watched_app
from tests.visiting import Tally, at, visit, visitor_of

log = logging.getLogger(__name__)

MIB = 1 << 20
LIMITS = AdmissionLimits()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("load")
    with watched_app(folder, tiny_models(folder / "models")) as running:
        yield running


def queue_size(app: Watched) -> int:
    return int(ask(app.address, "/gradio_api/queue/status").json["queue_size"])


def test_fifty_visitors_each_get_their_own_result_or_a_clean_refusal(app: Watched, is_full: bool) -> None:
    tally, until_s = Tally(), time.monotonic() + (300 if is_full else 3)

    def come_again(number: int) -> None:
        while time.monotonic() < until_s:
            visit(app, number, tally)

    with ThreadPoolExecutor(50) as visitors:
        list(visitors.map(come_again, range(50)))
    log.info(tally.line())
    assert tally.hung == [] and tally.crossed == []
    assert len(tally.done_s) > (1000 if is_full else 20)
    assert at(tally.busy_s, 95) <= 1.5
    assert at(tally.done_s, 95) <= (LIMITS.max_waiting + 1) * at(tally.worked_s, 95) + 2
    assert until(lambda: queue_size(app) == 0, 10) < 10


def long_job(app: Watched, number: int) -> Visitor:
    """A visitor whose next click is a strip."""
    visitor = visitor_of(app, number)
    assert all(end.is_done for end in sit(visitor, coloured_face(number)[0]))
    return visitor


def test_a_full_queue_refuses_at_once_and_serves_on(app: Watched) -> None:
    """One after another joins without taking its result, until it is full; then those who left make room."""
    visitors = [visitor_of(app, number) for number in range(LIMITS.max_waiting + 20)]
    body = [one.body_of(app.page.event("example", "click")) for one in visitors]

    def join(number: int) -> Answer:
        return post_json(app.address, "/gradio_api/queue/join", body[number], source=visitors[number].source)

    with ThreadPoolExecutor(len(visitors)) as crowd:
        started = time.monotonic()
        answers = list(crowd.map(join, range(len(visitors))))
    took_s = time.monotonic() - started
    assert {answer.status for answer in answers} <= {200, 503}
    for answer in answers:
        if answer.status == 503:
            assert "Try again in a minute" in answer.json["detail"] and answer.headers["retry-after"]
    assert took_s < 10
    assert until(lambda: queue_size(app) == 0, 60) < 60
    tally = Tally()
    visit(app, 299, tally)
    assert tally.hung == [] and len(tally.done_s) == 4, "it arrives, is looked at, has its turn, gets its strip"


def test_who_leaves_in_the_middle_frees_the_place(app: Watched, is_full: bool) -> None:
    """Two at a time, which is as many as are worked for at once."""
    (event,) = app.page.after(app.page.event("run", "click")["id"])  # the strip, which a turn is waited for first
    freed_s = []
    for number in range(0, 100 if is_full else 6, 2):
        leaving = [long_job(app, number), long_job(app, number + 1)]
        for visitor in leaving:
            body = visitor.body_of(event)
            assert post_json(app.address, "/gradio_api/queue/join", body, source=visitor.source).status == 200
        for visitor in leaving:
            with Listening(app.address, visitor.session) as heard:
                next(message for message in heard if message["msg"] != "estimation")
        left_s = time.monotonic()
        assert visitor_of(app, 200 + number % 50).call(app.page.event("example", "click")).is_done
        freed_s.append(time.monotonic() - left_s)
    log.info(f"{2 * len(freed_s)} left in the middle; the next was served after {max(freed_s):.2f} s at most")
    assert max(freed_s) <= 2
    assert until(lambda: queue_size(app) == 0, 10) < 10


def test_nothing_grows(app: Watched, is_full: bool) -> None:
    """Memory, descriptors, files, after the first tenth and at the end."""
    total = 5000 if is_full else 250
    tally = Tally()

    def go_on(num_requests: int) -> None:
        goal = tally.num_requests + num_requests
        with ThreadPoolExecutor(8) as visitors:
            while tally.num_requests < goal:
                list(visitors.map(lambda number: visit(app, number, tally, is_long=number == 0), range(8)))

    go_on(total // 10)
    rss_bytes, descriptors = app.rss_bytes, app.num_descriptors
    go_on(total - total // 10)
    assert tally.hung == [] and tally.crossed == []
    until(lambda: abs(app.num_descriptors - descriptors) <= 10, 10)
    grown_bytes, cache_bytes = app.rss_bytes - rss_bytes, cached_bytes(app)
    log.info(
        f"{tally.line()}; RSS {rss_bytes / MIB:.0f} -> {app.rss_bytes / MIB:.0f} MiB, descriptors {descriptors} -> "
        f"{app.num_descriptors}, cache {cache_bytes / MIB:.0f} MiB"
    )
    assert grown_bytes <= 100 * MIB
    assert abs(app.num_descriptors - descriptors) <= 10
    assert cache_bytes <= 500 * MIB


def cached_bytes(app: Watched) -> int:
    return sum(path.stat().st_size for path in app.cache.rglob("*") if path.is_file())


def test_files_and_photos_are_forgotten_in_time(tmp_path: Path) -> None:
    """With the time that an operator may shorten, and a cache as small as an operator may make it."""
    models = tiny_models(tmp_path / "models")
    with watched_app(tmp_path, models, AGETRANS_FORGET_AFTER_S="3", AGETRANS_MAX_CACHE_MIB="2") as app:
        tally = Tally()
        visit(app, 1, tally)
        visitor = long_job(app, 2)
        came_s = time.monotonic()
        assert cached_bytes(app) > 0
        for number in range(8):  # half a MiB each, so that size comes before age
            visitor.upload(os.urandom(MIB // 2), f"{number}.jpg")
        assert until(lambda: cached_bytes(app) <= 2 * MIB, 4) < 4
        assert until(lambda: cached_bytes(app) == 0, 10) < 10
        late = visitor.fire("run", "click")[-1]
        assert late.is_done and "no longer held here" in str(late.output)
        log.info(f"uploads and results of {app.cache} gone after {time.monotonic() - came_s:.1f} s (told: 3 s)")
        assert tally.hung == []
