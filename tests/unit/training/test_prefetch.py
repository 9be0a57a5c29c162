"""Batches ahead: in order, faults where they belong, an end without delay."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataBroken
from training.data import LabelledBatch
from training.prefetch import Prefetcher

ROOT = Path(__file__).resolve().parents[3]


class Numbered:
    """A source whose batches carry their step; step `broken_at` fails, others wait for `gate`."""

    digest = "0"

    def __init__(self, broken_at: int = -1, delay_s: float = 0.0, error: type[Exception] = DataBroken) -> None:
        self.broken_at, self.delay_s, self.error = broken_at, delay_s, error
        self.asked: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def batch(self, step: int) -> LabelledBatch:
        self.asked.append(step)
        self.gate.wait()
        time.sleep(self.delay_s)
        if step == self.broken_at:
            raise self.error(f"step {step} is broken")
        number = np.array([step])
        return LabelledBatch(
            faces=np.zeros((1, 8, 8, 3), np.uint8),
            ages_years=number,
            sexes=number,
            flips=number > 0,
            targets_years=number,
        )

    def one_of_each(self) -> np.ndarray:
        return np.zeros((10, 8, 8, 3), np.uint8)


def until(source: Numbered, asked: int) -> None:
    deadline = time.monotonic() + 5
    while len(source.asked) < asked:
        assert time.monotonic() < deadline, f"asked for {source.asked} only"
        time.sleep(0.005)


def test_batches_come_in_order_from_the_step_given() -> None:
    with Prefetcher(Numbered(), first_step=7, depth=3) as prefetcher:
        assert [int(prefetcher.batch().ages_years[0]) for _ in range(20)] == list(range(7, 27))


def test_it_prepares_as_many_as_told_and_no_more() -> None:
    source = Numbered()
    with Prefetcher(source, first_step=0, depth=3) as prefetcher:
        until(source, 3)
        time.sleep(0.05)
        assert source.asked == [0, 1, 2]
        prefetcher.batch()
        until(source, 4)
        assert source.asked == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        Prefetcher(source, first_step=0, depth=0)


def test_waiting_is_counted_and_only_that() -> None:
    with Prefetcher(Numbered(delay_s=0.05), first_step=0, depth=2) as prefetcher:
        for _ in range(4):
            prefetcher.batch()
        assert 0.15 <= prefetcher.waited_s < 2
        before = prefetcher.waited_s
        time.sleep(0.3)
        prefetcher.batch()
        assert prefetcher.waited_s - before < 0.04


@pytest.mark.parametrize("error", [DataBroken, ZeroDivisionError])
def test_a_fault_comes_at_its_step_and_stays(error: type[Exception]) -> None:
    with Prefetcher(Numbered(broken_at=2, error=error), first_step=0, depth=4) as prefetcher:
        prefetcher.batch(), prefetcher.batch()
        for _ in range(2):
            with pytest.raises(error, match="step 2 is broken"):
                prefetcher.batch()


def test_closing_does_not_wait_for_the_source() -> None:
    source = Numbered()
    source.gate.clear()
    prefetcher = Prefetcher(source, first_step=0)
    until(source, 1)
    started = time.monotonic()
    prefetcher.close()
    assert time.monotonic() - started < 2
    source.gate.set()
    time.sleep(0.1)
    assert source.asked == [0]
    with pytest.raises(ValueError, match="closed"):
        prefetcher.batch()


UNCLOSED = """
import threading
from training.prefetch import Prefetcher

class Stuck:
    digest = "0"
    def batch(self, step):
        started.set()
        threading.Event().wait()
    def one_of_each(self):
        pass

started = threading.Event()
prefetcher = Prefetcher(Stuck(), 0)
assert started.wait(10)
raise SystemExit(3)
"""


def test_an_unclosed_one_does_not_keep_the_interpreter() -> None:
    ended = subprocess.run([sys.executable, "-c", UNCLOSED], cwd=ROOT, timeout=60, capture_output=True, text=True)
    assert ended.returncode == 3, ended.stderr
