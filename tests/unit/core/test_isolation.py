"""The worker dies, hangs, starves or is attacked; the next picture is decoded all the same."""

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.decoding import DecodeLimits
from core.errors import BadImage
from core.images import decode_photo
from core.isolation import PIPE_BYTES, Worker, WorkerPool
from tests.honest_pictures import png, saved, scene

ROOT = Path(__file__).resolve().parents[3]
LIMITS = DecodeLimits()
HONEST = saved(scene(), "PNG")


def large() -> bytes:
    """A picture of 24 million pixels in a small file: honest, but slow enough to be interrupted."""
    return png(6000, 4000, (b"\0" * 18_001) * 4000, level=1)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(num_workers=1)
    assert np.array_equal(pool.decode(HONEST, LIMITS), scene())
    yield pool
    pool.close()


def still_works(pool: WorkerPool, old_pid: int) -> None:
    """Asserts that the next request is answered by a new process and that the old one is gone."""
    assert np.array_equal(pool.decode(HONEST, LIMITS), scene())
    assert pool.pids() != (old_pid,)
    with pytest.raises(ProcessLookupError):
        os.kill(old_pid, 0)


def decode_until_hit(pool: WorkerPool, data: bytes, pid: int) -> list[str]:
    """What is said when the worker is killed: in the middle of a request a refusal, between two of them nothing."""
    said = []
    while pool.pids() == (pid,):
        try:
            pool.decode(data, LIMITS)
        except BadImage as error:
            said.append(str(error))
    return said


def test_one_process_is_kept_warm(pool: WorkerPool) -> None:
    before = pool.pids()
    for _ in range(5):
        pool.decode(HONEST, LIMITS)
        with pytest.raises(BadImage):
            pool.decode(b"no picture", LIMITS)
    assert pool.pids() == before
    assert len(before) == 1


def test_killed_in_the_middle(pool: WorkerPool) -> None:
    for _ in range(3):
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGSTOP)  # it is now certain that the request is not finished when the kill comes
        killer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(BadImage, match="broke the decoder"):
            pool.decode(HONEST, LIMITS)
        killer.join()
        still_works(pool, pid)


def test_killed_at_any_moment(pool: WorkerPool) -> None:
    data = large()
    for delay_s in (0.0, 0.02, 0.1, 0.25):
        pid = pool.pids()[0]
        killer = threading.Timer(delay_s, os.kill, (pid, signal.SIGSEGV))
        killer.start()
        assert all("broke the decoder" in one for one in decode_until_hit(pool, data, pid))
        killer.join()
        still_works(pool, pid)


def test_killed_between_two_requests(pool: WorkerPool) -> None:
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    still_works(pool, pid)


def test_a_hanging_worker_is_given_up(pool: WorkerPool) -> None:
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(BadImage, match="takes too long"):
        pool.decode(HONEST, DecodeLimits(timeout_s=0.3))
    still_works(pool, pid)


