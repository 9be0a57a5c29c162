"""Verification of outputs by one threshold for all ages and by the rectified one of each age gap.

Neither pass rate says anything alone: a generator that changes nothing passes always. Beside each stands what real
people of that gap reach, and how far the scores lie from theirs, towards too alike and towards too strange.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.ages import TEN
from core.published import SOURCE_GROUP
from core.thresholds import Cell, ThresholdTable
from training import metrics
from training.metrics import Figure, Floats, Numbers, finite, mean
from training.real_scores import RealScores

TAIL_SHARE = 0.05
"""Of real pairs so many are less alike, and so many more alike, than what "beyond" is counted from."""
NUM_DRAWS = 20
"""Seeded draws of real scores behind `distance_real`."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """P scores of an input and what was made of it, on a threshold table's scale."""

    scores: Floats
    """(P,)"""
    own_groups: Numbers
    """(P,) group of the input in core.ages.TEN."""
    target_groups: Numbers
    """(P,) group of the output."""

    def __post_init__(self) -> None:
        if not self.scores.shape == self.own_groups.shape == self.target_groups.shape or self.scores.ndim != 1:
            raise ValueError(f"{len(self.scores)} scores want as many groups of inputs and of outputs")

    def rows(self, which: npt.NDArray[np.bool_]) -> "Scored":
        """Those where (P,) is True."""
        return Scored(
            scores=self.scores[which], own_groups=self.own_groups[which], target_groups=self.target_groups[which]
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TableFigures:
    """Which threshold table was used."""

    recogniser: str
    recogniser_sha256: str | None
    version: int
    """Of the table's format."""
    sha256: str
    """Of the whole table, as it writes itself."""
    false_accept_rate: float | None
    """Asked for; None where the rule behind the thresholds is not known."""
    one_size_threshold: float | None
    band_share: float | None
    data: str
    data_sha256: str
    notes: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PassFigures:
    """Some outputs: all of one target group, or of one pair of groups. Shares 0..1, scores on the table's scale."""

    name: str
    """The target group, or both groups."""
    num_outputs: int
    num_without: int
    """Outputs whose pair of groups has no threshold; they count in nothing that speaks of the rectified one."""
    threshold: Figure
    """Rectified threshold, the mean over the outputs."""
    threshold_low: Figure
    """Lower end of its band, likewise; None where the table has no bands."""
    threshold_high: Figure
    methods: tuple[str, ...]
    """How the thresholds were found, see core.thresholds.Method."""
    false_accept_rate: Figure
    """Share of different-person pairs that pass the rectified threshold, by the table."""
    common_rate: Figure
    """Share of outputs that pass the one threshold for all ages."""
    rectified_rate: Figure
    """Share that pass the rectified one."""
    rectified_rate_low: Figure
    """The same at the upper end of the threshold's band, which fewer pass."""
    rectified_rate_high: Figure
    """At its lower end."""
    genuine_rate_table: Figure
    """Share of real same-person pairs that pass it, as the table itself says; None where it did not measure that."""
    mean_score: Figure
    real: "BesideReal | None"
    """None where nothing is known of real pairs of these groups."""

    @property
    def compared_rates(self) -> tuple[Figure, Figure]:
        """common_rate and rectified_rate of those outputs that real pairs stand beside; of all where none do."""
        of = self.real or self
        return of.common_rate, of.rectified_rate


@dataclass(frozen=True, kw_only=True, slots=True)
class BesideReal:
    """Scores of some outputs beside those of real same-person pairs of the same groups, weighted alike."""

    num_outputs: int
    """Outputs of groups of which real pairs are known; all that stands here is of these."""
    common_rate: Figure
    """Share of them that pass the one threshold for all ages."""
    rectified_rate: Figure
    """Share that pass the rectified one."""
    num_pairs: int
    """Real pairs behind the comparison; 0 where that was not published."""
    genuine_common_rate: Figure
    """Share of real pairs that pass the one threshold for all ages."""
    genuine_rate: Figure
    """Share that pass the rectified one."""
    mean_score: Figure
    """Of real pairs."""
    distance: Figure
    """Wasserstein-1 distance of the scores of outputs and of real pairs, in the scale's units."""
    distance_more: Figure
    """The part of it by which outputs are more alike than real pairs: too little aged."""
    distance_less: Figure
    """The part by which they are less alike: the person is lost."""
    distance_drawn: Figure
    """What as many scores drawn from real pairs would get: samples so small are not at 0."""
    below: Figure
    """Share of outputs less alike than all but TAIL_SHARE of real pairs."""
    above: Figure
    """Share more alike than all but TAIL_SHARE of real pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RectifiedFigures:
    """Verification of outputs."""

    table: TableFigures
    real_source: str
    """Where the scores of real pairs come from."""
    targets: tuple[PassFigures, ...]
    """All inputs together, a row a target group (of core.ages.TEN, by its typical age)."""
    from_twenties: tuple[PassFigures, ...]
    """Inputs of 20-29 alone, as in the paper."""
    cells: tuple[PassFigures, ...]
    """Each pair of groups that there are outputs of."""


def rectified_figures(scored: Scored, table: ThresholdTable, real: RealScores) -> RectifiedFigures:
    """Figures of scored outputs by a table, beside real pairs."""
    targets, is_twenties = scored.target_groups, scored.own_groups == SOURCE_GROUP
    places = sorted({(min(pair), max(pair)) for pair in _places(scored)}, key=lambda place: place[::-1])
    lower, upper = np.minimum(scored.own_groups, targets), np.maximum(scored.own_groups, targets)

    def by_target(which: npt.NDArray[np.bool_]) -> tuple[PassFigures, ...]:
        return tuple(
            pass_figures(TEN.names[group], scored.rows(which & (targets == group)), table, real)
            for group in np.unique(targets[which]).tolist()
        )

    return RectifiedFigures(
        table=table_figures(table),
        real_source=real.source,
        targets=by_target(np.ones(len(targets), dtype=np.bool_)),
        from_twenties=by_target(is_twenties & (targets != SOURCE_GROUP)),
        cells=tuple(
            pass_figures(f"{TEN.names[a]} and {TEN.names[b]}", scored.rows((lower == a) & (upper == b)), table, real)
            for a, b in places
        ),
    )


def table_figures(table: ThresholdTable) -> TableFigures:
    """What identifies a table."""
    return TableFigures(
        recogniser=table.recogniser,
        recogniser_sha256=table.recogniser_sha256,
        version=table.version,
        sha256=hashlib.sha256(table.to_json().encode()).hexdigest(),
        false_accept_rate=table.false_accept_rate,
        one_size_threshold=table.one_size_threshold,
        band_share=table.band_share,
        data=table.data,
        data_sha256=table.data_sha256,
        notes=table.notes,
    )


def pass_figures(name: str, scored: Scored, table: ThresholdTable, real: RealScores) -> PassFigures:
    """Figures of some outputs, at least one."""
    cells = [table.cell(*place) for place in _places(scored)]
    thresholds = _of(cells, "threshold")
    common = table.one_size_threshold
    return PassFigures(
        name=name,
        num_outputs=len(cells),
        num_without=int(np.isnan(thresholds).sum()),
        threshold=finite(mean(thresholds)),
        threshold_low=finite(mean(_of(cells, "low"))),
        threshold_high=finite(mean(_of(cells, "high"))),
        methods=tuple(sorted({cell.method for cell in cells if cell is not None})),
        false_accept_rate=finite(mean(_of(cells, "false_accept_rate"))),
        common_rate=None if common is None else finite(mean(metrics.reach(scored.scores, common))),
        rectified_rate=_pass_rate(scored.scores, thresholds),
        rectified_rate_low=_pass_rate(scored.scores, _of(cells, "high")),
        rectified_rate_high=_pass_rate(scored.scores, _of(cells, "low")),
        genuine_rate_table=_whole_mean(_of(cells, "genuine_rate")[~np.isnan(thresholds)]),
        mean_score=finite(mean(scored.scores)),
        real=beside_real(scored, thresholds, common, real),
    )


def beside_real(scored: Scored, thresholds: Floats, common: float | None, real: RealScores) -> BesideReal | None:
    """Outputs beside real pairs; those of groups that no real pairs are known of are left out.

    Args:
        scored: P outputs.
        thresholds: (P,) rectified threshold of each, NaN for none.
        common: the one threshold for all ages, None for none.
        real: scores of real pairs.
    """
    places = [(min(pair), max(pair)) for pair in _places(scored)]
    is_known = np.asarray([place in real.samples for place in places], dtype=np.bool_)
    counts = Counter(place for place in places if place in real.samples)
    if not counts:
        return None
    samples = [(real.samples[place], count) for place, count in sorted(counts.items())]
    values = np.concatenate([one for one, _ in samples])
    weights = np.concatenate([np.full(len(one), count / len(one)) for one, count in samples])
    scores, own = scored.scores[is_known], thresholds[is_known]
    more, less = metrics.transport(scores, values, weights)
    low, high = metrics.weighted_quantiles(values, weights, (TAIL_SHARE, 1 - TAIL_SHARE))
    known = [place for place in places if place in counts]
    passing = [metrics.share_from(real.samples[place], float(least)) for place, least in zip(known, own, strict=True)]
    passing_common = [] if common is None else [metrics.share_from(real.samples[place], common) for place in known]
    drawn = [_drawn_distance(samples, values, weights, seed) for seed in range(NUM_DRAWS)]
    return BesideReal(
        num_outputs=len(scores),
        common_rate=None if common is None else finite(mean(metrics.reach(scores, common))),
        rectified_rate=_pass_rate(scores, own),
        num_pairs=sum(real.num_pairs[place] for place in counts),
        genuine_common_rate=finite(mean(passing_common)),
        genuine_rate=finite(mean(passing)),
        mean_score=finite(float(np.average(values, weights=weights))),
        distance=finite(more + less),
        distance_more=finite(more),
        distance_less=finite(less),
        distance_drawn=finite(mean(drawn)),
        below=finite(mean(scores < low)),
        above=finite(mean(scores > high)),
    )


def _drawn_distance(samples: Sequence[tuple[Floats, int]], values: Floats, weights: Floats, seed: int) -> float:
    """Distance of as many real scores as there are outputs, drawn from those of the same groups."""
    random = np.random.default_rng(seed)
    drawn = np.concatenate([one[random.integers(len(one), size=count)] for one, count in samples])
    return sum(metrics.transport(drawn, values, weights))


def _places(scored: Scored) -> list[tuple[int, int]]:
    return list(zip(scored.own_groups.tolist(), scored.target_groups.tolist(), strict=True))


def _of(cells: Sequence[Cell | None], field: str) -> Floats:
    """(P,) a field of each cell; NaN where there is no cell, or it does not say."""
    values = [None if cell is None else getattr(cell, field) for cell in cells]
    return np.asarray([np.nan if value is None else value for value in values], dtype=np.float64)


def _pass_rate(scores: Floats, thresholds: Floats) -> Figure:
    """Share of the scores with a threshold that reach it."""
    is_known = ~np.isnan(thresholds)
    return finite(mean(metrics.reach(scores[is_known], thresholds[is_known])))


def _whole_mean(values: Floats) -> Figure:
    """Mean, None where not all are known."""
    return finite(float(values.mean())) if len(values) and not np.isnan(values).any() else None
