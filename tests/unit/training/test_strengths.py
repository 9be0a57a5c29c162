"""Choosing how strong changes are."""

from typing import Any

import pytest

from core.ages import FOUR, TEN
from core.errors import DataBroken
from training.data import Place
from training.strengths import Read, Tried, as_markdown, balanced, choose


def tried(
    strength: float,
    *read: tuple[tuple[float, ...], tuple[float | None, ...]],
    ratios: tuple[float | None, ...] = (1.0,) * 3 + (None,),
) -> Tried:
    judges = tuple(
        Read(judge=f"judge-{number}", difference_years=years, within_one_group_ratio=within)
        for number, (years, within) in enumerate(read)
    )
    return Tried(strength=strength, read=judges, above_bound=(0.9,) * 4, frechet_ratio=ratios)


TRIED = (
    tried(1.2, ((9.0, 1.0, -1.0, 5.0), (0.7, 1.0, 1.0, 0.8))),
    tried(0.8, ((2.0, 4.0, 2.0, -8.0), (1.0, 1.0, 0.8, 0.6))),
    tried(1.0, ((0.0, 2.0, 0.0, -7.0), (1.0, 1.0, 0.9, 0.8))),
)
"""Of the four groups the first is old enough at once, the second and third after more, the last nowhere."""
BOTH = (
    tried(0.8, ((2.0, 4.0, 2.0, 0.0), (1.0,) * 4), ((-4.0, 2.0, 2.0, 9.0), (1.0,) * 4)),
    tried(1.0, ((2.0, 2.0, 2.0, 8.0), (1.0,) * 4), ((-2.0, 4.0, 2.0, 8.0), (1.0,) * 4)),
    tried(1.2, ((2.0, 2.0, 2.0, 9.0), (1.0,) * 4), ((2.0, 2.0, 2.0, 0.0), (1.0,) * 4)),
)
"""The first group looks its age to both judges from 1.0, the second from 1.2, the third from 0.8, the last nowhere."""


def test_the_weakest_that_reaches_the_age_is_chosen_else_the_one_that_comes_nearest() -> None:
    assert choose(TRIED) == (0.8, 1.0, 1.2, 1.2)
    assert choose(TRIED[:1]) == (1.2,) * 4


def test_outputs_must_look_their_age_to_every_judge() -> None:
    assert choose(BOTH) == (1.0, 1.2, 0.8, 1.0)


def test_outputs_must_be_near_to_real_pictures() -> None:
    good = ((0.0,) * 4, (1.0,) * 4)
    trials = (
        tried(0.8, good, ratios=(2.1, 2.0, 3.0, None)),
        tried(1.0, good, ratios=(1.9, 1.0, 2.5, None)),
        tried(1.2, good, ratios=(1.0, 1.0, 2.6, None)),
    )
    assert choose(trials) == (1.0, 0.8, 1.0, 0.8)


def test_what_was_not_measured_does_not_decide() -> None:
    trials = (
        tried(0.8, ((5.0,) * 4, (None,) * 4), ratios=(None,) * 4),
        tried(1.0, ((2.0,) * 4, (None, 0.0, 1.0, None)), ratios=(None, None, None, 9.0)),
    )
    assert choose(trials) == (1.0, 0.8, 1.0, 0.8)
    assert "| +2.0; -; 90%; - |" in as_markdown(trials, choose(trials[:1]), FOUR).splitlines()[-4]


def test_the_table_shows_what_was_chosen() -> None:
    rows = as_markdown(TRIED, choose(TRIED), FOUR).splitlines()
    assert "| target | 0.8 | 1 | 1.2 |" in rows
    assert f"| {FOUR.names[0]} | **+2.0; 100%; 90%; 1.0** | +0.0; 100%; 90%; 1.0 | +9.0; 70%; 90%; 1.0 |" in rows
    assert rows[-1].startswith(f"| {FOUR.names[3]} | -8.0; 60%; 90%; - |")
    assert rows[-1].count("**") == 2


def test_the_table_shows_what_each_judge_reads() -> None:
    text = as_markdown(BOTH[:1], (0.8,) * 4, FOUR)
    assert "judge-0, judge-1" in text
    assert f"| {FOUR.names[0]} | **+2.0, -4.0; 100%, 100%; 90%; 1.0** |" in text


def test_faces_are_balanced_over_the_groups_and_a_group_without_any_is_named() -> None:
    ages = [1, *range(3, 101), 60, 60, 60]
    file: Any = None  # not looked at
    places = [Place(file=file, row=row, age_years=age) for row, age in enumerate(ages)]
    years = [place.age_years for place in balanced(places, TEN, 3)]
    groups = [TEN.index_of(one) for one in years]
    assert groups == sorted(groups)
    assert [groups.count(group) for group in range(10)] == [1] + [3] * 9
    assert years[-1] == 100
    with pytest.raises(DataBroken, match=r"no face of 0-2 years .* --data"):
        balanced(places[1:], TEN, 3)
