"""The published objective on tiny networks: every term, its schedule, and that a run can be repeated and resumed."""

import copy
import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.ages import FOUR
from core.device import choose
from core.discriminator import freeze
from core.generator import age_code
from core.reference import ReferenceGenerator
from core.reference_discriminator import ReferenceDiscriminator, ReferenceDiscriminatorConfig
from tests.golden import draw
from training.inputs import Inputs
from training.processes import Processes
from training.reference_objective import PATH_LENGTH_KEY, ReferenceObjective, ReferenceRecipe, ReferenceWeights
from training.state import TrainingState, load_state, save_state

ALWAYS = {
    "d", "d_returned", "age_real", "hit_real", "g", "g_returned", "age_made", "age_returned", "pixel", "cycle",
    "triplet", "identity", "hit_made",
}  # fmt: skip
RECIPE = ReferenceRecipe(r1_every=3, path_length_every=2)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small wait longer for a second thread than they gain by it, above all on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trainer(recipe: ReferenceRecipe = RECIPE, precision: str = "float32", seed: int = 7) -> ReferenceObjective:
    """A run of 32 px and 8 channels that has not begun; the weights do not depend on `seed`."""
    torch.manual_seed(0)
    compute = choose("cpu", precision)
    generator = compute.place(ReferenceGenerator(32, 4, max_channels=8))
    config = ReferenceDiscriminatorConfig(size_px=32, groups="4", max_channels=8)
    discriminator = compute.place(ReferenceDiscriminator(config))
    average = copy.deepcopy(generator).eval()
    freeze(average)
    with torch.no_grad():  # from 0 on, noise would only count from the second step
        for layer in (generator.conv1, *generator.convs):
            layer.noise.weight.fill_(0.1)
    state = TrainingState(
        generator=generator,
        average=average,
        discriminator=discriminator,
        generator_optimiser=recipe.generator_optimiser(generator),
        discriminator_optimiser=recipe.discriminator_optimiser(discriminator),
        precision=precision,
    )
    return ReferenceObjective(state, recipe, compute, Processes(), seed)


def inputs(step: int, count: int = 4) -> Inputs:
    groups, targets = (torch.arange(count) + step) % 4, (torch.arange(count) * 3 + step + 1) % 4
    typical = torch.tensor(FOUR.typical_years)
    return Inputs(
        faces=draw(f"batch {step}", (count, 3, 32, 32)).mul(0.5).clamp(-1, 1),
        ages_years=typical[groups],
        groups=groups,
        sexes=torch.arange(count) % 2,
        code=age_code(FOUR, typical[groups].tolist()),
        target_years=typical[targets],
        target_groups=targets,
        target_code=age_code(FOUR, typical[targets].tolist()),
        gap_groups=(groups - targets).abs().float(),
    )


def run(objective: ReferenceObjective, num_steps: int) -> list[dict[str, float]]:
    """As a training loop does it: the objective reads the step, the loop counts it."""
    terms = []
    for _ in range(num_steps):
        terms.append(objective.step(inputs(objective.state.step)))
        objective.state.step += 1
    return terms


def tensors(objective: ReferenceObjective) -> dict[str, Tensor]:
    """Copies of everything that a run carries from step to step."""
    state = objective.state
    kept = {f"memory.{key}": value for key, value in state.memory.items()}
    for name, network in state.networks().items():
        kept |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    for name, optimiser in state.optimisers().items():
        for index, moments in optimiser.state_dict()["state"].items():
            kept |= {f"{name}.{index}.{key}": value for key, value in moments.items()}
    return {key: value.clone() for key, value in kept.items()}


