"""Writing files so that a reader never meets half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a new empty file beside `path`; on leaving it becomes `path`, on an error it is removed.

    Atomic: whoever opens `path`, at any moment and after any crash, finds the old file or the whole new one.

    Raises:
        OSError: the folder is missing, full or not writable; `path` is then as it was.
    """
    draft = path.with_name(f".{path.name}.{token_hex(4)}.part")
    # The kernel takes the umask off; to ask for it means to change it, for every thread.
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk, such as a new file's or a renamed one's."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing what was there, as `replacing` does."""
    with replacing(path) as draft:
        draft.write_bytes(data)
