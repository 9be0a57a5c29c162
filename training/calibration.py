"""Calibration of an estimator on faces held out of its training, and its errors on faces it never saw.

Both weigh the ten age groups alike, so that the many adults of twenty do not decide for children.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core import device as compute_device
from core.ages import OLDEST_YEARS, TEN
from core.device import Compute
from core.estimator import INTERVAL_SHARE, Estimator
from core.images import to_tensor
from training.data import FaceSet
from training.metrics import Figure, finite, mean

KNOTS_YEARS = (0.0, 2.0, 5.0, 9.0, 13.0, 18.0, 25.0, 35.0, 45.0, 60.0, 80.0, 100.0)
"""Between these the correction is linear."""
SMOOTHNESS = 0.02
"""How strongly the correction is pulled to none, as a share of all the faces' weight."""
ADULT_YEARS = 18

Numbers = npt.NDArray[np.float64]


def probabilities(network: Estimator, faces: FaceSet, compute: Compute) -> Tensor:
    """(N, 101) float32 on the CPU: for each face the mean over it and its mirror image."""
    found = []
    for start in range(0, len(faces), 64):
        pictures = compute.move(to_tensor(faces.faces[start : start + 64]))
        with torch.inference_mode(), compute_device.autocast(compute):
            pair = [network(one).age_logits.softmax(1) for one in (pictures, pictures.flip(3))]
        found.append(((pair[0] + pair[1]) / 2).cpu())
    return torch.cat(found)


def calibrate(network: Estimator, read: Tensor, ages_years: npt.NDArray[np.int64]) -> None:
    """Set the network's correction and interval from held-out faces.

    The correction is the weighted least-squares fit of label on reading, piecewise linear, never falling. The
    interval's mass is the smallest with which 80 % of the labels lie inside.

    Args:
        read: (N, 101) probabilities of the faces.
        ages_years: (N,) their labels.
    """
    weights = group_weights(ages_years)
    years = torch.arange(read.shape[1], dtype=torch.float32)
    raw = (read @ years).double().numpy()
    knots = np.asarray(KNOTS_YEARS)
    basis = hats(raw, knots)
    pull = SMOOTHNESS * weights.sum() / len(knots)
    left = basis.T @ (basis * weights[:, None]) + pull * np.eye(len(knots))
    right = basis.T @ (ages_years * weights) + pull * knots
    values = np.maximum.accumulate(np.linalg.solve(left, right).clip(0, OLDEST_YEARS))
    table = np.interp(np.arange(OLDEST_YEARS + 1), knots, values)
    network.correction_years.copy_(torch.from_numpy(table))
    masses = np.linspace(0.4, 0.99, 60)
    for mass in masses:
        network.interval_mass.fill_(float(mass))
        if covered(network, read, ages_years, weights) >= INTERVAL_SHARE:
            return


def covered(network: Estimator, read: Tensor, ages_years: npt.NDArray[np.int64], weights: Numbers) -> float:
    """Weighted share of labels within the interval that the network gives; a label stands for its whole year."""
    reading = network.reading(read)
    low, high = reading.low_years.double().numpy(), reading.high_years.double().numpy()
    inside = (ages_years >= low - 0.5) & (ages_years <= high + 0.5)
    return float((inside * weights).sum() / weights.sum())


def hats(years: Numbers, knots: Numbers) -> Numbers:
    """(N, K): how a piecewise linear function through K knots weighs them at each of N years; rows sum to 1."""
    return np.stack([np.interp(years, knots, one) for one in np.eye(len(knots))], axis=1)


def group_weights(ages_years: npt.NDArray[np.int64]) -> Numbers:
    """(N,) float64 so that each of the ten age groups weighs the same."""
    groups = np.asarray([TEN.index_of(int(age)) for age in ages_years])
    counts = np.bincount(groups, minlength=len(TEN))
    return np.asarray(1.0 / counts[groups])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Errors on part of the faces."""

    count: int
    mae_years: float
    bias_years: float
    """Mean of reading less label."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class EstimatorFigures:
    """Errors on labelled faces. Ages and errors in years, shares 0..1; None of whom there are none."""

    num_faces: int
    mae_years: float
    mae_children_years: Figure
    """Of labels 0-14."""
    coverage: float
    """Share of labels within the 80 % interval."""
    interval_width_years: float
    """Median width of it."""
    minors_read_as_adults: Figure
    """Share of labels under 18 read as 18 or more."""
    adults_read_as_minors: Figure
    by_group: dict[str, Slice]
    by_sex: dict[str, Slice]
    by_race: dict[str, Slice]


RACES = ("White", "Black", "Asian", "Indian", "others")
"""UTKFace's own codes and names."""


def judge_estimator(network: Estimator, faces: FaceSet, compute: Compute) -> EstimatorFigures:
    """Errors of a calibrated estimator on faces it never saw."""
    read = probabilities(network, faces, compute)
    reading = network.reading(read)
    years, labels = reading.years.double().numpy(), faces.ages_years
    errors = np.abs(years - labels)
    groups = np.asarray([TEN.index_of(int(age)) for age in labels])

    def of(chosen: npt.NDArray[np.bool_]) -> Slice:
        bias = float((years - labels)[chosen].mean())
        return Slice(count=int(chosen.sum()), mae_years=float(errors[chosen].mean()), bias_years=bias)

    minors = labels < ADULT_YEARS
    races = faces.races
    return EstimatorFigures(
        num_faces=len(faces),
        mae_years=float(errors.mean()),
        mae_children_years=finite(mean(errors[labels < 15])),
        coverage=covered(network, read, labels, np.ones(len(faces))),
        interval_width_years=float((reading.high_years - reading.low_years).median()),
        minors_read_as_adults=finite(mean(years[minors] >= ADULT_YEARS)),
        adults_read_as_minors=finite(mean(years[~minors] < ADULT_YEARS)),
        by_group={name: of(groups == number) for number, name in enumerate(TEN.names) if (groups == number).any()},
        by_sex={
            name: of(faces.sexes == number)
            for number, name in enumerate(("male", "female"))
            if (faces.sexes == number).any()
        },
        by_race={}
        if races is None
        else {name: of(races == number) for number, name in enumerate(RACES) if (races == number).any()},
    )
