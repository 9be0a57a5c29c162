"""Threshold tables from what was published: the paper's own thresholds, and those its CAF statistics lead to.

The statistics are means and deviations; scores are taken to be normal. How many pairs they rest on was not said, so
there are no bands.
"""

import hashlib
import json
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from core.ages import TEN
from core.published import ARCFACE, FACEPP, FACEPP_THRESHOLDS, SOURCE_GROUP, PairStatistics
from core.thresholds import CELLS, QUANTILE_LEVELS, Cell, Scale, ThresholdTable

MADE_WITH = "python -m cafdata published --out core/thresholds"
HIGHEST = 100.0
"""End of the scale that the statistics are published on."""
SOURCE = "AgeTransGAN (ECCV 2022)"
DATA = f"{SOURCE}, supplement: CAF statistics, same- and different-person means and deviations"
NOTES = (
    "Scores of each cell are taken to be normally distributed with the published mean and deviation; how many pairs "
    "those rest on was not published, so there are no bands. The tails of real scores may be heavier. What would lie "
    "beyond the end of the scale counts as lying at the end: from a threshold above it on nothing passes."
)


def published_tables(rates: tuple[float, ...]) -> Iterator[tuple[str, ThresholdTable]]:
    """File name and table: the paper's thresholds, then Face++ and ArcFace at each rate."""
    yield "facepp-paper.json", paper_table()
    for statistics in (FACEPP, ARCFACE):
        for rate in rates:
            yield f"{statistics.recogniser}-statistics-{rate:g}.json", statistics_table(statistics, rate)


def paper_table() -> ThresholdTable:
    """Face++'s confidences from which the paper calls a face of 20-29, made another age, the same person."""
    cells = []
    for group, threshold in FACEPP_THRESHOLDS.items():
        younger, older = sorted((group, SOURCE_GROUP))
        cells.append(_cell(FACEPP, younger, older, threshold, "published"))
    return ThresholdTable(
        recogniser=FACEPP.recogniser,
        recogniser_sha256=None,
        scale="0..100",
        false_accept_rate=None,
        one_size_threshold=None,
        tail="none",
        data=f"{SOURCE}, README: rectified threshold",
        data_sha256=_digest(sorted(FACEPP_THRESHOLDS.items())),
        made_with=MADE_WITH,
        notes="For 20-29 against each other group. The rule behind these thresholds was not published; the rates of "
        "each cell are those that the CAF statistics imply if scores are normally distributed.",
        cells=tuple(cells),
    )


def statistics_table(statistics: PairStatistics, rate: float) -> ThresholdTable:
    """Thresholds at a false-accept rate if scores are normal. ArcFace's are given as cosines."""
    if not 0 < rate < 0.5:
        raise ValueError(f"a false-accept rate lies between 0 and 0.5, got {rate}")
    is_cosine = statistics is ARCFACE
    scale: Scale = "cosine" if is_cosine else "0..100"
    thresholds = [_of(statistics, younger, older)[1].inv_cdf(1 - rate) for younger, older in CELLS]
    cells = [
        _cell(statistics, younger, older, threshold, "fitted")
        for (younger, older), threshold in zip(CELLS, thresholds, strict=True)
    ]
    tables = (statistics.same_mean, statistics.same_std, statistics.different_mean, statistics.different_std)
    return ThresholdTable(
        recogniser=statistics.recogniser,
        recogniser_sha256=None,
        scale=scale,
        false_accept_rate=rate,
        one_size_threshold=_on_scale(one_size(statistics, rate), is_cosine),
        tail="gaussian",
        data=DATA,
        data_sha256=_digest([table.tolist() for table in tables]),
        made_with=MADE_WITH,
        notes=f"{NOTES} Published as 50 (1 + cosine), given here as cosines." if is_cosine else NOTES,
        cells=tuple(cells),
    )


def one_size(statistics: PairStatistics, rate: float) -> float:
    """The score, 0..100, that different-person pairs reach at a rate if each of the 55 cells has as many of them."""
    tails = [_of(statistics, younger, older)[1] for younger, older in CELLS]
    low, high = 0.0, 200.0
    for _ in range(60):
        middle = (low + high) / 2
        passing = float(np.mean([1 - tail.cdf(middle) for tail in tails]))
        low, high = (middle, high) if passing > rate else (low, middle)
    return high


def _cell(statistics: PairStatistics, younger: int, older: int, threshold: float, method: str) -> Cell:
    same, different = _of(statistics, younger, older)
    is_cosine = statistics is ARCFACE
    equal = (different.mean * same.stdev + same.mean * different.stdev) / (same.stdev + different.stdev)
    return Cell(
        younger=younger,
        older=older,
        threshold=_on_scale(threshold, is_cosine),
        method="published" if method == "published" else "fitted",
        false_accept_rate=_passing(different, threshold),
        genuine_rate=_passing(same, threshold),
        equal_error_rate=_passing(different, equal),
        same_quantiles=tuple(_on_scale(min(same.inv_cdf(level), HIGHEST), is_cosine) for level in QUANTILE_LEVELS),
    )


def _passing(scores: NormalDist, threshold: float) -> float:
    """Share of scores that are at least the threshold, to six digits; none where it lies above the scale."""
    return _digits(1 - scores.cdf(threshold)) if threshold <= HIGHEST else 0.0


def _of(statistics: PairStatistics, younger: int, older: int) -> tuple[NormalDist, NormalDist]:
    """Scores 0..100 of one person's and of two people's pairs."""
    assert 0 <= younger <= older < len(TEN)
    same = NormalDist(float(statistics.same_mean[younger, older]), float(statistics.same_std[younger, older]))
    mean, deviation = float(statistics.different_mean[younger, older]), float(statistics.different_std[younger, older])
    return same, NormalDist(mean, deviation)


def _on_scale(score: float, is_cosine: bool) -> float:
    return round(score / 50 - 1, 6) if is_cosine else round(score, 4)


def _digits(rate: float) -> float:
    """A rate to six significant digits."""
    return float(f"{rate:.6g}")


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
