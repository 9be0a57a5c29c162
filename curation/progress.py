"""How far a run has come, how fast it goes and when it will be done: a line on stderr every few seconds."""

import sys
import time
from collections.abc import Callable
from typing import Final

from curation.stage import Reasons

EVERY_S: Final = 5.0


class Progress:
    """Counts items and says so now and then."""

    def __init__(self, total: int, done: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Args:
        total: items in all.
        done: of these, done by earlier runs.
        what: what is counted, in the plural.
        """
        self.total, self.done, self.what, self.clock = total, done, what, clock
        self.before = done
        self.reasons = Reasons()
        self.begun_s = self.told_s = clock()

    def add(self, outcome: object) -> None:
        """Count one item and, if it is time, tell."""
        self.done += 1
        self.reasons.add(outcome)
        if self.clock() - self.told_s >= EVERY_S:
            self.tell()

    def tell(self) -> None:
        """Say where it stands."""
        self.told_s = self.clock()
        print(self.line(), file=sys.stderr, flush=True)  # noqa: T201

    def line(self) -> str:
        """Such as "512 of 5,000 pictures, 20.1 a second, 3 min left; 401 faces; dropped: 60 no face, 51 too small"."""
        seconds = max(self.clock() - self.begun_s, 1e-6)
        rate = (self.done - self.before) / seconds
        said = f"{self.done:,} of {self.total:,} {self.what}"
        if rate > 0 and self.done < self.total:
            said += f", {rate:.1f} a second, {_duration((self.total - self.done) / rate)} left"
        said += f"; {self.reasons.num_kept:,} kept"
        worst = self.reasons.counts.most_common(4)
        if worst:
            said += "; dropped: " + ", ".join(f"{count:,} {reason}" for (_, reason), count in worst)
            rest = sum(self.reasons.counts.values()) - sum(count for _, count in worst)
            said += f", {rest:,} for other reasons" if rest else ""
        return said


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
