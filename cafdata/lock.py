"""One writer at a time in an archive folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ArchiveBroken


@contextmanager
def writing(folder: Path, name: str = "lock", *, is_patient: bool = False) -> Iterator[None]:
    """Hold the lock of a folder. It falls with the process, however that ends.

    Args:
        folder: the archive.
        name: file that stands for the lock; it stays behind, empty or with the last holder's process id.
        is_patient: wait for the other writer instead of giving up.
    Raises:
        ArchiveBroken: another process, or another part of this one, is writing.
        OSError: the folder is missing or not writable.
    """
    handle = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise ArchiveBroken(
                f"{folder} is being written by another process (id {holder}); try again when it has finished"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
