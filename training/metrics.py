"""Figures of faces as pure functions of arrays. What cannot be known, from no samples, is NaN."""

import numpy as np
import numpy.typing as npt

from core.ages import AgeGroups
from core.align import UTKFACE

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Figure = float | None
"""A published figure; None is what could not be measured."""
ByTarget = tuple[Figure, ...]
"""One for each target group."""

CHEEK_HALF_SIDE = 0.05
"""Half the side of a cheek patch, as a part of the crop's side."""
HIGHEST_DB = 100.0
"""Peak signal-to-noise ratios beyond this are no longer told apart; equal pictures get it."""


def mean(values: npt.ArrayLike) -> float:
    """Mean of all that is not NaN; NaN if that is nothing."""
    array = np.asarray(values, dtype=np.float64)
    known = array[~np.isnan(array)]
    return float(known.mean()) if known.size else float("nan")


def finite(value: float) -> Figure:
    """A figure as JSON takes it: rounded to six decimals, None for NaN and infinities."""
    return round(float(value), 6) if np.isfinite(value) else None


def quotient(one: Figure, other: Figure) -> Figure:
    """One over the other; None if either is unknown or the other is 0."""
    return None if one is None or not other else round(one / other, 6)


def by_target(values: npt.ArrayLike) -> ByTarget:
    """(N, G) to the mean of each column."""
    return tuple(finite(mean(column)) for column in np.asarray(values, dtype=np.float64).T)


def rank_correlation(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Spearman's, -1..1; NaN if either does not vary."""
    from scipy.stats import spearmanr

    first, second = np.ravel(one), np.ravel(other)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def groups_of(ages_years: npt.ArrayLike, groups: AgeGroups) -> Numbers:
    """Group numbers of ages of any shape; younger than the youngest group counts as the youngest."""
    years = np.clip(np.asarray(ages_years, dtype=np.float64), groups.first_years[0], 130)
    of = np.vectorize(groups.index_of, otypes=[np.int64])
    return np.asarray(of(years), dtype=np.int64)


def within_one_group(ages_years: npt.ArrayLike, asked: npt.ArrayLike, groups: AgeGroups) -> npt.NDArray[np.bool_]:
    """Whether each age lies in the asked-for group or one beside it."""
    return np.asarray(np.abs(groups_of(ages_years, groups) - np.asarray(asked)) <= 1)


def mean_by_group(values: Floats, group_of: Numbers, num_groups: int) -> Floats:
    """(num_groups,) means of the values of each group; NaN for a group without any."""
    return np.asarray([mean(values[group_of == group]) for group in range(num_groups)])


def all_pairs(embeddings: Floats, persons: Numbers | None = None) -> Floats:
    """(P,) cosines of every pair of (N, D) unit embeddings: N (N - 1) / 2, less those of one of (N,) persons."""
    rows, columns = np.triu_indices(len(embeddings), k=1)
    if persons is not None:
        is_other = persons[rows] != persons[columns]
        rows, columns = rows[is_other], columns[is_other]
    return np.asarray((embeddings @ embeddings.T)[rows, columns])


def frechet_distance(one: Floats, other: Floats) -> float:
    """Squared Frechet distance of two Gaussians fitted to (N, D) and (M, D) features.

        |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

    The trace of the root is the sum of the singular values of A B^T, where S1 = A^T A and S2 = B^T B: exact also
    with fewer samples than dimensions, where the covariances are singular. NaN with fewer than two samples.
    Source: Heusel et al. 2017, eq. 6 (after Dowson and Landau 1982).
    """
    if min(len(one), len(other)) < 2:
        return float("nan")
    spreads = [(some - some.mean(0)) / np.sqrt(len(some) - 1) for some in (one, other)]
    shift = float(np.square(one.mean(0) - other.mean(0)).sum())
    own = sum(float(np.square(spread).sum()) for spread in spreads)
    triangles = [np.asarray(np.linalg.qr(spread, mode="r"), dtype=np.float64) for spread in spreads]
    shared = float(np.linalg.norm(triangles[0] @ triangles[1].T, "nuc"))
    return shift + own - 2 * shared


def to_lab(colours: npt.ArrayLike) -> Floats:
    """(..., 3) sRGB in 0..255 to CIELAB: L 0..100, a, b; D65 white. Source: IEC 61966-2-1, CIE 15."""
    levels = np.asarray(colours, dtype=np.float64) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
    )
    relative = linear @ (to_xyz / to_xyz.sum(1, keepdims=True)).T
    bent = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = bent[..., 0], bent[..., 1], bent[..., 2]
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def cheek_colours(faces: npt.NDArray[np.uint8]) -> Floats:
    """(N, 3) mean CIELAB of both cheeks of (N, S, S, 3) faces in UTKFace framing.

    Square patches below each eye, halfway down to the mouth, where a mean frontal face has its cheeks.
    """
    size_px = faces.shape[1]
    right_eye, left_eye, _, right_mouth, left_mouth = UTKFACE.template("arcface5", size_px)
    half_px = max(1, round(CHEEK_HALF_SIDE * size_px))
    patches = []
    for eye, mouth in ((right_eye, right_mouth), (left_eye, left_mouth)):
        x, y = round(float(eye[0])), round(float(eye[1] + mouth[1]) / 2)
        patches.append(
            faces[:, y - half_px : y + half_px + 1, x - half_px : x + half_px + 1].reshape(len(faces), -1, 3)
        )
    return np.asarray(to_lab(np.concatenate(patches, axis=1)).mean(1))


