"""The reference discriminator: its size, what it tells apart, and that its gradient has a gradient."""

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from core.device import autocast, choose
from core.reference_discriminator import GroupProjection, ReferenceDiscriminator, ReferenceDiscriminatorConfig
from tests.golden import draw

CONFIG = ReferenceDiscriminatorConfig(size_px=32, groups="4", max_channels=16)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small wait longer for a second thread than they gain by it, above all on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def network() -> ReferenceDiscriminator:
    torch.manual_seed(0)
    return ReferenceDiscriminator(CONFIG)


def faces(count: int) -> Tensor:
    return draw("judged", (count, 3, 32, 32)).clamp(-1, 1)


def groups(count: int) -> Tensor:
    return torch.arange(count) % 4


@pytest.mark.parametrize(("size_px", "name"), [(128, "4"), (256, "10"), (1024, "10")])
def test_number_of_parameters_is_near_the_published_33_million(size_px: int, name: str) -> None:
    with torch.device("meta"):
        network = ReferenceDiscriminator(ReferenceDiscriminatorConfig(size_px=size_px, groups=name))
    assert 28e6 < sum(parameter.numel() for parameter in network.parameters()) < 34e6


def test_the_trunk_is_as_wide_as_the_paper_says() -> None:
    with torch.device("meta"):
        network = ReferenceDiscriminator(ReferenceDiscriminatorConfig())
    assert network.last_conv.conv.weight.shape == (512, 513, 3, 3)
    assert network.summary.weight.shape == (512, 8192)
    assert network.age_head.weight.shape == (10, 512)


def test_projection_by_hand() -> None:
    projection = GroupProjection(4, 2)
    with torch.no_grad():
        projection.realness.weight.copy_(torch.tensor([[2.0, 0.0, 0.0, 0.0]]))
        projection.realness.bias.fill_(0.25)
        projection.condition.copy_(torch.tensor([[0.0, 4.0, 0.0, 0.0], [0.0, 0.0, 6.0, 0.0]]))
    seen = torch.tensor([[1.0, 2.0, 3.0, 4.0]]).expand(2, 4)
    # weights count half each: equalised, 1 / sqrt(4)
    torch.testing.assert_close(projection(seen, torch.tensor([0, 1])), torch.tensor([1.25 + 4.0, 1.25 + 9.0]))


def test_every_depth_judges_the_group_and_the_age_head_does_not(network: ReferenceDiscriminator) -> None:
    own = network(faces(4), groups(4))
    assert (own.score.shape, own.age_logits.shape) == ((4,), (4, 4))
    other = network(faces(4), (groups(4) + 1) % 4)
    assert (own.score - other.score).abs().min() > 1e-4
    assert torch.equal(own.age_logits, other.age_logits)
    own.score.sum().backward()
    conditions = [projection.condition.grad for projection in (*network.map_projections, network.projection)]
    network.zero_grad()
    assert len(conditions) == 4
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in conditions)


def test_a_batch_split_over_processes_is_judged_as_the_whole(network: ReferenceDiscriminator) -> None:
    with torch.inference_mode():
        whole = network(faces(8), groups(8))
        halves = [network(faces(8)[half], groups(8)[half]) for half in (slice(0, 4), slice(4, 8))]
        alone = network(faces(8)[:1], groups(8)[:1])
    torch.testing.assert_close(whole.score, torch.cat([half.score for half in halves]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(whole.age_logits, torch.cat([half.age_logits for half in halves]), rtol=1e-4, atol=1e-5)
    assert (whole.score[0] - alone.score[0]).abs() > 1e-4  # it does look at its neighbours


def penalty_and_gradients(network: ReferenceDiscriminator, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Squared gradient of the score by the picture, and its own gradient by the weights that have one."""
    (gradient,) = torch.autograd.grad(network(inputs, groups(4)).score.sum(), inputs, create_graph=True)
    penalty = gradient.square().sum((1, 2, 3)).mean()
    weights = [network.stem.conv.weight, network.last_conv.conv.weight, network.projection.condition]
    return penalty, list(torch.autograd.grad(penalty, weights))


def test_gradient_of_the_gradient_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    network = ReferenceDiscriminator(dataclasses.replace(CONFIG, max_channels=4)).double()
    inputs = faces(4).double().requires_grad_()
    _, gradients = penalty_and_gradients(network, inputs)
    weight = network.stem.conv.weight
    direction = draw("direction", tuple(weight.shape)).double()
    ends = []
    for step in (1e-5, -1e-5):
        with torch.no_grad():
            weight.add_(direction, alpha=step)
        ends.append(penalty_and_gradients(network, inputs)[0].item())
        with torch.no_grad():
            weight.sub_(direction, alpha=step)
    slope = (gradients[0] * direction).sum().item()
    assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slope, rel=1e-3)


def test_bfloat16_channels_last_stays_near_float32(network: ReferenceDiscriminator) -> None:
    exact, exact_gradients = penalty_and_gradients(network, faces(4).requires_grad_())
    compute = choose("cpu", "bfloat16")
    torch.manual_seed(0)
    same = compute.place(ReferenceDiscriminator(CONFIG))
    inputs = compute.move(faces(4)).requires_grad_()
    with autocast(compute):
        judged = same(inputs, groups(4))
        penalty, gradients = penalty_and_gradients(same, inputs)
    assert judged.score.dtype == judged.age_logits.dtype == torch.float32
    assert penalty.item() == pytest.approx(exact.item(), rel=0.1)
    for exact_gradient, gradient in zip(exact_gradients, gradients, strict=True):
        similarity = torch.cosine_similarity(exact_gradient.flatten(), gradient.flatten(), dim=0)
        assert similarity > 0.97


def test_other_shapes_are_the_callers_mistake(network: ReferenceDiscriminator) -> None:
    with pytest.raises(ValueError, match="expected faces"):
        network(torch.zeros(2, 3, 64, 64), groups(2))
    with pytest.raises(ValueError, match="2 faces but"):
        network(faces(2), groups(3))


@pytest.mark.parametrize("wrong", [{"size_px": 16}, {"size_px": 100}, {"groups": "5"}, {"max_channels": 0}])
def test_impossible_shapes_are_refused(wrong: dict[str, int | str]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        dataclasses.replace(CONFIG, **wrong)
