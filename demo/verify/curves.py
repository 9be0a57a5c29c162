"""Scores of strangers and of one person as a picture: SVG for lines and areas, HTML for every letter in it.

Only what is known is drawn. Published means and deviations give two bells; measured thresholds give three points of
the strangers' tail, each with its band. The drawing stretches with the page, so its letters lie beside it in HTML.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import NormalDist

from core.thresholds import QUANTILE_LEVELS, RANGES, Scale
from demo.language import Language
from demo.verify.evidence import Normal, Points, Scores

WIDTH, HEIGHT = 1000.0, 240.0
BASE, TOP = 238.0, 14.0
NUM_STEPS = 120
REACH_STD = 3.2
"""Bells are drawn so many deviations to each side."""
NUM_TICKS = 6
CENTRAL = (0.05, 0.5, 0.95)
"""Of one person's measured scores the middle nine tenths are shown, and the median."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """What stands in the picture besides the scores of others, on the table's scale; None: it does not."""

    rectified: float | None = None
    """The threshold of the two groups."""
    band: tuple[float, float] | None = None
    """Where it may lie."""
    one_size: float | None = None
    """The one threshold for all ages."""
    pair: float | None = None
    """The score of the visitor's two faces."""
    made: float | None = None
    """The mean score of generated faces."""

    @property
    def values(self) -> list[float]:
        """All that stand in it."""
        ends = self.band or ()
        return [value for value in (self.rectified, *ends, self.one_size, self.pair, self.made) if value is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """The score axis, from left to right."""

    low: float
    """Score at the left edge."""
    high: float
    """Score at the right edge."""

    def percent(self, score: float) -> float:
        """Where a score lies, 0..100 from the left."""
        return 100 * (score - self.low) / (self.high - self.low)

    def x(self, score: float) -> float:
        """The same in units of the drawing."""
        return WIDTH * (score - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round scores, five or so."""
        rough = (self.high - self.low) / NUM_TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step) + 1)]


def axis_for(strangers: Scores | None, same: Scores | None, marks: Marks, scale: Scale) -> Axis:
    """An axis on which everything that is known has room."""
    values = marks.values
    for scores in (strangers, same):
        if isinstance(scores, Normal):
            values += [scores.mean - REACH_STD * scores.std, min(scores.mean + REACH_STD * scores.std, scores.highest)]
        elif scores is not None:
            values += [*scores.scores, *(end for band in scores.bands if band for end in band)]
    low, high = RANGES[scale]
    values = values or [low, high]
    margin = 0.06 * (max(values) - min(values)) or 0.1 * (high - low)
    return Axis(low=max(low, min(values) - margin), high=max(max(values) + margin, min(values) + margin))


def plot(say: Language, strangers: Scores | None, same: Scores | None, marks: Marks, scale: Scale, told: str) -> str:
    """The picture as HTML.

    Args:
        strangers: scores of two people of the two groups; None: nothing is known.
        same: scores of one person.
        marks: thresholds and scores that stand in it.
        scale: of all of these.
        told: the picture in words, for those who hear the page.
    """
    axis = axis_for(strangers, same, marks, scale)
    has_rows = isinstance(strangers, Points) or isinstance(same, Points)
    shapes, letters = band_and_lines(axis, marks), tick_letters(say, axis)
    known = [("strangers", strangers), ("same", same)]
    bells = [(kind, scores) for kind, scores in known if isinstance(scores, Normal)]
    if bells:
        shapes = "".join(bell(axis, scores, kind, tallest(bells)) for kind, scores in bells) + shapes
    rows: list[tuple[str, str]] = []
    if isinstance(strangers, Points):
        rows += [row_of(say, axis, strangers, number) for number in range(len(strangers.scores))]
    if isinstance(same, Points):
        rows.append(central_row(say, axis, same))
    for number, (drawn, letter) in enumerate(rows):
        middle = 100 * (number + 0.5) / len(rows)
        letters += f'<div class="verify-row" style="top:{middle:.2f}%"><span>{letter}</span>{drawn}</div>'
    for kind, value in (("pair", marks.pair), ("made", marks.made)):
        if value is not None:
            letters += f'<i class="verify-spot {kind}" style="left:{axis.percent(value):.2f}%"></i>'
    return (
        f'<div class="verify-frame{" rows" if has_rows else ""}" role="img" aria-label="{escape(told)}">'
        f'<div class="verify-canvas" aria-hidden="true"><svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        f'preserveAspectRatio="none">{shapes}</svg>{letters}</div></div>'
    )


def tallest(bells: Sequence[tuple[str, Normal]]) -> float:
    """The greatest density of several bells."""
    return max(NormalDist(scores.mean, scores.std).pdf(scores.mean) for _, scores in bells)


def bell(axis: Axis, scores: Normal, kind: str, greatest: float) -> str:
    """One bell, filled and with its outline, up to the end of the scale."""
    known = NormalDist(scores.mean, scores.std)
    start = max(axis.low, scores.mean - 4 * scores.std)
    end = min(axis.high, scores.mean + 4 * scores.std, scores.highest)
    steps = [start + (end - start) * step / NUM_STEPS for step in range(NUM_STEPS + 1)]
    points = [f"{axis.x(at):.1f} {BASE - (BASE - TOP) * known.pdf(at) / greatest:.1f}" for at in steps]
    line = "M" + "L".join(points)
    area = f"M{axis.x(start):.1f} {BASE}L{'L'.join(points)}L{axis.x(end):.1f} {BASE}Z"
    return f'<path class="verify-area {kind}" d="{area}"/><path class="verify-line {kind}" d="{line}"/>'


def band_and_lines(axis: Axis, marks: Marks) -> str:
    """The thresholds as upright lines, the band as an area behind them, the base line."""
    shapes = ""
    if marks.band is not None:
        left, right = (axis.x(end) for end in marks.band)
        shapes += f'<rect class="verify-band" x="{left:.1f}" y="0" width="{right - left:.1f}" height="{HEIGHT:g}"/>'
    for kind, value in (("one-size", marks.one_size), ("rectified", marks.rectified)):
        if value is not None:
            shapes += f'<path class="verify-threshold {kind}" d="M{axis.x(value):.1f} 0V{HEIGHT:g}"/>'
    return f'{shapes}<path class="verify-base" d="M0 {BASE}H{WIDTH:g}"/>'


def tick_letters(say: Language, axis: Axis) -> str:
    """The scores under the picture."""
    ticks = axis.ticks()
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9)) if len(ticks) > 1 else 2
    return "".join(
        f'<span class="verify-tick" style="left:{axis.percent(tick):.2f}%">{say.number(f"{tick:.{digits}f}")}</span>'
        for tick in ticks
    )


def row_of(say: Language, axis: Axis, scores: Points, number: int) -> tuple[str, str]:
    """One known point of the strangers' tail with its band, and what is written beside it."""
    score, share = scores.scores[number], scores.shares[number]
    band = scores.bands[number] if scores.bands else None
    drawn = span_of(axis, band) if band else ""
    drawn += f'<i class="verify-dot strangers" style="left:{axis.percent(score):.2f}%"></i>'
    return drawn, say("1 in {number}", number=say.number(f"{1 / share:,.0f}"))


def central_row(say: Language, axis: Axis, same: Points) -> tuple[str, str]:
    """One person's measured scores: their middle nine tenths and the median."""
    low, median, high = (same.scores[QUANTILE_LEVELS.index(level)] for level in CENTRAL)
    drawn = span_of(axis, (low, high), " same")
    drawn += f'<i class="verify-dot same" style="left:{axis.percent(median):.2f}%"></i>'
    return drawn, say("one person")


def span_of(axis: Axis, ends: tuple[float, float], kind: str = " strangers") -> str:
    """A bar from one score to another."""
    left, right = (axis.percent(end) for end in ends)
    return f'<i class="verify-span{kind}" style="left:{left:.2f}%;width:{right - left:.2f}%"></i>'
