"""How alike two faces are, by the embeddings of one and the same recogniser."""

import numpy as np
import numpy.typing as npt

Embedding = npt.NDArray[np.float32]


def unit(vector: npt.ArrayLike) -> Embedding:
    """(D,) numbers scaled to length 1, float32. Raises ValueError for a zero or non-finite vector."""
    array = np.asarray(vector, dtype=np.float64).reshape(-1)
    length = float(np.linalg.norm(array))
    if not np.isfinite(length) or length == 0:
        raise ValueError(f"an embedding must be finite and not zero, got length {length}")
    return (array / length).astype(np.float32)


def cosine(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Cosine of two embeddings, -1..1; 1 means the same direction.

    Args:
        one: (D,) embedding.
        other: (D,) embedding of the same recogniser.
    Raises:
        ValueError: the lengths differ, so two recognisers were mixed up; or a vector is zero.
    """
    first, second = unit(one), unit(other)
    if first.shape != second.shape:
        raise ValueError(f"embeddings of {first.size} and {second.size} numbers come from different recognisers")
    return float(np.clip(first.astype(np.float64) @ second.astype(np.float64), -1, 1))
