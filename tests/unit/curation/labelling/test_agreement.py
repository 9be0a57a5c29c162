"""Alpha and ICC against published worked examples; bias and spread against planted ones."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.labelling.agreement import (
    Rating,
    alpha_interval,
    alpha_ordinal,
    correlation,
    deviation,
    intraclass,
    leave_one_out,
)

KRIPPENDORFF = {
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}
"""Krippendorff 2011, section D: four observers, twelve units, some values missing."""

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Shrout and Fleiss 1979, table 2: six targets, four judges."""


def ratings_of(table: dict[str, str]) -> list[Rating]:
    return [
        Rating(picture_id=str(unit), annotator=name, age_years=float(value))
        for name, row in table.items()
        for unit, value in enumerate(row.split())
        if value != "."
    ]


def plain_alpha(ratings: list[Rating]) -> float:
    """Alpha by its definition, pair by pair."""
    units: dict[str, list[float]] = {}
    for one in ratings:
        units.setdefault(one.picture_id, []).append(one.age_years)
    shared = [values for values in units.values() if len(values) > 1]
    everything = [value for values in shared for value in values]
    total = len(everything)
    observed = sum(
        (a - b) ** 2 / (len(values) - 1)
        for values in shared
        for i, a in enumerate(values)
        for j, b in enumerate(values)
        if i != j
    )
    pairs = ((a - b) ** 2 for i, a in enumerate(everything) for j, b in enumerate(everything) if i != j)
    return 1 - (observed / total) / (sum(pairs) / (total * (total - 1)))


def test_alpha_is_that_of_krippendorffs_worked_example() -> None:
    ratings = ratings_of(KRIPPENDORFF)
    assert alpha_interval(ratings) == pytest.approx(0.849, abs=1e-3)
    assert alpha_ordinal(ratings) == pytest.approx(0.815, abs=1e-3)


def test_icc_is_that_of_shrout_and_fleiss() -> None:
    single, mean = intraclass(np.array(SHROUT_FLEISS, np.float64))
    assert single == pytest.approx(0.290, abs=1e-3)
    assert mean == pytest.approx(0.620, abs=1e-3)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 90)),
        min_size=4,
        max_size=24,
        unique_by=lambda one: one[:2],
    )
)
def test_alpha_by_moments_is_alpha_by_pairs(said: list[tuple[int, int, int]]) -> None:
    ratings = [Rating(picture_id=str(unit), annotator=str(who), age_years=float(age)) for unit, who, age in said]
    shared = {unit for unit, _, _ in said if sum(other == unit for other, _, _ in said) > 1}
    values = {age for unit, _, age in said if unit in shared}
    found = alpha_interval(ratings)
    if not shared:
        assert found is None
    elif len(values) == 1:
        assert found == 1
    else:
        assert found == pytest.approx(plain_alpha(ratings), abs=1e-9)


def test_agreement_in_everything_is_one_and_in_nothing_is_none() -> None:
    same = [Rating(picture_id=str(unit), annotator=who, age_years=10.0 * unit) for unit in range(4) for who in "ab"]
    assert alpha_interval(same) == alpha_ordinal(same) == 1
    alone = same[::2]
    assert alpha_interval(alone) is alpha_ordinal(alone) is correlation(alone) is None
    assert alpha_interval([]) is alpha_ordinal([]) is None


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (6,)])
def test_icc_refuses_too_little(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 pictures"):
        intraclass(np.ones(shape))
    with pytest.raises(ValueError, match="the same"):
        intraclass(np.ones((3, 3)))


def test_icc_takes_the_annotators_who_share_most() -> None:
    table = {str(judge): [row[judge] for row in SHROUT_FLEISS] for judge in range(4)}
    ratings = [
        Rating(picture_id=str(unit), annotator=name, age_years=float(value))
        for name, values in table.items()
        for unit, value in enumerate(values)
    ]
    found = correlation([*ratings, Rating(picture_id="0", annotator="late", age_years=3.0)])
    assert found is not None
    assert (found.annotators, found.num_pictures) == (("0", "1", "2", "3"), 6)
    assert found.single == pytest.approx(0.290, abs=1e-3)


def test_icc_begins_with_the_two_who_share_most_not_with_the_busiest() -> None:
    """A saw a hundred pictures that nobody else saw; B and C share fifty, D ten of these."""
    random = np.random.default_rng(3)
    seen = {"A": range(1000, 1100), "B": range(50), "C": range(50), "D": range(10), "E": range(2000, 2060)}
    ratings = [
        Rating(picture_id=str(unit), annotator=name, age_years=float(unit % 50 + random.normal()))
        for name, units in seen.items()
        for unit in units
    ]
    found = correlation(ratings)
    assert found is not None
    assert (found.annotators, found.num_pictures) == (("B", "C"), 50)
    more = [one for one in ratings if one.annotator != "D"]
    more += [Rating(picture_id=str(unit), annotator="D", age_years=float(unit)) for unit in range(40)]
    found = correlation(more)
    assert found is not None
    assert (found.annotators, found.num_pictures) == (("B", "C", "D"), 40)


def test_bias_and_spread_are_those_planted() -> None:
    random = np.random.default_rng(1)
    truth = random.uniform(5, 80, 400)
    off = {"a": 0.0, "b": 0.0, "c": 6.0}
    ratings = [
        Rating(picture_id=str(unit), annotator=name, age_years=float(age + bias + random.normal(0, 2)))
        for unit, age in enumerate(truth)
        for name, bias in off.items()
    ]
    apart = leave_one_out(ratings)
    found = deviation([difference for (_, name), difference in apart.items() if name == "c"])
    assert found is not None
    assert found.num == 400
    assert found.bias_years == pytest.approx(6, abs=0.4)
    assert found.spread_years == pytest.approx(2 * 1.5**0.5, abs=0.3)
    assert deviation([1.0] * 4) is None


def test_twenty_thousand_ratings_take_less_than_a_second() -> None:
    random = np.random.default_rng(0)
    ratings = [
        Rating(picture_id=str(unit), annotator=str(who), age_years=float(age))
        for unit, ages in enumerate(random.uniform(0, 90, (5000, 4)))
        for who, age in enumerate(ages)
    ]
    start_s = time.perf_counter()
    assert alpha_interval(ratings) == pytest.approx(0, abs=0.05)
    assert alpha_ordinal(ratings) == pytest.approx(0, abs=0.05)
    assert correlation(ratings) is not None
    assert len(leave_one_out(ratings)) == len(ratings)
    assert time.perf_counter() - start_s < 1
