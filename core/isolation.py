"""The worker process in which untrusted pictures are decoded, and the pool that replaces it when it dies.

Between the two go only lengths, numbers, pixels and a sentence: nothing that could run code. The worker
sees no environment variable it does not need, and can open no file or socket once it is ready.

Request:  7 numbers (REQUEST), then the file.
Answer:   status, height, width (ANSWER), then the pixels; or status, length, 0, then a sentence.
"""

import atexit
import contextlib
import fcntl
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.decoding import DecodeLimits, decode, pixel_bands, warm_up
from core.errors import BadImage

REQUEST: Final = struct.Struct("<QQdQQdd")
ANSWER: Final = struct.Struct("<BII")
DONE, REFUSED = 0, 1
READY: Final = b"R"
MAX_SENTENCE_BYTES: Final = 500
START_TIMEOUT_S: Final = 60.0
NUM_WORKERS: Final = 2
PIPE_BYTES: Final = 1 << 20
"""What a pipe may hold: pixels go over in a few pieces, not in one of 64 KiB after the other."""

TOO_SLOW: Final = "This picture takes too long to open; save it as an ordinary JPEG and try again."
GAVE_UP: Final = "This picture could not be opened (it broke the decoder); save it again as JPEG."


def decoder_process(body: str) -> subprocess.Popen[bytes]:
    """A process that runs `body` and shares nothing with this one but its pipes, which do not block here."""
    root = str(Path(__file__).resolve().parents[1])
    environment = {
        "PYTHONPATH": os.pathsep.join([root, *(entry for entry in sys.path if entry)]),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", body],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=environment,
        start_new_session=True,
    )
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        os.set_blocking(pipe.fileno(), False)
        with contextlib.suppress(PermissionError):  # a user's pipes may hold so much in all; a small one does too
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return process


class DecoderLost(Exception):
    """A decoder process takes or gives nothing more."""

    def __init__(self, *, is_slow: bool) -> None:
        """Args: is_slow: time was up, on the wall or of the processor; else it broke."""
        super().__init__(is_slow)
        self.is_slow = is_slow


