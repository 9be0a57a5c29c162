"""Building blocks against the formulas, written out the long way."""

import math

import pytest
import torch
from torch.nn import functional as F

from core.device import autocast, choose
from core.filters import blur
from core.layers import EqualConv2d, EqualLinear, ModulatedConv2d, pixel_norm


def test_pixel_norm_by_hand() -> None:
    torch.testing.assert_close(pixel_norm(torch.tensor([[3.0, 4.0]])), torch.tensor([[3.0, 4.0]]) / math.sqrt(12.5))
    assert pixel_norm(torch.zeros(1, 4)).isfinite().all()


def test_linear_scales_weight_and_bias_at_run_time() -> None:
    layer = EqualLinear(4, 2, lr_mul=0.01, activate=True)
    with torch.no_grad():
        layer.weight.fill_(100.0)
        layer.bias.copy_(torch.tensor([0.0, -1000.0]))
    out = layer(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    # 100 * 0.01 / sqrt(4) * 10 = 5; biases 0 and -10
    torch.testing.assert_close(out, torch.tensor([[math.sqrt(2) * 5, math.sqrt(2) * 0.2 * -5]]))


def test_linear_draws_unit_variance_over_its_lr_mul_and_keeps_its_bias() -> None:
    torch.manual_seed(0)
    layer = EqualLinear(512, 256, bias=1.0, lr_mul=0.5)
    assert layer.weight.std().item() == pytest.approx(2.0, rel=0.02)
    torch.testing.assert_close(layer(torch.zeros(1, 512)), torch.ones(1, 256))


def test_linear_stays_float32_under_autocast() -> None:
    torch.manual_seed(0)
    layer, vectors = EqualLinear(512, 64), torch.randn(2, 512)
    with autocast(choose("cpu", "bfloat16")):
        assert torch.equal(layer(vectors), layer.forward(vectors))
        assert layer(vectors).dtype == torch.float32
    with torch.no_grad():
        torch.testing.assert_close(layer(vectors), vectors @ layer.weight.T / math.sqrt(512))


def test_conv_has_unit_gain_whatever_its_width() -> None:
    torch.manual_seed(0)
    for channels in (8, 64):
        out = EqualConv2d(channels, 128, 3)(torch.randn(4, channels, 16, 16))
        assert out[..., 1:-1, 1:-1].std().item() == pytest.approx(1.0, rel=0.1)


def by_the_book(layer: ModulatedConv2d, features: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    """Equations 1-3 for each picture by itself: scale the weights, demodulate them, convolve; no bias."""
    outs = []
    for one, scale in zip(features, layer.modulation(style), strict=True):
        weight = layer.scale * layer.weight[0] * scale[None, :, None, None]
        if layer.demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if layer.blur is None:
            out = F.conv2d(one[None], weight, padding=layer.padding_px)
        else:
            out = F.conv_transpose2d(one[None], weight.transpose(0, 1), stride=2)
            out = blur(out, layer.blur.kernel, 1)
        outs.append(out * layer.gain)
    return torch.cat(outs)


@pytest.mark.parametrize("pictures", [1, 3])
@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
@pytest.mark.parametrize("baked", [False, True])
def test_modulating_activations_equals_modulating_weights(
    pictures: int, upsample: bool, demodulate: bool, baked: bool
) -> None:
    torch.manual_seed(pictures)
    layer = ModulatedConv2d(8, 6, 3, 16, demodulate=demodulate, upsample=upsample, gain=1.5).requires_grad_(False)
    features, style, bias = torch.randn(pictures, 8, 10, 10), torch.randn(pictures, 16), torch.randn(6)
    expected = by_the_book(layer, features, style) + bias[:, None, None]
    if baked:
        layer.bake(torch.float32)
    torch.testing.assert_close(layer(features, style, bias), expected, rtol=1e-5, atol=1e-5)


def test_noise_in_the_bias_reaches_its_pixel() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(4, 4, 3, 8).requires_grad_(False)
    features, style, noise = torch.randn(1, 4, 5, 5), torch.randn(1, 8), torch.randn(1, 4, 5, 5)
    plain = layer(features, style, torch.zeros(4))
    torch.testing.assert_close(layer(features, style, noise), plain + noise, rtol=1e-5, atol=1e-5)


def test_one_picture_serves_many_styles() -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(4, 4, 3, 8).requires_grad_(False)
    features, styles = torch.randn(1, 4, 5, 5), torch.randn(3, 8)
    together = layer(features, styles, torch.zeros(4))
    torch.testing.assert_close(together, layer(features.expand(3, -1, -1, -1), styles, torch.zeros(4)))


@pytest.mark.parametrize("pictures", [1, 2])
def test_gradients_are_those_of_finite_differences(pictures: int) -> None:
    torch.manual_seed(0)
    layer = ModulatedConv2d(3, 2, 3, 4, upsample=True).double()
    features = torch.randn(pictures, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    style = torch.randn(pictures, 4, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (features, style, bias))
