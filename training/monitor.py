"""What a run shows of itself: a line of figures, and pictures of fixed faces at every age group."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import RunBroken
from core.files import write_atomic
from core.generator import Generator, age_code
from core.images import encode_png, to_tensor, to_uint8
from core.reference import ReferenceGenerator

LOSSES_FILE = "losses.jsonl"
GRID_PX = 256
"""Most that a face of a grid has to a side: ten faces at eleven ages of 1024 px would be 100 MB, every few minutes."""


class LossLog:
    """Appends one JSON object a report to a file, and shows it on stderr."""

    def __init__(self, path: Path, step: int, faces: int) -> None:
        """Reports of steps after `step`, which a killed run did and will do again, are dropped from the file.

        Raises RunBroken if the file is damaged elsewhere than in a last line that was being written.
        """
        self.path = path
        if path.exists():
            kept = [line for line in read_losses(path) if line["step"] <= step]
            text = "".join(json.dumps(line) + "\n" for line in kept)
            if text != path.read_text(encoding="utf-8"):
                write_atomic(path, text.encode())
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.faces = faces
        self.waited_s = 0.0
        self.since = time.monotonic()

    def add(self, terms: dict[str, float]) -> None:
        """Take in the terms of one step; a term may be absent from some steps."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def report(self, step: int, faces: int, waited_s: float) -> dict[str, float]:
        """Write the means since the last report, with faces seen in all and a second.

        Args:
            step: Steps done.
            faces: Faces seen, in all.
            waited_s: Seconds that this sitting has waited for data, in all.
        Returns:
            what was written, by name; `waiting` is the share of the time that was spent so.
        Raises:
            RunBroken: the disk is full, or the file cannot be written for another reason.
        """
        now = time.monotonic()
        seconds = now - self.since
        line: dict[str, float] = {
            "step": step,
            "faces": faces,
            "faces_per_s": round((faces - self.faces) / seconds, 2),
            "waiting": round((waited_s - self.waited_s) / seconds, 4),
        }
        line |= {name: round(total / self.counts[name], 4) for name, total in self.sums.items()}
        try:
            with self.path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
        except OSError as error:
            raise RunBroken(f"cannot write the log {self.path}: {error}; the last checkpoint is good") from error
        print(" ".join(f"{name} {value}" for name, value in line.items()), file=sys.stderr, flush=True)  # noqa: T201
        self.sums, self.counts = {}, {}
        self.faces, self.waited_s, self.since = faces, waited_s, now
        return line


def read_losses(path: Path) -> list[dict[str, Any]]:
    """Lines of a losses.jsonl, oldest first. A last line that was cut off while being written is left out.

    Raises RunBroken, naming the line, for any other damage and for a file that is not there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunBroken(f"cannot read the log {path}: {error}") from error
    lines = []
    for number, written in enumerate(text.splitlines(keepends=True), start=1):
        if not written.endswith("\n"):
            break
        try:
            line = json.loads(written)
        except ValueError as error:
            raise RunBroken(f"{path}, line {number} is damaged ({error}); remove that line to go on") from error
        if not isinstance(line, dict) or not isinstance(line.get("step"), int):
            raise RunBroken(f"{path}, line {number} is no report of a step; remove that line to go on")
        lines.append(line)
    return lines


def gradient_norm(network: nn.Module) -> float:
    """Length of all gradients of a network taken as one vector, 0 if it has none; waits once for the device."""
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0


@torch.no_grad()
def at_every_group(generator: Generator | ReferenceGenerator, pictures: Tensor) -> Iterator[Tensor]:
    """Faces at the typical age of every group, one group after the other.

    Args:
        pictures: (N, 3, S, S) float32, -1..1, where the generator is.
    Yields:
        (N, 3, S, S) float32, about -1..1.
    """
    if isinstance(generator, ReferenceGenerator):
        for code in torch.eye(generator.num_groups, device=pictures.device):
            yield generator(pictures, code.expand(len(pictures), -1))
        return
    encoding = generator.encode(pictures)
    for years in generator.groups.typical_years:
        code = age_code(generator.groups, [years] * len(pictures)).to(pictures.device)
        yield generator.decode(pictures, encoding, code)[0]


def on_device(generator: nn.Module, faces: npt.NDArray[np.uint8]) -> Tensor:
    """(N, S, S, 3) uint8 RGB as (N, 3, S, S) float32, -1..1, where the generator is."""
    return to_tensor(faces).to(next(generator.parameters()).device)


def ages_made(
    generator: Generator, reader: Callable[[Tensor], Tensor], faces: npt.NDArray[np.uint8]
) -> dict[str, float]:
    """How old the same faces look at each target, to somebody who reads ages.

    Args:
        reader: (N, 3, S, S) float32, -1..1, to (N,) years.
        faces: (N, S, S, 3) uint8 RGB.
    Returns:
        mean years by the name of the group.
    """
    made = at_every_group(generator, on_device(generator, faces))
    with torch.no_grad():
        years = [float(reader(aged.clamp(-1, 1)).float().mean()) for aged in made]
    return dict(zip(generator.groups.names, years, strict=True))


def sample_grid(generator: Generator | ReferenceGenerator, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Each face and, to its right, the face at the typical age of every group.

    Args:
        faces: (N, S, S, 3) uint8 RGB.
    Returns:
        (N * P, (1 + groups) * P, 3) uint8 RGB; P is S, but at most GRID_PX.
    """
    pictures = on_device(generator, faces)
    columns = [to_uint8(_shrunk(one)) for one in chain((pictures,), at_every_group(generator, pictures))]
    return np.concatenate([np.concatenate(column) for column in columns], axis=1)


def _shrunk(pictures: Tensor) -> Tensor:
    if pictures.shape[-1] <= GRID_PX:
        return pictures
    return F.interpolate(pictures, (GRID_PX, GRID_PX), mode="bilinear", antialias=True, align_corners=False)


def write_grid(
    generator: Generator | ReferenceGenerator, faces: npt.NDArray[np.uint8], path: Path
) -> npt.NDArray[np.uint8]:
    """Save `sample_grid` as a PNG, and give it back."""
    grid = sample_grid(generator, faces)
    write_atomic(path, encode_png(grid))
    return grid
