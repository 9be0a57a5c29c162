"""Curves of one or more runs, from their loss logs: a panel a figure, what was written thin, its running mean bold."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.errors import RunBroken
from core.files import write_atomic
from training.monitor import LOSSES_FILE, read_losses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".html")
SMOOTHING_REPORTS = 9
"""Reports that the bold line is the mean of, half of them on either side; fewer where there are not four times more."""
NUM_COLUMNS = 4
PANEL_INCHES = (3.6, 2.3)
RUN_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, told apart by the colour-blind as well."""
Dashes = tuple[float, Sequence[float]]
DASHES: tuple[Dashes, ...] = ((0, ()), (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
"""Offset, then lengths of line and gap in turn; a run keeps its dashes in all panels, as it keeps its colour."""
TITLES = {
    "d": "discriminator",
    "g": "generator",
    "r1": "gradient penalty R1",
    "age_real": "age group of real faces",
    "age_made": "age group of made faces",
    "hit_real": "real faces: share of right groups",
    "hit_made": "made faces: share of right groups",
    "read_age": "age read from made faces",
    "present_age": "present age",
    "own_age": "own age given back (L1)",
    "cycle": "there and back (L1)",
    "kept": "what may not change (L1)",
    "mask": "mean of the mask",
    "waiting": "share of time waiting for data",
    "faces_per_s": "faces a second",
}
"""What a name in the log stands for, where it does not say so itself."""
GROUP_TITLES = {"years": "years read, by target group", "gradient": "length of the gradient"}
"""The same for names that share a panel: years/20-29, years/30-39 and so on."""
LAST = ("waiting", "faces_per_s")
"""What is drawn after everything else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One figure over one run."""

    steps: npt.NDArray[np.int64]
    """(K,) steps of the reports that hold it, ascending."""
    values: npt.NDArray[np.float64]
    """(K,)"""

    def smooth(self) -> npt.NDArray[np.float64]:
        """(K,) mean over the reports around each; fewer at the ends. Values that are no numbers stay out of it."""
        width = np.ones(min(SMOOTHING_REPORTS, len(self.values) // 8 * 2 + 1))
        is_number = np.isfinite(self.values)
        total = np.convolve(np.where(is_number, self.values, 0.0), width, mode="same")
        count = np.convolve(is_number.astype(np.float64), width, mode="same")
        return np.where(count > 0.5, total / np.maximum(count, 1.0), np.nan)


Curves = Mapping[str, Curve]


def read_curves(run: Path) -> Curves:
    """What a run's log holds, by name. Raises RunBroken if there is none, it is damaged, or has no report yet."""
    path = run / LOSSES_FILE
    if not path.is_file():
        raise RunBroken(f"nothing to plot: {run} holds no {LOSSES_FILE}; name the folder of a training run")
    lines = read_losses(path)
    if not lines:
        raise RunBroken(f"nothing to plot yet: {path} holds no report")
    found: dict[str, tuple[list[int], list[float]]] = {}
    for number, line in enumerate(lines, start=1):
        for name, value in line.items():
            if name in ("step", "faces"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise RunBroken(f"{path}, line {number}: {name} is {value!r}, not a number")
            steps, values = found.setdefault(name, ([], []))
            steps.append(line["step"])
            values.append(float(value))
    return {name: Curve(steps=np.array(steps), values=np.array(values)) for name, (steps, values) in found.items()}


def plot(runs: Sequence[Path], out: Path) -> None:
    """Draw the runs over each other into a .png, .svg or .html file.

    Raises:
        RunBroken: a log is missing, damaged or empty; nothing is written then.
        ValueError: no run, or another kind of file.
    """
    if out.suffix not in FORMATS:
        raise ValueError(f"{out.name} ends in none of {', '.join(FORMATS)}")
    if not runs:
        raise ValueError("name at least one run folder to plot")
    labels = [run.name for run in runs]
    if len(set(labels)) < len(labels):
        labels = [str(run) for run in runs]
    figure = draw({label: read_curves(run) for label, run in zip(labels, runs, strict=True)})
    rendered = io.BytesIO()
    figure.savefig(rendered, format="png" if out.suffix == ".png" else "svg", dpi=110)
    data = rendered.getvalue()
    if out.suffix == ".html":
        page = "<!doctype html><meta charset='utf-8'><title>Training runs</title><body style='margin:0'>"
        data = page.encode() + data[data.index(b"<svg") :]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, data)


def panels_of(runs: Mapping[str, Curves]) -> dict[str, list[str]]:
    """Names of the curves in each panel, panels in the order of the log, rates last."""
    names = list(dict.fromkeys(name for curves in runs.values() for name in curves))
    panels: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: LAST.index(name) if name in LAST else -1):
        panels.setdefault(name.partition("/")[0], []).append(name)
    return panels


def draw(runs: Mapping[str, Curves]) -> "Figure":
    """A figure of all panels: dashes and a colour a run, or, where curves share a panel, a colour a curve."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    panels = panels_of(runs)
    num_columns = min(NUM_COLUMNS, len(panels))
    num_rows = math.ceil(len(panels) / num_columns)
    size_inches = (PANEL_INCHES[0] * num_columns, PANEL_INCHES[1] * num_rows + 0.4)
    figure = Figure(figsize=size_inches, layout="constrained")
    places = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    styles = [(RUN_COLOURS[number % len(RUN_COLOURS)], DASHES[number % len(DASHES)]) for number in range(len(runs))]
    for place, (panel, names) in zip(places, panels.items(), strict=False):
        is_group = "/" in names[0]
        place.set_title(GROUP_TITLES.get(panel, panel) if is_group else TITLES.get(panel, panel), fontsize=9)
        place.tick_params(labelsize=7)
        place.grid(alpha=0.25)
        for curves, (colour, dashes) in zip(runs.values(), styles, strict=True):
            colours = shades(len(names)) if is_group else [colour]
            for name, own_colour in zip(names, colours, strict=True):
                if name in curves:
                    draw_curve(place, curves[name], own_colour, dashes, name.partition("/")[2])
        _keep_to_most(place, [curves[name] for curves in runs.values() for name in names if name in curves])
    for place in places[len(panels) :]:
        place.set_visible(False)
    for place in places[max(0, len(panels) - num_columns) : len(panels)]:
        place.set_xlabel("steps", fontsize=8)
    keys = [Line2D([], [], color=colour, linestyle=dashes) for colour, dashes in styles]
    figure.legend(keys, list(runs), loc="outside upper left", ncols=min(6, len(runs)), fontsize=9, frameon=False)
    return figure


def shades(count: int) -> list[str]:
    """So many colours of a scale from dark to light."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(shade) for shade in colormaps["viridis"](np.linspace(0, 0.8, count))]


def draw_curve(place: "Axes", curve: Curve, colour: str, dashes: Dashes, caption: str) -> None:
    """One run's curve in one panel, as written and smoothed, with a caption at its end."""
    smooth = curve.smooth()
    place.plot(curve.steps, curve.values, color=colour, alpha=0.25, linewidth=0.8)
    place.plot(curve.steps, smooth, color=colour, linewidth=1.5, linestyle=dashes)
    place.annotate(
        caption,
        (curve.steps[-1], smooth[-1]),
        xytext=(3, 0),
        textcoords="offset points",
        color=colour,
        fontsize=6,
        verticalalignment="center",
        annotation_clip=False,
    )


def _keep_to_most(place: "Axes", curves: Sequence[Curve]) -> None:
    """Set the height by all but the outermost hundredth of the values: one peak must not flatten all else."""
    values = np.concatenate([curve.values for curve in curves])
    values = values[np.isfinite(values)]
    if len(values):
        low, high = np.quantile(values, (0.005, 0.995))
        margin = 0.06 * (high - low) or 0.05 * max(abs(high), 0.1)
        place.set_ylim(low - margin, high + margin)