def assert_same(first: ReferenceObjective, second: ReferenceObjective) -> None:
    ours, theirs = tensors(first), tensors(second)
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_every_term_is_finite_and_comes_when_it_is_due() -> None:
    objective = trainer()
    before = tensors(objective)
    for step, terms in enumerate(run(objective, 4)):
        due = {"r1"} if step % 3 == 0 else set()
        due |= {"path_length"} if step % 2 == 0 else set()
        assert terms.keys() == ALWAYS | due
        assert all(math.isfinite(value) for value in terms.values())
    after = tensors(objective)
    for network in ("generator", "average", "discriminator"):
        names = [name for name, _ in objective.state.networks()[network].named_parameters()]
        still = [name for name in names if torch.equal(before[f"{network}.{name}"], after[f"{network}.{name}"])]
        assert still == []
    assert all(parameter.requires_grad for parameter in objective.state.discriminator.parameters())


def test_two_runs_are_bit_identical_and_the_seed_is_in_the_noise() -> None:
    first, second, other = trainer(), trainer(), trainer(seed=8)
    assert run(first, 3) == run(second, 3)
    assert_same(first, second)
    run(other, 1)
    again = trainer()
    run(again, 1)
    name = "generator.convs.0.conv.weight"
    assert not torch.equal(tensors(again)[name], tensors(other)[name])


def test_a_resumed_run_is_bit_identical(tmp_path: Path) -> None:
    straight, stopped, resumed = trainer(), trainer(), trainer()
    run(straight, 4)
    run(stopped, 3)
    save_state(stopped.state, tmp_path / "state.safetensors")
    load_state(resumed.state, tmp_path / "state.safetensors")
    assert resumed.state.memory[PATH_LENGTH_KEY] > 0
    run(resumed, 1)
    assert_same(straight, resumed)


def test_terms_are_those_of_the_equations() -> None:
    """Without noise, before any weight has moved, the reported terms are what the networks say one by one."""
    objective = trainer()
    generator, discriminator = objective.state.generator, objective.state.discriminator
    with torch.no_grad():
        for layer in (generator.conv1, *generator.convs):
            layer.noise.weight.zero_()
    given = inputs(0)
    own, target = torch.eye(4)[given.groups], torch.eye(4)[given.target_groups]
    with torch.no_grad():
        made = generator(given.faces, target)
        returned = generator(made, own)
        real = discriminator(given.faces, given.groups)
        softplus = torch.nn.functional.softplus
        expected = {
            "d": softplus(-real.score).mean() + softplus(discriminator(made, given.target_groups).score).mean(),
            "d_returned": softplus(-real.score).mean() + softplus(discriminator(returned, given.groups).score).mean(),
            "age_real": -real.age_logits.log_softmax(1)[torch.arange(4), given.groups].mean(),
            "pixel": (given.faces - made).square().mean(),
            "cycle": (given.faces - returned).abs().mean(),
        }
        phi, phi_made = generator.identify(given.faces, own), generator.identify(made, target)
        phi_returned = generator.identify(returned, own)
        expected["identity"] = (phi - phi_made).abs().mean()
        nearer, farther = (phi - phi_returned).abs().mean((1, 2, 3)), (phi - phi_made).abs().mean((1, 2, 3))
        expected["triplet"] = (0.5 + nearer - farther).clamp(min=0).mean()
    terms = objective.step(given)
    assert {name: terms[name] for name in expected} == pytest.approx(
        {name: value.item() for name, value in expected.items()}, rel=1e-4
    )


def generator_gradient(weights: ReferenceWeights) -> Tensor:
    """What the generator's step leaves of a gradient on all its weights, in the first step."""
    objective = trainer(dataclasses.replace(RECIPE, weights=weights))
    objective.state.step = 1  # no penalty is due
    objective.step(inputs(1))
    return torch.cat([parameter.grad.flatten() for parameter in objective.state.generator.parameters()])


@pytest.mark.parametrize("name", ["age", "pixel", "cycle", "triplet", "identity"])
def test_each_weight_counts_in_the_generators_gradient(name: str) -> None:
    without = generator_gradient(dataclasses.replace(ReferenceWeights(), **{name: 0.0}))
    once = generator_gradient(ReferenceWeights())
    twice = generator_gradient(dataclasses.replace(ReferenceWeights(), **{name: 2 * getattr(ReferenceWeights(), name)}))
    assert (once - without).norm() > 1e-4 * once.norm()
    torch.testing.assert_close(twice - once, once - without, rtol=1e-2, atol=1e-3 * float((once - without).norm()))


