"""Our generator: shapes, what the age may and may not touch, and the code."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.ages import TEN
from core.generator import Generator, GeneratorConfig, ModulatedConv, age_code

SMALL = GeneratorConfig(
    size_px=32, channels=(8, 12, 16), encoder_blocks=(0, 0, 1), decoder_blocks=(1, 1, 1), code_width=16
)


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(SMALL).eval()


def faces(count: int = 2, size_px: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, size_px, size_px, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_decoding_an_encoding_is_the_whole_pass(generator: Generator) -> None:
    code = age_code(TEN, [5, 60])
    whole = generator(faces(), code)
    made, mask = generator.decode(faces(), generator.encode(faces()), code)
    assert made.shape == (2, 3, 32, 32)
    assert mask.shape == (2, 1, 32, 32)
    assert 0 <= mask.min() <= mask.max() <= 1
    torch.testing.assert_close(made, whole)


def test_a_repeated_encoding_gives_what_single_ages_give(generator: Generator) -> None:
    ages = [1.0, 30.0, 80.0]
    together = generator.decode(
        faces(1).expand(3, -1, -1, -1), generator.encode(faces(1)).repeat(3), age_code(TEN, ages)
    )[0]
    for made, years in zip(together, ages, strict=True):
        torch.testing.assert_close(made, generator(faces(1), age_code(TEN, [years]))[0], atol=1e-5, rtol=1e-5)


def test_age_changes_the_output_and_faces_do_not_mix(generator: Generator) -> None:
    young, old = generator(faces(), age_code(TEN, [5, 5])), generator(faces(), age_code(TEN, [5, 80]))
    torch.testing.assert_close(young[0], old[0])
    assert (young[1] - old[1]).abs().max() > 1e-4


def test_a_closed_mask_gives_the_photo_back(generator: Generator) -> None:
    with torch.no_grad():
        mask_rows = slice(3 * SMALL.fold**2, 4 * SMALL.fold**2)
        generator.decoder.head.bias[mask_rows] = -1e4
    assert torch.equal(generator(faces(), age_code(TEN, [5, 80])), faces())


def test_modulating_activations_equals_modulating_weights() -> None:
    torch.manual_seed(2)
    conv = ModulatedConv(6, 5, 4)
    torch.nn.init.normal_(conv.bias)
    features, code = torch.randn(3, 6, 8, 8), torch.randn(3, 4)
    scale = 1 + conv.modulation(code)
    for number in range(3):
        weight = conv.weight * scale[number][:, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        plain = F.conv2d(features[number : number + 1], weight, conv.bias, padding=1)
        expected = F.leaky_relu(plain, 0.2) * math.sqrt(2)
        torch.testing.assert_close(conv(features, code)[number : number + 1], expected, atol=1e-5, rtol=1e-4)


def test_present_age_is_an_expectation_over_years(generator: Generator) -> None:
    encoding = generator.encode(faces())
    assert encoding.age_logits.shape == (2, 101)
    probabilities = encoding.age_logits.softmax(1)
    torch.testing.assert_close(encoding.present_age_years(), probabilities @ torch.arange(101.0))


def test_the_code_carries_groups_and_years() -> None:
    code = age_code(TEN, np.array([25.0, 29.75]))
    assert code.shape == (2, 11)
    torch.testing.assert_close(code[:, -1], torch.tensor([0.25, 0.2975]))
    torch.testing.assert_close(code[1, 5:7], torch.tensor([0.5, 0.5]))


def test_bfloat16_stays_near_float32(generator: Generator) -> None:
    code = age_code(TEN, [5, 80])
    exact = generator(faces(), code)
    with torch.autocast("cpu", torch.bfloat16):
        fast = generator(faces(), code)
    assert fast.dtype == torch.float32
    assert (fast - exact).abs().mean() < 0.01


def test_one_strength_multiplies_every_change_and_no_mask(generator: Generator) -> None:
    code = age_code(TEN, [5, 80])
    made, mask = generator.decode(faces(), generator.encode(faces()), code)
    generator.strengthen((1.5,))
    stronger, same_mask = generator.decode(faces(), generator.encode(faces()), code)
    torch.testing.assert_close(stronger - faces(), 1.5 * (made - faces()), atol=1e-5, rtol=1e-4)
    assert torch.equal(mask, same_mask)
    generator.strengthen((1.0,))
    assert generator.config == SMALL, "as it was learnt"


def test_each_group_has_its_strength_and_ages_between_have_a_mix(generator: Generator) -> None:
    ages = [0.0, 1.0, 8.0, 10.0, 25.0, 90.0]
    wanted = torch.tensor([0.5, 0.5, 0.7, 0.75, 1.0, 1.4])  # 10 lies in the middle between 8 and 12
    one = faces(1).expand(len(ages), -1, -1, -1)
    change = generator(one, age_code(TEN, ages)) - one
    generator.strengthen((0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4))
    stronger = generator(one, age_code(TEN, ages)) - one
    torch.testing.assert_close(stronger, wanted[:, None, None, None] * change, atol=1e-5, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        fast = generator(one, age_code(TEN, ages)) - one
    assert (fast - stronger).abs().mean() < 0.01


@pytest.mark.parametrize("strengths", [(0.0,), (3.1,), (-1.0,), (math.nan,), (0.5, 0.5)])
def test_strengths_that_cannot_be_are_refused(generator: Generator, strengths: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="strengths must be 10 numbers above 0 and at most 3"):
        generator.strengthen(strengths)


def test_wrong_shapes_say_what_they_got(generator: Generator) -> None:
    with pytest.raises(ValueError, match=r"\(N, 3, 32, 32\), got \(1, 3, 64, 64\)"):
        generator.encode(faces(1, 64))
    with pytest.raises(ValueError, match="does not divide by 8"):
        GeneratorConfig(size_px=100)
    with pytest.raises(ValueError, match="same two or more scales"):
        GeneratorConfig(channels=(8, 16))


@pytest.mark.parametrize(
    "shape",
    [
        {"fold": 0}, {"fold": -2}, {"fold": 2.0}, {"size_px": -128}, {"code_width": -1}, {"channels": (48, 96, -192)},
        {"decoder_blocks": (1, 1, -3)}, {"encoder_blocks": (0, True, 2)},
    ],
)  # fmt: skip
def test_shapes_that_no_network_can_have_are_refused(shape: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="whole numbers from 1, blocks from 0"):
        GeneratorConfig(**shape)
