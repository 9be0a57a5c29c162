"""The published objective, as far as it can be reconstructed: one step of AgeTransGAN's discriminator and generator.

x is a real face of group a, b the target group, y = G(x, b), x' = G(y, a), phi the identity branch's map:

    D:  softplus(-D(x, a)) + softplus(D(y, b)) + softplus(-D(x, a)) + softplus(D(x', a)) + CE(C(x), a)
    G:  softplus(-D(y, b)) + softplus(-D(x', a)) + CE(C(y), b) + CE(C(x'), a) + 10 MSE(x, y) + 10 |x - x'|
        + 0.1 relu(0.5 + d(phi(x, a), phi(x', a)) - d(phi(x, a), phi(y, b))) + |phi(x, a) - phi(y, b)|

The gradient penalty of D and the path length penalty of G have steps of their own, every 16 and 4 steps, so much the
stronger, and Adam is slowed in proportion (lazy regularisation, Karras et al. 2020, section 3.1). All of it depends
on the state, the seed and the step number alone.

Source: Hsu, Xie, Chen, Lin, ECCV 2022, section 3; Karras et al. 2020 for what StyleGAN2 brings along. Ours, because
the source does not tell: d is the mean absolute difference, and J of the path length is taken by the one w.
"""

import dataclasses
import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from core.device import Compute, autocast
from core.discriminator import freeze
from core.reference import ReferenceGenerator
from core.reference_discriminator import ReferenceDiscriminator
from training import losses
from training.inputs import Inputs
from training.processes import Processes

