"""Charts of an evaluation as SVG for a page: text and axes take the page's colour, by day and by night."""

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from training.figures import Figures
from training.metrics import Figure
from training.rectified import PassFigures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES = (4.2, 3.2)
COLOURS = ("#1f86c8", "#d55e00", "#009e73", "#cc79a7")
"""After Okabe and Ito, told apart by the colour-blind as well; bright enough for a dark page."""
INK = "#010203"
"""Replaced by the page's own colour; nothing else is drawn in it."""


def ages_chart(figures: Figures) -> str:
    """Mean judged age of outputs and of real faces, by target group and judge."""
    with _styled("ages"):
        place, finish = _chart(figures.target_groups, "mean judged age, years")
        for judge, colour in zip(figures.judges, COLOURS, strict=False):
            _line(place, judge.judged_mean_years, colour, f"outputs ({judge.judge})")
            _line(place, judge.judged_mean_years_real, colour, f"real faces ({judge.judge})", is_real=True)
        return finish()


def cosines_chart(figures: Figures) -> str:
    """Mean cosine of input and output, by target group, against the published band of real pairs."""
    likeness = figures.likeness
    with _styled("cosines"):
        place, finish = _chart(figures.target_groups, "cosine to the input")
        low, high = (np.asarray(_values(edge)) for edge in (likeness.band_low_by_target, likeness.band_high_by_target))
        place.fill_between(range(len(low)), low, high, color=COLOURS[2], alpha=0.25, linewidth=0,
                           label="real pairs, published, one deviation to each side")  # fmt: skip
        _line(place, likeness.cosine_by_target, COLOURS[0], "outputs")
        if likeness.different_person_bound is not None:
            place.axhline(likeness.different_person_bound, color=COLOURS[1], linestyle=(0, (1, 1.5)),
                          label="99.9 % of pairs of different inputs lie below")  # fmt: skip
        return finish()


def passing_chart(rows: Sequence[PassFigures]) -> str:
    """Share of outputs and of real pairs that pass the one threshold for all ages, and the rectified one."""
    with _styled("passing"):
        place, finish = _chart([row.name for row in rows], "share that passes")
        real = [row.real for row in rows]
        _line(place, [row.compared_rates[0] for row in rows], COLOURS[1], "outputs, one threshold for all")
        _line(place, [one.genuine_common_rate if one else None for one in real], COLOURS[1], "real pairs, one for all",
              is_real=True)  # fmt: skip
        _line(place, [row.compared_rates[1] for row in rows], COLOURS[0], "outputs, rectified")
        _line(
            place,
            [one.genuine_rate if one else None for one in real],
            COLOURS[0],
            "real pairs, rectified",
            is_real=True,
        )
        place.set_ylim(-0.03, 1.03)
        return finish()


def _styled(salt: str) -> AbstractContextManager[None]:
    """Settings of the chart; `salt` keeps the names within one SVG apart from those of others on the page."""
    from matplotlib import rc_context

    inks = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color")
    settings: dict[Any, Any] = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9.0}
    settings |= {"legend.frameon": False, "svg.hashsalt": salt} | dict.fromkeys(inks, INK)
    return rc_context(settings)


def _chart(names: Sequence[str], label: str) -> "tuple[Axes, Callable[[], str]]":
    """Empty axes with a place for each name, and what renders them with their legend."""
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=INCHES, layout="constrained", facecolor="none")
    place = drawing.subplots()
    place.set_facecolor("none")
    place.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    place.set_ylabel(label)
    place.grid(alpha=0.2)
    for side in ("top", "right"):
        place.spines[side].set_visible(False)

    def finish() -> str:
        drawing.legend(*place.get_legend_handles_labels(), loc="outside lower left", ncols=1, fontsize=8)
        rendered = io.StringIO()
        drawing.savefig(rendered, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = rendered.getvalue()
        return text[text.index("<svg") :].replace(INK, "currentColor")

    return place, finish


def _line(place: "Axes", figures: Sequence[Figure], colour: str, label: str, *, is_real: bool = False) -> None:
    """Outputs solid, real people dashed with open marks; gaps where nothing was measured."""
    place.plot(range(len(figures)), _values(figures), color=colour, label=label, marker="o", markersize=4,
               markerfacecolor="none" if is_real else colour, linestyle=(0, (4, 2)) if is_real else "solid",
               linewidth=1.6)  # fmt: skip


def _values(figures: Sequence[Figure]) -> list[float]:
    return [float("nan") if value is None else value for value in figures]
