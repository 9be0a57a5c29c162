"""What was published of verification across ages: CAF's statistics of pairs, Face++'s thresholds, mean ages.

Two people's scores and one person's two scores overlap the more, the further apart the ages lie. The paper
measured both on its CAF data, for two recognisers and each pair of the ten groups.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from core.ages import TEN

Table = npt.NDArray[np.float64]
Rows = tuple[float, ...]


def _full(*lower: Rows) -> Table:
    """Lower triangle, a row a group, to the symmetric (10, 10), read-only."""
    table = np.zeros((len(TEN), len(TEN)))
    for older, row in enumerate(lower):
        table[older, : older + 1] = row
        table[: older + 1, older] = row
    table.setflags(write=False)
    return table


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PairStatistics:
    """Scores of pairs of real photos, 0..100, for each pair of the ten age groups (core.ages.TEN)."""

    recogniser: str
    """Whose scores: "arcface" or "facepp". The two scales have nothing in common."""
    same_mean: Table
    """(10, 10) float64, symmetric: mean score of two photos of one person."""
    same_std: Table
    """(10, 10) float64: their standard deviation."""
    different_mean: Table
    """(10, 10) float64: mean score of two people."""
    different_std: Table
    """(10, 10) float64: their standard deviation."""

    def genuine_rate(self, threshold: float, group_a: int, group_b: int) -> float:
        """Share, 0..1, of real pairs of one person that score `threshold` (0..100) or more, by a Gaussian."""
        a, b = group_numbers(group_a), group_numbers(group_b)
        return 1 - NormalDist(float(self.same_mean[a, b]), float(self.same_std[a, b])).cdf(threshold)

    def false_accept_rate(self, threshold: float, group_a: int, group_b: int) -> float:
        """Share, 0..1, of pairs of two people that score `threshold` (0..100) or more, by a Gaussian."""
        a, b = group_numbers(group_a), group_numbers(group_b)
        return 1 - NormalDist(float(self.different_mean[a, b]), float(self.different_std[a, b])).cdf(threshold)


ARCFACE = PairStatistics(
    recogniser="arcface",
    same_mean=_full(
        (78.5,),
        (70.6, 76.8),
        (63.8, 74.7, 81.4),
        (60.6, 70.9, 76.4, 80.1),
        (56.3, 64.1, 69.4, 75.2, 85.4),
        (54.9, 61.0, 65.6, 70.7, 78.7, 84.0),
        (54.5, 59.7, 62.8, 67.8, 75.7, 81.6, 85.4),
        (54.0, 59.4, 61.8, 65.8, 73.5, 78.8, 83.3, 85.7),
        (54.1, 58.1, 60.1, 63.9, 71.3, 76.1, 79.9, 83.3, 86.9),
        (53.3, 58.4, 59.3, 65.0, 68.8, 72.0, 75.3, 77.5, 81.9, 88.3),
    ),
    same_std=_full(
        (7.6,),
        (8.9, 7.8),
        (8.3, 8.9, 5.7),
        (7.4, 8.2, 8.5, 8.2),
        (5.7, 7.4, 8.2, 8.5, 7.5),
        (4.8, 6.4, 7.1, 8.1, 7.4, 6.4),
        (4.5, 6.2, 6.8, 7.8, 7.7, 6.3, 4.4),
        (4.5, 5.6, 6.2, 6.7, 7.2, 6.3, 6.2, 5.8),
        (4.5, 5.4, 5.8, 7.3, 7.1, 6.5, 6.3, 5.6, 4.8),
        (4.9, 4.2, 5.1, 6.3, 8.8, 6.5, 6.5, 6.1, 6.5, 3.6),
    ),
    different_mean=_full(
        (60.2,),
        (54.9, 55.5),
        (52.1, 52.3, 53.8),
        (50.5, 51.8, 52.3, 52.4),
        (49.8, 50.2, 50.9, 51.2, 51.2),
        (49.8, 50.2, 50.9, 50.3, 50.4, 50.9),
        (50.5, 50.1, 49.8, 49.9, 50.6, 50.5, 50.8),
        (50.0, 50.4, 50.0, 50.1, 49.9, 50.4, 50.2, 50.6),
        (50.5, 49.6, 49.8, 49.8, 49.9, 49.9, 50.2, 50.1, 50.5),
        (50.0, 50.6, 50.2, 49.5, 50.4, 50.4, 50.0, 50.0, 50.4, 50.8),
    ),
    different_std=_full(
        (7.3,),
        (6.7, 6.6),
        (5.5, 6.3, 6.0),
        (4.9, 5.2, 4.9, 5.2),
        (3.8, 4.2, 4.1, 4.0, 4.7),
        (3.7, 4.0, 4.2, 4.1, 4.0, 4.6),
        (3.9, 3.6, 3.8, 3.9, 3.9, 3.9, 4.3),
        (6.5, 3.9, 3.8, 3.7, 3.8, 3.7, 4.0, 4.2),
        (3.6, 3.6, 3.6, 3.6, 3.8, 3.5, 3.6, 4.1, 4.4),
        (3.5, 3.8, 3.4, 3.5, 3.2, 4.0, 3.7, 3.1, 4.2, 4.6),
    ),
)
"""ArcFace cosines, mapped to 50 (1 + cos). Source: AgeTransGAN (ECCV 2022), supplement, CAF statistics."""

FACEPP = PairStatistics(
    recogniser="facepp",
    same_mean=_full(
        (85.6,),
        (79.7, 84.6),
        (70.6, 80.6, 86.4),
        (63.4, 75.8, 81.3, 84.0),
        (51.9, 65.6, 73.2, 78.9, 85.3),
        (46.5, 59.5, 67.5, 73.2, 78.9, 85.3),
        (43.5, 55.2, 61.9, 68.4, 77.9, 84.0, 86.3),
        (41.6, 53.1, 59.0, 65.4, 74.6, 80.4, 85.4, 86.6),
        (40.8, 51.6, 55.7, 62.0, 71.2, 76.4, 81.5, 84.8, 89.2),
        (42.2, 49.7, 54.0, 64.4, 67.2, 71.5, 74.3, 77.6, 83.4, 88.2),
    ),
    same_std=_full(
        (6.0,),
        (9.1, 7.0),
        (11.5, 9.3, 5.2),
        (12.7, 11.1, 9.7, 7.1),
        (12.8, 12.0, 11.0, 9.6, 8.3),
        (11.7, 12.1, 11.2, 11.0, 9.6, 8.3),
        (12.1, 11.8, 11.2, 12.0, 9.2, 6.0, 4.9),
        (11.0, 12.0, 11.1, 10.4, 8.9, 6.6, 6.2, 6.2),
        (12.3, 12.9, 12.0, 10.9, 10.1, 7.6, 6.7, 5.7, 3.5),
        (11.6, 12.8, 10.7, 9.1, 10.6, 7.7, 9.8, 6.7, 7.1, 5.7),
    ),
    different_mean=_full(
        (73.6,),
        (64.3, 64.6),
        (54.1, 57.1, 57.2),
        (46.9, 51.7, 51.3, 50.5),
        (38.1, 42.5, 44.0, 44.0, 44.2),
        (34.1, 37.3, 39.6, 39.1, 39.8, 40.5),
        (32.3, 35.5, 36.5, 35.5, 36.9, 37.7, 39.4),
        (30.5, 34.3, 34.5, 35.3, 35.9, 35.2, 36.7, 38.7),
        (30.6, 31.3, 34.1, 32.9, 34.5, 33.5, 33.0, 35.6, 38.0),
        (30.5, 32.7, 33.7, 31.7, 31.7, 31.5, 31.1, 31.9, 39.5, 44.7),
    ),
    different_std=_full(
        (9.3,),
        (11.4, 12.3),
        (13.7, 13.0, 12.5),
        (12.7, 13.6, 13.2, 14.2),
        (11.0, 12.1, 12.2, 12.7, 14.2),
        (10.9, 11.7, 12.5, 12.4, 12.9, 12.6),
        (10.2, 10.6, 10.5, 11.1, 12.2, 12.5, 12.3),
        (10.0, 10.3, 11.5, 12.0, 11.8, 11.0, 11.4, 12.6),
        (9.6, 9.6, 10.0, 10.8, 11.9, 10.8, 11.0, 11.6, 12.6),
        (9.9, 10.6, 9.8, 9.6, 9.8, 9.4, 10.0, 10.0, 12.1, 13.5),
    ),
)
"""Confidences of the Face++ service, same source. In the rows 15-19 and 20-29 the last three same-person cells
are identical, probably a slip in copying."""

GROUPS_MADE = (0, 1, 2, 3, 4, 6, 7, 8, 9)
"""The groups that the paper makes of 20-29."""

FACEPP_THRESHOLDS: dict[int, float] = dict(
    zip(GROUPS_MADE, (61.8, 68.9, 72.7, 74.2, 76.6, 76.3, 71.7, 65.2, 65.2), strict=True)
)
"""Target group -> Face++ confidence from which the paper calls a face of 20-29, made that old, the same person.
Source: AgeTransGAN's README, "rectified threshold"."""

