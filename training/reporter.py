"""What a run reports of itself while it goes on, to its log, its event files and its folder of grids."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import nn

from training.monitor import LOSSES_FILE, LossLog, ages_made, gradient_norm, write_grid
from training.track import Tracker
from training.trainer import Trainer

REPORT_EVERY_STEPS = 25


class Reporter:
    """What the main process writes of the course of a run: figures, and pictures of one face of each group."""

    def __init__(self, trainer: Trainer, faces: npt.NDArray[np.uint8], run: Path) -> None:
        self.trainer, self.faces, self.run = trainer, faces, run
        state = trainer.state
        self.log = LossLog(run / LOSSES_FILE, state.step, state.faces)
        self.tracker = Tracker(run, state.step)

    def after_step(self, terms: dict[str, float], waited_s: float) -> None:
        """Take in a step's terms; report and show when it is time."""
        state, config = self.trainer.state, self.trainer.config
        self.log.add(terms)
        if state.step % REPORT_EVERY_STEPS == 0:
            norms = {f"gradient/{name}": gradient_norm(network) for name, network in self.trained().items()}
            self.log.add(norms)
            self.tracker.scalars(state.step, self.log.report(state.step, state.faces, waited_s))
        if state.step % config.grid_every_steps == 0:
            self.show()

    def trained(self) -> dict[str, nn.Module]:
        """The two networks that take gradients."""
        return {"generator": self.trainer.state.generator, "discriminator": self.trainer.state.discriminator}

    def show(self) -> None:
        """A grid of the averaged generator's outputs; how old the reader finds them goes into the next report."""
        step = self.trainer.state.step
        average = self.trainer.state.average
        grid = write_grid(average, self.faces, self.run / "grids" / f"{step:07d}.png")
        self.tracker.picture(step, "grid", grid)
        if self.trainer.read_years is not None:
            ages = ages_made(average, self.trainer.read_years, self.faces)
            self.log.add({f"years/{name}": years for name, years in ages.items()})
