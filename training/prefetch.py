"""Batches prepared ahead, so that the networks need not wait for data; and how long they waited all the same."""

import queue
import threading
import time
from types import TracebackType

from core.errors import CafError
from training.data import FaceSource, LabelledBatch


class Prefetcher:
    """Prepares the batches of consecutive steps in a thread of its own.

    Use as a context manager; leaving it stops the thread. A fault of the source is raised by `batch`.
    """

    def __init__(self, source: FaceSource, first_step: int, depth: int = 4) -> None:
        """Begin with `first_step`, never more than `depth` batches ahead."""
        self.source = source
        self.waited_s = 0.0
        """Seconds that `batch` has waited in all."""
        self._next = first_step
        self._ready: queue.Queue[tuple[int, LabelledBatch | CafError]] = queue.Queue(depth)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._prepare, args=(first_step,), name="prefetch", daemon=True)
        self._thread.start()

    def batch(self) -> LabelledBatch:
        """The next step's batch. Raises what the source raised for it; then the prefetcher is at its end."""
        started = time.monotonic()
        step, ready = self._ready.get()
        self.waited_s += time.monotonic() - started
        if isinstance(ready, CafError):
            raise ready
        assert step == self._next
        self._next += 1
        return ready

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _prepare(self, step: int) -> None:
        while not self._stopping.is_set():
            try:
                ready: LabelledBatch | CafError = self.source.batch(step)
            except CafError as error:
                ready = error
            while not self._stopping.is_set():
                try:
                    self._ready.put((step, ready), timeout=0.1)
                    break
                except queue.Full:
                    continue
            if isinstance(ready, CafError):
                return
            step += 1
