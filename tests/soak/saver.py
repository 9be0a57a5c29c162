"""Processes that save one training state after another until they are killed.

python -m tests.soak.saver FOLDER          forks one for each number on stdin, the first state to save; says its id
python -m tests.soak.saver FOLDER COUNT    saves so many states itself
"""

import itertools
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import torch

from core.discriminator import Discriminator
from core.generator import Generator
from training.config import PRESETS
from training.state import TrainingState, save_state


def small_state() -> TrainingState:
    """A state of the smallest preset, moments of the optimisers included."""
    torch.set_num_threads(1)
    generator, average = Generator(PRESETS["tiny"].generator), Generator(PRESETS["tiny"].generator)
    discriminator = Discriminator(PRESETS["tiny"].discriminator)
    optimisers = [torch.optim.Adam(network.parameters()) for network in (generator, discriminator)]
    for network, optimiser in zip((generator, discriminator), optimisers, strict=True):
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimiser.step()
    return TrainingState(
        generator=generator,
        average=average,
        discriminator=discriminator,
        generator_optimiser=optimisers[0],
        discriminator_optimiser=optimisers[1],
        precision="float32",
    )


def fill(state: TrainingState, number: int) -> None:
    """Make every number of the state `number`, so that a file mixed from two states is seen."""
    state.step = state.faces = number
    with torch.no_grad():
        for network in state.networks().values():
            for parameter in network.parameters():
                parameter.fill_(number)
        for optimiser in state.optimisers().values():
            for moments in optimiser.state.values():
                for value in moments.values():
                    value.fill_(number)


def save_on(state: TrainingState, folder: Path, numbers: Iterable[int]) -> None:
    """Save the states of these numbers into `folder`, one over the other."""
    for number in numbers:
        fill(state, number)
        save_state(state, folder / "state.safetensors")


def fork_savers(folder: Path) -> None:
    """Fork a saver for each line of stdin: importing torch takes longer than all else."""
    state = small_state()
    for line in sys.stdin:
        saver = os.fork()
        if not saver:
            save_on(state, folder, itertools.count(int(line)))
        sys.stdout.write(f"{saver}\n")
        sys.stdout.flush()
        os.waitpid(saver, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        save_on(small_state(), Path(sys.argv[1]), range(1, 1 + int(sys.argv[2])))
    else:
        fork_savers(Path(sys.argv[1]))
