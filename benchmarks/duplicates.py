"""All near-duplicates among a million hashes: sorting by bands, beside a NumPy popcount scan and beside faiss.

    scan       every hash against all after it: exclusive or, bits counted, as they are and mirrored
    faiss      IndexBinaryMultiHash, four bands of 16 bits, one of which may be turned in each: exact up to seven
               bits; the million indexed once, some thousands of hashes asked for, as they are and mirrored
    ours       cafdata.duplicates.self_pairs

The hashes are random but for two in a hundred: copies with one to three of the first 64 bits turned, every other one
mirrored. All ways are asked for the same pairs, and whether they find them is checked.
    python -m benchmarks.duplicates --hashes 1000000
"""

import argparse
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from benchmarks.generator import processor
from cafdata.duplicates import LIKELY_BITS, MIRROR, Hashes, as_bits, self_pairs

Pairs = npt.NDArray[np.int64]

SCANNED = 20_000
BAR_SECONDS, BAR_RATIO = 10.0, 20.0


def planted_hashes(count: int, words: int, seed: int = 0) -> tuple[Hashes, Pairs]:
    """(N, words) hashes of which one in fifty is a copy of another, and the (M, 2) pairs that they make."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, (count, words), dtype=np.uint64)
    originals, copies = random.permutation(count)[: 2 * (count // 50)].reshape(2, -1)
    hashes[copies] = hashes[originals]
    for _ in range(3):
        hashes[copies, 0] ^= np.uint64(1) << random.integers(0, 64, len(copies)).astype(np.uint64)
    hashes[copies[::2]] ^= as_bits([MIRROR[: 16 * words]])
    return hashes, np.sort(np.stack((originals, copies), axis=1), axis=1)


def scan(hashes: Hashes) -> Pairs:
    """(M, 2) pairs of (N, 1) hashes within LIKELY_BITS, by looking at every pair."""
    first, mirror = hashes[:, 0], as_bits([MIRROR[:16]])[0, 0]
    found: list[Pairs] = []
    for number, one in enumerate(first):
        different = first[number + 1 :] ^ one
        bits = np.minimum(np.bitwise_count(different), np.bitwise_count(different ^ mirror))
        near = np.flatnonzero(bits <= LIKELY_BITS) + number + 1
        found.append(np.stack((np.full(len(near), number), near), axis=1))
    return np.concatenate(found)


def asked_of_faiss(index: object, hashes: Hashes) -> Pairs:
    """(M, 2) hash and number in the index, within LIKELY_BITS, mirrored or not."""
    found: list[Pairs] = []
    for turn in (np.uint64(0), as_bits([MIRROR[:16]])[0, 0]):
        queries = np.ascontiguousarray(hashes ^ turn).view(np.uint8).reshape(len(hashes), 8)
        limits, _, numbers = index.range_search(queries, LIKELY_BITS + 1)  # type: ignore[attr-defined]
        asked = np.repeat(np.arange(len(hashes)), np.diff(limits.astype(np.int64)))
        found.append(np.stack((asked, numbers), axis=1))
    return np.concatenate(found)


def indexed(hashes: Hashes) -> object:
    """An index of faiss over (N, 1) hashes that leaves out nothing within LIKELY_BITS."""
    import faiss

    faiss.omp_set_num_threads(2)
    index = faiss.IndexBinaryMultiHash(64, 4, 16)
    index.nflip = 1
    index.add(np.ascontiguousarray(hashes).view(np.uint8).reshape(len(hashes), 8))
    return index


def timed(work: Callable[[], Pairs], rounds: int) -> tuple[list[float], Pairs]:
    """Seconds of each round, and what the last one gave."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - start)
    return seconds, found


def holds(found: Pairs, wanted: Pairs) -> bool:
    """Whether all wanted pairs are among those found."""
    return {tuple(pair) for pair in wanted.tolist()} <= {tuple(pair) for pair in found.tolist()}


def main() -> None:
    """Run all ways and print the figures, `name value unit` last; fail if a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--asked", type=int, default=SCANNED, help="hashes that faiss is asked for")
    parser.add_argument("--no-bars", action="store_true", help="for a run too small to be judged")
    args = parser.parse_args()
    print(f"numpy {version('numpy')}, faiss {version('faiss-cpu')}, Python {platform.python_version()}, {processor()}, "
          f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    lines, medians = [], {}

    def note(name: str, seconds: list[float]) -> None:
        medians[name] = statistics.median(seconds)
        lines.append(f"{name} {medians[name]:.4f} s")
        lines.append(f"{name}_spread {max(seconds) - min(seconds):.4f} s")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for words in (1, 4):
        hashes, wanted = planted_hashes(args.hashes, words)
        seconds, found = timed(lambda hashes=hashes: self_pairs(hashes), args.rounds)  # type: ignore[misc]
        assert holds(found, wanted), "a planted pair was not found"
        note(f"pairs_of_{64 * words}_bits", seconds)
    lines.append(f"pairs_peak {(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024:.0f} MiB")
    few, wanted = planted_hashes(min(SCANNED, args.hashes), 1)
    scanning, scanned = timed(lambda: scan(few), min(3, args.rounds))
    ours, found = timed(lambda: self_pairs(few), args.rounds)
    assert np.array_equal(scanned, found) and holds(found, wanted), "the scan and ours differ"
    note("scan_of_few", scanning)
    note("ours_of_few", ours)
    ratio = medians["scan_of_few"] / medians["ours_of_few"]
    lines.append(f"speedup_over_scan {ratio:.1f} x")
    hashes, _ = planted_hashes(args.hashes, 1)
    index, asked = indexed(hashes), hashes[: args.asked]
    asking, answers = timed(lambda: asked_of_faiss(index, asked), 1)
    of_asked = self_pairs(hashes)
    assert holds(answers, of_asked[of_asked[:, 0] < len(asked)]), "faiss and ours differ"
    note("faiss_asked", asking)
    times = medians["faiss_asked"] * len(hashes) / len(asked) / medians["pairs_of_64_bits"]
    lines.append(f"speedup_over_faiss_for_all {times:.1f} x")
    print("\n".join(lines))
    if not args.no_bars:
        assert medians["pairs_of_64_bits"] < BAR_SECONDS, f"{args.hashes} hashes take {BAR_SECONDS:g} s and more"
        assert ratio >= BAR_RATIO, f"less than {BAR_RATIO:g} times as fast as the scan"


if __name__ == "__main__":
    main()
