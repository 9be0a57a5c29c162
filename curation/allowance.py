"""What one errand on the web may cost: seconds on the line and bytes, counted where they come in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from curation.refusal import Refusal


class Allowance:
    """Seconds and bytes of one errand, for one thread. Waiting for a turn does not count."""

    def __init__(self, timeout_s: float, max_bytes: int) -> None:
        """Grant them.

        Args:
            timeout_s: over all requests of the errand together.
            max_bytes: that each of its requests may receive, heads and framing included.
        """
        self._timeout_s, self._left_s = timeout_s, timeout_s
        self._max_bytes = max_bytes
        self._deadline_s = 0.0
        self.num_bytes = 0
        """Received by the request under way, or by the last one."""

    @contextmanager
    def spending(self) -> Iterator[None]:
        """One request: from here the time runs, and within it `left_s` and `take` may be called."""
        start_s = time.monotonic()
        self._deadline_s, self.num_bytes = start_s + self._left_s, 0
        try:
            yield
        finally:
            self._left_s -= time.monotonic() - start_s

    def left_s(self) -> float:
        """Seconds left, above 0. Raises Refusal where there are none."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise self.too_slow()
        return left_s

    def take(self, num_bytes: int) -> None:
        """Count what came in. Raises Refusal where it is too much."""
        self.num_bytes += num_bytes
        if self.num_bytes > self._max_bytes:
            raise Refusal("too large", f"over {self._max_bytes} bytes came")

    def too_slow(self) -> Refusal:
        """What is raised where the time is up."""
        return Refusal("too slow", f"over {self._timeout_s:g} s", is_passing=True)
