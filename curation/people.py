"""Is this the person named? Each picture is held against the others of that name, at the thresholds for their ages.

Two pictures agree if their cosine passes the threshold of their two age groups. How much that says follows from two
rates of the same cell: real pairs of one person that pass (g), and pairs of strangers that pass (f):

    agree     log g / f              for the name
    disagree  log (1 - g) / (1 - f)  against it, and hardly so across a gap that real people do not pass either

The others may be wrong themselves, so what each says counts by how far it is believed, and beliefs are computed again
until they stand. Scores of one picture with several others are no independent witnesses; their sum is scaled down.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from cafdata.queue import ReviewItem
from core.ages import TEN
from core.published import ARCFACE
from core.thresholds import ThresholdTable
from curation.people_links import Links, alike_people, parted
from curation.stage import Drop

STAGE: Final = "people"
WRONG: Final = "not the person named"
SOURCE: Final = "curation people"
PRIOR: Final = math.log(0.97 / 0.03)
"""Before any is compared: three pictures in a hundred show somebody else."""
WEIGHT: Final = 0.7
"""Of the sum of what the others say."""
LEAST, MOST = 0.02, 0.98
"""Genuine rates are believed between these."""
DROPPED: Final = 0.05
"""Below this belief a picture is dropped, if people can be expected to pass."""
DOUBTED: Final = 0.5
"""Below this belief it is looked at."""
PASSABLE: Final = 0.8
"""Genuine rate from which people can be expected to pass."""
ROUNDS: Final = 30


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NamedFaces:
    """N faces with the names that their source gave them, in any order. Raises ValueError for what does not fit."""

    picture_ids: Sequence[str]
    """N names, all different."""
    person_ids: Sequence[str]
    """N names of people."""
    embeddings: npt.NDArray[np.float32]
    """(N, D) float32 of length 1, all of one recogniser."""
    ages_years: npt.NDArray[np.float64]
    """(N,) float64: the best guess of each age, 0..130."""

    def __post_init__(self) -> None:
        count = len(self.picture_ids)
        if len(set(self.picture_ids)) != count:
            raise ValueError("two faces have the same picture id; give each a name of its own")
        shapes = (len(self.person_ids), self.ages_years.shape, self.embeddings.shape[:1])
        if shapes != (count, (count,), (count,)) or self.embeddings.ndim != 2:
            raise ValueError(f"{count} pictures, but {shapes[0]} people, ages {shapes[1]}, embeddings {shapes[2]}")
        if self.embeddings.dtype != np.float32:
            raise ValueError(f"embeddings are float32, got {self.embeddings.dtype}")
        if count and np.abs(np.linalg.norm(self.embeddings, axis=1) - 1).max() > 1e-3:
            raise ValueError("embeddings have the length 1; scale them with core.identity.unit")
        if not np.all((self.ages_years >= 0) & (self.ages_years <= 130)):
            raise ValueError("ages lie in 0..130 years")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PeopleChecked:
    """What came of it."""

    drops: Mapping[str, Drop]
    """Picture id to why it is not kept."""
    review: tuple[ReviewItem, ...]
    """What people have to look at; those pictures are kept until they have."""
    num_unjudged: int
    """Pictures that could be held against no other of their name: there is none, or no threshold for their ages."""


def check_people(faces: NamedFaces, table: ThresholdTable, *, added_at: str) -> PeopleChecked:
    """Find pictures of somebody else, two people under one name, and one person under two.

    Whatever the order of the faces, the outcome is the same. Time: the sum of n^2 over people with n pictures, and
    N^2 D for holding all against all, a block at a time: 20,000 faces take 4 s on one core. Memory grows with N.

    Args:
        faces: of one recogniser.
        table: its thresholds, for cosines.
        added_at: ISO 8601, for the review items.
    Raises:
        ValueError: the table is for other scores than cosines.
    """
    links = _links(table)
    order = sorted(range(len(faces.picture_ids)), key=lambda row: (faces.person_ids[row], faces.picture_ids[row]))
    names = [faces.picture_ids[row] for row in order]
    people = [faces.person_ids[row] for row in order]
    embeddings, ages = faces.embeddings[order], faces.ages_years[order]
    groups = np.array([TEN.index_of(age) for age in ages.tolist()], dtype=np.int64)
    drops: dict[str, Drop] = {}
    review: list[ReviewItem] = []
    num_unjudged = 0
    kept = np.ones(len(names), dtype=np.bool_)
    for start, stop in _stretches(people):
        person = _Person(names=names[start:stop], ages_years=ages[start:stop], groups=groups[start:stop])
        scores = (embeddings[start:stop] @ embeddings[start:stop].T).astype(np.float64)
        wrong, items, unjudged = _judge(person, scores, links, added_at)
        num_unjudged += unjudged
        for number, drop in wrong.items():
            drops[person.names[number]] = drop
            kept[start + number] = False
        review.extend(items)
    rows = np.flatnonzero(kept)
    for first, second, reason in alike_people([people[row] for row in rows], embeddings[rows], groups[rows], links):
        pair = (names[rows[first]], names[rows[second]])
        review.append(_item(pair, reason, added_at))
    return PeopleChecked(drops=drops, review=tuple(review), num_unjudged=num_unjudged)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Person:
    """The pictures of one name, by picture id."""

    names: Sequence[str]
    ages_years: npt.NDArray[np.float64]
    groups: npt.NDArray[np.int64]


def _links(table: ThresholdTable) -> Links:
    """What a table says of all pairs of groups; genuine rates that were not measured are ArcFace's, as published."""
    if table.scale != "cosine":
        raise ValueError(f"the table of {table.recogniser} is for scores {table.scale}, not for cosines")
    rate = table.false_accept_rate or 0.001
    above = NormalDist().inv_cdf(1 - rate)
    count = len(TEN)
    thresholds, genuine = np.full((count, count), np.nan), np.empty((count, count))
    is_measured = np.zeros((count, count), dtype=np.bool_)
    for a in range(count):
        for b in range(count):
            cell = table.cell(a, b)
            if cell is not None and cell.threshold is not None:
                thresholds[a, b] = cell.threshold
            if cell is not None and cell.genuine_rate is not None:
                genuine[a, b], is_measured[a, b] = cell.genuine_rate, True
            else:
                limit = ARCFACE.different_mean[a, b] + above * ARCFACE.different_std[a, b]
                genuine[a, b] = ARCFACE.genuine_rate(float(limit), a, b)
    return Links(thresholds=thresholds, genuine=genuine, is_measured=is_measured, false_accept_rate=rate)


