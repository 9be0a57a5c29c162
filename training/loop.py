"""The training loop: one step of the objective, and a run around it that can be stopped and gone on with."""

import copy
import dataclasses
import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core import device as compute_device
from core.discriminator import Discriminator, freeze
from core.errors import RunBroken
from core.files import write_atomic
from core.generator import Generator, age_code
from core.images import to_tensor
from training import losses
from training.config import TrainingConfig
from training.data import BalancedSampler, Batch, FaceSet, default_files, load_faces
from training.monitor import LossLog, write_grid
from training.state import STATE_FILE, TrainingState, load_state, read_counters, save_state, start_from

REPORT_EVERY_STEPS = 25


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """A batch as the networks see it; all (N, ...)."""

    faces: Tensor
    """(N, 3, S, S) float32, -1..1."""
    ages_years: Tensor
    """(N,) float32."""
    groups: Tensor
    """(N,) int64."""
    sexes: Tensor
    """(N,) int64."""
    code: Tensor
    """(N, groups + 1) float32 of the own age."""
    target_years: Tensor
    """(N,) float32."""
    target_groups: Tensor
    """(N,) int64."""
    target_code: Tensor
    """(N, groups + 1) float32 of the target age."""
    gap_groups: Tensor
    """(N,) float32: how many groups lie between own age and target."""


class Trainer:
    """Holds a run's state and does its steps."""

    def __init__(self, config: TrainingConfig) -> None:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.num_threads)
        self.config = config
        self.compute = compute_device.choose(precision=config.precision)
        generator = self.compute.place(Generator(config.generator))
        discriminator = self.compute.place(Discriminator(config.discriminator))
        average = copy.deepcopy(generator).eval()
        freeze(average)
        self.groups = generator.groups
        self.state = TrainingState(
            generator=generator,
            average=average,
            discriminator=discriminator,
            generator_optimiser=_adam(generator, config.learning_rate),
            discriminator_optimiser=_adam(discriminator, config.learning_rate),
            precision="bfloat16" if self.compute.dtype == torch.bfloat16 else "float32",
        )

    def inputs(self, batch: Batch, faces: FaceSet) -> Inputs:
        """Gather a batch and bring it to the device."""
        place = self.compute.device
        pixels = to_tensor(faces.faces[batch.indices]).to(place)
        flips = torch.from_numpy(batch.flips).to(place)
        pixels = torch.where(flips[:, None, None, None], pixels.flip(3), pixels)
        ages, targets = faces.ages_years[batch.indices], batch.targets_years
        group_of = np.vectorize(self.groups.index_of, otypes=[np.int64])
        own_position = self.groups.soft_code(ages) @ np.arange(len(self.groups))
        target_position = self.groups.soft_code(targets) @ np.arange(len(self.groups))
        return Inputs(
            faces=self.compute.move(pixels),
            ages_years=torch.from_numpy(ages).to(place, torch.float32),
            groups=torch.from_numpy(group_of(ages)).to(place),
            sexes=torch.from_numpy(faces.sexes[batch.indices]).to(place),
            code=age_code(self.groups, ages).to(place),
            target_years=torch.from_numpy(targets).to(place, torch.float32),
            target_groups=torch.from_numpy(group_of(targets)).to(place),
            target_code=age_code(self.groups, targets).to(place),
            gap_groups=torch.from_numpy(np.abs(own_position - target_position)).to(place, torch.float32),
        )

    def step(self, inputs: Inputs) -> dict[str, float]:
        """One step of both networks; returns the terms of the objective by name.

        Raises RunBroken if a term is not a finite number.
        """
        warming_up = self.state.step < self.config.warmup_steps
        terms = self._warm_up(inputs) if warming_up else self._both(inputs)
        self.state.step += 1
        self.state.faces += len(inputs.faces)
        for name, value in terms.items():
            if not np.isfinite(value):
                raise RunBroken(f"{name} became {value} in step {self.state.step}; the last checkpoint is good")
        return terms

    def _warm_up(self, inputs: Inputs) -> dict[str, float]:
        """Age heads only, on real faces."""
        state = self.state
        state.discriminator_optimiser.zero_grad()
        state.generator_optimiser.zero_grad()
        with compute_device.autocast(self.compute):
            judged = state.discriminator(inputs.faces, inputs.groups, inputs.sexes)
            encoding = state.generator.encode(inputs.faces)
        age = losses.age_classification(judged.age_logits, inputs.code[:, :-1])
        present = losses.present_age(encoding.age_logits.float(), inputs.ages_years)
        (age + present).backward()  # type: ignore[no-untyped-call]
        state.discriminator_optimiser.step()
        state.generator_optimiser.step()
        self._average(0.0)
        return {"age_real": age.item(), "present_age": present.item()}

    def _both(self, inputs: Inputs) -> dict[str, float]:
        state, weights = self.state, self.config.weights
        half = len(inputs.faces) // 2
        with compute_device.autocast(self.compute):
            encoding = state.generator.encode(inputs.faces)
            made, mask = state.generator.decode(inputs.faces, encoding, inputs.target_code)

        state.discriminator_optimiser.zero_grad()
        with compute_device.autocast(self.compute):
            real_judged = state.discriminator(inputs.faces, inputs.groups, inputs.sexes)
            made_judged = state.discriminator(made.detach(), inputs.target_groups, inputs.sexes)
        adversarial = losses.adversarial_discriminator(real_judged.score, made_judged.score)
        age_real = losses.age_classification(real_judged.age_logits, inputs.code[:, :-1])
        terms = {"d": adversarial.item(), "age_real": age_real.item()}
        terms["hit_real"] = _hits(real_judged.age_logits, inputs.groups)
        objective = adversarial + age_real
        if state.step % self.config.r1_every == 0:
            faces = inputs.faces[:half].clone().requires_grad_()
            score = state.discriminator(faces, inputs.groups[:half], inputs.sexes[:half]).score
            penalty = losses.r1(score, faces)
            objective = objective + weights.r1 * self.config.r1_every * penalty
            terms["r1"] = penalty.item()
        objective.backward()  # type: ignore[no-untyped-call]
        state.discriminator_optimiser.step()

        state.generator_optimiser.zero_grad()
        freeze(state.discriminator)
        with compute_device.autocast(self.compute):
            judged = state.discriminator(made, inputs.target_groups, inputs.sexes)
            returned = state.generator(made[:half], inputs.code[:half])
            read = state.average.encode(made[half:]).age_logits.float()
        parts = {
            "g": (1.0, losses.adversarial_generator(judged.score)),
            "age_made": (weights.age, losses.age_classification(judged.age_logits, inputs.target_code[:, :-1])),
            "read_age": (weights.read_age, losses.present_age(read, inputs.target_years[half:])),
            "own_age": (weights.own_age, losses.own_age(inputs.faces, made, inputs.gap_groups)),
            "cycle": (weights.cycle, losses.cycle(inputs.faces[:half], returned)),
            "mask": (weights.mask, losses.mask_sparsity(mask)),
            "present_age": (
                weights.present_age,
                losses.present_age(encoding.age_logits.float(), inputs.ages_years),
            ),
        }
        torch.stack([weight * value for weight, value in parts.values()]).sum().backward()  # type: ignore[no-untyped-call]
        state.generator_optimiser.step()
        freeze(state.discriminator, frozen=False)
        faces_since_warm_up = (state.step - self.config.warmup_steps) * self.config.batch_size
        half_life = min(self.config.ema_half_life_faces, faces_since_warm_up / 4 + 1)
        self._average(0.5 ** (self.config.batch_size / half_life))
        terms |= {name: value.item() for name, (_, value) in parts.items()}
        return terms | {"hit_made": _hits(judged.age_logits, inputs.target_groups)}

    def _average(self, keep: float) -> None:
        """average <- keep * average + (1 - keep) * generator"""
        pairs = zip(self.state.average.parameters(), self.state.generator.parameters(), strict=True)
        with torch.no_grad():
            for averaged, current in pairs:
                averaged.lerp_(current, 1 - keep)


