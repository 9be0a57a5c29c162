"""Nearly equal embeddings are found, with every two compared and by lists, and decided exactly."""

import numpy as np
import pytest

from core.identity import Embedding
from curation import alike
from curation.alike import alike_pairs


def people_and_copies(count: int, size: int, seed: int = 0) -> Embedding:
    """Embeddings of people with eight pictures each, one in ten nearly equal to another."""
    random = np.random.default_rng(seed)
    people = random.normal(size=(count // 8, size))
    values = people[random.integers(0, len(people), count)] + 0.8 * random.normal(size=(count, size))
    copies = random.permutation(count)[: count // 10]
    values[copies] = values[copies - 1] + random.normal(size=(len(copies), size)) * 0.2
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def plain(values: Embedding, least_cosine: float) -> list[list[int]]:
    cosines = values.astype(np.float64) @ values.astype(np.float64).T
    return np.argwhere(np.triu(cosines >= least_cosine, 1)).tolist()


@pytest.mark.parametrize("exhaustive", [10_000, 100], ids=["every two", "lists"])
def test_pairs_are_those_of_a_plain_product(exhaustive: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "EXHAUSTIVE", exhaustive)
    monkeypatch.setattr(alike, "QUERIES_AT_ONCE", 300)
    values = people_and_copies(2000, 32)
    found = alike_pairs(values, 0.95)
    assert found.dtype == np.int64
    assert len(found) > 150
    assert found.tolist() == plain(values, 0.95)


def test_the_bound_is_exact() -> None:
    """A pair a little below is left out, though the index would let it pass."""
    angle = np.arccos(0.98)
    values = np.array([[1, 0], [0.98, np.sin(angle)]], dtype=np.float32)
    cosine = float(values[0].astype(np.float64) @ values[1].astype(np.float64))
    assert alike_pairs(values, cosine).tolist() == [[0, 1]]
    assert alike_pairs(values, np.nextafter(cosine, 1)).tolist() == []


def test_what_cannot_be_compared() -> None:
    assert alike_pairs(np.zeros((0, 4), dtype=np.float32), 0.9).shape == (0, 2)
    with pytest.raises(ValueError, match=r"length 1, got 2\.000"):
        alike_pairs(np.full((2, 4), 1, dtype=np.float32), 0.9)
    with pytest.raises(ValueError, match="float64"):
        alike_pairs(np.eye(3), 0.9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"above 0 and up to 1, got 1\.5"):
        alike_pairs(np.eye(3, dtype=np.float32), 1.5)
