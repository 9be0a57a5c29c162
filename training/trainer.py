"""A run's networks, optimisers and objective, built from its configuration, and one step of them."""

import copy
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

from core import device as compute_device
from core.ages import group_system
from core.device import Compute
from core.discriminator import Discriminator, DiscriminatorConfig, freeze
from core.errors import RunBroken
from core.estimator import Estimator
from core.generator import Generator, GeneratorConfig
from core.reference import ReferenceGenerator
from core.reference_discriminator import ReferenceDiscriminator, ReferenceDiscriminatorConfig
from core.weights import load
from training.config import ReferenceConfig, TrainingConfig
from training.inputs import Inputs
from training.objective import AgingObjective, Witnesses, at_size
from training.processes import Processes
from training.recogniser import FrozenRecogniser
from training.reference_objective import ReferenceObjective
from training.state import AnyState, DiscriminatorKind, GeneratorKind, TrainingState


class Objective(Protocol):
    """What a trainer asks of an objective."""

    def step(self, inputs: Inputs) -> dict[str, float]:
        """One step of both networks; the terms by name."""


class Trainer:
    """Holds a run's state and does its steps."""

    def __init__(self, config: TrainingConfig, processes: Processes | None = None) -> None:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.num_threads)
        self.config = config
        self.processes = processes or Processes()
        self.compute = compute_device.choose(self.processes.device, config.precision)
        if self.compute.dtype == torch.float32:
            torch.backends.cudnn.allow_tf32 = False  # backward passes run outside of `autocast`
        self.groups = group_system(config.generator.groups)
        self.state: AnyState
        self.objective: Objective
        self.read_years: Callable[[Tensor], Tensor] | None = None
        if isinstance(config.generator, ReferenceConfig):
            self._prepare_reference()
        else:
            self._prepare_ours()

    def _prepare_ours(self) -> None:
        config, compute = self.config, self.compute
        assert isinstance(config.generator, GeneratorConfig)
        assert isinstance(config.discriminator, DiscriminatorConfig)
        generator = compute.place(Generator(config.generator))
        discriminator = compute.place(Discriminator(config.discriminator))
        self.state = self._state(
            generator,
            discriminator,
            _adam(generator, config.learning_rate),
            _adam(discriminator, config.learning_rate),
        )
        witnesses = open_witnesses(config, compute)
        self.objective = AgingObjective(self.state, config, compute, witnesses, self.processes)
        if witnesses.reader is not None:
            reader = witnesses.reader
            self.read_years = lambda faces: reader.read(at_size(faces, reader)).years

    def _prepare_reference(self) -> None:
        config, compute, recipe = self.config, self.compute, self.config.reference
        assert isinstance(config.generator, ReferenceConfig)
        assert isinstance(config.discriminator, ReferenceDiscriminatorConfig)
        shape = config.generator
        generator = compute.place(ReferenceGenerator(shape.size_px, len(self.groups), shape.max_channels))
        discriminator = compute.place(ReferenceDiscriminator(config.discriminator))
        self.state = self._state(
            generator,
            discriminator,
            recipe.generator_optimiser(generator),
            recipe.discriminator_optimiser(discriminator),
        )
        self.objective = ReferenceObjective(self.state, recipe, compute, self.processes, config.seed)

    def _state(
        self,
        generator: GeneratorKind,
        discriminator: DiscriminatorKind,
        generator_optimiser: Adam,
        discriminator_optimiser: Adam,
    ) -> TrainingState[GeneratorKind, DiscriminatorKind]:
        average = copy.deepcopy(generator).eval()
        freeze(average)
        return TrainingState(
            generator=generator,
            average=average,
            discriminator=discriminator,
            generator_optimiser=generator_optimiser,
            discriminator_optimiser=discriminator_optimiser,
            precision="bfloat16" if self.compute.dtype == torch.bfloat16 else "float32",
        )

    def step(self, inputs: Inputs) -> dict[str, float]:
        """One step of both networks; returns the terms of the objective by name, means over all processes.

        Raises RunBroken if a term is not a finite number.
        """
        terms = self.processes.mean_of(self.objective.step(inputs))
        self.state.step += 1
        self.state.faces += len(inputs.faces) * self.processes.count
        for name, value in terms.items():
            if not np.isfinite(value):
                raise RunBroken(f"{name} became {value} in step {self.state.step}; the last checkpoint is good")
        return terms


def open_witnesses(config: TrainingConfig, compute: Compute) -> Witnesses:
    """The frozen networks that the config names."""
    reader, recogniser = None, None
    if config.reader is not None:
        network = load(config.reader).network
        if not isinstance(network, Estimator):
            raise RunBroken(f"{config.reader} is no age estimator; name one with --reader, or none")
        reader = compute.place(network)
    if config.recogniser is not None:
        if not config.recogniser.is_file():
            raise RunBroken(
                f"there is no recogniser {config.recogniser}: name an ArcFace-style ONNX file with --recogniser FILE, "
                "or leave the identity band out with --recogniser none"
            )
        recogniser = compute.place(FrozenRecogniser(config.recogniser))
    return Witnesses(reader=reader, recogniser=recogniser)


def _adam(network: torch.nn.Module, learning_rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.0, 0.99), fused=True)
