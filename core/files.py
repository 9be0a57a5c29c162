"""Writing files so that a reader never meets half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a new empty file beside `path`; on leaving it becomes `path`, on an error it is removed.

    Atomic: whoever opens `path`, at any moment and after any crash, finds the old file or the whole new one.

    Raises:
        OSError: the folder is missing, full or not writable; `path` is then as it was.
    """
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False) as made:
        draft = Path(made.name)
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o666 & ~mask)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing what was there, as `replacing` does."""
    with replacing(path) as draft:
        draft.write_bytes(data)
