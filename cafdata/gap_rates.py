"""How many pairs pass per gap in years, by one threshold for all ages and by the thresholds of each pair of groups.

A threshold table speaks of pairs of age groups. Years apart are another view of the same pairs: whether the one
threshold turns people away the more, the more years lie between their pictures, and whether the rectified ones let
about as many strangers pass at every gap.
"""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cafdata.operating import share_passing
from cafdata.pairs import GAP_EDGES_YEARS, Faces, Pairs, gap_pairs, scores_of
from core.ages import TEN
from core.thresholds import MIN_PAIRS, ThresholdTable

MAX_PAIRS = 200_000
"""Pairs of a gap and kind at most; twenty of them reach a rate of 1e-4."""
COLUMNS = (
    "from_years",
    "to_years",
    "at_false_accept_rate",
    "num_different",
    "different_passing_one_size",
    "different_passing_rectified",
    "num_same",
    "same_passing_one_size",
    "same_passing_rectified",
)

Scores = npt.NDArray[np.float32]
Thresholds = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Passing:
    """Of pairs of one person, or of two, those that pass."""

    num_pairs: int
    """Pairs of groups that have a threshold; at most as many as were to be drawn."""
    one_size: float | None
    """Share, 0..1, by the one threshold for all ages; None below MIN_PAIRS, or without such a threshold."""
    rectified: float | None
    """Share by the threshold of each pair of groups; None below MIN_PAIRS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GapRates:
    """One gap at the rate of one table."""

    from_years: float
    to_years: float
    """The gap is less than this."""
    at_false_accept_rate: float | None
    """Of the table."""
    different: Passing
    same: Passing


def gap_rates(
    faces: Faces, embeddings: npt.NDArray[np.float32], tables: Sequence[ThresholdTable], *, max_pairs: int, seed: int
) -> Iterator[GapRates]:
    """Rates of each gap of GAP_EDGES_YEARS by each table, on the pairs of these faces.

    Pairs of a face that lies in no group, and of groups that have no threshold, are left out of both shares, so
    that these stand for the same pairs. Gaps without any are not told.

    Args:
        faces: N faces.
        embeddings: (N, D) float32 of length 1, by the recogniser of the tables.
        tables: for cosines.
        max_pairs: of a gap and kind at most.
        seed: fixes which are drawn.
    """
    limit = min(max_pairs, MAX_PAIRS)
    by_cell = [_thresholds(table) for table in tables]
    for low, high in itertools.pairwise(GAP_EDGES_YEARS):
        kinds = []
        for same in (False, True):
            pairs = gap_pairs(faces, low, high, same=same, limit=limit, seed=seed)
            kinds.append((pairs, scores_of(embeddings, pairs)))
        for table, thresholds in zip(tables, by_cell, strict=True):
            different, same_person = (_passing(faces, *kind, table, thresholds) for kind in kinds)
            if different.num_pairs or same_person.num_pairs:
                yield GapRates(
                    from_years=low,
                    to_years=high,
                    at_false_accept_rate=table.false_accept_rate,
                    different=different,
                    same=same_person,
                )


def gap_rates_csv(rows: Sequence[GapRates]) -> str:
    """A row for each gap and rate; a share that is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        figures: list[float | int | None] = []
        for kind in (row.different, row.same):
            figures += [kind.num_pairs, kind.one_size, kind.rectified]
        writer.writerow((f"{row.from_years:g}", f"{row.to_years:g}", row.at_false_accept_rate, *figures))
    return text.getvalue()


def _thresholds(table: ThresholdTable) -> Thresholds:
    """(10, 10) thresholds by the groups of a pair in either order; NaN where there is none."""
    found = np.full((len(TEN), len(TEN)), np.nan, dtype=np.float32)
    for cell in table.cells:
        if cell.threshold is not None:
            found[cell.younger, cell.older] = found[cell.older, cell.younger] = cell.threshold
    return found


def _passing(faces: Faces, pairs: Pairs, scores: Scores, table: ThresholdTable, thresholds: Thresholds) -> Passing:
    one, other = faces.groups[pairs.first], faces.groups[pairs.second]
    own = np.where((one >= 0) & (other >= 0), thresholds[one, other], np.float32(np.nan))
    known = ~np.isnan(own)
    count = int(np.count_nonzero(known))
    if count < MIN_PAIRS:
        return Passing(num_pairs=count, one_size=None, rectified=None)
    common = table.one_size_threshold
    return Passing(
        num_pairs=count,
        one_size=None if common is None else share_passing(scores[known], common),
        rectified=float(np.count_nonzero(scores[known] >= own[known]) / count),
    )
