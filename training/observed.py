"""What an evaluation has seen so far, on disk until its figures are written, so that a killed one goes on.

A part is all that was seen of a few faces. Parts hold embeddings, which are biometric identifiers: the folder is
for its owner's eyes alone and goes when the figures are there.
"""

import hashlib
import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import RunBroken
from core.files import write_atomic

Part = dict[str, npt.NDArray[Any]]
"""Arrays by name, a row a face."""
FOLDER = ".observed"


class Observed:
    """The parts of one evaluation. Another model, other faces, judges or settings are another evaluation."""

    def __init__(self, out: Path, settings: Mapping[str, object]) -> None:
        """Take up the parts of an evaluation in folder `out` that was begun with just these settings.

        Args:
            settings: all that the parts depend on, as JSON takes it.
        """
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = out / FOLDER / key
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.parent.chmod(0o700)
        self.num_begun = len(list(self.folder.glob("*.npz")))
        if self.num_begun:
            self.say(f"going on after {self.num_begun} parts in {self.folder}")

    def part(self, number: int, see: Callable[[], Part]) -> Part:
        """Part `number`: as it was kept, else as `see` sees it, which is kept. Raises RunBroken if it is damaged."""
        path = self.folder / f"{number:06d}.npz"
        if path.is_file():
            return _read(path)
        part = see()
        written = io.BytesIO()
        np.savez(written, **part)  # type: ignore[arg-type]
        write_atomic(path, written.getvalue())
        return part

    def say(self, line: str) -> None:
        """A line of progress."""
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def clear(out: Path) -> None:
    """Delete all parts of all evaluations in folder `out`."""
    shutil.rmtree(out / FOLDER)


def _read(path: Path) -> Part:
    try:
        with np.load(path) as kept:
            return {name: kept[name] for name in kept.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise RunBroken(f"{path} is damaged ({error}); delete {path.parent} and evaluate again") from error
