"""Scores of real pairs of one person across ages, measured or published: what outputs are held against."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from cafdata.pairs import Faces, cell_pairs, scores_of
from core.published import ARCFACE, FACEPP, PairStatistics
from core.thresholds import CELLS, MIN_PAIRS, QUANTILE_LEVELS, ThresholdTable
from training.metrics import Floats

Place = tuple[int, int]
"""Younger and older of two groups of core.ages.TEN."""
NUM_POINTS = 1000
"""Evenly spaced quantiles that stand for a distribution."""
MAX_PAIRS = 20_000
"""Real pairs of a cell; more are sampled evenly."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RealScores:
    """Distributions of scores of two photos of one person, by pair of age groups."""

    source: str
    """Where they come from, for people."""
    samples: Mapping[Place, Floats]
    """Rising scores that stand for the distribution of a cell; a cell that is not here was not measured."""
    num_pairs: Mapping[Place, int]
    """Real pairs behind each; 0 where that was not published."""

    def of(self, group_a: int, group_b: int) -> Floats | None:
        """Scores of two groups, in either order; None where they were not measured."""
        younger, older = sorted((group_a, group_b))
        return self.samples.get((younger, older))


def measured_scores(faces: Faces, embeddings: npt.NDArray[np.float32], name: str) -> RealScores:
    """Cosines of all real pairs of faces; cells of fewer than MIN_PAIRS are left out.

    Args:
        faces: N faces.
        embeddings: (N, D) float32 of length 1.
        name: of the archive.
    """
    pairs = {place: cell_pairs(faces, *place, same=True, limit=MAX_PAIRS, seed=0) for place in CELLS}
    enough = {place: found for place, found in pairs.items() if len(found) >= MIN_PAIRS}
    return RealScores(
        source=f"measured with this recogniser on real pairs of the archive {name}",
        samples={place: np.sort(scores_of(embeddings, found).astype(np.float64)) for place, found in enough.items()},
        num_pairs={place: len(found) for place, found in enough.items()},
    )


def known_scores(table: ThresholdTable) -> RealScores:
    """What can be known without an archive, best first.

    The published Gaussians where they are of this recogniser; the quantiles of real pairs that the table itself
    has; else, for cosines, ArcFace's published Gaussians, which are of another recogniser: the source says so.
    For other scores without any of these nothing is known.
    """
    theirs = {"facepp": FACEPP, "arcface": ARCFACE}.get(table.recogniser)
    if theirs is not None:
        return published_scores(theirs, table, f"published Gaussian statistics of CAF for {table.recogniser}")
    quantiles = {(cell.younger, cell.older): cell.same_quantiles for cell in table.cells if cell.same_quantiles}
    if quantiles:
        levels = (np.arange(NUM_POINTS) + 0.5) / NUM_POINTS
        return RealScores(
            source=f"quantiles of real pairs in the threshold table, of {table.data}",
            samples={place: np.interp(levels, QUANTILE_LEVELS, values) for place, values in quantiles.items()},
            num_pairs={(cell.younger, cell.older): cell.num_same for cell in table.cells if cell.same_quantiles},
        )
    if table.scale == "cosine":
        return published_scores(
            ARCFACE, table, f"published Gaussian statistics of CAF for ArcFace, not measured for {table.recogniser}"
        )
    return RealScores(source="not known", samples={}, num_pairs={})


def published_scores(statistics: PairStatistics, table: ThresholdTable, source: str) -> RealScores:
    """Gaussians of published means and deviations, on the table's scale."""
    normal = np.asarray([NormalDist().inv_cdf((rank + 0.5) / NUM_POINTS) for rank in range(NUM_POINTS)])
    scores = {
        place: np.clip(statistics.same_mean[place] + statistics.same_std[place] * normal, 0, 100) for place in CELLS
    }
    if table.scale == "cosine":
        scores = {place: values / 50 - 1 for place, values in scores.items()}
    return RealScores(source=source, samples=scores, num_pairs=dict.fromkeys(CELLS, 0))
