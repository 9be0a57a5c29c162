"""Our objective: one step of discriminator and generator.

The age is pushed by the discriminator (conditioned on group and sex), its age head and an independent reader. What
else might move is held, each by a term of its own: the person, but only where the output is less alike than one
person's real pictures are on average over that gap of years, or than `identity_floor` (training/recogniser.py); the
sex that the reader sees; the colour of the cheeks and, everywhere, its hue; where asked for, its
saturation, the mouth and what lies beside the face (training/face_area.py). Outputs are not brought back to the input's
age: at the strengths of a release, outputs of no group were further from real pictures without a way back
(docs/recipe.md).
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core import device as compute_device
from core.device import Compute
from core.discriminator import Discriminator, freeze
from core.estimator import Estimator
from core.generator import Generator
from core.verification import band_for_ages
from training import augment, losses
from training.augment import Controller
from training.config import TrainingConfig
from training.face_area import may_change
from training.inputs import Inputs
from training.processes import Processes
from training.recogniser import FrozenRecogniser
from training.state import TrainingState

ADULT_YEARS = 15
"""From here on faces show their sex well enough to be held to it."""
IDENTITY_STD = 0.0
"""Deviations below the mean of one person's real pictures from which an output is drawn back: with one, which only
every sixth real pair falls below, outputs came to lie low in the band and few passed verification."""
FLOOR_FROM_YEARS = 10
"""Outputs for targets from here up are held to `identity_floor`, whatever the input's age: made a small child,
nobody is known by their face."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Witnesses:
    """Frozen networks that look at outputs; each is absent where its term has no weight."""

    reader: Estimator | None = None
    """Reads age and sex. Trained on the same faces as the generator, never on a judge's."""
    recogniser: FrozenRecogniser | None = None
    """Says how alike two faces are."""


