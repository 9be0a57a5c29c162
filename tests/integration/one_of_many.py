"""Started by torchrun: trains a few steps as one of several processes, and prints what the main one saw."""

import dataclasses
import json
import sys
from pathlib import Path

import torch

from training.config import preset
from training.inputs import to_inputs
from training.options import with_options
from training.processes import Processes
from training.source import open_source
from training.trainer import Trainer


def main(name: str, data: str, batch_size: int, steps: int, out: Path) -> None:
    """Losses of each step as a JSON line each, then the sum of all weights; written by the main process."""
    processes = Processes()
    config = dataclasses.replace(
        with_options(preset(name), {"ema_half_life_faces": 16.0}),  # a step's faces: the average follows closely
        data=(data,),
        batch_size=batch_size,
        num_processes=processes.count,
        warmup_steps=2,
        augment_target=2.0,  # never: each process draws its own changes, which one with twice the batch cannot repeat
    )
    trainer = Trainer(config, processes)
    source = open_source(config, processes)
    seen = [trainer.step(to_inputs(source.batch(step), trainer.groups, trainer.compute)) for step in range(steps)]
    weights, newest = (
        torch.cat([value.detach().flatten() for value in network.parameters()])
        for network in (trainer.state.average, trainer.state.generator)
    )
    behind = (newest - weights).norm().item()
    if processes.is_main:
        out.write_text(
            json.dumps({"count": processes.count, "terms": seen, "weights": weights.tolist()[::97], "behind": behind})
        )
    processes.leave()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
