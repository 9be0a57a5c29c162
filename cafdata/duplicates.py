"""Which perceptual hashes are of one picture: bits compared, mirror images included, no pair looked at in vain.

A hash (cafdata.picture_hash) holds the signs of the 64 lowest frequencies of a picture. Mirroring the picture
turns the signs of the odd columns, which is one exclusive or with `MIRROR`.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
"""(N,) uint64, one perceptual hash each."""

NUM_BITS: Final = 64

NEAR_BITS: Final = 6
"""Hashes that differ in no more bits are of one picture. On 550 aligned faces of UTKFace, each once saved again as
JPEG 50, once mirrored, once at half the size, no copy was further than 3 bits from its picture, and of 150,975 pairs
of different pictures none was nearer than 7 (7 pairs were at 7 or 8)."""

BANDS: Final = (10, 9, 9, 9, 9, 9, 9)
"""Bits of each band: of NEAR_BITS differences at most, one of seven bands is always spared."""


def _lowest() -> npt.NDArray[np.int64]:
    order = sorted((row + column, row, column) for row in range(16) for column in range(16))
    return np.array([(row, column) for _, row, column in order[1 : 1 + NUM_BITS]])


LOWEST: Final = _lowest()
"""(64, 2) int64: row and column of the lowest frequencies, diagonal by diagonal, without the mean."""
MIRROR: Final = int("".join(str(column % 2) for column in LOWEST[:, 1]), 2)
"""Bits that change when a picture is mirrored."""


def as_bits(phashes: list[str]) -> Hashes:
    """Hashes as records hold them, 16 hexadecimal digits each, as numbers."""
    return np.array([int(phash, 16) for phash in phashes], np.uint64)


def distance_bits(one: str, other: str) -> int:
    """In how many of the 64 bits two hashes differ, as they are or one of them mirrored, whichever is less."""
    different = int(one, 16) ^ int(other, 16)
    return min(different.bit_count(), (different ^ MIRROR).bit_count())


def nearest_bits(hashes: Hashes, phash: str) -> int:
    """Least `distance_bits` from one hash to several; 64 where there are none."""
    different = hashes ^ np.uint64(int(phash, 16))
    mirrored = different ^ np.uint64(MIRROR)
    return int(min(np.bitwise_count(different).min(initial=NUM_BITS), np.bitwise_count(mirrored).min(initial=NUM_BITS)))


def near_pairs(queries: Hashes, base: Hashes) -> npt.NDArray[np.int64]:
    """All pairs of a query and a hash of the base within NEAR_BITS, mirrored or not.

    Returns:
        (M, 2) int64: number of the query, number in the base; each pair once, in ascending order.
    """
    found = [
        _near(queries ^ np.uint64(turn), base, shift, width)
        for turn in (0, MIRROR)
        for shift, width in zip(np.cumsum((0, *BANDS)), BANDS, strict=False)
    ]
    return np.unique(np.concatenate(found), axis=0)


def _near(queries: Hashes, base: Hashes, shift: int, width: int) -> npt.NDArray[np.int64]:
    """(M, 2): the pairs within NEAR_BITS among those that agree in one band."""
    mask = np.uint64((1 << width) - 1)
    query_keys, base_keys = ((values >> np.uint64(shift)) & mask for values in (queries, base))
    order = np.argsort(base_keys, kind="stable")
    starts = np.searchsorted(base_keys[order], np.arange(2**width + 1, dtype=np.uint64))
    found = [np.empty((0, 2), np.int64)]
    for key, rows in _grouped(query_keys):
        columns = order[starts[key] : starts[key + 1]]
        for part in np.array_split(rows, 1 + len(rows) * len(columns) // 2**24):
            bits = np.bitwise_count(queries[part][:, None] ^ base[columns][None])
            near_rows, near_columns = np.nonzero(bits <= NEAR_BITS)
            found.append(np.stack([part[near_rows], columns[near_columns]], axis=1))
    return np.concatenate(found)


def _grouped(keys: Hashes) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Each key with the positions that hold it."""
    order = np.argsort(keys, kind="stable")
    values, starts = np.unique(keys[order], return_index=True)
    yield from zip(values.tolist(), np.split(order, starts[1:]), strict=True)
