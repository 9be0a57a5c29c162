"""What a run must remember to go on as if it had never stopped, in one file written atomically."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.ages import group_system
from core.device import Precision
from core.errors import RunBroken
from core.files import replacing
from core.generator import Generator, config_from_json
from core.reference import ReferenceGenerator
from core.weights import ModelInfo

STATE_FILE = "state.safetensors"


GeneratorKind = TypeVar("GeneratorKind", bound=nn.Module)
DiscriminatorKind = TypeVar("DiscriminatorKind", bound=nn.Module)


@dataclass(kw_only=True, slots=True)
class TrainingState(Generic[GeneratorKind, DiscriminatorKind]):
    """Networks, optimisers and counters of a run."""

    generator: GeneratorKind
    average: GeneratorKind
    """Exponential moving average of the generator: the model that is released."""
    discriminator: DiscriminatorKind
    generator_optimiser: torch.optim.Adam
    discriminator_optimiser: torch.optim.Adam
    precision: Precision
    """What "auto" came to when the run began; a resumed run keeps it."""
    step: int = 0
    """Steps done."""
    faces: int = 0
    """Faces seen, each time one was."""
    seconds: float = 0.0
    """Time spent in steps, over all sittings."""
    memory: dict[str, Tensor] = field(default_factory=dict)
    """What else an objective remembers from step to step, by name."""

    def average_in(self, keep: float) -> None:
        """average <- keep * average + (1 - keep) * generator"""
        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        with torch.no_grad():
            for averaged, current in pairs:
                averaged.lerp_(current, 1 - keep)

    def networks(self) -> dict[str, nn.Module]:
        """The three networks by the name their weights carry in the file."""
        return {"generator": self.generator, "average": self.average, "discriminator": self.discriminator}

    def optimisers(self) -> dict[str, torch.optim.Adam]:
        """The two optimisers, likewise."""
        return {"generator": self.generator_optimiser, "discriminator": self.discriminator_optimiser}


AnyState = TrainingState[Any, Any]


def save_state(state: AnyState, path: Path) -> None:
    """Write the state so that a kill at any moment leaves the old file or the new one, whole.

    Raises RunBroken, and leaves the old file, if a weight is no finite number.
    """
    tensors: dict[str, Tensor] = {}
    for name, network in state.networks().items():
        if not all(value.isfinite().all() for value in network.state_dict().values()):
            raise RunBroken(f"weights of the {name} are no longer finite in step {state.step}; {path} is as it was")
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    for name, optimiser in state.optimisers().items():
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{name}.{index}.{key}": value for key, value in moments.items()}
    tensors |= {f"memory.{key}": value for key, value in state.memory.items()}
    counters = {"step": state.step, "faces": state.faces, "seconds": state.seconds, "precision": state.precision}
    write_tensors(tensors, path, counters)


def write_tensors(tensors: dict[str, Tensor], path: Path, counters: dict[str, Any]) -> None:
    """Write tensors and counters so that a kill at any moment leaves the old file or the new one, whole."""
    whole = {key: value.contiguous() for key, value in tensors.items()}
    try:
        with replacing(path) as draft:
            save_file(whole, draft, metadata={"counters": json.dumps(counters)})
    except (SafetensorError, OSError) as error:
        raise RunBroken(f"cannot write {path}: {error}; it is as it was, make room and start again") from error


def load_state(state: AnyState, path: Path) -> None:
    """Fill `state` from a file of `save_state`. Raises RunBroken if it is damaged or of other networks."""
    try:
        tensors = weights_of(path)
        counters = read_counters(path.parent)
        for name, network in state.networks().items():
            network.load_state_dict(under(tensors, f"{name}."))
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise RunBroken(f"cannot go on from {path}: {error}; remove it to start the run anew") from error
    for name, optimiser in state.optimisers().items():
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in under(tensors, f"adam.{name}.").items():
            index, _, kind = key.partition(".")
            moments.setdefault(int(index), {})[kind] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
        _lay_out(optimiser)
    state.memory |= under(tensors, "memory.")
    state.step, state.faces, state.seconds = counters["step"], counters["faces"], counters["seconds"]


def _lay_out(optimiser: torch.optim.Adam) -> None:
    """Moments in memory as their parameters are: files hold plain ones, weights may be channels last, and fused Adam
    takes both by their place in memory."""
    for parameter, moments in optimiser.state.items():
        for key, value in moments.items():
            if value.shape == parameter.shape:
                moments[key] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def load_average(run: Path, strengths: Sequence[float] = (1.0,)) -> Generator:
    """The averaged generator of a run, fp32, on the CPU, in evaluation mode.

    Args:
        strengths: what its changes are multiplied by: one for all groups, or one a group.
    Raises:
        RunBroken: there is none.
        ValueError: another number of strengths, or one that is not above 0 and at most 3.
    """
    shape, weights = _average(run)
    if is_reference(shape):
        raise RunBroken(f"{run} trains the published generator: export it, then use its name")
    generator = Generator(config_from_json(shape))
    generator.load_state_dict(weights)
    generator.strengthen(strengths)
    return generator.eval()


def load_reference_average(run: Path) -> ReferenceGenerator:
    """The same of a run of the published recipe. Raises RunBroken if there is none."""
    shape, weights = _average(run)
    if not is_reference(shape):
        raise RunBroken(f"{run} does not train the published generator")
    generator = ReferenceGenerator(shape["size_px"], len(group_system(shape["groups"])), shape["max_channels"])
    generator.load_state_dict(weights)
    return generator.eval()


def trains_reference(run: Path) -> bool:
    """Whether a run trains the published generator. Raises RunBroken if there is none with a checkpoint."""
    return is_reference(_average(run)[0])


def is_reference(shape: dict[str, Any]) -> bool:
    """Whether a generator's written shape is the published one's."""
    return "max_channels" in shape


def _average(run: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Shape and weights of a run's averaged generator."""
    try:
        shape: dict[str, Any] = json.loads((run / "config.json").read_text(encoding="utf-8"))["generator"]
        return shape, under(weights_of(run / STATE_FILE), "average.")
    except (OSError, ValueError, KeyError) as error:
        raise RunBroken(f"{run} is no run folder with a checkpoint: {error}") from error


def read_counters(run: Path, name: str = STATE_FILE) -> dict[str, Any]:
    """What a run's checkpoint, the file of that name, counts: steps done and so on. Raises RunBroken without one."""
    try:
        with safe_open(run / name, framework="pt") as opened:
            counters: dict[str, Any] = json.loads(opened.metadata()["counters"])
    except (SafetensorError, OSError, ValueError) as error:
        raise RunBroken(f"cannot go on from {run / name}: {error}; remove it to start the run anew") from error
    return counters


def discriminator_file(info: ModelInfo) -> Path:
    """Where the discriminator lies that was trained against an exported model."""
    return info.folder / f"{info.name}.discriminator.safetensors"


def export_discriminator(run: Path, path: Path) -> None:
    """Write a run's discriminator as float16, so that training can go on from an exported model."""
    tensors = under(weights_of(run / STATE_FILE), "discriminator.")
    with replacing(path) as draft:
        save_file({key: value.half() for key, value in tensors.items()}, draft)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_tensors` wrote. Raises RunBroken if the file is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as opened:
            return weights_of(path), json.loads(opened.metadata()["counters"])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise RunBroken(f"{path} cannot be read: {error}") from error


def weights_of(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, float16 as float32.

    Raises OSError if it cannot be opened, ValueError if it is damaged.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    return {key: value.float() if value.dtype == torch.float16 else value for key, value in tensors.items()}


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
