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


def test_kept_counts_what_may_not_change_alone() -> None:
    real, made = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    made[0, :, 0, 0] = 1
    where = torch.ones(2, 1, 4, 4)
    assert losses.kept(real, made, where) == 0
    where[:, :, 0, 0] = 0.25
    assert losses.kept(real, made, where).item() == pytest.approx(0.75 / 32)


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


def test_adversarial_terms_on_output_and_cycle_by_hand() -> None:
    real, made = torch.tensor([2.0, -1.0]), torch.tensor([0.5])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 2 + math.log1p(math.exp(0.5))
    assert losses.adversarial_discriminator(real, made).item() == pytest.approx(expected, rel=1e-6)


def test_pixel_is_the_mean_square() -> None:
    real, made = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    made[0, 0, 0, 0] = 2.0
    assert losses.pixel(real, made).item() == pytest.approx(4 / 12)


def test_cross_age_identity_is_the_mean_distance() -> None:
    assert losses.cross_age_identity(
        torch.zeros(2, 2, 1, 1), torch.tensor([[1.0, -2.0], [3.0, 0.0]])[..., None, None]
    ).item() == pytest.approx(1.5)


def test_triplet_is_a_hinge_for_each_face() -> None:
    anchor = torch.zeros(3, 2, 1, 1)
    positive = torch.tensor([0.1, 0.4, 0.0]).reshape(3, 1, 1, 1).expand(3, 2, 1, 1)
    negative = torch.tensor([0.2, -0.4, 2.0]).reshape(3, 1, 1, 1).expand(3, 2, 1, 1)
    # 0.5 + 0.1 - 0.2, 0.5 + 0.4 - 0.4, and 0.5 + 0 - 2 which is below 0
    assert losses.triplet(anchor, positive, negative).item() == pytest.approx((0.4 + 0.5 + 0) / 3)
    assert losses.triplet(anchor, positive, negative, margin=0.0).item() == pytest.approx(0.0)


def test_path_lengths_of_a_linear_synthesis() -> None:
    """y = (3 w1 + 4 w2) everywhere: J^T n = (3, 4) sum(n), over the side."""
    style = torch.tensor([[0.3, -0.7], [2.0, 1.0]], requires_grad=True)
    directions = torch.zeros(2, 3, 4, 4)
    directions[0, 0, 0, 0], directions[1, 1, 2, 3] = 1.0, -8.0
    pictures = (style @ torch.tensor([3.0, 4.0])).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)
    lengths = losses.path_lengths(pictures, style, directions)
    torch.testing.assert_close(lengths, torch.tensor([5 / 4, 5 * 8 / 4]))
    assert losses.path_length(lengths, torch.tensor(2.0)).item() == pytest.approx((0.75**2 + 8.0**2) / 2)


def test_path_length_has_a_gradient_by_the_weights() -> None:
    """y = v w^2 in one pixel of side 1: |J^T n| = 2 v w, and d (2 v w - c)^2 / dv = 2 (2 v w - c) 2 w."""
    weight = torch.tensor(1.5, requires_grad=True)
    style = torch.tensor([[2.0]], requires_grad=True)
    pictures = (weight * style.square()).reshape(1, 1, 1, 1)
    penalty = losses.path_length(losses.path_lengths(pictures, style, torch.ones(1, 1, 1, 1)), torch.tensor(1.0))
    penalty.backward()
    assert penalty.item() == pytest.approx(25.0)
    assert weight.grad.item() == pytest.approx(2 * 5 * 4)


def test_a_shadow_that_stays_on_one_side_costs_and_one_that_turns_with_the_face_does_not() -> None:
    made = torch.zeros(2, 3, 8, 8)
    made[:, :, :, :2] = -0.5
    assert losses.mirror(made, made.flip(-1)).item() == 0
    assert losses.mirror(made, made).item() == pytest.approx(0.5 * 4 / 8)


