"""What visitors leave for an archive's keeper: doubts about pairs, requests for removal. Bounded in rate and number."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.removal_requests import RemovalRequest, RemovalRequests
from core.errors import ArchiveBroken

SOURCE: Final = "the app"
"""Who asks, in the review queue."""
REASONS: Final = (
    "these look like two people",
    "these look like one person",
    "these look like the same photo",
    "an age looks wrong",
    "one of them shows no face",
)
"""Why a pair is doubtful; what a visitor may say of it, and nothing else."""
MAX_WAITING: Final = 2000
"""Questions of the app that may wait in a review queue."""
HOUR_S: Final = 3600.0
BUSY: Final = "Many people are writing to the keeper just now. Try again in an hour."


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How much may be left in an hour, by all visitors together: no visitor is told from another for it."""

    requests: int = 30
    doubts: int = 120


class Letterbox:
    """Takes what is left for the keeper; keeps only when the last ones came."""

    def __init__(self, pace: Pace | None = None) -> None:
        pace = pace or Pace()
        self._most = {"request": pace.requests, "doubt": pace.doubts}
        self._times: dict[str, deque[float]] = {kind: deque() for kind in self._most}
        self._lock = threading.Lock()

    def doubt(self, folder: Path, picture_ids: tuple[str, str], reason: str) -> bool:
        """Put a pair into the archive's review queue; False where that very question waits already.

        Raises:
            ArchiveBroken: too many came in this hour, or are waiting; or the folder cannot be written.
            ValueError: a reason that is not on the list.
        """
        item = doubt_of(picture_ids, reason)
        queue = ReviewQueue(folder)
        self._take_turn("doubt")
        if sum(one.source == SOURCE for one in queue.open_items()) >= MAX_WAITING:
            raise ArchiveBroken("The review queue is full; please write to the keeper of the archive instead.")
        return _written(lambda: queue.add([item]) > 0)

    def request(self, folder: Path, request: RemovalRequest) -> bool:
        """File a request for removal; False where the very same waits already. Raises as `doubt`."""
        self._take_turn("request")
        return _written(lambda: RemovalRequests(folder).add(request))

    def _take_turn(self, kind: str) -> None:
        now = time.monotonic()
        with self._lock:
            times = self._times[kind]
            while times and now - times[0] > HOUR_S:
                times.popleft()
            if len(times) >= self._most[kind]:
                raise ArchiveBroken(BUSY)
            times.append(now)


def doubt_of(picture_ids: tuple[str, str], reason: str) -> ReviewItem:
    """The question that a doubt puts to people. Raises ValueError for a reason that is not on the list."""
    if reason not in REASONS:
        raise ValueError(f"a reason is one of {', '.join(REASONS)}, got {reason[:80]!r}")
    return ReviewItem(kind="pair", picture_ids=picture_ids, reason=reason, source=SOURCE, added_at=now())


def request_of(asked: str, value: str, why: str, contact: str) -> RemovalRequest:
    """A request from the fields of a form. Raises ArchiveBroken, in a sentence for the visitor, for what cannot be."""
    words = [" ".join(text.split()) for text in (value, why, contact)]
    try:
        return RemovalRequest(asked=asked, value=words[0], why=words[1], contact=words[2] or None, asked_at=now())  # type: ignore[arg-type]
    except ValueError as error:
        raise ArchiveBroken(f"This request cannot be sent: {error}.") from error


def now() -> str:
    """This moment, as records write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _written(write: Callable[[], bool]) -> bool:
    try:
        return write()
    except OSError as error:
        raise ArchiveBroken("The archive cannot be written to from here; please write to its keeper.") from error
