"""Age groups: edges, names and codes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ages import FOUR, GROUP_SYSTEMS, MORPH_FOUR, TEN, AgeGroups, group_system, system_of


def test_names_are_the_papers() -> None:
    assert TEN.names == (
        "0-2", "3-6", "7-9", "10-14", "15-19", "20-29", "30-39", "40-49", "50-69", "70+"
    )  # fmt: skip
    assert FOUR.names == ("15-29", "30-39", "40-49", "50+")
    assert MORPH_FOUR.names == ("30 and under", "31-40", "41-50", "51+")


@pytest.mark.parametrize(
    ("years", "group"),
    [(0, 0), (2.99, 0), (3, 1), (6, 1), (9, 2), (14, 3), (19, 4), (49, 7), (69, 8), (70, 9), (130, 9)],
)
def test_edges_of_the_ten_groups(years: float, group: int) -> None:
    assert TEN.index_of(years) == group


def test_morph_takes_everyone_up_to_thirty_first() -> None:
    assert [MORPH_FOUR.index_of(years) for years in (0, 16, 30, 30.9, 31, 51)] == [0, 0, 0, 0, 1, 3]


@pytest.mark.parametrize("years", [-0.1, 131, float("nan"), float("inf")])
def test_impossible_ages_are_refused(years: float) -> None:
    with pytest.raises(ValueError, match="130"):
        TEN.index_of(years)
    with pytest.raises(ValueError, match="130"):
        TEN.soft_code([years])


def test_the_four_groups_have_no_children() -> None:
    with pytest.raises(ValueError, match="below the youngest group, 15-29"):
        FOUR.index_of(14)


@pytest.mark.parametrize("groups", GROUP_SYSTEMS.values(), ids=lambda groups: groups.name)
def test_typical_ages_are_one_hot(groups: AgeGroups) -> None:
    np.testing.assert_array_equal(groups.soft_code(groups.typical_years), np.eye(len(groups), dtype=np.float32))
    np.testing.assert_array_equal(groups.one_hot(range(len(groups))), np.eye(len(groups), dtype=np.float32))


@pytest.mark.parametrize("groups", GROUP_SYSTEMS.values(), ids=lambda groups: groups.name)
@given(share=st.floats(0, 1))
def test_years_to_code_and_back(groups: AgeGroups, share: float) -> None:
    years = groups.typical_years[0] * (1 - share) + groups.typical_years[-1] * share
    code = groups.soft_code([years])
    assert code.shape == (1, len(groups))
    assert np.count_nonzero(code) <= 2
    assert code.sum() == pytest.approx(1, abs=1e-5)
    assert groups.years_of(code)[0] == pytest.approx(years, abs=1e-3)


def test_beyond_the_outermost_ages_the_code_stays() -> None:
    np.testing.assert_array_equal(TEN.soft_code([0, 120]), TEN.one_hot([0, 9]))


def test_halfway_between_two_groups() -> None:
    assert TEN.positions([10.0, 0, 120]).tolist() == [2.5, 0, 9]
    np.testing.assert_allclose(TEN.soft_code([10.0])[0, 2:4], [0.5, 0.5])


def test_bad_codes_names_and_systems() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        TEN.years_of(np.ones((1, 10)))
    with pytest.raises(ValueError, match=r"0\.\.9"):
        TEN.one_hot([10])
    with pytest.raises(ValueError, match="no age group '50-59'"):
        TEN.index_of_name("50-59")
    with pytest.raises(ValueError, match="no age group system '5'"):
        group_system("5")
    with pytest.raises(ValueError, match="lies outside group"):
        AgeGroups(name="wrong", first_years=(0, 10), typical_years=(5, 8))
    assert TEN.index_of_name("50-69") == 8


def test_a_system_is_known_by_the_names_of_its_groups() -> None:
    for groups in GROUP_SYSTEMS.values():
        assert system_of(list(groups.names)) is groups
    with pytest.raises(ValueError, match="0-2, 3-6"):
        system_of(("0-2", "3-6"))
