"""What identifies the things that figures depend on: weights, files, folders of files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from torch.nn import Module

from core.generator import Generator


def weights_digest(network: Module) -> str:
    """sha256 over names and float32 values of all weights, and a generator's strengths where it has any.

    The same for a run and what is exported in fp32.
    """
    digest = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        digest.update(key.encode() + value.float().contiguous().cpu().numpy().tobytes())
    if isinstance(network, Generator) and network.config.strengths:
        digest.update(repr(network.config.strengths).encode())
    return digest.hexdigest()


def files_digest(files: Sequence[Path]) -> str:
    """sha256 of a file; of several, over their names and digests in the order of the names."""
    digests = {file.name: _file_digest(file) for file in files}
    if len(files) == 1:
        return digests[files[0].name]
    lines = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    return hashlib.sha256(lines.encode()).hexdigest()


def _file_digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