class AgingObjective:
    """Steps of `core.generator` against `core.discriminator`."""

    def __init__(
        self,
        state: TrainingState[Generator, Discriminator],
        config: TrainingConfig,
        compute: Compute,
        witnesses: Witnesses,
        processes: Processes,
    ) -> None:
        self.state, self.config, self.compute, self.witnesses = state, config, compute, witnesses
        self.processes = processes
        self.controller = Controller(config.augment_target, state.memory)

    def step(self, inputs: Inputs) -> dict[str, float]:
        """One step of both networks; the terms of the objective by name."""
        state, config = self.state, self.config
        random = torch.Generator().manual_seed(seed_of(config.seed, state.step, self.processes.rank))
        inputs = self.framed(inputs, random)
        if state.step < config.warmup_steps:
            return self.warm_up(inputs)
        with compute_device.autocast(self.compute):
            encoding = state.generator.encode(inputs.faces)
            made, mask = state.generator.decode(inputs.faces, encoding, inputs.target_code)
        terms = self.discriminator_step(inputs, made.detach(), random)

        state.generator_optimiser.zero_grad()
        freeze(state.discriminator)
        parts = self.generator_terms(inputs, made, random)
        parts["mask"] = (config.weights.mask, losses.mask_sparsity(mask))
        present = losses.present_age(encoding.age_logits.float(), inputs.ages_years)
        parts["present_age"] = (config.weights.present_age, present)
        torch.stack([weight * value for weight, value in parts.values()]).sum().backward()  # type: ignore[no-untyped-call]
        self.processes.share_gradients(state.generator)
        state.generator_optimiser.step()
        freeze(state.discriminator, frozen=False)
        faces_since_warm_up = (state.step - config.warmup_steps) * config.faces_a_step
        half_life = min(config.ema_half_life_faces, faces_since_warm_up / 4 + 1)
        state.average_in(0.5 ** (config.faces_a_step / half_life))
        return terms | {name: value.item() for name, (_, value) in parts.items()}

    def framed(self, inputs: Inputs, random: torch.Generator) -> Inputs:
        """The inputs jittered as the config asks, with where they may change if there is a term for the rest."""
        count, _, _, side = inputs.faces.shape
        where = None
        if self.config.weights.kept:
            where = may_change(side).to(inputs.faces.device).expand(count, -1, -1, -1)
        if not self.config.jitter:
            return replace(inputs, may_change=where)
        jitter = augment.draw_jitter(count, self.config.jitter, random)
        faces = jitter.of_faces(inputs.faces)
        return replace(inputs, faces=faces, may_change=None if where is None else jitter.of_weights(where))

    def warm_up(self, inputs: Inputs) -> dict[str, float]:
        """Age heads only, on real faces."""
        state = self.state
        state.discriminator_optimiser.zero_grad()
        state.generator_optimiser.zero_grad()
        with compute_device.autocast(self.compute):
            judged = state.discriminator(alone(inputs.faces, inputs.may_change), inputs.groups, inputs.sexes)
            encoding = state.generator.encode(inputs.faces)
        age = losses.age_classification(judged.age_logits, inputs.code[:, :-1])
        present = losses.present_age(encoding.age_logits.float(), inputs.ages_years)
        (age + present).backward()  # type: ignore[no-untyped-call]
        for network in (state.discriminator, state.generator):
            self.processes.share_gradients(network)
        state.discriminator_optimiser.step()
        state.generator_optimiser.step()
        state.average_in(0.0)
        return {"age_real": age.item(), "present_age": present.item()}

    def discriminator_step(self, inputs: Inputs, made: Tensor, random: torch.Generator) -> dict[str, float]:
        """Real faces against made ones (N, 3, S, S), with the gradient penalty every few steps."""
        state, config = self.state, self.config
        state.discriminator_optimiser.zero_grad()
        chance = self.controller.chance
        with compute_device.autocast(self.compute):
            shown = augment.vary_for_discriminator(alone(inputs.faces, inputs.may_change), chance, random)
            real_judged = state.discriminator(shown, inputs.groups, inputs.sexes)
            shown = augment.vary_for_discriminator(alone(made, inputs.may_change), chance, random)
            made_judged = state.discriminator(shown, inputs.target_groups, inputs.sexes)
        adversarial = losses.adversarial_discriminator(real_judged.score, made_judged.score)
        age_real = losses.age_classification(real_judged.age_logits, inputs.code[:, :-1])
        objective = adversarial + age_real
        terms = {"d": adversarial.item(), "age_real": age_real.item()}
        terms["hit_real"] = hits(real_judged.age_logits, inputs.groups)
        if state.step % config.r1_every == 0:
            # Lazily, and so much the stronger (Karras et al. 2020, section 3.1); in float32, being a gradient's.
            faces = alone(inputs.faces, inputs.may_change)[::2].clone().requires_grad_()
            score = state.discriminator(faces, inputs.groups[::2], inputs.sexes[::2]).score
            penalty = losses.r1(score, faces)
            objective = objective + config.weights.r1 * config.r1_every * penalty
            terms["r1"] = penalty.item()
        objective.backward()  # type: ignore[no-untyped-call]
        self.processes.share_gradients(state.discriminator)
        state.discriminator_optimiser.step()
        signs = self.processes.mean(real_judged.score.detach().sign().mean())
        terms["augment"] = self.controller.watch(float(signs), len(inputs.faces) * self.processes.count)
        return terms

    def generator_terms(self, inputs: Inputs, made: Tensor, random: torch.Generator) -> dict[str, tuple[float, Tensor]]:
        """Weight and value of each term that looks at the outputs (N, 3, S, S)."""
        state, weights = self.state, self.config.weights
        shown = augment.vary_for_discriminator(alone(made, inputs.may_change), self.controller.chance, random)
        with compute_device.autocast(self.compute):
            judged = state.discriminator(shown, inputs.target_groups, inputs.sexes)
            # Every second face is mirrored, the others are read: by rows, so that it is so in every process.
            mirrored = state.generator(inputs.faces[::2].flip(-1), inputs.target_code[::2])
        parts = {
            "g": (1.0, losses.adversarial_generator(judged.score)),
            "age_made": (weights.age, losses.age_classification(judged.age_logits, inputs.target_code[:, :-1])),
            "own_age": (weights.own_age, losses.own_age(inputs.faces, made, inputs.gap_groups)),
            "mirror": (weights.mirror, losses.mirror(made[::2], mirrored)),
            "tone": (weights.tone, losses.cheek_tone(inputs.faces, made)),
            "hue": (weights.hue, losses.hue(inputs.faces, made)),
            "saturation": (weights.saturation, losses.saturation(inputs.faces, made)),
        }
        if inputs.may_change is not None:
            parts["kept"] = (weights.kept, losses.kept(inputs.faces, made, inputs.may_change))
        return parts | self.witnessed(inputs, made, random)

    def witnessed(self, inputs: Inputs, made: Tensor, random: torch.Generator) -> dict[str, tuple[float, Tensor]]:
        """Terms of the frozen networks, on every second output; without a reader the averaged encoder reads ages."""
        weights, state = self.config.weights, self.state
        odd = slice(1, None, 2)
        parts = {}
        if self.witnesses.reader is None:
            with compute_device.autocast(self.compute):
                logits = state.average.encode(made[odd]).age_logits
        else:
            with compute_device.autocast(self.compute):
                shown = augment.vary_for_reading(at_size(made[odd], self.witnesses.reader), random)
                read = self.witnesses.reader(shown)
            logits = read.age_logits
            adult = (inputs.target_years[odd] >= ADULT_YEARS).float()
            parts["keep_sex"] = (weights.keep_sex, losses.keep_sex(read.sex_logit, inputs.sexes[odd], adult))
        parts["read_age"] = (weights.read_age, losses.present_age(logits.float(), inputs.target_years[odd]))
        if self.witnesses.recogniser is not None:
            with torch.no_grad():
                before = self.witnesses.recogniser.embed_faces(inputs.faces[odd])
            after = self.witnesses.recogniser.embed_faces(made[odd])
            ages, targets = inputs.ages_years[odd].cpu().numpy(), inputs.target_years[odd].cpu().numpy()
            low = band_for_ages(ages, targets, num_std=IDENTITY_STD).low
            low = np.where(targets >= FLOOR_FROM_YEARS, np.maximum(low, self.config.identity_floor), low)
            parts["identity"] = (weights.identity, losses.identity_band(before, after, torch.from_numpy(low).to(after)))
        return parts


def alone(faces: Tensor, may_change: Tensor | None) -> Tensor:
    """(N, 3, S, S) with grey where they may not change, by (N, 1, S, S); as they are without."""
    return faces if may_change is None else faces * may_change


def at_size(faces: Tensor, reader: Estimator) -> Tensor:
    """(N, 3, S, S) as large as a reader wants them."""
    side = reader.config.size_px
    if faces.shape[2] == side:
        return faces
    return F.interpolate(faces, (side, side), mode="bilinear", antialias=True, align_corners=False)


def hits(age_logits: Tensor, groups: Tensor) -> float:
    """Share of faces whose likeliest group is the given one."""
    return (age_logits.argmax(1) == groups).float().mean().item()


def seed_of(*numbers: int) -> int:
    """One seed from several numbers, such as those of run, step and process."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1