def colour_difference(one: npt.ArrayLike, other: npt.ArrayLike) -> Floats:
    """(...,) distance of (..., 3) CIELAB colours; about 2.3 is just seen. Source: CIE 1976."""
    difference: Floats = np.linalg.norm(np.asarray(one) - np.asarray(other), axis=-1)
    return difference


def drift(before: Floats, after: Floats) -> Floats:
    """(...,) mean movement of (..., 5, 2) "arcface5" points, as a part of the eye distance before."""
    eye_distance = np.linalg.norm(before[..., 1, :] - before[..., 0, :], axis=-1)
    moved: Floats = np.linalg.norm(after - before, axis=-1).mean(-1) / eye_distance
    return moved


def peak_signal_to_noise(error_levels: npt.ArrayLike) -> float:
    """Decibels of differences of pictures in grey levels (255 is the peak), at most HIGHEST_DB; NaN for none."""
    errors = np.asarray(error_levels, dtype=np.float64)
    if not errors.size:
        return float("nan")
    return float(min(HIGHEST_DB, 10 * np.log10(255**2 / max(float(np.square(errors).mean()), 1e-12))))


def transport(one: Floats, other: Floats, other_weights: Floats) -> tuple[float, float]:
    """How far (N,) values lie from (M,) weighted ones: upwards and downwards, 0 or more each.

    With cumulative distributions F of the one and G of the other

        up = integral of max(G - F, 0),   down = integral of max(F - G, 0),   up + down = Wasserstein-1 distance

    and up - down is the difference of the means.
    """
    points = np.sort(np.concatenate((one, other)))
    order = np.argsort(other, kind="stable")
    running = np.concatenate(([0.0], np.cumsum(other_weights[order]) / other_weights.sum()))
    own = np.searchsorted(np.sort(one), points[:-1], side="right") / len(one)
    theirs = running[np.searchsorted(other[order], points[:-1], side="right")]
    moved = (theirs - own) * np.diff(points)
    return float(moved[moved > 0].sum()), float(abs(moved[moved < 0].sum()))


def weighted_quantiles(values: Floats, weights: Floats, levels: tuple[float, ...]) -> tuple[float, ...]:
    """The least of (M,) values up to which each level, 0..1, of the weight lies."""
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order]) / weights.sum()
    places = np.minimum(np.searchsorted(running, np.asarray(levels) - 1e-12), len(values) - 1)
    return tuple(float(value) for value in values[order][places])


def reach(scores: npt.ArrayLike, thresholds: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether scores are at least a threshold, both as float32: a score that was kept as such is at its own decimal."""
    return np.asarray(scores, dtype=np.float32) >= np.asarray(thresholds, dtype=np.float32)


def share_from(rising: Floats, least: float) -> float:
    """Share of (N,) rising values that are at least `least`, as float32; NaN for NaN."""
    if np.isnan(least):
        return float("nan")
    place = np.searchsorted(rising.astype(np.float32), np.float32(least), side="left")
    return 1 - float(place) / len(rising)
