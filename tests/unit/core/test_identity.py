"""Embeddings: unit length and cosine."""

import numpy as np
import pytest

from core.identity import cosine, unit


def test_unit_has_length_one_and_keeps_the_direction() -> None:
    vector = unit([[3.0, 4.0]])
    assert vector.dtype == np.float32
    assert vector.tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([1, 0], [5, 0], 1), ([1, 0], [0, 2], 0), ([1, 1], [-2, -2], -1), ([1, 0], [1, 1], 0.7071068)],
)
def test_cosine(one: list[float], other: list[float], expected: float) -> None:
    assert cosine(one, other) == pytest.approx(expected, abs=1e-6)


def test_cosine_refuses_mixed_recognisers_and_nothing() -> None:
    with pytest.raises(ValueError, match="different recognisers"):
        cosine([1, 0, 0], [1, 0])
    with pytest.raises(ValueError, match="finite"):
        unit([0, 0])
    with pytest.raises(ValueError, match="finite"):
        unit([np.nan, 1])