def test_a_picture_that_needs_too_much_time(pool: WorkerPool) -> None:
    """A progressive JPEG whose last scan is repeated: every repetition walks over the whole picture."""
    whole = saved(np.tile(scene(), (20, 20, 1)), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    bomb = whole[:-2] + whole[last:-2] * 400 + b"\xff\xd9"
    (pid,) = pool.pids()
    with pytest.raises(BadImage, match="takes too long"):
        pool.decode(bomb, DecodeLimits(cpu_s=0.3))
    still_works(pool, pid)


def test_a_picture_that_needs_too_much_memory(pool: WorkerPool) -> None:
    (pid,) = pool.pids()
    with pytest.raises(BadImage, match="too much memory"):
        pool.decode(large(), DecodeLimits(memory_bytes=16 << 20))
    assert np.array_equal(pool.decode(HONEST, LIMITS), scene())
    assert pool.pids() == (pid,)
    assert pool.decode(large(), LIMITS).shape == (4000, 6000, 3)


def test_the_worker_is_locked_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can open no file or socket, write no file, and does not know the parent's secrets."""
    monkeypatch.setenv("HF_TOKEN", "hf_CANARY")
    fresh = Worker()
    process = Path("/proc") / str(fresh.process.pid)
    limits = {
        " ".join(line[:26].split()): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()
    }
    environment = (process / "environ").read_bytes()
    fresh.close()
    assert limits["Max open files"] == ["0", "0"]
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    assert b"CANARY" not in environment
    assert b"PYTHONPATH" in environment


def test_a_picture_goes_over_in_few_pieces() -> None:
    """Pipes of a megabyte, or of what the system allows; a user who has used up theirs keeps those of 64 KiB."""
    most_bytes = int(Path("/proc/sys/fs/pipe-max-size").read_text())
    worker = Worker()
    try:
        for pipe in (worker.process.stdin, worker.process.stdout):
            assert pipe is not None
            size_bytes = fcntl.fcntl(pipe.fileno(), fcntl.F_GETPIPE_SZ)
            assert size_bytes in (min(PIPE_BYTES, most_bytes), 1 << 16, 1 << 13, 1 << 12)
    finally:
        worker.close()


def test_many_threads_get_their_own_pictures() -> None:
    pictures = [np.full((40, 30 + index, 3), index * 5, np.uint8) for index in range(40)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda picture: decode_photo(saved(picture, "PNG")), pictures))
    assert all(np.array_equal(answer, picture) for answer, picture in zip(answers, pictures, strict=True))


class Emptied(list[Worker]):
    """The list of a pool whose last idle worker another thread takes between the look and the grasp."""

    def __bool__(self) -> bool:
        return True


def test_the_last_idle_worker_may_go_to_another_thread(pool: WorkerPool) -> None:
    pool.close()
    pool._idle = Emptied()
    assert np.array_equal(pool.decode(HONEST, LIMITS), scene())
    pool.close()
    pool.close()
    assert pool.pids() == ()


def test_an_interrupted_request_does_not_answer_the_next(pool: WorkerPool) -> None:
    """A refusal in the middle of an answer must not leave its rest in the pipe."""
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(BadImage):
        pool.decode(saved(scene()[::-1], "PNG"), DecodeLimits(timeout_s=0.05))
    assert np.array_equal(pool.decode(HONEST, LIMITS), scene())


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_worker_ends_with_its_parent() -> None:
    result = run_python(
        """
        from core.isolation import shared_pool
        from core.decoding import DecodeLimits
        from tests.honest_pictures import saved, scene
        shared_pool().decode(saved(scene(), "PNG"), DecodeLimits())
        print(*shared_pool().pids())
        """
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(result.stdout), 0)


def test_a_killed_parent_leaves_no_worker() -> None:
    result = run_python(
        """
        import os, signal
        from core.isolation import shared_pool
        from core.decoding import DecodeLimits
        from tests.honest_pictures import saved, scene
        shared_pool().decode(saved(scene(), "PNG"), DecodeLimits())
        print(*shared_pool().pids(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert result.returncode == -signal.SIGKILL
    pid = int(result.stdout)
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail(f"worker {pid} outlived its parent")


def test_a_forked_child_has_a_worker_of_its_own() -> None:
    result = run_python(
        """
        import os, sys
        from core.isolation import shared_pool
        from core.decoding import DecodeLimits
        from tests.honest_pictures import saved, scene
        def is_decoded():
            return (shared_pool().decode(saved(scene(), "PNG"), DecodeLimits()) == scene()).all()
        assert is_decoded()
        before = shared_pool().pids()
        child = os.fork()
        assert is_decoded()
        if not child:
            assert shared_pool().pids() != before
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert is_decoded()
        assert shared_pool().pids() == before
        """
    )
    assert result.returncode == 0, result.stderr


def test_a_decoder_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="/bin/false"):
        WorkerPool().decode(HONEST, LIMITS)
