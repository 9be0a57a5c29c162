"""Each term of the objective against numbers worked out by hand."""

import math

import pytest
import torch

from training import losses


def test_adversarial_terms() -> None:
    undecided = torch.zeros(3)
    assert losses.adversarial_discriminator(undecided, undecided).item() == pytest.approx(2 * math.log(2))
    assert losses.adversarial_generator(undecided).item() == pytest.approx(math.log(2))
    right = losses.adversarial_discriminator(torch.full((3,), 9.0), torch.full((3,), -9.0))
    assert right.item() < 0.001
    assert losses.adversarial_generator(torch.tensor([3.0])).item() == pytest.approx(math.log1p(math.exp(-3)))


def test_age_classification_is_cross_entropy_with_a_soft_code() -> None:
    logits = torch.log(torch.tensor([[0.2, 0.5, 0.3]]))
    value = losses.age_classification(logits, torch.tensor([[0.0, 0.25, 0.75]]))
    assert value.item() == pytest.approx(-(0.25 * math.log(0.5) + 0.75 * math.log(0.3)), rel=1e-5)


def test_own_age_fades_with_the_gap() -> None:
    real, made = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    value = losses.own_age(real, made, torch.tensor([0.0, 2.0]))
    assert value.item() == pytest.approx((0.5 + 0.5 * math.exp(-2)) / 2)


def test_cycle_and_mask() -> None:
    assert losses.cycle(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), -0.25)).item() == pytest.approx(0.25)
    assert losses.mask_sparsity(torch.tensor([[[[0.0, 1.0]]]])).item() == pytest.approx(0.5)


def test_present_age_is_least_at_the_label_and_grows_with_the_miss() -> None:
    def at(years: float) -> float:
        logits = -((torch.arange(101.0)[None] - years) ** 2) / (2 * 2.5**2)
        return losses.present_age(logits, torch.tensor([40.0])).item()

    assert at(40) < at(42) < at(50) < at(70)
    assert at(42) - at(40) < 0.5


def test_r1_is_half_the_squared_gradient() -> None:
    real = torch.ones(2, 3, 2, 2, requires_grad=True)
    score = (3 * real).sum((1, 2, 3))
    assert losses.r1(score, real).item() == pytest.approx(0.5 * 9 * 12)