def _judge(
    person: _Person, scores: npt.NDArray[np.float64], links: Links, added_at: str
) -> tuple[dict[int, Drop], list[ReviewItem], int]:
    """Pictures of a person that show somebody else, what has to be looked at, and how many cannot be judged."""
    cells = np.ix_(person.groups, person.groups)
    is_judged = ~np.isnan(links.thresholds[cells])
    np.fill_diagonal(is_judged, False)
    agrees = is_judged & (scores >= links.thresholds[cells])
    genuine = np.clip(links.genuine[cells], LEAST, MOST)
    says = np.where(
        agrees, np.log(genuine / links.false_accept_rate), np.log((1 - genuine) / (1 - links.false_accept_rate))
    )
    belief = _beliefs(np.where(is_judged, says, 0.0))
    wrong: dict[int, Drop] = {}
    doubted: dict[int, str] = {}
    for number in range(len(person.names)):
        others = is_judged[number] & (belief >= DOUBTED)
        if not is_judged[number].any() or (belief[number] >= DOUBTED and agrees[number].any()):
            continue
        best = _best(others if others.any() else is_judged[number], links.genuine[cells][number])
        said = _said(person, number, best, int((agrees[number] & others).sum()), int(others.sum()), links)
        is_passable = bool(others.any()) and links.genuine[cells][number, best] >= PASSABLE
        if belief[number] < DROPPED and is_passable:
            wrong[number] = Drop(stage=STAGE, reason=WRONG, detail=said)
        else:
            doubted[number] = said
    items = [_item((person.names[number],), said, added_at) for number, said in doubted.items()]
    if len(doubted) == len(person.names) == 2:  # either may be the wrong one: one question, not two
        items = [_item(tuple(person.names), doubted[0].replace("agrees", "the first agrees"), added_at)]
    kept = np.array([number not in wrong for number in range(len(person.names))])
    linked = agrees & kept & kept[:, None]
    if (two := parted(linked, np.where(is_judged, links.genuine[cells], 0.0), kept)) is not None:
        pair = (person.names[two[0]], person.names[two[1]])
        items.append(_item(pair, f"two groups of this name, of {two[2]} and {two[3]} pictures, do not agree", added_at))
    return wrong, items, int((~is_judged.any(axis=1)).sum())


def _item(picture_ids: tuple[str, ...], reason: str, added_at: str) -> ReviewItem:
    """A question about a picture or two."""
    kind: Literal["picture", "pair"] = "picture" if len(picture_ids) == 1 else "pair"
    return ReviewItem(kind=kind, picture_ids=picture_ids, reason=reason, source=SOURCE, added_at=added_at)


def _beliefs(says: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n,) belief 0..1 that each picture is right, from (n, n) what each says of each, 0 where nothing."""
    belief = np.full(len(says), 0.97)
    for _ in range(ROUNDS):
        odds = np.clip(PRIOR + WEIGHT * (says * belief).sum(1), -60, 60)
        # Halfway, so that two that contradict each other do not take turns.
        belief = (belief + 1 / (1 + np.exp(-odds))) / 2
    return belief


def _best(candidates: npt.NDArray[np.bool_], genuine: npt.NDArray[np.float64]) -> int:
    """The picture across whose gap real people pass most often."""
    return int(np.argmax(np.where(candidates, genuine, -1.0)))


def _said(person: _Person, number: int, best: int, num_agreeing: int, num_others: int, links: Links) -> str:
    """Why a picture is doubted."""
    a, b = person.groups[number], person.groups[best]
    ages = f"{person.ages_years[number]:.0f} and {person.ages_years[best]:.0f}"
    gap_years = abs(person.ages_years[number] - person.ages_years[best])
    known = "measured" if links.is_measured[a, b] else "published for ArcFace"
    return (
        f"agrees with {num_agreeing} of {num_others} pictures of this name that are believed; over the best gap, "
        f"{gap_years:.0f} years (ages {ages}), {links.genuine[a, b]:.0%} of real pairs agree ({known})"
    )


def _stretches(people: Sequence[str]) -> list[tuple[int, int]]:
    """First and last-plus-one row of each person, rows sorted by person."""
    edges = [row for row in range(len(people)) if row == 0 or people[row] != people[row - 1]]
    return list(itertools.pairwise([*edges, len(people)])) if edges else []
