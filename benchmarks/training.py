"""A training step as the trainer does it against the same step done plainly: faces a second, in one run, by turns.

Plain is the networks and objective of the same preset in float32, feature maps in torch's default layout, Adam one
weight at a time, batches fetched between steps. Ours takes the precision and layout that this machine is fastest with,
fused Adam, and batches prepared ahead. Faces are random pictures: what is timed does not depend on what they show.
Neither has the judges that lend the objective a hand (age reader, recogniser), nor, but for the warm-up, a step with
the R1 penalty: those cost the two the same. On a GPU the most memory in use is added. Example:
    python -m benchmarks.training --preset utk128-10 --batch-size 16
"""

import argparse
import dataclasses
import os
import statistics
import time
from importlib.metadata import version

import numpy as np
import torch

from core.device import Compute, memory_used_mib, wait_for
from training.config import TrainingConfig, preset
from training.data import FaceSet, FacesInMemory
from training.inputs import to_inputs
from training.prefetch import Prefetcher
from training.processes import Processes
from training.trainer import Trainer

ROUNDS = 5
STEPS = 2
WARM_UP_STEPS = 1


class Contestant:
    """A trainer with its own way of getting batches."""

    def __init__(self, config: TrainingConfig, is_plain: bool) -> None:
        self.trainer = Trainer(config, Processes())
        if is_plain:
            state = self.trainer.state
            for name in ("generator", "discriminator"):
                network = getattr(state, name)
                plain = torch.optim.Adam(network.parameters(), lr=4e-4, betas=(0.0, 0.99), foreach=False)
                setattr(state, f"{name}_optimiser", plain)
        source = FacesInMemory(
            random_faces(config), self.trainer.groups, batch_size=config.batch_size, seed=0, own_age_share=0.15
        )
        self.source = source
        self.prefetcher = None if is_plain else Prefetcher(source, 0)
        self.step = 0

    def waited_s(self) -> float:
        """Seconds spent waiting for batches so far; the plain one makes its own, between steps."""
        return 0.0 if self.prefetcher is None else self.prefetcher.waited_s

    def run(self, steps: int) -> float:
        """Seconds of so many steps."""
        start = time.perf_counter()
        for _ in range(steps):
            batch = self.source.batch(self.step) if self.prefetcher is None else self.prefetcher.batch()
            self.trainer.step(to_inputs(batch, self.trainer.groups, self.trainer.compute))
            self.step += 1
        wait_for(self.trainer.compute)
        return time.perf_counter() - start


def random_faces(config: TrainingConfig) -> FaceSet:
    """64 pictures of noise, every age group and sex among them."""
    random = np.random.default_rng(0)
    side = config.generator.size_px
    return FaceSet(
        faces=random.integers(0, 256, (64, side, side, 3), dtype=np.uint8),
        ages_years=np.resize(np.array([1, 4, 8, 12, 17, 25, 35, 45, 60, 80]), 64),
        sexes=random.integers(0, 2, 64),
    )


def describe(compute: Compute) -> str:
    """Versions and machine, one line."""
    return f"torch {version('torch')}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; {compute.reason}"


def main() -> None:
    """Time both by turns and print the figures, `name value unit` last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="utk128-10")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    config = dataclasses.replace(
        preset(asked.preset),
        batch_size=asked.batch_size,
        num_threads=asked.threads,
        warmup_steps=0,
        reader=None,
        recogniser=None,
    )
    ours = Contestant(config, is_plain=False)
    plain = Contestant(dataclasses.replace(config, precision="float32"), is_plain=True)
    print(describe(ours.trainer.compute))
    for contestant in (ours, plain):
        contestant.run(WARM_UP_STEPS)
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    waited_before = ours.waited_s()
    for _ in range(ROUNDS):
        seconds["ours"].append(ours.run(STEPS))
        seconds["plain"].append(plain.run(STEPS))
    waited = (ours.waited_s() - waited_before) / sum(seconds["ours"])
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["plain"], strict=True)]
    print(f"ratio {min(ratios):.2f} to {max(ratios):.2f} over {ROUNDS} rounds of {STEPS} steps of {asked.batch_size}")
    for name, taken in seconds.items():
        print(f"train_{asked.preset}_{name} {asked.batch_size * STEPS / statistics.median(taken):.2f} faces/s")
    print(f"train_{asked.preset}_waiting {waited:.4f} share")
    used = memory_used_mib(ours.trainer.compute)
    if used is not None:
        print(f"train_{asked.preset}_memory {used:.0f} MiB")
    print(f"train_{asked.preset}_ratio {statistics.median(ratios):.2f} x")


if __name__ == "__main__":
    main()
