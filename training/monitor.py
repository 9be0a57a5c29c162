"""What a run shows of itself: a line of figures, and pictures of fixed faces at every age group."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.files import write_atomic
from core.generator import Generator, age_code
from core.images import encode_png, to_tensor, to_uint8


class LossLog:
    """Appends one JSON object a report to a file, and shows it on stderr."""

    def __init__(self, path: Path, step: int, faces: int) -> None:
        """Reports of steps after `step`, which a killed run did and will do again, are dropped from the file."""
        self.path = path
        before = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        kept = [line for line in before if json.loads(line)["step"] <= step]
        if kept != before:
            write_atomic(path, "".join(kept).encode())
        self.sums: dict[str, float] = {}
        self.faces = faces
        self.since = time.monotonic()

    def add(self, terms: dict[str, float]) -> None:
        """Take in the terms of one step; a term may be absent from some steps."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.sums[f"#{name}"] = self.sums.get(f"#{name}", 0.0) + 1

    def report(self, step: int, faces: int) -> None:
        """Write the means since the last report, with faces seen in all and a second."""
        now = time.monotonic()
        faces_per_second = (faces - self.faces) / (now - self.since)
        terms = {name: total for name, total in self.sums.items() if not name.startswith("#")}
        means = {name: round(total / self.sums[f"#{name}"], 4) for name, total in terms.items()}
        line = {"step": step, "faces": faces, "faces_per_s": round(faces_per_second, 2), **means}
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        print(" ".join(f"{name} {value}" for name, value in line.items()), file=sys.stderr, flush=True)  # noqa: T201
        self.sums, self.faces, self.since = {}, faces, now


def sample_grid(generator: Generator, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Each face and, to its right, the face at the typical age of every group.

    Args:
        faces: (N, S, S, 3) uint8 RGB.
    Returns:
        (N * S, (1 + groups) * S, 3) uint8 RGB.
    """
    device = next(generator.parameters()).device
    pictures = to_tensor(faces).to(device)
    groups = generator.groups
    columns = [pictures]
    with torch.no_grad():
        encoding = generator.encode(pictures)
        for years in groups.typical_years:
            code = age_code(groups, [years] * len(faces)).to(device)
            columns.append(generator.decode(pictures, encoding, code)[0])
    rows = [np.concatenate(list(to_uint8(row)), axis=1) for row in torch.stack(columns, dim=1)]
    return np.concatenate(rows)


def write_grid(generator: Generator, faces: npt.NDArray[np.uint8], path: Path) -> None:
    """Save `sample_grid` as a PNG."""
    write_atomic(path, encode_png(sample_grid(generator, faces)))
