"""What a release model must reach, and whether it does."""

import dataclasses

from core.ages import system_of
from training.figures import Figures, FrechetFigures
from training.judgement import KEEPS_SEX_FROM_YEARS, JudgeFigures
from training.metrics import Figure

MEAN_AGE_YEARS, WORST_MEAN_AGE_YEARS = 3.0, 5.0
WITHIN_ONE_GROUP_RATIO, FAR_WITHIN_ONE_GROUP_RATIO = 0.92, 0.85
ABOVE_DIFFERENT_PERSON = 0.8
FRECHET_RATIO = 2.0
SKIN_CHANGE = 3.0
OWN_AGE_DB, SURROUNDINGS_DB = 28.0, 35.0
SEX_KEPT = 0.98
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
        _frechet(figures.frechet),
        _skin_tone(figures),
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
        demand=f"all but one within {MEAN_AGE_YEARS:g} years, that one within {WORST_MEAN_AGE_YEARS:g}",
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


def _frechet(found: FrechetFigures) -> Bar:
    known = [ratio for ratio in found.ratios() if ratio is not None]
    is_whole = len(known) == len(found.outputs)
    beyond = sum(ratio > FRECHET_RATIO for ratio in known)
    return Bar(
        name=f"Frechet distance to real pictures of the group, over that of other real ones ({found.features})",
        demand=f"at most {FRECHET_RATIO:g} times",
        found=f"worst {max(known):.1f} times, {beyond} of {len(known)} groups beyond {FRECHET_RATIO:g}"
        if is_whole
        else "not measured for every group",
        is_reached=beyond == 0 if is_whole else None,
    )


def _skin_tone(figures: Figures) -> Bar:
    groups = system_of(figures.target_groups)
    known = [
        change
        for years, change in zip(groups.typical_years, figures.skin_change_by_target, strict=True)
        if change is not None and years >= KEEPS_SEX_FROM_YEARS
    ]
    return Bar(
        name=f"colour of the cheeks beside the input's, targets from {KEEPS_SEX_FROM_YEARS} years up",
        demand=f"at most {SKIN_CHANGE:g} in CIELAB",
        found=f"worst {max(known):.1f}" if known else "not measured",
        is_reached=max(known) <= SKIN_CHANGE if known else None,
    )


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
