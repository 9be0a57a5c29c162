"""What one judge finds in a generator's outputs, beside what it finds in real faces.

Shares and correlations are 0..1, ages in years; None is what could not be measured.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from training import metrics
from training.judge import JudgeReading
from training.metrics import ByTarget, Figure, Floats, by_target, finite, mean, quotient
from training.observations import Observations

FAR_GROUPS = 3
"""A gap of so many groups between the input's own and the target is a large one."""
KEEPS_SEX_FROM_YEARS = 15
"""Sex is compared for targets from here up: judges do not read it in children."""
SURE = 0.9
"""A judge that gives one sex more than this is sure of it."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class JudgeFigures:
    """What one judge finds."""

    judge: str
    spearman: Figure
    """Rank correlation of target age and judged age over all outputs."""
    spearman_real: Figure
    """The same of labelled and judged age over the real faces."""
    within_one_group: Figure
    """Share of outputs judged in the target group or one beside it."""
    within_one_group_real: Figure
    """The same of real faces and their own group, each group weighted as it is among the targets."""
    within_one_group_ratio: Figure
    """The one over the other, of the targets of whose group there are real faces."""
    far_within_one_group: Figure
    """As within_one_group, of outputs FAR_GROUPS and more from the input's own group by its label."""
    far_within_one_group_real: Figure
    """As within_one_group_real, weighted as the groups are among those targets."""
    far_within_one_group_ratio: Figure
    within_one_group_by_target: ByTarget
    within_one_group_real_by_target: ByTarget
    judged_mean_years: ByTarget
    """Mean judged age of the outputs."""
    judged_mean_years_real: ByTarget
    """Mean judged age of the real faces of the group."""
    difference_years: ByTarget
    """The one less the other: a difference of group means, in which pictures too old and too young cancel out."""
    mean_error_years: Figure
    """Mean size of those differences over the target groups: what the paper calls mean error."""
    picture_error_years: Figure
    """Mean over all outputs of how far each is judged from the typical age of its target group."""
    picture_error_years_by_target: ByTarget
    picture_error_years_real_by_target: ByTarget
    """The same of real faces of the group and their own labels: what this judge cannot tell any better."""
    sex_kept: Figure
    """Share of outputs for adult targets whose judged sex is the input's, where the judge is sure of that one."""
    sex_kept_by_target: ByTarget
    sex_kept_by_input_sex: tuple[Figure, Figure]
    """Of sex_kept: inputs judged male, female."""
    sex_kept_where_right: Figure
    """Of sex_kept: inputs whose sex the judge reads as their label says. Where it takes a boy for a girl, an output
    that shows the man he becomes counts against sex_kept."""
    num_sure: int
    """Inputs of whose sex the judge is sure."""
    num_right: int
    """Those of them that it reads as labelled."""


def judge_figures(seen: Observations, judge: int) -> JudgeFigures:
    """Everything judge number `judge` finds."""
    groups, real, made = seen.groups, seen.real[judge], seen.made[judge]
    targets = np.broadcast_to(np.arange(len(groups)), made.ages_years.shape)
    is_far = np.abs(seen.own_groups[:, None] - targets) >= FAR_GROUPS
    hits = metrics.within_one_group(made.ages_years, targets, groups)
    hits_real = metrics.within_one_group(real.ages_years, seen.own_groups, groups).astype(np.float64)
    hits_real_by_group = metrics.mean_by_group(hits_real, seen.own_groups, len(groups))
    expected = hits_real_by_group[targets]
    kept = sex_kept(seen, judge)
    is_right = (real.women > 0.5) == (seen.faces.sexes == 1)
    is_adult = np.asarray(groups.typical_years) >= KEEPS_SEX_FROM_YEARS
    mean_real = metrics.mean_by_group(real.ages_years, seen.own_groups, len(groups))
    differences = tuple(map(finite, made.ages_years.mean(0) - mean_real))
    errors = np.abs(made.ages_years - np.asarray(groups.typical_years))
    errors_real = np.abs(real.ages_years - seen.faces.ages_years)
    is_known = ~np.isnan(expected)
    share_real, far_share_real = finite(mean(expected)), finite(mean(expected[is_far]))
    return JudgeFigures(
        judge=seen.judges[judge],
        spearman=finite(metrics.rank_correlation(np.asarray(groups.typical_years)[targets], made.ages_years)),
        spearman_real=finite(metrics.rank_correlation(seen.faces.ages_years, real.ages_years)),
        within_one_group=finite(mean(hits)),
        within_one_group_real=share_real,
        within_one_group_ratio=quotient(finite(mean(hits[is_known])), share_real),
        far_within_one_group=finite(mean(hits[is_far])),
        far_within_one_group_real=far_share_real,
        far_within_one_group_ratio=quotient(finite(mean(hits[is_far & is_known])), far_share_real),
        within_one_group_by_target=by_target(hits),
        within_one_group_real_by_target=tuple(map(finite, hits_real_by_group)),
        judged_mean_years=by_target(made.ages_years),
        judged_mean_years_real=tuple(map(finite, mean_real)),
        difference_years=differences,
        mean_error_years=finite(mean([abs(value) for value in differences if value is not None])),
        picture_error_years=finite(mean(errors)),
        picture_error_years_by_target=by_target(errors),
        picture_error_years_real_by_target=tuple(
            map(finite, metrics.mean_by_group(errors_real, seen.own_groups, len(groups)))
        ),
        sex_kept=finite(mean(kept[:, is_adult])),
        sex_kept_by_target=by_target(kept),
        sex_kept_by_input_sex=(
            finite(mean(kept[real.women <= 0.5][:, is_adult])),
            finite(mean(kept[real.women > 0.5][:, is_adult])),
        ),
        sex_kept_where_right=finite(mean(kept[is_right][:, is_adult])),
        num_sure=int(is_sure(real).sum()),
        num_right=int((is_sure(real) & is_right).sum()),
    )


def is_sure(reading: JudgeReading) -> npt.NDArray[np.bool_]:
    """Whether the judge is sure of the sex, one way or the other."""
    return np.asarray(np.maximum(reading.women, 1 - reading.women) > SURE)


def sex_kept(seen: Observations, judge: int) -> Floats:
    """(N, G) 1 where the judged sex is the input's, 0 where not, NaN where the judge was not sure of the input's."""
    real, made = seen.real[judge], seen.made[judge]
    same = ((made.women > 0.5) == (real.women > 0.5)[:, None]).astype(np.float64)
    return np.where(is_sure(real)[:, None], same, np.nan)