def test_hue_leaves_paler_and_darker_skin_and_finds_a_green_lip() -> None:
    skin = torch.tensor([0.5, 0.1, -0.2])
    real = skin[None, :, None, None].expand(1, 3, 64, 64).clone()
    grey = (skin * torch.tensor([0.299, 0.587, 0.114])).sum()
    assert losses.hue(real, real - 0.3).item() == 0  # darker
    assert losses.hue(real, grey + 0.4 * (real - grey)).item() == pytest.approx(0, abs=1e-3)  # paler
    green = real.clone()
    green[:, 0, 40:44, 20:30] -= 0.4
    specks = losses.stray_hue(real, green)[0]
    assert specks.argmax().item() in {20 * 32 + column for column in range(10, 15)}
    # Cb + 0.0676, Cr - 0.2 move from skin at Cb -0.218, Cr 0.224: across it (0.0676 * 0.224 - 0.2 * 0.218) / 0.313
    assert specks.max().item() == pytest.approx(abs(0.0676 * 0.2243 - 0.2 * 0.2176) / 0.3125, rel=0.01)
    assert losses.hue(real, green).item() == pytest.approx((specks.max().item() - 0.02) * 10 / 1024, rel=0.01)
    turned_blue = torch.zeros(1, 3, 64, 64)
    turned_blue[:, 2] = 0.5
    assert losses.stray_hue(torch.zeros(1, 3, 64, 64), turned_blue).min() > 0.2, "a grey photo has no hue to keep to"


def test_saturation_leaves_skin_over_dark_hair_and_finds_the_red_of_half_of_it() -> None:
    skin = torch.tensor([0.5, 0.1, -0.2])[:, None, None]
    real = skin.expand(3, 64, 64).clone()
    real[:, 56:] = -0.9  # hair below the chin
    made = real.clone()
    made[:, 56:, :32] = skin
    assert losses.saturation(real[None], made[None]).item() == 0, "skin as the cheeks' is no redder than they are"
    made[:, 56:60, :32] = torch.tensor([0.2, -0.7, -0.9])[:, None, None]
    found = losses.stray_saturation(real[None], made[None])[0]
    # Cb -0.2521, Cr 0.4662: so far out along skin at Cb -0.2176, Cr 0.2243, whose cheeks lie at 0.3125
    out = (0.2521 * 0.2176 + 0.4662 * 0.2243) / 0.3125
    assert found[28:30, :16].min().item() == pytest.approx(out - 0.3125, rel=0.02)
    assert found.sum().item() == pytest.approx(found[28:30, :16].sum().item(), rel=1e-4)
    assert losses.stray_saturation(made[None], made[None]).max().item() == 0, "what the photo has itself is not stray"
    assert losses.stray_saturation(real[None], real[None] - 0.3).max().item() == pytest.approx(0, abs=1e-6)


def test_saturation_finds_brown_eyes_turned_blue_and_leaves_blue_ones_and_grey_ones() -> None:
    real = torch.tensor([0.5, 0.1, -0.2])[None, :, None, None].expand(1, 3, 64, 64).clone()
    real[:, :, 24:28, 16:20] = torch.tensor([-0.4, -0.6, -0.7])[:, None, None]
    grey, blue = real.clone(), real.clone()
    grey[:, :, 24:28, 16:20] = -0.5
    blue[:, :, 24:28, 16:20] = torch.tensor([-0.6, -0.5, -0.3])[:, None, None]
    assert losses.saturation(real, grey).item() == 0
    found = losses.stray_saturation(real, blue)[0]
    # Cb 0.1169, Cr -0.0662: so far on grey's other side
    assert found[12:14, 8:10].min().item() == pytest.approx((0.1169 * 0.2176 + 0.0662 * 0.2243) / 0.3125, rel=0.02)
    assert losses.saturation(real, blue).item() == pytest.approx((found.max().item() - 0.02) * 4 / 1024, rel=0.01)
    assert losses.saturation(blue, blue).item() == 0
