"""Pairs of faces: of one person and of two, for each pair of age groups or each gap in years, in folds of people.

No list of all pairs is ever made: of fifty thousand pictures there are more than a thousand million. Pictures are
sorted so that the partners of each lie side by side; a pair is then a number, and as many numbers as asked for are
drawn without repetition.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cafdata.record import Record
from core.ages import TEN
from core.thresholds import CELLS

Whole = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

GAP_EDGES_YEARS = (0.0, 1.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 131.0)
"""Gaps are counted from one edge to below the next."""
AT_A_TIME = 1 << 16
"""Pairs whose scores are computed at once."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Faces:
    """Who is how old on N pictures."""

    persons: Whole
    """(N,) number of the person, 0 or more; the same number, the same person."""
    groups: Whole
    """(N,) group in core.ages.TEN, -1 where the age is not known well enough to say."""
    ages_years: Numbers
    """(N,) middle of what is known of the age, 0..130."""

    def __post_init__(self) -> None:
        shape = self.persons.shape
        if len(shape) != 1 or self.groups.shape != shape or self.ages_years.shape != shape:
            raise ValueError(f"faces want (N,) each, got {shape}, {self.groups.shape}, {self.ages_years.shape}")
        if len(self) and (self.persons.min() < 0 or self.groups.min() < -1 or self.groups.max() >= len(TEN)):
            raise ValueError(f"persons count from 0, groups lie in -1..{len(TEN) - 1}")
        if not np.all((self.ages_years >= 0) & (self.ages_years <= 130)):
            raise ValueError("ages lie in 0..130 years")

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def knows_persons(self) -> bool:
        """Whether anybody is there twice. If nobody is, nobody looked: each picture was given a person of its own."""
        return len(np.unique(self.persons)) < len(self)


def faces_of(persons: Sequence[str], ages_min_years: npt.ArrayLike, ages_max_years: npt.ArrayLike) -> Faces:
    """Faces from names and age intervals.

    Args:
        persons: N names.
        ages_min_years: (N,) youngest that each can be, 0..130.
        ages_max_years: (N,) oldest; a face whose interval reaches into two groups is in none.
    Raises:
        ValueError: an age out of range, or not as many of one as of the other.
    """
    low, high = np.asarray(ages_min_years, dtype=np.float64), np.asarray(ages_max_years, dtype=np.float64)
    if low.shape != (len(persons),) or high.shape != low.shape:
        raise ValueError(f"{len(persons)} persons, but ages of shape {low.shape} and {high.shape}")
    if not np.all((low >= 0) & (low <= high) & (high <= 130)):
        raise ValueError("age intervals lie in 0..130 years, the younger end first")
    first = np.searchsorted(TEN.first_years, np.floor(low), side="right") - 1
    last = np.searchsorted(TEN.first_years, np.floor(high), side="right") - 1
    numbers = np.unique(np.asarray(persons, dtype=np.str_), return_inverse=True)[1] if persons else np.zeros(0)
    return Faces(
        persons=numbers.reshape(-1).astype(np.int64),
        groups=np.where(first == last, first, -1).astype(np.int64),
        ages_years=(low + high) / 2,
    )


def faces_of_records(records: Sequence[Record]) -> Faces:
    """Faces of an archive's records, in their order."""
    low, high = [one.age_min_years for one in records], [one.age_max_years for one in records]
    return faces_of([one.person_id for one in records], low, high)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairs:
    """P pairs of pictures, all of one person each or all of two."""

    first: Whole
    """(P,) row of the one picture."""
    second: Whole
    """(P,) row of the other."""
    num_available: int
    """How many such pairs there are, drawn or not."""

    def __len__(self) -> int:
        return len(self.first)


def cell_pairs(faces: Faces, younger: int, older: int, *, same: bool, limit: int, seed: int) -> Pairs:
    """Pairs of a picture of one group with one of another.

    Args:
        faces: N faces.
        younger: group of the first of each pair.
        older: group of the second; may be the same group.
        same: pairs of one person, or of two.
        limit: at most so many; drawn evenly where there are more.
        seed: fixes which.
    """
    if (younger, older) not in CELLS:
        raise ValueError(f"no cell {younger}, {older}: the groups are 0..{len(TEN) - 1}, the younger first")
    firsts, seconds = (np.flatnonzero(faces.groups == group) for group in (younger, older))
    # Sorted by person, the partners of one person, and all that come after, each lie in one stretch.
    firsts, seconds = (rows[np.argsort(faces.persons[rows], kind="stable")] for rows in (firsts, seconds))
    start = np.searchsorted(faces.persons[seconds], faces.persons[firsts], side="left")
    stop = np.searchsorted(faces.persons[seconds], faces.persons[firsts], side="right")
    if younger == older:
        start = np.arange(1, len(firsts) + 1)
    if same:
        stretches = [(start, stop)]
    elif younger == older:
        stretches = [(stop, np.full_like(stop, len(seconds)))]
    else:
        stretches = [(np.zeros_like(start), start), (stop, np.full_like(stop, len(seconds)))]
    return _draw(firsts, seconds, stretches, limit, np.random.default_rng((seed, younger, older, same)))


