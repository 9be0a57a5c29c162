"""The figures of an evaluation, and how they follow from what was observed.

Shares, correlations and cosines are 0..1 (cosines -1..1), ages in years; None is what could not be measured. By
target: one for each target group.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from training import metrics
from training.judgement import KEEPS_SEX_FROM_YEARS, JudgeFigures, sex_kept
from training.likeness import LikenessFigures
from training.metrics import ByTarget, Figure, Floats, finite, mean
from training.observations import Observations
from training.rectified import RectifiedFigures
from training.surroundings import SurroundingsFigures

NUM_SPLITS = 4
"""Random halves of the real pictures over which Frechet distances are averaged."""
RACES = ("White", "Black", "Asian", "Indian", "Others")
"""UTKFace's codes 0..4."""
SEXES = ("male", "female")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FrechetFigures:
    """Squared Frechet distances to one half of the real pictures of the target group."""

    features: str
    """Whose features."""
    outputs: ByTarget
    """Of as many outputs as the other half has pictures, none of an input of that group."""
    real: ByTarget
    """Of the other half: what pictures without fault would get, for so few are far from nothing."""
    num_pictures: tuple[int, ...]
    """In each half."""

    def ratios(self) -> tuple[Figure, ...]:
        """Of each target group the one over the other."""
        return tuple(metrics.quotient(made, real) for made, real in zip(self.outputs, self.real, strict=True))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class JudgeSlice:
    """What one judge finds in a part of the faces."""

    judge: str
    within_one_group: Figure
    within_one_group_real: Figure
    error_years: Figure
    """Mean distance of judged age and typical age of the target group."""
    error_years_real: Figure
    """Mean distance of judged and labelled age of the real faces."""
    sex_kept: Figure


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SliceFigures:
    """A part of the faces."""

    name: str
    num_faces: int
    cosine: Figure
    skin_change: Figure
    judges: tuple[JudgeSlice, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """Something that figures depend on."""

    role: str
    """"faces", "judge", "recogniser" and so on."""
    name: str
    sha256: str
    """Of the file; of several, see training.digest.files_digest; of an archive, of its manifest."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What an evaluation finds."""

    model: str
    framing: str
    """How the model's crops are framed; faces in another framing are cut out anew for it."""
    inputs: tuple[Input, ...]
    """Everything besides the model that the figures depend on; the threshold table is in `rectified`."""
    weights_sha256: str
    """Of all weights as float32, in the order of their names."""
    data_sha256: str
    num_faces: int
    num_outputs: int
    target_groups: tuple[str, ...]
    judges: tuple[JudgeFigures, ...]
    likeness: LikenessFigures
    rectified: RectifiedFigures | None
    """None where there is no threshold table for the recogniser."""
    why_not_rectified: str | None
    """The reason then."""
    frechet: FrechetFigures
    surroundings: SurroundingsFigures | None
    """None where no photos were given."""
    own_age_psnr_db: Figure
    """Mean over faces of the peak signal-to-noise ratio of the output at the labelled age."""
    present_age_mae_years: Figure
    """Mean absolute error of the generator's own reading of the input's age."""
    skin_change_by_target: ByTarget
    """Mean CIE76 difference of the cheeks' mean CIELAB colours, input and output; about 2.3 is just seen."""
    point_drift_by_target: ByTarget
    """Mean movement of eyes, nose and mouth corners, in eye distances."""
    num_followed: int
    """Faces behind point_drift_by_target."""
    slices: tuple[SliceFigures, ...]
    """By sex, by race and by the input's own group."""


def frechet_figures(
    seen: Observations,
    features: str,
    pairs: tuple[Floats, Floats],
    groups_real: npt.NDArray[np.int64],
    persons_real: npt.NDArray[np.int64] | None = None,
) -> FrechetFigures:
    """Distances of outputs and of real pictures to real pictures, all sets equally large; splits are seeded.

    Args:
        features: whose they are.
        pairs: features of the outputs (N, G, C), and of real pictures (M, C), eval faces among them.
        groups_real: (M,) group of each real picture.
        persons_real: (M,) who is on it: nobody is in both halves. None where nobody said.
    """
    made, real = pairs
    persons = np.arange(len(real)) if persons_real is None else persons_real
    outputs, others, sizes = [], [], []
    for group in range(len(seen.groups)):
        of_group, who = real[groups_real == group], persons[groups_real == group]
        changed = made[seen.own_groups != group, group]
        size = min(len(of_group) // 2, len(changed))
        drawn = []
        for split in range(NUM_SPLITS):
            random = np.random.default_rng((split, group))
            drawn.append((*_halves(who, size, random), random.permutation(len(changed))))
        size = min(len(other) for _, other, _ in drawn)  # less where somebody has so many pictures
        distances = [
            [
                metrics.frechet_distance(one, of_group[half[:size]])
                for one in (changed[some[:size]], of_group[rest[:size]])
            ]
            for half, rest, some in drawn
        ]
        outputs.append(finite(mean([pair[0] for pair in distances])))
        others.append(finite(mean([pair[1] for pair in distances])))
        sizes.append(size)
    return FrechetFigures(features=features, outputs=tuple(outputs), real=tuple(others), num_pictures=tuple(sizes))


def _halves(
    persons: npt.NDArray[np.int64], size: int, random: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of two random halves of up to `size` pictures each, nobody in both; (M,) persons."""
    order = random.permutation(len(persons))
    first_seen = {person: place for place, person in reversed([*enumerate(persons[order].tolist())])}
    order = order[np.argsort([first_seen[person] for person in persons[order].tolist()], kind="stable")]
    half = order[:size]
    rest = order[size:]
    return half, rest[~np.isin(persons[rest], persons[half])][:size]


def slice_figures(seen: Observations) -> tuple[SliceFigures, ...]:
    """The same figures for each sex, each race where the data tells them, and each group of inputs, by label."""
    parts = {name: seen.faces.sexes == code for code, name in enumerate(SEXES)}
    if seen.faces.races is not None:
        parts |= {name: seen.faces.races == code for code, name in enumerate(RACES)}
    own = seen.own_groups
    parts |= {f"from {name}": own == group for group, name in enumerate(seen.groups.names) if (own == group).any()}
    return tuple(
        SliceFigures(
            name=name,
            num_faces=int(rows.sum()),
            cosine=finite(mean(seen.cosines[rows])),
            skin_change=finite(mean(seen.skin_change[rows])),
            judges=tuple(_judge_slice(seen, judge, rows) for judge in range(len(seen.judges))),
        )
        for name, rows in parts.items()
    )


def _judge_slice(seen: Observations, judge: int, rows: npt.NDArray[np.bool_]) -> JudgeSlice:
    groups, real, made = seen.groups, seen.real[judge], seen.made[judge]
    typical = np.asarray(groups.typical_years)
    adult = typical >= KEEPS_SEX_FROM_YEARS
    return JudgeSlice(
        judge=seen.judges[judge],
        within_one_group=finite(mean(metrics.within_one_group(made.ages_years[rows], np.arange(len(groups)), groups))),
        within_one_group_real=finite(
            mean(metrics.within_one_group(real.ages_years[rows], seen.own_groups[rows], groups))
        ),
        error_years=finite(mean(np.abs(made.ages_years[rows] - typical))),
        error_years_real=finite(mean(np.abs(real.ages_years[rows] - seen.faces.ages_years[rows]))),
        sex_kept=finite(mean(sex_kept(seen, judge)[rows][:, adult])),
    )
