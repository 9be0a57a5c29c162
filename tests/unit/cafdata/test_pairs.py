"""Pairs against a plain double loop, on drawn people."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from cafdata.pairs import (
    GAP_EDGES_YEARS,
    Faces,
    Pairs,
    cell_pairs,
    faces_of,
    faces_of_records,
    gap_pairs,
    scores_of,
    subject_folds,
)
from cafdata.record import Record
from core.thresholds import CELLS


def drawn(num: int, num_persons: int, seed: int = 0) -> Faces:
    generator = np.random.default_rng(seed)
    ages = generator.uniform(0, 90, num).round(1)
    persons = [f"p{number}" for number in generator.integers(0, num_persons, num)]
    return faces_of(persons, ages, ages)


def plain(faces: Faces) -> Iterator[tuple[int, int, bool]]:
    for one, other in itertools.combinations(range(len(faces)), 2):
        yield one, other, bool(faces.persons[one] == faces.persons[other])


def as_set(pairs: Pairs) -> set[tuple[int, int]]:
    listed = [(min(pair), max(pair)) for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)]
    assert len(set(listed)) == len(listed)
    return set(listed)


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("num_persons", [1, 9, 1000])
def test_cells_hold_every_pair_once(num_persons: int, same: bool) -> None:
    faces = drawn(90, num_persons)
    for younger, older in CELLS:
        expected = {
            (one, other)
            for one, other, is_same in plain(faces)
            if is_same == same and sorted((faces.groups[one], faces.groups[other])) == [younger, older]
        }
        found = cell_pairs(faces, younger, older, same=same, limit=10**6, seed=1)
        assert as_set(found) == expected and found.num_available == len(expected)
        assert all(faces.groups[found.first] == younger) and all(faces.groups[found.second] == older)


@pytest.mark.parametrize("same", [True, False])
def test_gaps_hold_every_pair_once(same: bool) -> None:
    faces, total = drawn(80, 7), 0
    for low, high in itertools.pairwise(GAP_EDGES_YEARS):
        expected = {
            (one, other)
            for one, other, is_same in plain(faces)
            if is_same == same and low <= abs(np.subtract(*np.round(faces.ages_years[[one, other]] * 256) / 256)) < high
        }
        found = gap_pairs(faces, low, high, same=same, limit=10**6, seed=1)
        assert as_set(found) == expected and found.num_available == len(expected)
        total += len(found)
    assert total == sum(is_same == same for _, _, is_same in plain(faces))


def test_a_sample_is_even_seeded_and_small() -> None:
    """Of 50,000 pictures a thousand million pairs are never listed: this takes no second and few megabytes."""
    generator = np.random.default_rng(0)
    ages = generator.uniform(20, 29, 50_000)
    faces = faces_of([f"p{number // 5}" for number in range(50_000)], ages, ages)
    pairs = cell_pairs(faces, 5, 5, same=False, limit=20_000, seed=3)
    assert len(pairs) == 20_000 == len(as_set(pairs))
    assert pairs.num_available == 50_000 * 49_999 // 2 - 10_000 * 10
    assert np.all(faces.persons[pairs.first] != faces.persons[pairs.second])
    counts = np.histogram(np.concatenate((pairs.first, pairs.second)), bins=20, range=(0, 50_000))[0]
    assert abs(counts - 2000).max() < 5 * 2000**0.5
    again = cell_pairs(faces, 5, 5, same=False, limit=20_000, seed=3)
    other = cell_pairs(faces, 5, 5, same=False, limit=20_000, seed=4)
    assert np.array_equal(pairs.first, again.first) and not np.array_equal(pairs.first, other.first)
    assert len(gap_pairs(faces, 0, 3, same=False, limit=5000, seed=0)) == 5000


def test_a_sample_of_few_is_even() -> None:
    """Each of the 60 different-person pairs of a cell comes up in a third of the draws of 20."""
    faces = faces_of([f"p{number // 2}" for number in range(12)], [25] * 12, [25] * 12)
    counts = np.zeros((12, 12))
    for seed in range(600):
        pairs = cell_pairs(faces, 5, 5, same=False, limit=20, seed=seed)
        np.add.at(counts, (pairs.first, pairs.second), 1)
    found = counts[counts > 0]
    assert len(found) == 60 and abs(found - 200).max() < 5 * (200 * 2 / 3) ** 0.5


def test_folds_keep_people_whole_and_do_not_move_when_others_come() -> None:
    names = [f"p{number % 400}" for number in range(2000)]
    folds = subject_folds(names, 5, 0)
    assert all(len(set(folds[number::400].tolist())) == 1 for number in range(400))
    assert np.array_equal(subject_folds([*names, "new"], 5, 0)[:-1], folds)
    assert min(np.bincount(folds)) > 300
    assert not np.array_equal(subject_folds(names, 5, 1), folds)
    with pytest.raises(ValueError, match="two folds or more, got 1"):
        subject_folds(names, 1, 0)


def test_an_interval_across_a_border_is_in_no_group() -> None:
    faces = faces_of(["a", "b", "a", "c"], [2, 2, 19.5, 70], [2.9, 3, 20.1, 130])
    assert faces.groups.tolist() == [0, -1, -1, 9] and faces.persons.tolist() == [0, 1, 0, 2]
    assert faces.ages_years[0] == pytest.approx(2.45) and faces.knows_persons
    assert not faces_of(["a", "b"], [1, 2], [1, 2]).knows_persons


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (5, 4), (3, 131), (float("nan"), 5)])
def test_ages_that_cannot_be(low: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"0\.\.130"):
        faces_of(["a"], [low], [high])


def test_faces_of_an_archive() -> None:
    def record(person: str, low: float, high: float) -> Record:
        return Record(
            picture_id=f"{person}-{low}",
            person_id=person,
            sha256="0" * 64,
            phash="0" * 16,
            age_min_years=low,
            age_max_years=high,
            age_provenance="given",
            width_px=10,
            height_px=10,
        )

    faces = faces_of_records([record("b", 20, 29), record("a", 5, 8), record("b", 40, 40)])
    assert faces.persons.tolist() == [1, 0, 1] and faces.groups.tolist() == [5, -1, 7]


def test_scores_are_cosines() -> None:
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=(40, 16)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    faces = faces_of([f"p{number}" for number in range(40)], [25] * 40, [25] * 40)
    pairs = cell_pairs(faces, 5, 5, same=False, limit=10**6, seed=0)
    expected = [float(embeddings[a] @ embeddings[b]) for a, b in zip(pairs.first, pairs.second, strict=True)]
    np.testing.assert_allclose(scores_of(embeddings, pairs), expected, atol=1e-6)
    with pytest.raises(ValueError, match="float32"):
        scores_of(embeddings.astype(np.float64), pairs)