def gap_pairs(faces: Faces, from_years: float, to_years: float, *, same: bool, limit: int, seed: int) -> Pairs:
    """Pairs whose ages lie at least `from_years` and less than `to_years` apart; else as `cell_pairs`.

    The age of a face is the middle of what is known of it. Where two people are asked for, up to four times as many
    pairs as `limit` are drawn and those of one person left out, so there may be fewer than `limit` where most pairs
    are of one person; `num_available` counts exactly.
    """
    if not 0 <= from_years < to_years:
        raise ValueError(f"a gap is from 0 years or more to more than that, got {from_years} to {to_years}")
    generator = np.random.default_rng((seed, round(1000 * from_years), round(1000 * to_years), same))
    # One sorted key for both: with a person's ages far from everybody else's, a gap never reaches another person.
    # Ages to a 256th of a year are exact in such a key.
    unsorted = np.round(faces.ages_years * 256) / 256 + (faces.persons * 1000.0 if same else 0.0)
    rows = np.argsort(unsorted, kind="stable")
    keys = unsorted[rows]
    start = np.searchsorted(keys, keys + from_years, side="left")
    start = np.maximum(start, np.arange(1, len(rows) + 1))
    stop = np.maximum(np.searchsorted(keys, keys + to_years, side="left"), start)
    if same:
        return _draw(rows, rows, [(start, stop)], limit, generator)
    drawn = _draw(rows, rows, [(start, stop)], 4 * limit, generator)
    is_two = faces.persons[drawn.first] != faces.persons[drawn.second]
    of_one = gap_pairs(faces, from_years, to_years, same=True, limit=0, seed=seed).num_available
    return Pairs(
        first=drawn.first[is_two][:limit],
        second=drawn.second[is_two][:limit],
        num_available=drawn.num_available - of_one,
    )


def subject_folds(persons: Sequence[str], num_folds: int, seed: int) -> Whole:
    """(N,) fold 0..num_folds-1 of each name: all pictures of a person in one, whoever else is there."""
    if num_folds < 2:
        raise ValueError(f"there are two folds or more, got {num_folds}")
    digests = {name: hashlib.sha256(f"{seed} {name}".encode()).digest() for name in set(persons)}
    return np.asarray([int.from_bytes(digests[name][:8], "big") % num_folds for name in persons], dtype=np.int64)


def scores_of(embeddings: npt.NDArray[np.float32], pairs: Pairs) -> npt.NDArray[np.float32]:
    """(P,) cosines of pairs, -1..1, from (N, D) float32 embeddings of length 1."""
    if embeddings.ndim != 2 or embeddings.dtype != np.float32:
        raise ValueError(f"embeddings are (N, D) float32, got {embeddings.shape} {embeddings.dtype}")
    scores = np.empty(len(pairs), dtype=np.float32)
    for part in _parts(len(pairs)):
        scores[part] = np.einsum("pd,pd->p", embeddings[pairs.first[part]], embeddings[pairs.second[part]])
    return scores.clip(-1, 1)


def _draw(
    firsts: Whole, seconds: Whole, stretches: list[tuple[Whole, Whole]], limit: int, generator: np.random.Generator
) -> Pairs:
    """Up to `limit` of the pairs of each of `firsts` with its stretches of `seconds`, evenly, in random order."""
    counts = sum((stop - start for start, stop in stretches), start=np.zeros(len(firsts), dtype=np.int64))
    before = np.concatenate(([0], np.cumsum(counts)))
    total = int(before[-1])
    numbers = _distinct(total, limit, generator)
    one = np.searchsorted(before, numbers, side="right") - 1
    offset = numbers - before[one]
    other: Whole = np.full(len(numbers), -1)
    for start, stop in stretches:
        length = (stop - start)[one]
        is_here = (other < 0) & (offset < length)
        other = np.where(is_here, start[one] + offset, other)
        offset = offset - length
    return Pairs(first=firsts[one], second=seconds[other], num_available=total)


def _distinct(total: int, count: int, generator: np.random.Generator) -> Whole:
    """`count` distinct numbers of 0..total-1 in random order; all of them if there are no more."""
    if count >= total or total <= 4 * count:
        return generator.permutation(total)[:count]
    drawn: Whole = np.zeros(0, dtype=np.int64)
    while len(drawn) < count:
        drawn = np.unique(np.concatenate((drawn, generator.integers(0, total, 2 * count - len(drawn)))))
    return generator.permutation(drawn)[:count]


def _parts(length: int) -> Iterator[slice]:
    return (slice(start, start + AT_A_TIME) for start in range(0, length, AT_A_TIME))
