"""What of a generator's output is carried over to the photo: the change of the crop, counted from the present age."""

import math

import numpy as np
import numpy.typing as npt
from torch import Tensor

from core.ages import AgeGroups

Change = npt.NDArray[np.float32]
"""(S, S, 3) grey levels, -255..255."""


def counted_from_present(made: Tensor, at_present: Tensor, picture: Tensor, gap_groups: float) -> Tensor:
    """The change that leaves a photo as it is at the present age.

        (y_b - x) - exp(-|b - a|) (y_a - x)

    x: the crop; y_a, y_b: the outputs at the present age a and at the target b, |b - a| in groups. At the own age a
    generator is held to the photo and yet alters it a little; near that age its output is altered in the same way,
    which is taken out here. Far from it the output is the generator's own picture: what it alters at the present
    age, taken out there too, would come back as blotches and as folds that it had removed.

    Args:
        made, at_present, picture: (..., 3, S, S), -1..1.
        gap_groups: 0 or more, see `gap_between`.
    Returns:
        (..., 3, S, S), 0 where target and present age are one.
    """
    return (made - picture) - math.exp(-gap_groups) * (at_present - picture)


def gap_between(groups: AgeGroups, one_years: float, other_years: float) -> float:
    """How many groups lie between two ages: 1 from typical age to typical age, parts of it between them, 0 beyond the
    outermost typical ages; infinity where one is younger than any group, as a child is to a model of adults.
    """
    if min(one_years, other_years) < groups.first_years[0]:
        return math.inf
    one, other = groups.positions([one_years, other_years])
    return float(abs(one - other))


def grey_levels(change: Tensor) -> Change:
    """(3, S, S) difference of two pictures in -1..1 to (S, S, 3) float32 in grey levels, -255..255."""
    array: Change = (change.float() * 127.5).permute(1, 2, 0).contiguous().cpu().numpy()
    return array
