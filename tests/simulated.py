"""Scores whose distribution is known."""

import numpy as np

from cafdata.bootstrap import CellScores


def drawn_people(num_people: int, num_photos: int, own: float, seed: int) -> CellScores:
    """Every pair of people once, and so many pairs of each person with himself.

    Scores of two people are normal, mean 0 and deviation 1; those of one person have mean 3. `own` is the deviation
    of what a person brings to all of his scores.
    """
    generator = np.random.default_rng(seed)
    people = generator.normal(0, own, num_people)
    first, second = np.triu_indices(num_people, 1)
    rest = (1 - 2 * own**2) ** 0.5
    person = np.repeat(np.arange(num_people), num_photos)
    return CellScores(
        different=(people[first] + people[second] + generator.normal(0, rest, len(first))).astype(np.float32),
        first=first.astype(np.int32),
        second=second.astype(np.int32),
        same=(3 + 2**0.5 * people[person] + generator.normal(0, rest, len(person))).astype(np.float32),
        person=person.astype(np.int32),
        num_subjects=num_people,
    )
