"""Confidence bands of one cell's thresholds: the plain way against ours, and all 55 cells on two cores.

    plain      for each draw of people every pair counts as often as both were drawn: the scores are written out
               that often and numpy takes the quantiles
    ours       cafdata.bootstrap, which weighs the highest scores only

Both draw the same people, so both give the same thresholds but for where numpy puts a quantile between two scores.
    python -m benchmarks.calibration --pairs 1000000 --people 1500
"""

import argparse
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from benchmarks.generator import processor
from cafdata.bootstrap import CellScores, draw, draw_people
from cafdata.operating import plan

Numbers = npt.NDArray[np.float64]

RATES = (1e-2, 1e-3, 1e-4)
NUM_CELLS = 55


def drawn_cell(num_pairs: int, num_people: int, num_same: int, seed: int = 0) -> CellScores:
    """Scores of pairs of made-up people, each of whom scores a little higher or lower with everybody."""
    generator = np.random.default_rng(seed)
    people = generator.normal(0, 0.03, num_people)
    first = generator.integers(0, num_people, num_pairs, dtype=np.int32)
    second = ((first + generator.integers(1, num_people, num_pairs, dtype=np.int32)) % num_people).astype(np.int32)
    person = generator.integers(0, num_people, num_same, dtype=np.int32)
    return CellScores(
        different=(generator.normal(0, 0.1, num_pairs) + people[first] + people[second]).astype(np.float32),
        first=first,
        second=second,
        same=(generator.normal(0.5, 0.1, num_same) + people[person]).astype(np.float32),
        person=person,
        num_subjects=num_people,
    )


def plain_draws(scores: CellScores, rates: tuple[float, ...], num_draws: int, seed: int) -> tuple[Numbers, Numbers]:
    """(B, R) thresholds and (B, R) genuine rates, one draw after the other."""
    generator = np.random.default_rng(seed)
    thresholds, genuine = np.empty((num_draws, len(rates))), np.empty((num_draws, len(rates)))
    for number in range(num_draws):
        weights = draw_people(scores.num_subjects, 1, generator)[:, 0].astype(np.int64)
        different = np.repeat(scores.different, weights[scores.first] * weights[scores.second])
        same = np.repeat(scores.same, weights[scores.person])
        for column, rate in enumerate(rates):
            thresholds[number, column] = np.quantile(different, 1 - rate)
            genuine[number, column] = np.mean(same >= thresholds[number, column])
    return thresholds, genuine


def timed(work: Callable[[], object], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds by the clock and by the processor, round by round."""
    wall, cpu = [], []
    for _ in range(rounds):
        start, started = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - started)
    return wall, cpu


def all_cells(num_pairs: int, num_people: int, num_draws: int, threads: int) -> float:
    """Seconds for the bands of all 55 cells, each of so many different- and same-person pairs."""
    made = [drawn_cell(num_pairs, num_people, num_pairs, seed) for seed in range(3)]
    cells = [made[number % len(made)] for number in range(NUM_CELLS)]
    planned = plan(num_pairs, RATES, knows_persons=True)
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda cell: draw(cell, planned, num_draws, 0), cells))
    return time.perf_counter() - start


def main() -> None:
    """Run both ways and print the figures, `name value unit` last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="pairs of a cell, of two people and of one each")
    parser.add_argument("--people", type=int, default=1500, help="people of a cell")
    parser.add_argument("--rounds", type=int, default=5, help="times that 20 draws are timed, after one warm-up")
    parser.add_argument("--draws", type=int, default=1000, help="draws of all cells")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one-cell", action="store_true", help="leave out the 55 cells")
    args = parser.parse_args()
    print(f"numpy {version('numpy')}, Python {platform.python_version()}, {processor()}, {os.cpu_count()} cores; "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    cell, planned = drawn_cell(args.pairs, args.people, args.pairs), plan(args.pairs, RATES, knows_persons=True)
    draw(cell, planned, 1, 0)
    found = {}
    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: plain_draws(cell, RATES, 20, 0),
        "ours": lambda: draw(cell, planned, 20, 0),
    }
    lines = []
    for name, work in ways.items():
        found[name] = timed(work, args.rounds)
        for clock, times in zip(("", "_cpu"), found[name], strict=True):
            lines.append(f"twenty_draws_{name}{clock} {statistics.median(times):.4f} s")
    for number, clock in enumerate(("", "_cpu")):
        ratio = statistics.median(found["plain"][number]) / statistics.median(found["ours"][number])
        lines.append(f"speedup_twenty_draws{clock} {ratio:.1f} x")
    if not args.one_cell:
        seconds = all_cells(args.pairs, args.people, args.draws, args.threads)
        lines.append(f"bands_of_{NUM_CELLS}_cells_{args.draws}_draws {seconds:.3g} s")
    lines.append(f"bands_peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