def train(config: TrainingConfig, run: Path) -> TrainingState:
    """Train until the configured steps or minutes are over, or a signal asks to stop; resumes `run`.

    Writes into `run`: config.json, losses.jsonl, state.safetensors, grids/.
    Raises DataBroken for bad data, RunBroken if the run cannot be resumed or diverges.
    """
    state_path = run / STATE_FILE
    if state_path.exists():
        config = dataclasses.replace(config, precision=read_counters(run)["precision"])
    trainer = Trainer(config)
    state = trainer.state
    (run / "grids").mkdir(parents=True, exist_ok=True)
    if state_path.exists():
        load_state(state, state_path)
    elif config.start_from is not None:
        start_from(state, config.start_from)
        state.step = config.warmup_steps  # the other run has been through it
    written = json.dumps(dataclasses.asdict(config), default=str, indent=2)
    write_atomic(run / "config.json", (written + "\n").encode())
    faces = load_faces(
        config.data or default_files(),
        config.generator.size_px,
        min_age_years=trainer.groups.first_years[0],
        max_faces=config.max_faces,
    )
    sampler = BalancedSampler(faces, trainer.groups, config.batch_size, config.seed, config.own_age_share)
    shown = faces.faces[_one_of_each(sampler)]
    log = LossLog(run / "losses.jsonl", state.step, state.faces)
    started = checkpointed = time.monotonic()
    seconds_before = state.seconds
    with _stop_signal() as stop_asked:
        while state.step < config.num_steps and not stop_asked():
            log.add(trainer.step(trainer.inputs(sampler.batch(state.step), faces)))
            now = time.monotonic()
            state.seconds = seconds_before + now - started
            if state.step % REPORT_EVERY_STEPS == 0:
                log.report(state.step, state.faces)
            if state.step % config.grid_every_steps == 0:
                write_grid(state.average, shown, run / "grids" / f"{state.step:07d}.png")
            if now - checkpointed > config.checkpoint_every_minutes * 60:
                save_state(state, state_path)
                checkpointed = now
            if config.minutes is not None and now - started > config.minutes * 60:
                break
    save_state(state, state_path)
    write_grid(state.average, shown, run / "grids" / f"{state.step:07d}.png")
    return state


def _one_of_each(sampler: BalancedSampler) -> list[int]:
    """Positions of one face of each group, sexes in turn."""
    return [int(cells[number % len(cells)][0]) for number, cells in enumerate(sampler.cells)]


def _adam(network: torch.nn.Module, learning_rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.0, 0.99))


def _hits(age_logits: Tensor, groups: Tensor) -> float:
    """Share of faces whose likeliest group is the given one."""
    return (age_logits.argmax(1) == groups).float().mean().item()


@contextmanager
def _stop_signal() -> Iterator[Callable[[], bool]]:
    """Within it, SIGINT and SIGTERM only ask to stop; the step under way ends and a checkpoint follows."""
    asked = False

    def ask(_number: int, _frame: object) -> None:
        nonlocal asked
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
