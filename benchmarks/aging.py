"""Ten ages of a 1280 px photo with the bundled 128 px model: detection, network and paste-back, by kind of CPU.

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
    from core.weights import default_model, load

    torch.set_num_threads(2)
    photo = resize(np.ascontiguousarray(astronaut()), 1280, 1280)
    compute = choose()
    ager = FaceAger(load(default_model("10").name), open_pack("embedded"), compute)
    seconds, detection = [], []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        face = ager.find_faces(photo)[0]
        found = time.perf_counter()
        photos = [aged.photo for aged in ager.transform(photo, face=face).results]
        seconds.append(time.perf_counter() - start)
        detection.append(found - start)
        assert len(photos) == 10
    print(json.dumps({"seconds": seconds[1:], "detection": detection[1:], "reason": compute.reason}))


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
        seconds = found["seconds"]
        print(f"{name}: {min(seconds):.3f} to {max(seconds):.3f} s over {ROUNDS} rounds; {found['reason']}")
        lines.append(f"ten_ages_1280px_{name} {statistics.median(seconds):.3f} s")
        lines.append(f"ten_ages_1280px_{name}_detection {statistics.median(found['detection']):.3f} s")
        read = measured("--reading", extra)
        ms = [1000 * one for one in read["seconds"]]
        print(f"{name}, {read['estimator']}: {min(ms):.1f} to {max(ms):.1f} ms a face on one core; {read['reason']}")
        lines.append(f"age_of_a_face_one_core_{name} {statistics.median(ms):.2f} ms")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
