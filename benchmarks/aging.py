"""Ten ages of a 1280 px photo with the bundled 128 px model: detection, network and paste-back, by kind of CPU.

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

ROUNDS = 7
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


def main() -> None:
    """Run every case and print the figures, `name value unit` last."""
    if sys.argv[1:] == ["--one"]:
        measure()
        return
    print(f"torch {version('torch')}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, 2 threads")
    lines = []
    for name, extra in CASES.items():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.aging", "--one"],
            env={**os.environ, **extra},
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(done.stdout)
        seconds = found["seconds"]
        print(f"{name}: {min(seconds):.3f} to {max(seconds):.3f} s over {ROUNDS} rounds; {found['reason']}")
        lines.append(f"ten_ages_1280px_{name} {statistics.median(seconds):.3f} s")
        lines.append(f"ten_ages_1280px_{name}_detection {statistics.median(found['detection']):.3f} s")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
