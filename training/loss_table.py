"""A run's loss log made short enough to lie beside its model: a table of means over stretches of training."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.files import write_atomic
from core.weights import ModelInfo
from training.metrics import mean
from training.monitor import LOSSES_FILE, read_losses

MOST_ROWS = 200
COUNTERS = ("step", "faces")
"""Columns that say how far training was at the end of a stretch; all others are means over it."""


def export_losses(run: Path, info: ModelInfo) -> str:
    """Write a run's losses beside its exported model, NAME.losses.csv, and give back what the card says of them.

    Where the run's folder holds no log there is no table either, and the card says so.

    Raises RunBroken if the log is damaged.
    """
    path = info.folder / f"{info.name}.losses.csv"
    if not (run / LOSSES_FILE).is_file():
        path.unlink(missing_ok=True)
        return "none lie beside this card: the run's folder held no loss log when it was exported"
    write_atomic(path, loss_table(read_losses(run / LOSSES_FILE)).encode())
    return f"in `{path.name}`: where training was, and the mean of each figure since the row before"


def loss_table(reports: Sequence[Mapping[str, float]]) -> str:
    """CSV of at most MOST_ROWS rows, each of equally many reports; a cell is empty where no report held the figure.

    Args:
        reports: of training.monitor.read_losses.
    """
    names = dict.fromkeys(name for report in reports for name in report if name not in COUNTERS)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*COUNTERS, *names])
    for places in np.array_split(np.arange(len(reports)), min(len(reports), MOST_ROWS) or 1):
        stretch = [reports[place] for place in places]
        held = [[report[name] for report in stretch if name in report] for name in names]
        if stretch:
            means = [f"{mean(values):.4g}" if values else "" for values in held]
            writer.writerow([*(stretch[-1].get(name, "") for name in COUNTERS), *means])
    return table.getvalue()
