"""Ten ages of one face: the published architecture run plainly, the same one run well, and ours.

    plain      core.reference's weights through benchmarks.plain_reference: float32, contiguous, grouped
               modulated convolutions, a full pass per age
    reference  core.reference as the system runs it: the same outputs, precision and layout as measured fastest
    ours       core.generator of that size, weights as initialised: encoded once, decoded ten times

Each case runs in a process of its own, so that its peak memory is its own. Example:
    python -m benchmarks.generator --sizes 256 1024 --rounds 3
    python -m benchmarks.generator --isa AVX2           without AVX-512 and bfloat16 units
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

CASES = ("plain", "reference", "ours")
NUM_AGES = 10
PROBE = "import torch; torch.nn.functional.conv2d(torch.ones(4, 64, 64, 64), torch.ones(64, 64, 3, 3))"


def measure(case: str, size_px: int, rounds: int, threads: int) -> dict[str, Any]:
    """Time one case in this process."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    torch.set_num_threads(threads)
    make_ages, parameters, how = prepare(case, size_px)
    wall, cpu, gmac = [], [], []
    with torch.inference_mode():
        for count in (1, 2):  # warms up, too; every further age costs what the second one does
            with FlopCounterMode(display=False) as counter:
                make_ages(count)
            gmac.append(counter.get_total_flops() / 2e9)
        for _ in range(rounds):
            start, started = time.perf_counter(), time.process_time()
            make_ages(NUM_AGES)
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - started)
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "parameters": parameters,
        "gmac": gmac[0] + (NUM_AGES - 1) * (gmac[1] - gmac[0]),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "how": how,
    }


def prepare(case: str, size_px: int) -> tuple[Callable[[int], object], int, str]:
    """What computes so many ages in a case, its number of parameters, and how it runs."""
    import torch

    from benchmarks.plain_reference import plain_forward
    from core.ages import TEN
    from core.aging import PIXELS_AT_ONCE
    from core.device import autocast, choose
    from core.generator import SIZES, Generator, age_code
    from core.reference import ReferenceGenerator, baked

    torch.manual_seed(0)
    face = torch.rand(1, 3, size_px, size_px) * 2 - 1
    if case == "plain":
        plain = ReferenceGenerator(size_px, NUM_AGES).eval().requires_grad_(False)
        codes = torch.split(torch.eye(NUM_AGES), 1)
        count = sum(parameter.numel() for parameter in plain.parameters())
        plain_ages = lambda ages: [plain_forward(plain, face, code) for code in codes[:ages]]  # noqa: E731
        return plain_ages, count, "float32, contiguous, an age a pass"
    compute = choose()
    face = compute.move(face)
    how = compute.reason.partition(";")[0]
    if case == "reference":
        network = ReferenceGenerator(size_px, NUM_AGES).requires_grad_(False)
        count = sum(parameter.numel() for parameter in network.parameters())
        network = compute.place(baked(network, compute.dtype))
        codes = torch.split(torch.eye(NUM_AGES), 1)
        return lambda ages: [network(face, code) for code in codes[:ages]], count, f"{how}, an age a pass"
    ours = compute.place(Generator(SIZES[size_px])).eval().requires_grad_(False)
    at_once = max(1, PIXELS_AT_ONCE // size_px**2)

    def our_ages(ages: int) -> None:
        with autocast(compute):
            encoding = ours.encode(face)
            for code in torch.split(age_code(TEN, TEN.typical_years[:ages]), at_once):
                ours.decode(face.expand(len(code), -1, -1, -1), encoding.repeat(len(code)), code)

    count = sum(parameter.numel() for parameter in ours.parameters())
    return our_ages, count, f"{how}, encoded once, {at_once} ages at once"


def isa_in_use(environment: dict[str, str]) -> str:
    """What oneDNN says of the instructions it uses."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**environment, "ONEDNN_VERBOSE": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return next((line.partition("isa:")[2] for line in done.stdout.splitlines() if "isa:" in line), "unknown")


def processor() -> str:
    """Name of the processor, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    """Run every case and print the figures, `name value unit` last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1024], help="sides of the face crop, px")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--rounds", type=int, default=3, help="times that ten ages are timed, after one warm-up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--isa", default="DEFAULT", help="most that oneDNN may use, such as AVX2 or AVX512_CORE")
    parser.add_argument("--one", action="store_true", help="one case in this process, as JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.cases[0], args.sizes[0], args.rounds, args.threads)))
        return
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": args.isa, "OMP_NUM_THREADS": str(args.threads)}
    if args.isa == "AVX2":
        environment["ATEN_CPU_CAPABILITY"] = "avx2"
    print(f"torch {version('torch')}, Python {platform.python_version()}, {processor()}, {os.cpu_count()} cores, "
          f"{args.threads} threads, {isa_in_use(environment).strip()}; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    lines = []
    for size_px in args.sizes:
        found = {}
        for case in args.cases:
            command = [sys.executable, "-m", "benchmarks.generator", "--one", "--cases", case, "--sizes", str(size_px)]
            command += ["--rounds", str(args.rounds), "--threads", str(args.threads)]
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            one = found[case] = json.loads(done.stdout.splitlines()[-1])
            wall = one["wall_s"]
            print(
                f"{size_px} px, {case}: median {statistics.median(wall):.2f} s for ten ages ({min(wall):.2f} to "
                f"{max(wall):.2f} over {args.rounds}), CPU {statistics.median(one['cpu_s']):.2f} s, "
                f"{one['parameters'] / 1e6:.1f} M parameters, {one['gmac']:.1f} GMAC, peak {one['peak_mib']:.0f} MiB; "
                f"{one['how']}",
                flush=True,
            )
            lines += [
                f"ten_ages_{size_px}px_{case} {statistics.median(wall):.3f} s",
                f"ten_ages_{size_px}px_{case}_cpu {statistics.median(one['cpu_s']):.3f} s",
                f"ten_ages_{size_px}px_{case}_gmac {one['gmac']:.1f} GMAC",
                f"ten_ages_{size_px}px_{case}_peak {one['peak_mib']:.0f} MiB",
            ]
        if "plain" in found:
            for case in found.keys() - {"plain"}:
                for clock, suffix in (("wall_s", ""), ("cpu_s", "_cpu")):
                    ratio = statistics.median(found["plain"][clock]) / statistics.median(found[case][clock])
                    lines.append(f"speedup_{size_px}px_{case}{suffix} {ratio:.2f} x")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