PATH_LENGTH_KEY = "path_length.mean"
"""Name of the running mean in the state's memory."""
PATH_LENGTH_DECAY = 0.01
"""How far the running mean goes to that of a batch."""
PATH_LENGTH_ROWS = slice(None, None, 2)
"""Faces whose path length is measured: every second, so that it is so in every process."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceWeights:
    """How much each term counts beside the adversarial one; the published recipe's, as reconstructed."""

    age: float = 1.0
    """Age classification of outputs, and as much again of what is brought back."""
    pixel: float = 10.0
    """Mean square between input and output, whatever the gap."""
    cycle: float = 10.0
    """L1 between the input and the output brought back to the input's group."""
    triplet: float = 0.1
    """Identity map of the face brought back nearer to the input's than the output's is."""
    identity: float = 1.0
    """L1 between the identity maps of input and output."""
    r1: float = 10.0
    """Gradient penalty on real faces, gamma."""
    path_length: float = 2.0
    """Path length penalty."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceRecipe:
    """The objective's weights and schedule."""

    weights: ReferenceWeights = dataclasses.field(default_factory=ReferenceWeights)
    """Weights of the loss terms."""
    learning_rate: float = 2e-3
    """Adam's, for both networks, before the correction for lazy steps; StyleGAN2's, the source does not tell."""
    r1_every: int = 16
    """Steps between gradient penalties."""
    path_length_every: int = 4
    """Steps between path length penalties."""
    ema_half_life_faces: float = 10_000.0
    """Faces after which an old weight counts half in the averaged generator."""

    def __post_init__(self) -> None:
        if min(self.r1_every, self.path_length_every) < 1:
            raise ValueError(f"r1_every {self.r1_every} or path_length_every {self.path_length_every} is below 1")
        for name in ("learning_rate", "ema_half_life_faces"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")

    def generator_optimiser(self, generator: nn.Module) -> Adam:
        """Adam for the generator, corrected for its path length steps."""
        return lazy_adam(generator, self.learning_rate, self.path_length_every)

    def discriminator_optimiser(self, discriminator: nn.Module) -> Adam:
        """Adam for the discriminator, corrected for its gradient penalty steps."""
        return lazy_adam(discriminator, self.learning_rate, self.r1_every)


def lazy_adam(network: nn.Module, learning_rate: float, every: int) -> Adam:
    """Adam with betas (0, 0.99) to the power c and c times the rate, c = k / (k + 1), k the steps between penalties.

    k + 1 steps are taken where k were meant. Source: Karras et al. 2020, appendix B.
    """
    correction = every / (every + 1)
    betas = (0.0**correction, 0.99**correction)
    return Adam(network.parameters(), lr=learning_rate * correction, betas=betas, fused=True)


class ReferenceState(Protocol):
    """What the objective needs of a training state."""

    @property
    def generator(self) -> ReferenceGenerator:
        """The network in training."""

    @property
    def discriminator(self) -> ReferenceDiscriminator:
        """Its adversary."""

    @property
    def generator_optimiser(self) -> Adam:
        """Of `ReferenceRecipe.generator_optimiser`."""

    @property
    def discriminator_optimiser(self) -> Adam:
        """Of `ReferenceRecipe.discriminator_optimiser`."""

    @property
    def step(self) -> int:
        """Steps done."""

    @property
    def memory(self) -> dict[str, Tensor]:
        """Kept from sitting to sitting; holds the running mean of the path length."""

    def average_in(self, keep: float) -> None:
        """average <- keep * average + (1 - keep) * generator"""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """What the generator makes in a step; (N, 3, S, S) float32, about -1..1."""

    made: Tensor
    """y, at the target group."""
    returned: Tensor
    """x', y brought back to the own group."""


class ReferenceObjective:
    """Steps of `core.reference` against `core.reference_discriminator`."""

    def __init__(
        self, state: ReferenceState, recipe: ReferenceRecipe, compute: Compute, processes: Processes, seed: int
    ) -> None:
        self.state, self.recipe, self.compute, self.processes, self.seed = state, recipe, compute, processes, seed
        state.memory.setdefault(PATH_LENGTH_KEY, torch.zeros(()))

    def step(self, inputs: Inputs) -> dict[str, float]:
        """One step of both networks; the terms of the objective by name, `r1` and `path_length` where it was time."""
        state, recipe = self.state, self.recipe
        random = self.random()
        with autocast(self.compute):
            made = self.generate(inputs.faces, inputs.target_groups, random)
            outputs = Outputs(made=made, returned=self.generate(made, inputs.groups, random))

        terms = self.discriminator_step(inputs, outputs)
        if state.step % recipe.r1_every == 0:
            terms["r1"] = self.r1_step(inputs)
        freeze(state.discriminator)
        terms |= self.generator_step(inputs, outputs)
        freeze(state.discriminator, frozen=False)
        if state.step % recipe.path_length_every == 0:
            terms["path_length"] = self.path_length_step(inputs, random)
        state.average_in(0.5 ** (len(inputs.faces) * self.processes.count / recipe.ema_half_life_faces))
        return dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True))

    def discriminator_step(self, inputs: Inputs, outputs: Outputs) -> dict[str, Tensor]:
        """Real faces against both kinds of outputs."""
        discriminator = self.state.discriminator
        with autocast(self.compute):
            real = discriminator(inputs.faces, inputs.groups)
            made = discriminator(outputs.made.detach(), inputs.target_groups)
            returned = discriminator(outputs.returned.detach(), inputs.groups)
        terms = {
            "d": losses.adversarial_discriminator(real.score, made.score),
            "d_returned": losses.adversarial_discriminator(real.score, returned.score),
            "age_real": losses.age_classification(real.age_logits, self.code(inputs.groups)),
        }
        self.descend(discriminator, self.state.discriminator_optimiser, torch.stack(list(terms.values())).sum())
        return _detached(terms) | {"hit_real": _hits(real.age_logits, inputs.groups)}

    def r1_step(self, inputs: Inputs) -> Tensor:
        """The gradient penalty, on all real faces."""
        discriminator = self.state.discriminator
        faces = inputs.faces.clone().requires_grad_()
        with autocast(self.compute):
            penalty = losses.r1(discriminator(faces, inputs.groups).score, faces)
        objective = self.recipe.weights.r1 * self.recipe.r1_every * penalty
        self.descend(discriminator, self.state.discriminator_optimiser, objective)
        return penalty.detach()

    def generator_step(self, inputs: Inputs, outputs: Outputs) -> dict[str, Tensor]:
        """All terms that look at outputs; the discriminator only passes gradients on."""
        state, weights = self.state, self.recipe.weights
        own, target = inputs.groups, inputs.target_groups
        with autocast(self.compute):
            made = state.discriminator(outputs.made, target)
            returned = state.discriminator(outputs.returned, own)
            # One pass for the three: no face looks at another.
            identities = state.generator.identify(
                torch.cat((inputs.faces, outputs.made, outputs.returned)), self.code(torch.cat((own, target, own)))
            )
        identity, made_identity, returned_identity = identities.float().chunk(3)
        parts = {
            "g": (1.0, losses.adversarial_generator(made.score)),
            "g_returned": (1.0, losses.adversarial_generator(returned.score)),
            "age_made": (weights.age, losses.age_classification(made.age_logits, self.code(target))),
            "age_returned": (weights.age, losses.age_classification(returned.age_logits, self.code(own))),
            "pixel": (weights.pixel, losses.pixel(inputs.faces, outputs.made)),
            "cycle": (weights.cycle, losses.cycle(inputs.faces, outputs.returned)),
            "triplet": (weights.triplet, losses.triplet(identity, returned_identity, made_identity)),
            "identity": (weights.identity, losses.cross_age_identity(identity, made_identity)),
        }
        objective = torch.stack([weight * value for weight, value in parts.values()]).sum()
        self.descend(state.generator, state.generator_optimiser, objective)
        terms = _detached({name: value for name, (_, value) in parts.items()})
        return terms | {"hit_made": _hits(made.age_logits, target)}

    def path_length_step(self, inputs: Inputs, random: torch.Generator) -> Tensor:
        """The path length penalty, on every second face at its target group."""
        state = self.state
        groups, faces = inputs.target_groups[PATH_LENGTH_ROWS], inputs.faces[PATH_LENGTH_ROWS]
        (directions,) = self.draw(random, len(faces), [tuple(faces.shape[1:])])
        maps = self.noise_maps(random, len(faces))
        with autocast(self.compute):
            encoded = state.generator.encode(faces, self.code(groups))
            lengths = losses.path_lengths(state.generator.decode(encoded, maps), encoded.style, directions)
        batch_mean = self.processes.mean(lengths.detach().mean())
        mean = state.memory[PATH_LENGTH_KEY].to(batch_mean).lerp(batch_mean, PATH_LENGTH_DECAY)
        state.memory[PATH_LENGTH_KEY] = mean
        penalty = losses.path_length(lengths, mean)
        objective = self.recipe.weights.path_length * self.recipe.path_length_every * penalty
        self.descend(state.generator, state.generator_optimiser, objective)
        return penalty.detach()

    def descend(self, network: nn.Module, optimiser: Adam, objective: Tensor) -> None:
        """One step of an optimiser down the gradient, which all processes share."""
        optimiser.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]
        self.processes.share_gradients(network)
        optimiser.step()

    def generate(self, faces: Tensor, groups: Tensor, random: torch.Generator) -> Tensor:
        """G(x, b) with noise: (N, 3, S, S)."""
        generator = self.state.generator
        return generator.decode(generator.encode(faces, self.code(groups)), self.noise_maps(random, len(faces)))

    def code(self, groups: Tensor) -> Tensor:
        """(N,) int64 to (N, groups) float32, one-hot."""
        return F.one_hot(groups, self.state.generator.num_groups).float()

    def random(self) -> torch.Generator:
        """The noise of this step, on the device."""
        (number,) = np.random.SeedSequence((self.seed, self.state.step)).generate_state(1, np.uint64)
        return torch.Generator(self.compute.device).manual_seed(int(number))

    def noise_maps(self, random: torch.Generator, count: int) -> list[Tensor]:
        """A map (count, 1, R, R) for each styled convolution."""
        return self.draw(random, count, [(1, side, side) for side in self.state.generator.noise_sizes_px])

    def draw(self, random: torch.Generator, count: int, shapes: list[tuple[int, ...]]) -> list[Tensor]:
        """N(0, 1) of (count, *shape) for each shape: this process's rows of what is drawn for all of them."""
        processes = self.processes
        rows = slice(processes.rank * count, (processes.rank + 1) * count)
        sizes = [(processes.count * count, *shape) for shape in shapes]
        return [torch.randn(size, generator=random, device=random.device)[rows] for size in sizes]


def _detached(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in terms.items()}


def _hits(age_logits: Tensor, groups: Tensor) -> Tensor:
    """Share of faces whose likeliest group is the given one."""
    return (age_logits.argmax(1) == groups).float().mean()
