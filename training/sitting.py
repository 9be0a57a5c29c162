"""One sitting at a time in a run folder."""

import errno
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cafdata.lock import writing
from core.errors import ArchiveBroken, RunBroken

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems say that know no locks, as those of clusters are often mounted."""


@contextmanager
def sitting(run: Path) -> Iterator[None]:
    """Hold a run folder, by the file `lock` in it, until the sitting ends, however it does; where there are no locks,
    say so.

    Raises:
        RunBroken: another process trains in it.
        OSError: the folder is missing or not writable.
    """
    with ExitStack() as held:
        try:
            held.enter_context(writing(run))
        except ArchiveBroken as error:
            raise RunBroken(f"{error}, or give another --out") from error
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            sys.stderr.write(
                f"{run} lies where files cannot be locked; see to it that one training at a time runs there\n"
            )
        yield
