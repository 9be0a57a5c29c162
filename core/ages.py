"""Age groups, their names, and the code a generator is conditioned on. The only definition of either."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

OLDEST_YEARS = 100
"""Ages are whole years 0..100 wherever a network classifies them; older people count as 100."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeGroups:
    """A way to cut the years of life into consecutive groups."""

    name: str
    """Short name on the command line and in file names, such as "10"."""
    first_years: tuple[int, ...]
    """Youngest whole year of each group, ascending; a group ends where the next begins."""
    typical_years: tuple[float, ...]
    """Age in years that stands for the group where one number is needed; inside the group."""
    open_start: bool = False
    """True if the first group reaches below its first year without a floor ("30 and under")."""

    def __post_init__(self) -> None:
        if len(self.first_years) != len(self.typical_years):
            raise ValueError(f"{len(self.first_years)} groups but {len(self.typical_years)} typical ages")
        for index, years in enumerate(self.typical_years):
            if self.index_of(years) != index:
                raise ValueError(f"typical age {years} lies outside group {self.names[index]}")

    def __len__(self) -> int:
        return len(self.first_years)

    @property
    def names(self) -> tuple[str, ...]:
        """Names as shown to people: "0-2", ..., "70+"."""
        names = [f"{a}-{b - 1}" for a, b in zip(self.first_years, self.first_years[1:], strict=False)]
        names.append(f"{self.first_years[-1]}+")
        if self.open_start:
            names[0] = f"{self.first_years[1] - 1} and under"
        return tuple(names)

    def index_of(self, age_years: float) -> int:
        """Group of an age; a fraction of a year belongs to the year begun (2.9 is still 2).

        Raises:
            ValueError: the age is negative, above 130, not a number, or below the youngest group.
        """
        if not 0 <= age_years <= 130:
            raise ValueError(f"age {age_years} is not between 0 and 130 years")
        index = int(np.searchsorted(self.first_years, int(age_years), side="right")) - 1
        if index < 0:
            if self.open_start:
                return 0
            raise ValueError(f"age {age_years} is below the youngest group, {self.names[0]}")
        return index

    def index_of_name(self, name: str) -> int:
        """Group with the given name, such as "20-29". Raises ValueError for any other text."""
        if name not in self.names:
            raise ValueError(f"no age group {name!r}; the groups are {', '.join(self.names)}")
        return self.names.index(name)

    def positions(self, ages_years: Sequence[float] | npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Where ages lie among the groups: a typical age at its group's number, others between.

        Younger than the youngest typical age counts as that, older than the oldest as that.

        Args:
            ages_years: (N,) years, 0..130.
        Returns:
            (N,) float64, 0..groups - 1.
        """
        ages = np.atleast_1d(np.asarray(ages_years, dtype=np.float64))
        if ages.ndim != 1 or not np.all((ages >= 0) & (ages <= 130)):
            raise ValueError(f"ages must be a row of years between 0 and 130, got {ages_years!r}")
        return np.asarray(np.interp(ages, self.typical_years, np.arange(len(self))))

    def soft_code(self, ages_years: Sequence[float] | npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Mix of the two groups between whose typical ages each age lies.

        Args:
            ages_years: (N,) years, 0..130.
        Returns:
            (N, groups) float32, rows sum to 1; one-hot at the typical ages and beyond the outermost.
        """
        apart = np.abs(self.positions(ages_years)[:, None] - np.arange(len(self)))
        code: npt.NDArray[np.float32] = np.maximum(0.0, 1.0 - apart).astype(np.float32)
        return code

    def years_of(self, code: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Inverse of `soft_code` between the outermost typical ages.

        Args:
            code: (N, groups), rows sum to 1.
        Returns:
            (N,) float64 years.
        """
        array = np.asarray(code, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != len(self) or not np.allclose(array.sum(1), 1, atol=1e-4):
            raise ValueError(f"expected rows of {len(self)} weights that sum to 1, got shape {array.shape}")
        years: npt.NDArray[np.float64] = array @ np.asarray(self.typical_years)
        return years

    def one_hot(self, indices: Sequence[int] | npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(N,) group numbers to (N, groups) float32 of zeros and ones."""
        array = np.atleast_1d(np.asarray(indices, dtype=np.int64))
        if not np.all((array >= 0) & (array < len(self))):
            raise ValueError(f"group numbers must be 0..{len(self) - 1}, got {indices!r}")
        return np.eye(len(self), dtype=np.float32)[array]


TEN = AgeGroups(
    name="10",
    first_years=(0, 3, 7, 10, 15, 20, 30, 40, 50, 70),
    typical_years=(1.0, 4.5, 8.0, 12.0, 17.0, 25.0, 34.5, 44.5, 58.0, 77.0),
)
"""FFHQ-Aging's ten groups, as in the paper (its README's "50-59" is 50-69)."""

FOUR = AgeGroups(name="4", first_years=(15, 30, 40, 50), typical_years=(24.0, 34.5, 44.5, 62.0))
"""The paper's four groups: 15-29, 30-39, 40-49, 50+."""

MORPH_FOUR = AgeGroups(
    name="morph-4", first_years=(0, 31, 41, 51), typical_years=(23.0, 35.5, 45.5, 56.0), open_start=True
)
"""The four groups of the MORPH and CACD experiments: 30 and under, 31-40, 41-50, 51+."""

GROUP_SYSTEMS: dict[str, AgeGroups] = {groups.name: groups for groups in (TEN, FOUR, MORPH_FOUR)}


def group_system(name: str) -> AgeGroups:
    """Group system by its name. Raises ValueError for a name that is none."""
    if name not in GROUP_SYSTEMS:
        raise ValueError(f"no age group system {name!r}; there are {', '.join(GROUP_SYSTEMS)}")
    return GROUP_SYSTEMS[name]


def system_of(names: Sequence[str]) -> AgeGroups:
    """Group system whose groups have these names, in order. Raises ValueError for names of none."""
    for groups in GROUP_SYSTEMS.values():
        if groups.names == tuple(names):
            return groups
    raise ValueError(f"no age group system has the groups {', '.join(names)}")