SOURCE_GROUP = TEN.index_of(25)
"""The group whose faces the paper transforms: 20-29."""


def published_threshold(target_group: int) -> float:
    """Face++ confidence, 0..100, above which a face of 20-29 transformed to the group passes in the paper.

    Raises:
        ValueError: 20-29 itself, for which none was published, or no group of the ten.
    """
    if target_group not in FACEPP_THRESHOLDS:
        raise ValueError(f"no threshold was published for 20-29 to group {target_group}; there are 0..9 without 5")
    return FACEPP_THRESHOLDS[target_group]


def published_genuine_rate(target_group: int) -> float:
    """Share, 0..1, of real pairs of one person, at 20-29 and in the group, that the paper's threshold lets pass.

    A generator whose faces pass more often is more like its input than people are to themselves.
    """
    return FACEPP.genuine_rate(published_threshold(target_group), SOURCE_GROUP, target_group)


def published_false_accept_rate(target_group: int) -> float:
    """Share, 0..1, of pairs of two people, at 20-29 and in the group, that the paper's threshold lets pass."""
    return FACEPP.false_accept_rate(published_threshold(target_group), SOURCE_GROUP, target_group)


def group_numbers(numbers: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Group numbers as an index. A negative one would silently count from the end."""
    array = np.asarray(numbers)
    if array.dtype.kind not in "iu" or not np.all((array >= 0) & (array < len(TEN))):
        raise ValueError(f"group numbers must be whole, 0..{len(TEN) - 1}, got {numbers!r}")
    return array.astype(np.int64)
