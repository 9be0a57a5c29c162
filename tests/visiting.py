"""Visitors who want everything at once, and what became of each of their requests."""

import os
import threading
from dataclasses import dataclass, field

import numpy as np

from core.images import decode_photo
from tests.page_client import Ending, Refused, Visitor
from tests.page_server import Watched, coloured_face, sit

HUNG_S = 60.0
"""A request without an answer for so long is hung."""


@dataclass
class Tally:
    """What became of all requests of all visitors."""

    done_s: list[float] = field(default_factory=list)
    worked_s: list[float] = field(default_factory=list)
    """Of the done ones, without what they waited for."""
    busy_s: list[float] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def num_requests(self) -> int:
        return len(self.done_s) + len(self.busy_s) + len(self.hung)

    def note(self, ends: list[Ending]) -> bool:
        """Take in some endings; whether all of them brought a result."""
        with self.lock:
            for end in ends:
                if end.is_done:
                    self.done_s.append(end.took_s)
                    self.worked_s.append(end.worked_s)
                elif end.is_busy:
                    self.busy_s.append(end.took_s)
                else:
                    self.hung.append(f"{end.status} {end.detail} {end.messages[-1:]}")
        return all(end.is_done for end in ends)

    def line(self) -> str:
        done, busy = self.done_s, self.busy_s
        return (
            f"{self.num_requests} requests: {len(done)} done (p50 {at(done, 50):.2f} s, p95 {at(done, 95):.2f} s, "
            f"p95 of the work {at(self.worked_s, 95):.2f} s), {len(busy)} busy (p95 {at(busy, 95):.2f} s), "
            f"{len(self.hung)} hung, {len(self.crossed)} crossed; load average {os.getloadavg()[0]:.1f}"
        )


def at(times_s: list[float], percent: int) -> float:
    return float(np.percentile(times_s, percent)) if times_s else 0.0


def visitor_of(app: Watched, number: int) -> Visitor:
    """A visitor with an address of its own, as visitors have."""
    source = f"127.0.{1 + number // 200}.{1 + number % 200}"
    return Visitor(app.address, app.page, HUNG_S, source)


def visit(app: Watched, number: int, tally: Tally, is_long: bool = True) -> None:
    """From a photo to its faces, and to its ages if it is long; every picture has to be this visitor's own."""
    data, colour = coloured_face(number)
    visitor = visitor_of(app, number)
    visitor.put("view", "whole")
    try:
        ends = sit(visitor, data, f"{number}.jpg")
    except Refused as refused:
        status = refused.answer.status
        tally.note([Ending(status=status, detail=refused.answer.body, took_s=0.0)])
        return
    except OSError as error:
        tally.note([Ending(status=0, detail=f"upload: {error!r}")])
        return
    try:
        if tally.note(ends):
            check(visitor, visitor.value("photo"), colour, tally)
            if is_long and tally.note(visitor.fire("run", "click")):
                for file in visitor.value("compare"):
                    check(visitor, file, colour, tally)
    except OSError as error:
        tally.note([Ending(status=0, detail=repr(error))])


def check(visitor: Visitor, file: dict[str, str], colour: tuple[int, int, int], tally: Tally) -> None:
    answer = visitor.fetch(file)
    if answer.status != 200:
        tally.hung.append(f"a picture answered {answer.status}")
        return
    seen = np.median(decode_photo(answer.body)[4:20, 4:60].reshape(-1, 3), axis=0)
    if np.abs(seen - colour).max() > 12:
        tally.crossed.append(f"{colour} was shown {seen}")