def send(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    """Write all of `data` to a decoder, however little it takes at a time. Raises DecoderLost."""
    assert process.stdin is not None
    rest = memoryview(data)
    while rest:
        await_event(process.stdin.fileno(), select.POLLOUT, deadline)
        try:
            rest = rest[os.write(process.stdin.fileno(), rest) :]
        except BrokenPipeError as error:
            raise DecoderLost(is_slow=False) from error


def receive(process: subprocess.Popen[bytes], target: memoryview, deadline: float) -> None:
    """Fill `target` from a decoder. Raises DecoderLost."""
    assert process.stdout is not None
    while target:
        await_event(process.stdout.fileno(), select.POLLIN, deadline)
        num_bytes = os.readv(process.stdout.fileno(), [target])
        if num_bytes == 0:
            raise DecoderLost(is_slow=has_used_up_its_time(process))
        target = target[num_bytes:]


def await_event(descriptor: int, event: int, deadline: float) -> None:
    """Until a pipe can be used, or `deadline` on the monotonic clock. Raises DecoderLost after that."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise DecoderLost(is_slow=True)


def has_used_up_its_time(process: subprocess.Popen[bytes]) -> bool:
    """Whether a decoder that gives nothing more was ended by the limit on its processor seconds."""
    try:
        return process.wait(5) == -signal.SIGPROF
    except subprocess.TimeoutExpired:
        return False


class Worker:
    """One decoding process. Not for two threads at once; `WorkerPool` sees to that."""

    def __init__(self) -> None:
        """Start the process and wait until it can decode. Raises RuntimeError if it does not come up."""
        self.owner_pid = os.getpid()
        self.process = decoder_process("from core.isolation import serve; serve()")
        self.is_at_rest = False
        """True while no request is half done; only then the worker may be used again."""
        hello = bytearray(1)
        try:
            receive(self.process, memoryview(hello), time.monotonic() + START_TIMEOUT_S)
            self.is_at_rest = hello == READY
        except DecoderLost as error:
            raise RuntimeError(f"the picture decoder ({sys.executable}) did not start") from error
        finally:
            if not self.is_at_rest:
                self.close()

    @property
    def is_usable(self) -> bool:
        """True if the process lives and waits for a request."""
        return self.is_at_rest and self.process.poll() is None

    def decode(self, data: bytes, limits: DecodeLimits) -> npt.NDArray[np.uint8]:
        """Have one picture decoded. Returns (H, W, 3) uint8 RGB 0..255; raises BadImage."""
        self.is_at_rest = False
        try:
            return self._answer(data, limits, time.monotonic() + limits.timeout_s)
        except DecoderLost as lost:
            raise BadImage(TOO_SLOW if lost.is_slow else GAVE_UP) from lost

    def _answer(self, data: bytes, limits: DecodeLimits, deadline: float) -> npt.NDArray[np.uint8]:
        request = REQUEST.pack(
            len(data),
            limits.max_pixels,
            limits.max_aspect,
            limits.min_side_px,
            limits.memory_bytes,
            limits.cpu_s,
            limits.timeout_s,
        )
        send(self.process, request, deadline)
        send(self.process, data, deadline)
        answer = bytearray(ANSWER.size)
        receive(self.process, memoryview(answer), deadline)
        status, first, second = ANSWER.unpack(answer)
        if status == REFUSED and first <= MAX_SENTENCE_BYTES:
            sentence = bytearray(first)
            receive(self.process, memoryview(sentence), deadline)
            self.is_at_rest = True
            raise BadImage(sentence.decode("utf-8", "replace"))
        if status != DONE or not 0 < first * second <= limits.max_pixels:
            raise BadImage(GAVE_UP)
        photo: npt.NDArray[np.uint8] = np.empty((first, second, 3), dtype=np.uint8)
        receive(self.process, photo.data.cast("B"), deadline)
        self.is_at_rest = True
        return photo

    def close(self) -> None:
        """End the process (only where it was started: a forked child leaves its parent's alone)."""
        if self.owner_pid == os.getpid():
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class WorkerPool:
    """Warm workers for many threads: started when first needed, kept while healthy, else replaced."""

    def __init__(self, num_workers: int = NUM_WORKERS) -> None:
        self._slots = threading.BoundedSemaphore(num_workers)
        self._idle: list[Worker] = []

    def decode(self, data: bytes, limits: DecodeLimits) -> npt.NDArray[np.uint8]:
        """Decode in a free worker, waiting for one if all are busy. Returns and raises as Worker.decode."""
        with self._slots:
            worker = self._take()
            try:
                return worker.decode(data, limits)
            finally:
                if worker.is_usable:
                    self._idle.append(worker)
                else:
                    worker.close()

    def _take(self) -> Worker:
        while (worker := self._idle_one()) is not None:
            if worker.is_usable:
                return worker
            worker.close()
        return Worker()

    def _idle_one(self) -> Worker | None:
        """Asked for, not looked for first: another thread may take the last one in between."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def close(self) -> None:
        """End the idle workers; a later request starts new ones."""
        while (worker := self._idle_one()) is not None:
            worker.close()

    def pids(self) -> tuple[int, ...]:
        """Process ids of the idle workers."""
        return tuple(worker.process.pid for worker in self._idle)


_pools: dict[int, WorkerPool] = {}


def shared_pool() -> WorkerPool:
    """The pool of this process; after a fork the child gets its own."""
    pool = _pools.get(os.getpid())
    if pool is None:
        pool = _pools.setdefault(os.getpid(), WorkerPool())
        atexit.register(pool.close)
    return pool


def serve() -> None:
    """Body of the worker process: answer requests on stdin until it is closed."""
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    warm_up()
    idle_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(what, (0, 0))
    write_all(answers, READY)
    while header := read_exactly(0, REQUEST.size):
        num_bytes, *numbers, memory_bytes, cpu_s, timeout_s = REQUEST.unpack(header)
        max_pixels, max_aspect, min_side_px = numbers
        limits = DecodeLimits(max_pixels=max_pixels, max_aspect=max_aspect, min_side_px=min_side_px)
        signal.setitimer(signal.ITIMER_REAL, timeout_s + 1)  # ends this process should its parent be gone
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        data = read_exactly(0, num_bytes)
        resource.setrlimit(resource.RLIMIT_AS, (idle_bytes + memory_bytes, resource.RLIM_INFINITY))
        try:
            picture = decode(data, limits)
        except BadImage as refusal:
            sentence = str(refusal).encode()[:MAX_SENTENCE_BYTES]
            write_all(answers, ANSWER.pack(REFUSED, len(sentence), 0) + sentence)
        else:
            write_all(answers, ANSWER.pack(DONE, picture.height, picture.width))
            for band in pixel_bands(picture):
                write_all(answers, band)
            del picture
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data` to a file descriptor, however little each write takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_exactly(descriptor: int, num_bytes: int) -> bytes:
    """Read so many bytes; empty if the other end closed first."""
    parts: list[bytes] = []
    while num_bytes:
        part = os.read(descriptor, min(num_bytes, 1 << 20))
        if not part:
            return b""
        parts.append(part)
        num_bytes -= len(part)
    return b"".join(parts)
