"""What a run shows of itself: a line of figures, and pictures of fixed faces at every age group."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from core.generator import Generator, age_code


class LossLog:
    """Appends one JSON object a report to a file, and shows it on stderr."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sums: dict[str, float] = {}
        self.count = 0
        self.since = time.monotonic()

    def add(self, terms: dict[str, float]) -> None:
        """Take in the terms of one step; a term may be absent from some steps."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.sums[f"#{name}"] = self.sums.get(f"#{name}", 0.0) + 1
        self.count += 1

    def report(self, step: int, batch_size: int) -> None:
        """Write the means since the last report, with faces per second."""
        now = time.monotonic()
        faces_per_second = self.count * batch_size / (now - self.since)
        terms = {name: total for name, total in self.sums.items() if not name.startswith("#")}
        means = {name: round(total / self.sums[f"#{name}"], 4) for name, total in terms.items()}
        line = {"step": step, "faces": step * batch_size, "faces_per_s": round(faces_per_second, 2), **means}
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        print(" ".join(f"{name} {value}" for name, value in line.items()), file=sys.stderr, flush=True)  # noqa: T201
        self.sums, self.count, self.since = {}, 0, now


def sample_grid(generator: Generator, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Each face and, to its right, the face at the typical age of every group.

    Args:
        faces: (N, S, S, 3) uint8 RGB.
    Returns:
        (N * S, (1 + groups) * S, 3) uint8 RGB.
    """
    device = next(generator.parameters()).device
    pictures = torch.from_numpy(faces).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    groups = generator.groups
    columns = [pictures]
    with torch.no_grad():
        encoding = generator.encode(pictures)
        for years in groups.typical_years:
            code = age_code(groups, [years] * len(faces)).to(device)
            columns.append(generator.decode(pictures, encoding, code)[0])
    grid = torch.stack(columns, dim=1).clamp(-1, 1)  # (N, 1 + groups, 3, S, S)
    grid = ((grid + 1) * 127.5).round().to(torch.uint8).permute(0, 3, 1, 4, 2)  # (N, S, 1 + groups, S, 3)
    size = faces.shape[1]
    result: npt.NDArray[np.uint8] = grid.reshape(len(faces) * size, -1, 3).cpu().numpy()
    return result


def write_grid(generator: Generator, faces: npt.NDArray[np.uint8], path: Path) -> None:
    """Save `sample_grid` as a PNG."""
    Image.fromarray(sample_grid(generator, faces)).save(path)
