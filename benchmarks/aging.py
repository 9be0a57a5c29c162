"""Ten ages of a 1280 px photo with every bundled model of ten groups, in turns: detection, network, paste-back, by CPU.

And the age of a face that was found, read by the bundled estimator on one core: cut out, network, interval.

Each case runs in a process of its own, since the instruction sets a process may use are fixed at its start.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from typing import Any

ROUNDS = 7
READINGS = 50
CASES = {"best": {}, "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}}


def measure() -> None:
    """Time one case in this process and print it as JSON."""
    import numpy as np
    import torch
    from skimage.data import astronaut

    from core.aging import FaceAger
    from core.detect import open_pack
    from core.device import choose
    from core.images import resize
    from core.weights import list_models, load

    torch.set_num_threads(2)
    photo = resize(np.ascontiguousarray(astronaut()), 1280, 1280)
    compute = choose()
    pack = open_pack("embedded")
    models = [info.name for info in list_models() if info.is_generator and info.groups == "10"]
    agers = {name: FaceAger(load(name), pack, compute) for name in models}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    detection = []
    for _ in range(ROUNDS + 1):  # the first one warms up
        for name, ager in agers.items():
            start = time.perf_counter()
            face = ager.find_faces(photo)[0]
            found = time.perf_counter()
            photos = [aged.photo for aged in ager.transform(photo, face=face).results]
            seconds[name].append(time.perf_counter() - start)
            detection.append(found - start)
            assert len(photos) == 10
    warm = {name: all_of_it[1:] for name, all_of_it in seconds.items()}
    print(json.dumps({"seconds": warm, "detection": detection[len(models) :], "reason": compute.reason}))


def measure_reading() -> None:
    """Time the age of a face on one core in this process and print it as JSON."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    import numpy as np
    import torch
    from skimage.data import astronaut

    from core.age_reader import bundled_reader
    from core.detect import open_pack
    from core.device import choose

    torch.set_num_threads(1)
    photo = np.ascontiguousarray(astronaut())
    compute = choose()
    reader = bundled_reader(compute)
    assert reader is not None
    face = open_pack("embedded").detect(photo)[0]
    seconds = []
    for _ in range(READINGS + 5):
        start = time.perf_counter()
        reader.read(photo, [face])
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds[5:], "reason": compute.reason, "estimator": reader.info.name}))


def measured(what: str, extra: dict[str, str]) -> dict[str, Any]:
    """What a process of its own measures, with more in its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.aging", what],
        env={**os.environ, **extra},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run every case and print the figures, `name value unit` last."""
    if sys.argv[1:] == ["--one"]:
        measure()
        return
    if sys.argv[1:] == ["--reading"]:
        measure_reading()
        return
    print(f"torch {version('torch')}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, 2 threads")
    lines = []
    for name, extra in CASES.items():
        found = measured("--one", extra)
        for model, seconds in found["seconds"].items():
            print(
                f"{name}, {model}: {min(seconds):.3f} to {max(seconds):.3f} s over {ROUNDS} rounds; {found['reason']}"
            )
            lines.append(f"ten_ages_1280px_{name}_{model} {statistics.median(seconds):.3f} s")
        lines.append(f"ten_ages_1280px_{name}_detection {statistics.median(found['detection']):.3f} s")
        read = measured("--reading", extra)
        ms = [1000 * one for one in read["seconds"]]
        print(f"{name}, {read['estimator']}: {min(ms):.1f} to {max(ms):.1f} ms a face on one core; {read['reason']}")
        lines.append(f"age_of_a_face_one_core_{name} {statistics.median(ms):.2f} ms")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
