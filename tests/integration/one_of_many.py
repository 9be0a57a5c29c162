"""Started by torchrun: trains a few steps as one of several processes, and prints what the main one saw."""

import dataclasses
import json
import sys
from pathlib import Path

import torch

from training.config import preset
from training.inputs import to_inputs
from training.loop import open_source
from training.processes import Processes
from training.trainer import Trainer


def main(name: str, data: str, batch_size: int, steps: int, out: Path) -> None:
    """Losses of each step as a JSON line each, then the sum of all weights; written by the main process."""
    processes = Processes()
    config = dataclasses.replace(
        preset(name),
        data=(data,),
        batch_size=batch_size,
        num_processes=processes.count,
        warmup_steps=2,
        augment_target=2.0,  # never: each process draws its own changes, which one with twice the batch cannot repeat
    )
    trainer = Trainer(config, processes)
    source = open_source(config, processes)
    seen = [trainer.step(to_inputs(source.batch(step), trainer.groups, trainer.compute)) for step in range(steps)]
    weights = torch.cat([value.detach().flatten() for value in trainer.state.average.parameters()])
    if processes.is_main:
        out.write_text(json.dumps({"count": processes.count, "terms": seen, "weights": weights.tolist()[::97]}))
    processes.leave()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
