"""Which embeddings are nearly equal, by an index of faiss; the only module that knows it.

Up to EXHAUSTIVE embeddings every two are compared. Of more, each is compared with those of the nearest of some hundred
or thousand lists: of 200,000 simulated embeddings with copies at a cosine of 0.95 to 0.98, 9,999 of 10,000 copies were
found. What is found is decided exactly, so nothing depends on how the index rounds.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.identity import Embedding

EXHAUSTIVE: Final = 20_000
LISTS_LOOKED_AT: Final = 8
ROUNDS: Final = 5
"""Of k-means, which makes the lists."""
EACH_LIST: Final = 64
"""Embeddings that each list is made from."""
QUERIES_AT_ONCE: Final = 4096
ROUNDING: Final = 1e-3
"""By so much at most an index errs."""


def alike_pairs(embeddings: Embedding, least_cosine: float) -> npt.NDArray[np.int64]:
    """Pairs of embeddings whose cosine is at least so much.

    Takes 2 s for 20,000 embeddings of 128 numbers and half a minute for 200,000, on two cores, and four bytes a number
    twice over.

    Args:
        embeddings: (N, D) float32 of length 1, of one recogniser.
        least_cosine: above 0, up to 1; the higher, the surer the lists hold all.
    Returns:
        (M, 2) int64: two numbers, the lower first; each pair once, in ascending order.
    Raises:
        ValueError: embeddings of another shape or length, or a cosine that is none.
    """
    if embeddings.ndim != 2 or embeddings.dtype != np.float32:
        raise ValueError(f"embeddings are (N, D) float32, got {embeddings.shape} {embeddings.dtype}")
    if not 0 < least_cosine <= 1:
        raise ValueError(f"a least cosine is above 0 and up to 1, got {least_cosine}")
    lengths = np.linalg.norm(embeddings, axis=1)
    if len(embeddings) and not np.all(np.abs(lengths - 1) < 1e-3):
        raise ValueError(f"embeddings have length 1, got {lengths.min():.3f} to {lengths.max():.3f}")
    if len(embeddings) < 2:
        return np.empty((0, 2), np.int64)
    values = np.ascontiguousarray(embeddings)
    index = _index(values)
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(values), QUERIES_AT_ONCE):
        part = values[start : start + QUERIES_AT_ONCE]
        limits, _, others = index.range_search(part, least_cosine - ROUNDING)
        ones = start + np.repeat(np.arange(len(part)), np.diff(limits.astype(np.int64)))
        # Lists may show a pair from one side only, so both are kept until the end.
        pairs = np.sort(np.stack((ones, others), axis=1)[ones != others], axis=1)
        cosines = np.einsum("md,md->m", values[pairs[:, 0]], values[pairs[:, 1]], dtype=np.float64)
        found.append(pairs[cosines >= least_cosine])
    distinct: npt.NDArray[np.int64] = np.unique(np.concatenate(found), axis=0)
    return distinct


def _index(values: Embedding) -> Any:
    import faiss

    flat = faiss.IndexFlatIP(values.shape[1])
    if len(values) <= EXHAUSTIVE:
        flat.add(values)
        return flat
    index = faiss.IndexIVFFlat(flat, values.shape[1], round(4 * len(values) ** 0.5), faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = ROUNDS, EACH_LIST, 1
    index.train(values)
    index.add(values)
    index.nprobe = LISTS_LOOKED_AT
    return index
