"""Near pairs are those of a plain loop, each once, whatever the hashes; the search by sorting leaves none out."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cafdata import duplicates
from cafdata.duplicates import (
    LIKELY_BITS,
    MIRROR,
    NEAR_BITS,
    SAME_BITS,
    Hashes,
    as_bits,
    candidate_pairs,
    candidates,
    distance_bits,
    distances_bits,
    near_pairs,
    self_pairs,
)


def is_pair(one: str, other: str) -> bool:
    """The rule itself: near in the first 64 bits and, with more at hand, the same way round in all of them."""
    for mirror in (0, int(MIRROR, 16)):
        different = int(one.ljust(64, "0"), 16) ^ int(other.ljust(64, "0"), 16) ^ mirror
        first = (different >> 192).bit_count()
        if len(one) == 16 and first <= LIKELY_BITS:
            return True
        if len(one) == 64 and first <= NEAR_BITS and different.bit_count() <= SAME_BITS:
            return True
    return False


def turned(value: str, draw: random.Random, num_bits: int, *, mirrored: bool, among: int = 64) -> str:
    """A hash with some of its first bits turned, and mirrored if asked for."""
    number = int(value, 16)
    for bit in draw.sample(range(among), num_bits):
        number ^= 1 << (4 * len(value) - 1 - bit)
    return f"{number ^ (int(MIRROR[: len(value)], 16) if mirrored else 0):0{len(value)}x}"


def planted(draw: random.Random, words: int, count: int) -> list[str]:
    """Random hashes, and copies of some with up to nine of their first bits turned, every other one mirrored."""
    hashes = [f"{draw.getrandbits(64 * words):0{16 * words}x}" for _ in range(count)]
    hashes += [turned(hashes[number], draw, number % 10, mirrored=number % 2 == 1) for number in range(count // 2)]
    return hashes


@pytest.mark.parametrize("words", [1, 4])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_pairs_are_those_of_a_plain_loop(words: int, seed: int) -> None:
    draw = random.Random(seed)
    hashes = planted(draw, words, 30)
    draw.shuffle(hashes)
    bits, half = as_bits(hashes), len(hashes) // 2
    wanted = [pair for pair in itertools.combinations(range(len(hashes)), 2) if is_pair(*(hashes[n] for n in pair))]
    assert self_pairs(bits).tolist() == [list(pair) for pair in wanted]
    across = [(one, other - half) for one, other in wanted if one < half <= other]
    assert near_pairs(bits[:half], bits[half:]).tolist() == [list(pair) for pair in across]


@pytest.mark.parametrize("words", [1, 4])
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_way_to_differ_in_the_most_bits_is_found(words: int, mirrored: bool) -> None:
    """Two thousand draws of just as many bits as may differ: whichever bands they fall into, the others agree."""
    draw = random.Random(words)
    limit = LIKELY_BITS if words == 1 else NEAR_BITS
    base = [f"{draw.getrandbits(64 * words):0{16 * words}x}" for _ in range(2000)]
    near = as_bits([turned(value, draw, limit, mirrored=mirrored) for value in base])
    beyond = as_bits([turned(value, draw, limit + 1, mirrored=mirrored) for value in base])
    numbers = np.arange(2000)
    assert near_pairs(near, as_bits(base)).tolist() == np.stack((numbers, numbers), axis=1).tolist()
    assert len(near_pairs(beyond, as_bits(base))) == 0


@pytest.mark.parametrize("spared", duplicates.SPARED)
def test_the_number_of_bands_does_not_matter(spared: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bits = as_bits(planted(random.Random(5), 4, 200))
    wanted = self_pairs(bits)
    monkeypatch.setattr(duplicates, "SPARED", (spared,))
    monkeypatch.setattr(duplicates, "PAIRS_AT_ONCE", 61)
    monkeypatch.setattr(duplicates, "QUERIES_AT_ONCE", 130)
    assert len(wanted) == 70
    assert self_pairs(bits).tolist() == wanted.tolist()
    both = near_pairs(bits, bits)
    assert both[both[:, 0] < both[:, 1]].tolist() == wanted.tolist()


def alike_hashes(count: int) -> Hashes:
    """Hashes as of aligned faces, most of whose bits agree with those of all others."""
    random = np.random.default_rng(0)
    flips = random.random((count, 256)) < random.choice((0.01, 0.05, 0.2), 256)
    return np.packbits(flips, axis=1).view(">u8").astype(np.uint64)


def test_hashes_that_resemble_each_other_are_compared_all_the_same() -> None:
    hashes = alike_hashes(1500)
    different = hashes[:, None, 0] ^ hashes[None, :, 0]
    near = np.zeros((1500, 1500), dtype=bool)
    for mirror in as_bits(["0" * 64, MIRROR]):
        is_near = np.bitwise_count(different ^ mirror[0]) <= NEAR_BITS
        bits = sum(np.bitwise_count(hashes[:, None, w] ^ hashes[None, :, w] ^ mirror[w]).astype(int) for w in range(4))
        near |= is_near & (bits <= SAME_BITS)
    wanted = np.argwhere(np.triu(near, 1))
    assert len(wanted) > 100
    assert np.array_equal(self_pairs(hashes), wanted)


def test_equal_hashes_are_pairs_of_each_two() -> None:
    hashes = as_bits(["0f" * 8] * 40 + ["f0" * 8])
    assert self_pairs(hashes).tolist() == [list(pair) for pair in itertools.combinations(range(40), 2)]


def test_order_follows_from_the_hashes() -> None:
    """Shuffled, they give the same pairs under their new numbers."""
    bits = as_bits(planted(random.Random(3), 1, 200))
    wanted = self_pairs(bits)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(bits))
        found = np.sort(order[self_pairs(bits[order])], axis=1)
        assert sorted(found.tolist()) == wanted.tolist()


def test_nothing_to_compare() -> None:
    assert self_pairs(as_bits([])).shape == (0, 2)
    assert self_pairs(as_bits(["0" * 16])).shape == (0, 2)
    assert near_pairs(as_bits([]), as_bits(["0" * 16])).shape == (0, 2)


def test_distances_row_by_row() -> None:
    hashes = planted(random.Random(9), 4, 20)
    ones, others = as_bits(hashes[:10]), as_bits(hashes[20:30])
    wanted = [distance_bits(one, other) for one, other in zip(hashes[:10], hashes[20:30], strict=True)]
    assert distances_bits(ones, others).tolist() == wanted == list(range(10))


def test_candidates_of_many_are_those_of_each() -> None:
    hashes = as_bits(planted(random.Random(11), 1, 60))
    words = planted(random.Random(11), 1, 60)
    wanted = [[number, other] for number, word in enumerate(words) for other in candidates(hashes, word)]
    assert len(wanted) > 90 + 2 * 20
    assert candidate_pairs(hashes, hashes).tolist() == wanted
