"""Faces that agree: whether the pictures of one name hang together, and whether two names are one person."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]

BLOCK_ROWS: Final = 1024
"""Faces that are held against others at once: 4 MB of scores a block."""
MARGIN: Final = 0.15
"""A score this part of the way from its threshold to 1 is well above it."""
NEARLY_ONE: Final = 0.6
"""From this part of the way on a single score is enough."""
MIN_PAIRS: Final = 2
"""Otherwise so many pairs well above their thresholds are needed, "several"."""
MIN_SHARE: Final = 0.5
"""Of the pairs that real people would pass, so many must agree."""
EXPECTED_LINKS: Final = 2.0
"""Two groups of one name are a doubt only if so many links between them were to be expected."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Links:
    """What is known of each pair of the ten age groups. Fields are (10, 10), symmetric."""

    thresholds: Numbers
    """Cosine from which on two faces agree; NaN where none is known, and so no verdict."""
    genuine: Numbers
    """Share of real pairs of one person that agree, 0..1."""
    is_measured: Flags
    """Whether that was measured with this recogniser, or is as published for ArcFace."""
    false_accept_rate: float
    """Share of pairs of strangers that agree."""


def parted(linked: Flags, genuine: Numbers, kept: Flags) -> tuple[int, int, int, int] | None:
    """Whether the pictures of a name fall into two groups without any link.

    Args:
        linked: (n, n) whether two agree, symmetric.
        genuine: (n, n) how often real pairs agree, 0 where there is no verdict.
        kept: (n,) pictures that count.
    Returns:
        A picture of the largest group and one of the next, the pair that should agree most surely, and how many
        pictures each has; None if fewer than two groups have two pictures, or no links were to be expected.
    """
    label = _components(linked)
    sizes = [(int(((label == one) & kept).sum()), -int(one)) for one in np.unique(label)]
    large = [(size, -one) for size, one in sorted(sizes, reverse=True) if size >= 2]
    if len(large) < 2:
        return None
    first, second = (np.flatnonzero((label == one) & kept) for _, one in large[:2])
    between = genuine[np.ix_(first, second)]
    if between.sum() < EXPECTED_LINKS:
        return None
    row, column = np.unravel_index(int(between.argmax()), between.shape)
    return int(first[row]), int(second[column]), len(first), len(second)


def alike_people(
    people: Sequence[str], embeddings: npt.NDArray[np.float32], groups: npt.NDArray[np.int64], links: Links
) -> Iterator[tuple[int, int, str]]:
    """Pairs of names that may be one person: the rows of the two faces most alike, and why.

    Args:
        people: N names, sorted, so that the faces of one lie side by side.
        embeddings: (N, D) float32 of length 1.
        groups: (N,) age group of each.
    """
    numbers = np.unique(np.asarray(people, dtype=np.str_), return_inverse=True)[1] if people else np.zeros(0, np.int64)
    hits: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
    for rows, columns, share in _well_above(numbers, embeddings, groups, links):
        for row, column, part in zip(rows.tolist(), columns.tolist(), share.tolist(), strict=True):
            hits.setdefault((int(numbers[row]), int(numbers[column])), []).append((part, row, column))
    for (one, other), found in sorted(hits.items()):
        best, row, column = max(found)
        if len(found) < MIN_PAIRS and best < NEARLY_ONE:
            continue
        agreeing, expected, total = _across(numbers, one, other, embeddings, groups, links)
        if best < NEARLY_ONE and agreeing < MIN_SHARE * expected:
            continue
        cosine = float(embeddings[row] @ embeddings[column])
        said = f"{agreeing} of {total} pairs of their pictures agree, the best with cosine {cosine:.2f}"
        yield row, column, f"{people[row]} and {people[column]} may be one person: {said}"


def _well_above(
    numbers: npt.NDArray[np.int64], embeddings: npt.NDArray[np.float32], groups: npt.NDArray[np.int64], links: Links
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Numbers]]:
    """Pairs of faces of two names whose scores lie well above their thresholds, and how far: 0 at it, 1 at cosine 1."""
    limits = links.thresholds + MARGIN * (1 - links.thresholds)
    limits = np.where(links.thresholds < 1, limits, math.inf).astype(np.float32)  # NaN is not below 1
    lowest = limits.min()
    count = len(numbers)
    for top in range(0, count, BLOCK_ROWS):
        for left in range(top, count, BLOCK_ROWS):
            scores = embeddings[top : top + BLOCK_ROWS] @ embeddings[left : left + BLOCK_ROWS].T
            rows, columns = np.nonzero(scores >= lowest)
            scores, rows, columns = scores[rows, columns], rows + top, columns + left
            is_hit = (scores >= limits[groups[rows], groups[columns]]) & (numbers[rows] < numbers[columns])
            rows, columns, scores = rows[is_hit], columns[is_hit], scores[is_hit]
            thresholds = links.thresholds[groups[rows], groups[columns]]
            yield rows, columns, (scores - thresholds) / (1 - thresholds)


def _across(
    numbers: npt.NDArray[np.int64],
    one: int,
    other: int,
    embeddings: npt.NDArray[np.float32],
    groups: npt.NDArray[np.int64],
    links: Links,
) -> tuple[int, float, int]:
    """Pairs of faces of two names: how many agree, would if they were one person, and can be judged."""
    first, second = (np.arange(*np.searchsorted(numbers, [number, number + 1], side="left")) for number in (one, other))
    cells = np.ix_(groups[first], groups[second])
    is_judged = ~np.isnan(links.thresholds[cells])
    agreeing = is_judged & (embeddings[first] @ embeddings[second].T >= links.thresholds[cells])
    return int(agreeing.sum()), float(links.genuine[cells][is_judged].sum()), int(is_judged.sum())


def _components(linked: Flags) -> npt.NDArray[np.int64]:
    """(n,) smallest number of a picture that each is linked to, directly or through others."""
    label = np.arange(len(linked))
    while True:
        lower = np.where(linked, label, len(linked)).min(axis=1, initial=len(linked))
        lower = np.minimum(label, lower)
        if (lower == label).all():
            return label
        label = lower
