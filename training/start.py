"""Starting a run from trained networks: of another run or an exported model, of other age groups, or smaller."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.ages import AgeGroups, group_system
from core.bands import NUM_BANDS
from core.discriminator import NUM_SEXES, Discriminator, DiscriminatorConfig
from core.errors import RunBroken
from core.generator import Generator, GeneratorConfig, config_from_json
from core.weights import load
from training.growing import grow_discriminator, grow_generator
from training.state import STATE_FILE, TrainingState, discriminator_file, under, weights_of

EMBEDDING = "decoder.embedding.0.weight"
"""Of the generator: a column for each age group, then one for the years."""


def start_from(state: TrainingState[Generator, Discriminator], path: Path) -> None:
    """Take over trained networks, converted to the state's age groups and grown to its size.

    The averaged generator is the start of both generators. Rows and columns of an age group become the mean of those
    of the other's groups that share years with it. Optimisers start anew.

    Args:
        path: a run folder, or the safetensors file of an exported model beside its discriminator.
    Raises:
        RunBroken: neither is there, or the networks have a shape that does not grow into the state's.
    """
    generator, discriminator = trained_networks(path)
    generator, discriminator = regrouped(generator, discriminator, state.generator.config.groups)
    wanted = state.generator.config
    try:
        if generator.config.size_px != wanted.size_px:
            generator = grow_generator(generator, dataclasses.replace(wanted, detail_gains=False))
            discriminator = grow_discriminator(discriminator, state.discriminator.config)
        if wanted.detail_gains and not generator.config.detail_gains:
            generator = with_gains(generator)
        state.generator.load_state_dict(generator.state_dict())
        state.average.load_state_dict(generator.state_dict())
        state.discriminator.load_state_dict(discriminator.state_dict())
    except (RuntimeError, ValueError) as error:
        raise RunBroken(f"cannot start from {path}: its networks have another shape ({error})") from error


def trained_networks(path: Path) -> tuple[Generator, Discriminator]:
    """Averaged generator and discriminator of a run folder or of an exported model. Raises RunBroken."""
    try:
        if path.is_dir():
            written = json.loads((path / "config.json").read_text(encoding="utf-8"))
            tensors = weights_of(path / STATE_FILE)
            generator = Generator(config_from_json(written["generator"]))
            generator.load_state_dict(under(tensors, "average."))
            judge = under(tensors, "discriminator.")
        else:
            model = load(path)
            written = json.loads((model.info.folder / f"{model.info.name}.json").read_text(encoding="utf-8"))
            if not isinstance(model.network, Generator):
                raise RunBroken(f"cannot start from {path}: it is no generator of ours")
            generator = model.network
            generator.strengthen((1.0,))
            weaken(generator, written.get("strength", 1.0))
            judge = weights_of(discriminator_file(model.info))
        discriminator = Discriminator(shape_of(written["discriminator"]))
        discriminator.load_state_dict(judge)
    except (OSError, RuntimeError, TypeError, ValueError, KeyError) as error:
        raise RunBroken(f"cannot start from {path}: {error}") from error
    return generator, discriminator


def with_gains(generator: Generator) -> Generator:
    """The same generator with `detail_gains`, which are 0 everywhere until they are trained: the same outputs."""
    gaining = Generator(dataclasses.replace(generator.config, detail_gains=True))
    weights = generator.state_dict()
    for name in ("decoder.head.weight", "decoder.head.bias"):
        old = weights[name]
        weights[name] = torch.cat((old, old.new_zeros(NUM_BANDS * generator.config.fold**2, *old.shape[1:])))
    gaining.load_state_dict(weights)
    return gaining.train(generator.training)


def weaken(generator: Generator, strength: float) -> None:
    """Take out a strength that models exported earlier have within their weights, in the rows that make the change."""
    rows = slice(3 * generator.config.fold**2)
    with torch.no_grad():
        for values in generator.decoder.head.parameters():
            values[rows] /= strength


def shape_of(fields: dict[str, Any]) -> DiscriminatorConfig:
    """Shape from what JSON made of it, lists for tuples. Raises TypeError or ValueError for what is none."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return DiscriminatorConfig(**values)


def regrouped(generator: Generator, discriminator: Discriminator, groups: str) -> tuple[Generator, Discriminator]:
    """The networks for another age group system; the same ones if they have it already."""
    before, now = generator.groups, group_system(groups)
    if before == now:
        return generator, discriminator
    mixing = group_mixing(before, now)
    weights = dict(generator.state_dict())
    columns = weights[EMBEDDING]
    weights[EMBEDDING] = torch.cat((columns[:, : len(before)] @ mixing.T, columns[:, -1:]), dim=1)
    judge = dict(discriminator.state_dict())
    for key in ("age_head.weight", "age_head.bias"):
        judge[key] = mixing @ judge[key]
    for key in [key for key in judge if key.endswith("condition.weight")]:
        labels = judge[key].reshape(len(before), NUM_SEXES, -1)
        judge[key] = torch.einsum("gh,hsw->gsw", mixing, labels).flatten(0, 1)
    shape: GeneratorConfig = dataclasses.replace(generator.config, groups=groups)
    new_generator = Generator(shape)
    new_generator.load_state_dict(weights)
    new_discriminator = Discriminator(dataclasses.replace(discriminator.config, groups=groups))
    new_discriminator.load_state_dict(judge)
    return new_generator, new_discriminator


def group_mixing(before: AgeGroups, now: AgeGroups) -> Tensor:
    """(groups now, groups before) float32: rows of equal weights over the groups that share years; zeros for none."""
    mixing = torch.zeros(len(now), len(before))
    for years in range(max(now.first_years[0], before.first_years[0]), 101):
        mixing[now.index_of(years), before.index_of(years)] = 1
    return mixing / mixing.sum(1, keepdim=True).clamp(min=1)