def test_the_penalties_are_as_much_stronger_as_they_are_rarer() -> None:
    objective = trainer(ReferenceRecipe(r1_every=16, path_length_every=4, learning_rate=1e-12))
    state = objective.state
    given = inputs(0)
    faces = given.faces.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(state.discriminator(faces, given.groups).score.sum(), faces, create_graph=True)
    penalty = gradient.square().sum((1, 2, 3)).mean()
    weight = state.discriminator.stem.conv.weight
    (expected,) = torch.autograd.grad(10 / 2 * 16 * penalty, weight)
    assert objective.r1_step(given).item() == pytest.approx(penalty.item() / 2, rel=1e-5)
    torch.testing.assert_close(weight.grad, expected, rtol=1e-3, atol=1e-6)

    random = objective.random()
    shown = objective.path_length_step(given, random)
    first = [parameter.grad.clone() for parameter in state.generator.convs.parameters() if parameter.grad is not None]
    half = dataclasses.replace(objective.recipe, weights=ReferenceWeights(path_length=1.0))
    state.memory[PATH_LENGTH_KEY] = torch.zeros(())
    again = ReferenceObjective(state, half, objective.compute, objective.processes, 7)
    assert again.path_length_step(given, objective.random()).item() == pytest.approx(shown.item(), rel=1e-5)
    second = [parameter.grad for parameter in state.generator.convs.parameters() if parameter.grad is not None]
    assert first
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, 2 * b, rtol=1e-3, atol=1e-6)


def test_the_running_mean_follows_the_path_length() -> None:
    objective = trainer()
    penalty = objective.path_length_step(inputs(0), objective.random()).item()
    mean = objective.state.memory[PATH_LENGTH_KEY].item()
    # c = 0.01 E l, so E (l - c)^2 >= (E l - c)^2 = (99 c)^2
    assert mean > 0
    assert penalty >= (99 * mean) ** 2 * (1 - 1e-4)
    assert penalty < 10 * (99 * mean) ** 2


def test_optimisers_are_slowed_for_the_penalties_steps() -> None:
    recipe = ReferenceRecipe(learning_rate=0.01)
    network = torch.nn.Linear(1, 1)
    (generators,) = recipe.generator_optimiser(network).param_groups
    (discriminators,) = recipe.discriminator_optimiser(network).param_groups
    assert generators["lr"] == pytest.approx(0.01 * 4 / 5)
    assert generators["betas"] == pytest.approx((0.0, 0.99 ** (4 / 5)))
    assert discriminators["lr"] == pytest.approx(0.01 * 16 / 17)
    assert discriminators["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))


def test_the_average_has_its_half_life() -> None:
    objective = trainer(dataclasses.replace(RECIPE, ema_half_life_faces=4.0))
    before = objective.state.average.conv1.conv.weight.clone()
    objective.step(inputs(0))
    expected = (before + objective.state.generator.conv1.conv.weight) / 2
    torch.testing.assert_close(objective.state.average.conv1.conv.weight, expected)


def test_bfloat16_runs_and_stays_near() -> None:
    exact, fast = run(trainer(), 1)[0], run(trainer(precision="bfloat16"), 1)[0]
    assert fast.keys() == exact.keys()
    for name in ("d", "g", "pixel", "cycle", "identity", "r1"):
        assert fast[name] == pytest.approx(exact[name], rel=0.1), name


def test_penalties_every_zero_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="r1_every 0"):
        ReferenceRecipe(r1_every=0)


def test_both_optimisers_take_a_step_in_one_pass() -> None:
    objective = trainer()
    for optimiser in (objective.state.generator_optimiser, objective.state.discriminator_optimiser):
        assert optimiser.defaults["fused"] is True
