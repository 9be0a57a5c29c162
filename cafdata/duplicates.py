"""Which hashes are of one picture: bits compared, mirror images included, no pair looked at in vain.

A long hash (cafdata.picture_hash) holds the signs of the 256 lowest frequencies of a picture; its first 64 are the
perceptual hash of a record. Mirroring the picture turns the signs of the odd columns, one exclusive or with `MIRROR`.
Hashes within NEAR_BITS in the first 64 are candidates; with only those 64 at hand, LIKELY_BITS decide, with all of
them SAME_BITS do.

Measured on 550 aligned faces of UTKFace. Copies (JPEG 50, half the size, mirrored): 3 bits of 64 at most, 8 of 256.
Copies cropped by 5 % anywhere, against the nearest of `CROPS`: 99 % within 6 of 64, and of these 98 % within 39 of
256. Pictures of two people: of 150,975 pairs none within 6 of 64 and 54 within 10; of candidates among ten times as
many pairs with crops none within 63 of 256. A large archive has so many pairs that 64 bits alone find false ones:
by the same trend, about one in 170,000 pairs at 6 bits, one in a million at 4.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
"""(N, 1) or (N, 4) uint64: perceptual or long hashes, the first 64 bits first."""

NEAR_BITS: Final = 6
LIKELY_BITS: Final = 4
SAME_BITS: Final = 48

BANDS: Final = (10, 9, 9, 9, 9, 9, 9)
"""Bits of each band: of NEAR_BITS differences at most, one of seven bands is always spared."""


def _lowest() -> npt.NDArray[np.int64]:
    order = sorted((row + column, row, column) for row in range(32) for column in range(32))
    return np.array([(row, column) for _, row, column in order[1:257]])


def packed(signs: npt.NDArray[np.bool_]) -> str:
    """Bits as hexadecimal digits."""
    return np.packbits(signs).tobytes().hex()


LOWEST: Final = _lowest()
"""(256, 2) int64: row and column of the lowest frequencies, diagonal by diagonal, without the mean."""
MIRROR: Final = packed(LOWEST[:, 1] % 2 == 1)
"""Bits of a long hash that change when a picture is mirrored."""


def as_bits(hashes: Sequence[str]) -> Hashes:
    """Hashes of one length, 16 or 64 hexadecimal digits each, as numbers; (0, 1) for none."""
    if not hashes:
        return np.empty((0, 1), np.uint64)
    return np.frombuffer(bytes.fromhex("".join(hashes)), ">u8").astype(np.uint64).reshape(len(hashes), -1)


def distance_bits(one: str, other: str) -> int:
    """In how many bits two hashes of one length differ, as they are or one of them mirrored, whichever is less."""
    different = int(one, 16) ^ int(other, 16)
    return min(different.bit_count(), (different ^ int(MIRROR[: len(one)], 16)).bit_count())


def candidates(hashes: Hashes, phash: str) -> list[int]:
    """Numbers of those of (N, 1) hashes within NEAR_BITS of one perceptual hash, mirrored or not."""
    different = hashes[:, 0] ^ np.uint64(int(phash, 16))
    mirrored = different ^ np.uint64(int(MIRROR[:16], 16))
    near: list[int] = np.flatnonzero(np.minimum(*map(np.bitwise_count, (different, mirrored))) <= NEAR_BITS).tolist()
    return near


def near_pairs(queries: Hashes, base: Hashes) -> npt.NDArray[np.int64]:
    """All pairs of a query and a hash of the base that are of one picture, mirrored or not.

    Returns:
        (M, 2) int64: number of the query, number in the base; each pair once, in ascending order.
    Raises:
        ValueError: perceptual hashes against long ones.
    """
    if not len(queries) or not len(base):
        return np.empty((0, 2), np.int64)
    if queries.shape[1] != base.shape[1]:
        raise ValueError(f"hashes of {64 * queries.shape[1]} bits against hashes of {64 * base.shape[1]}")
    words = queries.shape[1]
    found = []
    for turn in (as_bits(["0" * 16 * words]), as_bits([MIRROR[: 16 * words]])):
        turned = queries ^ turn
        for shift, width in zip(np.cumsum((0, *BANDS)), BANDS, strict=False):
            likely = _candidates(turned[:, 0], base[:, 0], int(shift), width)
            bits = np.bitwise_count(turned[likely[:, 0]] ^ base[likely[:, 1]]).sum(1, dtype=np.int64)
            found.append(likely[bits <= (LIKELY_BITS if words == 1 else SAME_BITS)])
    pairs: npt.NDArray[np.int64] = np.unique(np.concatenate(found), axis=0)
    return pairs


def _candidates(
    queries: npt.NDArray[np.uint64], base: npt.NDArray[np.uint64], shift: int, width: int
) -> npt.NDArray[np.int64]:
    """(M, 2): the pairs within NEAR_BITS among those that agree in one band."""
    mask = np.uint64((1 << width) - 1)
    query_keys, base_keys = ((values >> np.uint64(shift)) & mask for values in (queries, base))
    order = np.argsort(base_keys, kind="stable")
    starts = np.searchsorted(base_keys[order], np.arange(2**width + 1, dtype=np.uint64))
    found: list[npt.NDArray[np.int64]] = [np.empty((0, 2), np.int64)]
    for key, rows in _grouped(query_keys):
        columns = order[starts[key] : starts[key + 1]]
        for part in np.array_split(rows, 1 + len(rows) * len(columns) // 2**24):
            bits = np.bitwise_count(queries[part][:, None] ^ base[columns][None])
            near_rows, near_columns = np.nonzero(bits <= NEAR_BITS)
            found.append(np.stack([part[near_rows], columns[near_columns]], axis=1))
    return np.concatenate(found)


def _grouped(keys: npt.NDArray[np.uint64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Each key with the positions that hold it."""
    order = np.argsort(keys, kind="stable")
    values, starts = np.unique(keys[order], return_index=True)
    yield from zip(values.tolist(), np.split(order, starts[1:]), strict=True)
