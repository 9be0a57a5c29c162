"""Batches prepared ahead, so that the networks need not wait for data; and how long they waited all the same."""

import time
from collections import deque
from multiprocessing.pool import ThreadPool
from types import TracebackType

from training.data import FaceSource, LabelledBatch


class Prefetcher:
    """Prepares the batches of consecutive steps in a thread of its own.

    Use as a context manager, or call `close`. Whatever the source raises for a step is raised by `batch` when that
    step's turn comes. The thread never keeps the interpreter from ending.
    """

    def __init__(self, source: FaceSource, first_step: int, depth: int = 4) -> None:
        """Begin with `first_step`, and be up to `depth` batches ahead."""
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self.source = source
        self.waited_s = 0.0
        """Seconds that `batch` has waited in all."""
        self._thread = ThreadPool(1)
        self._is_closed = False
        self._next = first_step + depth
        self._coming = deque(self._thread.apply_async(source.batch, (first_step + ahead,)) for ahead in range(depth))

    def batch(self) -> LabelledBatch:
        """The next step's batch. Raises what the source raised for it, and again if asked again.

        Raises:
            ValueError: closed.
        """
        if self._is_closed:
            raise ValueError("this prefetcher is closed; it gives no more batches")
        started = time.monotonic()
        batch = self._coming[0].get()
        self.waited_s += time.monotonic() - started
        self._coming.popleft()
        self._coming.append(self._thread.apply_async(self.source.batch, (self._next,)))
        self._next += 1
        return batch

    def close(self) -> None:
        """Stop; a batch that the source is preparing at the moment is not waited for."""
        self._is_closed = True
        self._thread.terminate()

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
