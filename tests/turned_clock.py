"""A clock that a test turns: sleeping takes no time, and is noted."""

from datetime import UTC, datetime, timedelta

from curation.pacing import Clock

START = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)


class TurnedClock(Clock):
    """Starts at 12:00 on 1 June 2025; moves when somebody sleeps, or by hand."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.slept_s: list[float] = []

    def now_s(self) -> float:
        return self.passed_s

    def date(self) -> datetime:
        return START + timedelta(seconds=self.passed_s)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.passed_s += seconds
