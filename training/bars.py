"""What a release model must reach, and whether it does."""

import dataclasses

from training.figures import Figures
from training.judgement import JudgeFigures
from training.metrics import Figure

MEAN_AGE_YEARS, WORST_MEAN_AGE_YEARS = 4.0, 6.0
WITHIN_ONE_GROUP_RATIO, FAR_WITHIN_ONE_GROUP_RATIO = 0.9, 0.8
ABOVE_DIFFERENT_PERSON = 0.8
OWN_AGE_DB, SURROUNDINGS_DB = 27.0, 35.0
SEX_KEPT = 0.97
LEAST_SURE = 30
"""Of so many inputs a judge has to be sure of the sex: one that turned among fewer would decide."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One demand."""

    name: str
    demand: str
    """For people, with the unit."""
    found: str
    """Likewise; "not measured" where it was not, with the reason where there is one."""
    is_reached: bool | None
    """None where it was not measured."""


def bars(figures: Figures) -> tuple[Bar, ...]:
    """Every bar, those of each judge first."""
    rows = [bar for judge in figures.judges for bar in _judge_bars(judge)]
    beside = figures.surroundings
    rows += [
        _at_least(
            "outputs above the different-person 99.9th percentile, targets from 10 years up",
            figures.likeness.above_bound,
            ABOVE_DIFFERENT_PERSON,
        ),
        _decibels("own-age reconstruction", figures.own_age_psnr_db, OWN_AGE_DB),
        _decibels("beside the face after paste-back", beside.psnr_db if beside else None, SURROUNDINGS_DB),
    ]
    return tuple(rows)


def _judge_bars(judge: JudgeFigures) -> tuple[Bar, ...]:
    known = sorted((abs(value) for value in judge.difference_years if value is not None), reverse=True)
    is_whole = len(known) == len(judge.difference_years)
    beyond = sum(value > MEAN_AGE_YEARS for value in known)
    mean_age = Bar(
        name=f"mean judged age beside real pictures of the group ({judge.judge})",
        demand=f"all within {MEAN_AGE_YEARS:g} years, the worst within {WORST_MEAN_AGE_YEARS:g}",
        found=f"worst {known[0]:.1f} years, {beyond} of {len(known)} groups beyond {MEAN_AGE_YEARS:g}"
        if is_whole
        else "not measured for every group",
        is_reached=known[0] <= WORST_MEAN_AGE_YEARS and beyond <= 1 if is_whole else None,
    )
    return (
        mean_age,
        _at_least(
            f"within one group of the target, over the share of real pictures ({judge.judge})",
            judge.within_one_group_ratio,
            WITHIN_ONE_GROUP_RATIO,
        ),
        _at_least(
            f"the same over gaps of three groups and more ({judge.judge})",
            judge.far_within_one_group_ratio,
            FAR_WITHIN_ONE_GROUP_RATIO,
        ),
        _sex_kept(judge),
    )


def _sex_kept(judge: JudgeFigures) -> Bar:
    bar = _at_least(f"sex kept, targets from 15 years up ({judge.judge})", judge.sex_kept, SEX_KEPT)
    if judge.num_sure >= LEAST_SURE:
        return bar
    found = f"not measured: sure of {judge.num_sure} inputs, at least {LEAST_SURE} are needed"
    return dataclasses.replace(bar, found=found, is_reached=None)


def _at_least(name: str, figure: Figure, least: float) -> Bar:
    found = "not measured" if figure is None else f"{figure:.1%}"
    return Bar(
        name=name,
        demand=f"at least {least:.0%}",
        found=found,
        is_reached=None if figure is None else figure >= least,
    )


def _decibels(name: str, figure: Figure, least_db: float) -> Bar:
    found = "not measured" if figure is None else f"{figure:.1f} dB"
    return Bar(
        name=name,
        demand=f"at least {least_db:g} dB",
        found=found,
        is_reached=None if figure is None else figure >= least_db,
    )
