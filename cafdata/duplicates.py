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

How the near ones are found among a million: the 64 bits are dealt to a few bands more than may differ, so in every
near pair some bands agree, whichever they are. For each choice of so many bands the hashes are sorted by the bits in
these bands; only those side by side are compared. That is exact, and a pair counts only where the bands that it agrees
in come first, so it is found once. An index of faiss that leaves none out either (its multi-hash, four bands of 16 bits
of which one may be flipped) takes a hundred times as long: `python -m benchmarks.duplicates` measures both.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
"""(N, 1) or (N, 4) uint64: perceptual or long hashes, the first 64 bits first."""
Places = npt.NDArray[np.int64]

NEAR_BITS: Final = 6
LIKELY_BITS: Final = 4
SAME_BITS: Final = 48

SPARED: Final = (2, 3, 4, 5)
"""So many bands agree in every near pair: the more, the fewer pairs are compared, and the more often is sorted."""
ROW_COST: Final = 4
"""Sorting a hash takes as long as comparing so many pairs."""
PAIRS_AT_ONCE: Final = 1 << 19
QUERIES_AT_ONCE: Final = 1 << 21
NUM_THREADS: Final = 2


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
TURN: Final = np.uint64(int(MIRROR[:16], 16))
"""The first 64 of them. They are 30, so of two near hashes just one is near the other's mirror image, or neither."""
SCATTER: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so a product with it, of which the upper half is taken, keeps different keys apart nearly always."""


def as_bits(hashes: Sequence[str]) -> Hashes:
    """Hashes of one length, 16 or 64 hexadecimal digits each, as numbers; (0, 1) for none."""
    if not hashes:
        return np.empty((0, 1), np.uint64)
    return np.frombuffer(bytes.fromhex("".join(hashes)), ">u8").astype(np.uint64).reshape(len(hashes), -1)


def distance_bits(one: str, other: str) -> int:
    """In how many bits two hashes of one length differ, as they are or one of them mirrored, whichever is less."""
    different = int(one, 16) ^ int(other, 16)
    return min(different.bit_count(), (different ^ int(MIRROR[: len(one)], 16)).bit_count())


def distances_bits(ones: Hashes, others: Hashes) -> Places:
    """(M,) the same for M pairs of hashes, row by row.

    Args:
        ones: (M, 1) or (M, 4).
        others: of the same shape.
    """
    different = ones ^ others
    mirror = as_bits([MIRROR[: 16 * different.shape[1]]])
    counts = [np.bitwise_count(bits).sum(1, dtype=np.int64) for bits in (different, different ^ mirror)]
    nearest: Places = np.minimum(*counts)
    return nearest


def candidates(hashes: Hashes, phash: str) -> list[int]:
    """Numbers of those of (N, 1) hashes within NEAR_BITS of one perceptual hash, mirrored or not."""
    different = hashes[:, 0] ^ np.uint64(int(phash, 16))
    mirrored = different ^ TURN
    near: list[int] = np.flatnonzero(np.minimum(*map(np.bitwise_count, (different, mirrored))) <= NEAR_BITS).tolist()
    return near


def near_pairs(queries: Hashes, base: Hashes) -> Places:
    """All pairs of a query and a hash of the base that are of one picture, mirrored or not.

    A million against a million take about as long as twice `self_pairs`.

    Args:
        queries: (Q, 1) or (Q, 4).
        base: (B, 1) or (B, 4), as many bits.
    Returns:
        (M, 2) int64: number of the query, number in the base; each pair once, in ascending order.
    Raises:
        ValueError: perceptual hashes against long ones.
    """
    if len(queries) and len(base) and queries.shape[1] != base.shape[1]:
        raise ValueError(f"hashes of {64 * queries.shape[1]} bits against hashes of {64 * base.shape[1]}")
    return _across(queries, base, LIKELY_BITS if queries.shape[1] == 1 else NEAR_BITS)


def candidate_pairs(queries: Hashes, base: Hashes) -> Places:
    """All pairs of a query and a hash of the base within NEAR_BITS in the first 64, mirrored or not.

    Args:
        queries: (Q, 1).
        base: (B, 1).
    Returns:
        As `near_pairs`.
    """
    return _across(queries[:, :1], base[:, :1], NEAR_BITS)


def self_pairs(hashes: Hashes) -> Places:
    """All pairs among N hashes that are of one picture, mirrored or not.

    A million random hashes of 64 bits take 1.2 s on two busy cores, those of 256 bits 5 s (`python -m
    benchmarks.duplicates`), with 200 bytes a hash and 16 a pair found beside them. Of many equal hashes every two are
    a pair: where only who hangs together counts, hand over one of each.

    Returns:
        (M, 2) int64: two numbers, the lower first; each pair once, in ascending order.
    """
    if not len(hashes):
        return np.empty((0, 2), np.int64)
    limit = LIKELY_BITS if hashes.shape[1] == 1 else NEAR_BITS
    return _in_order(np.sort(_confirmed(hashes, None, limit), axis=1))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Sorted:
    """Hashes in the order of some of their bits, and for each whom it is to be compared with."""

    rows: Places
    """(N,) numbers of the hashes."""
    starts: Places
    """(N,) place of the first hash with the same bits."""
    counts: Places
    """(N,) so many from there on are partners."""


def _across(queries: Hashes, base: Hashes, limit: int) -> Places:
    found: list[Places] = [np.empty((0, 2), np.int64)]
    for start in range(0, len(queries) if len(base) else 0, QUERIES_AT_ONCE):
        part = queries[start : start + QUERIES_AT_ONCE]
        pairs = _confirmed(np.concatenate((base, part)), len(base), limit)
        found.append(np.stack((pairs[:, 1] + (start - len(base)), pairs[:, 0]), axis=1))
    return _in_order(np.concatenate(found))


def _confirmed(hashes: Hashes, num_base: int | None, limit: int) -> Places:
    """(M, 2): every pair once, in any order; with a base, which comes first, only pairs of it with the others."""
    words = hashes.shape[1]
    first = np.ascontiguousarray(hashes[:, 0])
    choices = _choices(first, num_base, limit)

    def search(choice: tuple[int, ...]) -> Places:
        found: list[Places] = [np.empty((0, 2), np.int64)]
        bands = _bands(limit + len(choice))
        for pairs in _near(first, num_base, bands, choice, limit):
            if words > 1:
                pairs = pairs[distances_bits(hashes[pairs[:, 0]], hashes[pairs[:, 1]]) <= SAME_BITS]
            found.append(pairs)
        return np.concatenate(found)

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        return np.concatenate(list(pool.map(search, choices)))


def _choices(first: npt.NDArray[np.uint64], num_base: int | None, limit: int) -> list[tuple[int, ...]]:
    """Which bands to sort by, one choice after the other: as many bands as cost least for these hashes."""
    costs = {}
    for spared in SPARED:
        bands = _bands(limit + spared)
        num_pairs = int(_sorted(first, num_base, bands[:spared]).counts.sum())
        costs[spared] = math.comb(len(bands), spared) * (ROW_COST * len(first) + num_pairs)
    spared = min(costs, key=costs.__getitem__)
    return list(itertools.combinations(range(limit + spared), spared))


def _bands(count: int) -> list[int]:
    """The 64 bits dealt out in turn, so that each band has bits of low and of high frequencies."""
    return [sum(1 << bit for bit in range(band, 64, count)) for band in range(count)]


def _sorted(first: npt.NDArray[np.uint64], num_base: int | None, bands: Sequence[int]) -> _Sorted:
    """Sort hashes by the bits in some bands, those of a hash and of its mirror image being one."""
    mask = np.uint64(sum(bands))
    keys = first & mask
    keys = np.minimum(keys, keys ^ (TURN & mask)) * SCATTER
    # The number of the hash lies in the lower half, so one sort of whole numbers does both.
    both = np.sort((keys & np.uint64(0xFFFFFFFF00000000)) | np.arange(len(first), dtype=np.uint64))
    rows = (both & np.uint64(0xFFFFFFFF)).astype(np.int64)
    keys = both >> np.uint64(32)
    places = np.arange(len(first))
    is_first = np.concatenate(([True], keys[1:] != keys[:-1]))
    starts = np.maximum.accumulate(np.where(is_first, places, 0))
    if num_base is None:
        return _Sorted(rows=rows, starts=starts, counts=places - starts)
    is_base = rows < num_base
    before = np.concatenate(([0], np.cumsum(is_base)))
    return _Sorted(rows=rows, starts=starts, counts=np.where(is_base, 0, before[places] - before[starts]))


def _near(
    first: npt.NDArray[np.uint64], num_base: int | None, bands: Sequence[int], choice: tuple[int, ...], limit: int
) -> Iterator[Places]:
    """(M, 2) pairs that differ in so many of 64 bits at most and agree in the chosen bands before any other."""
    order = _sorted(first, num_base, [bands[number] for number in choice])
    own = first[order.rows]
    same = np.uint64(sum(bands[number] for number in choice))
    others = [np.uint64(bands[number]) for number in range(choice[-1]) if number not in choice]
    for ones, twos in _side_by_side(order):
        different = own[ones] ^ own[twos]
        turned = different ^ TURN
        is_turned = np.bitwise_count(turned) < np.bitwise_count(different)
        different = np.where(is_turned, turned, different)
        near = np.flatnonzero((np.bitwise_count(different) <= limit) & (different & same == 0))
        for band in others:
            near = near[different[near] & band != 0]
        yield np.stack((order.rows[ones[near]], order.rows[twos[near]]), axis=1)


def _side_by_side(order: _Sorted) -> Iterator[tuple[Places, Places]]:
    """Places of the pairs to compare, some hundred thousand at once; a hash with more partners has them in parts."""
    places = np.flatnonzero(order.counts)
    ends = np.cumsum(order.counts[places])
    total = int(ends[-1]) if len(ends) else 0
    for start in range(0, total, PAIRS_AT_ONCE):
        stop = min(total, start + PAIRS_AT_ONCE)
        low, high = np.searchsorted(ends, (start, stop - 1), side="right")
        part = places[low : high + 1]
        upto = np.minimum(ends[low : high + 1], stop)
        lengths = np.diff(upto, prepend=start)
        begins = ends[low : high + 1] - order.counts[part]
        ones = np.repeat(order.starts[part] - begins, lengths) + np.arange(start, stop)
        yield ones, np.repeat(part, lengths)


def _in_order(pairs: Places) -> Places:
    ordered: Places = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return ordered
