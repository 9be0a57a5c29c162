"""The folder that uploads and results lie in: this server's alone, emptied by age and by size, gone when it ends.

Whatever else is put down for a moment lies there too, so that nothing of a visitor outlives a server that was killed.
"""

import atexit
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

PREFIX = "agetrans-"
LOCK = ".in-use"
GRADIO_FOLDER = "GRADIO_TEMP_DIR"
"""Where Gradio reads its folder from, each time anew."""
EMPTY_S = 60.0
"""An empty folder is deleted when it has been so for this long: a file may just be on its way into it."""


@contextmanager
def own_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder that only this user can read; deleted on leaving, with those of servers that were killed.

    Args:
        parent: where; the place for temporary files if not given, which is the page's own folder once that is claimed.
    Raises:
        OSError: `parent` is missing, full or not writable.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    if parent is not None:
        place.mkdir(parents=True, exist_ok=True)
    clear_abandoned(place)
    folder, lock = _locked_folder(place)
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _locked_folder(place: Path) -> tuple[Path, IO[str]]:
    """A new folder and its lock, held. A server that starts in the same moment may take a folder whose lock is not
    held yet for an abandoned one; then there is another."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)).resolve()
        lock = (folder / LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / LOCK).exists():
            return folder, lock
        lock.close()


def claim() -> Path:
    """`own_folder` for as long as this process lives, in GRADIO_TEMP_DIR if that is set; Gradio is told to use it.

    Temporary files of this process lie there as well, which may be the only place that it can write to. Ended by
    SIGTERM, as hosts do it, the process leaves nothing behind either.
    """
    stack = ExitStack()
    said = os.environ.get(GRADIO_FOLDER)
    folder = stack.enter_context(own_folder(Path(said) if said else None))
    os.environ[GRADIO_FOLDER] = tempfile.tempdir = str(folder)
    atexit.register(stack.close)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return folder


def clear_abandoned(place: Path) -> None:
    """Delete the folders in `place` whose server ended without doing so."""
    for lock in place.glob(f"{PREFIX}*/{LOCK}"):
        try:
            held = lock.open("r+")
        except OSError:  # another user's, or deleted this moment
            continue
        with held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # its server lives
                continue
            shutil.rmtree(lock.parent, ignore_errors=True)


def sweep(folder: Path, max_age_s: float, max_bytes: int) -> int:
    """Delete files that are too old, then the oldest of the rest while there are too many bytes; then empty folders.

    Args:
        folder: from `own_folder`; nothing outside is touched, links are deleted, not followed. Another such folder
            within it is left alone while it is in use.
        max_age_s: since a file was last written or moved here.
        max_bytes: of all files together.
    Returns:
        bytes that are left.
    """
    now_s = time.time()
    found: list[tuple[float, int, Path]] = []
    for path, state in files_of(folder):
        if now_s - state.st_ctime > max_age_s:
            path.unlink(missing_ok=True)
        else:
            found.append((state.st_ctime, state.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= max_bytes:
            break
        path.unlink(missing_ok=True)
        total -= size
    delete_empty(folder, now_s)
    return total


def files_of(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file below a folder but the lock and what lies in folders in use; one that vanishes is left out."""
    for place, within, names in os.walk(folder):
        within[:] = [name for name in within if not is_in_use(Path(place, name))]
        for name in names:
            path = Path(place, name)
            try:
                state = path.lstat()
            except FileNotFoundError:
                continue
            if path.parent != folder or name != LOCK:
                yield path, state


def is_in_use(folder: Path) -> bool:
    """Whether somebody within `own_folder` works there."""
    try:
        with (folder / LOCK).open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no lock, or deleted this moment
        return False
    return False


def delete_empty(folder: Path, now_s: float) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        path = Path(place)
        try:
            if path != folder and now_s - path.stat().st_mtime > EMPTY_S:
                path.rmdir()
        except OSError:  # holds something, or is gone
            continue
