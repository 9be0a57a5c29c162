"""StyleGAN2's building blocks, modulating activations instead of weights.

Equalised learning rate: parameters are drawn from N(0, 1) and scaled where they are used. The activation
is sqrt(2) * leaky(x + b, 0.2); leaky ReLU being positively homogeneous, every constant gain is taken into
weight and bias beforehand, so a layer touches its output only once.

Modulation (eq. 1-3 of the paper) scales the weights of one dense convolution differently for each picture:
    w'_oi = s_i w_oi,    w''_oi = w'_oi / sqrt(sum_i,k (w'_oi)^2 + eps)
which is the same as scaling the input channels by s_i, convolving once for the whole batch, and dividing
the output channels by the root. The grouped form lives on in benchmarks/ only, as the yardstick.

Source: Karras et al. 2020, sections 2.2 and 3; Karras et al. 2018 (equalised learning rate).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.filters import blur, fir_kernel

SLOPE = 0.2
SQRT_TWO = math.sqrt(2.0)
EPSILON = 1e-8


def pixel_norm(vectors: Tensor) -> Tensor:
    """(N, C) to (N, C) of unit mean square: x / sqrt(mean(x^2) + 1e-8)."""
    return vectors * (vectors.square().mean(dim=1, keepdim=True) + EPSILON).rsqrt()


def precise_linear(vectors: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """F.linear in at least float32, whatever autocast says: styles are few numbers, and much hangs on them."""
    dtype = torch.promote_types(weight.dtype, torch.float32)
    with torch.autocast(vectors.device.type, enabled=False):
        return F.linear(vectors.to(dtype), weight.to(dtype), bias)


class EqualLinear(nn.Module):
    """Fully connected layer at an equalised learning rate."""

    def __init__(
        self, width_in: int, width_out: int, *, bias: float = 0.0, lr_mul: float = 1.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_out, width_in) / lr_mul)
        self.bias = nn.Parameter(torch.full((width_out,), bias / lr_mul))
        self.lr_mul = lr_mul
        self.scale = lr_mul / math.sqrt(width_in)
        self.activate = activate

    def forward(self, vectors: Tensor) -> Tensor:
        """(N, width_in) to (N, width_out)."""
        gain = SQRT_TWO if self.activate else 1.0
        out = precise_linear(vectors, self.weight * (self.scale * gain), self.bias * (self.lr_mul * gain))
        return F.leaky_relu(out, SLOPE) if self.activate else out


class EqualConv2d(nn.Module):
    """Convolution without bias at an equalised learning rate; `gain` multiplies its result."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel_px: int, *, stride: int = 1, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, kernel_px, kernel_px))
        self.scale = gain / math.sqrt(channels_in * kernel_px**2)
        self.stride = stride
        self.padding_px = kernel_px // 2 if stride == 1 else 0

    def scaled_weight(self) -> Tensor:
        return self.weight if self.scale == 1.0 else self.weight * self.scale

    def forward(self, features: Tensor, bias: Tensor | None = None) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H', W'); `bias` (C_out,) is added to the scaled result."""
        weight = self.scaled_weight()
        return F.conv2d(features, weight, bias, stride=self.stride, padding=self.padding_px)

    def bake(self, dtype: torch.dtype) -> None:
        """Scale the weight for good and keep it in `dtype`, channels last: for inference."""
        baked = self.scaled_weight().detach().to(dtype, memory_format=torch.channels_last)
        self.weight, self.scale = nn.Parameter(baked, requires_grad=False), 1.0


class Blur(nn.Module):
    """The FIR filter as a layer; its kernel is a buffer because released checkpoints hold it."""

    kernel: Tensor

    def __init__(self, padding_px: int, gain: float = 1.0) -> None:
        super().__init__()
        self.padding_px = padding_px
        self.register_buffer("kernel", fir_kernel(gain))

    def forward(self, features: Tensor, stride: int = 1, bias: Tensor | None = None) -> Tensor:
        return blur(features, self.kernel, self.padding_px, stride, bias)


class BiasedActivation(nn.Module):
    """sqrt(2) * gain * leaky(x + b, 0.2), of an `x` that is sqrt(2) * gain times too large already."""

    def __init__(self, channels: int, gain: float = 1.0) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.gain = SQRT_TWO * gain

    def gained_bias(self) -> Tensor:
        """(C,) float32: the bias as large as the `x` it is added to."""
        return self.bias * self.gain

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) with the gained bias in it already to the same, overwritten."""
        return F.leaky_relu(features, SLOPE, inplace=True)


class ModulatedConv2d(nn.Module):
    """Convolution whose weights a style scales per picture, carried out on the activations.

    `upsample` doubles the size: transposed convolution with stride 2, then the FIR filter with gain 4.
    `gain` multiplies the result, before the bias.
    """

    power: Tensor | None

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel_px: int,
        style_width: int,
        *,
        demodulate: bool = True,
        upsample: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, channels_out, channels_in, kernel_px, kernel_px))
        self.modulation = EqualLinear(style_width, channels_in, bias=1.0)
        self.scale = 1.0 / math.sqrt(channels_in * kernel_px**2)
        self.gain = gain
        self.padding_px = kernel_px // 2
        self.demodulate = demodulate
        self.blur = Blur(1, gain=4.0) if upsample else None
        self.register_buffer("power", None, persistent=False)

    def weight_power(self) -> Tensor:
        """(C_out, C_in) float32: sum over the kernel of the squared, scaled weight."""
        if self.power is not None:
            return self.power
        return (self.weight[0] * self.scale).square().sum((2, 3))

    def forward(self, features: Tensor, style: Tensor, bias: Tensor) -> Tensor:
        """Convolve under a style.

        Args:
            features: (N, C_in, H, W), float32 or bfloat16; N may be 1 for many styles.
            style: (M, style_width) float32; M = N, or any if N is 1.
            bias: (C_out,), or (M, C_out, H', W') with noise in it.
        Returns:
            (M, C_out, H', W'), where H' is H, or 2H if upsampling.
        """
        dtype = features.dtype
        scale_in = self.modulation.forward(style)  # (M, C_in)
        scale_out = torch.full_like(scale_in[:, :1], self.scale * self.gain)  # (M, 1)
        if self.demodulate:
            power = precise_linear(scale_in.square(), self.weight_power())  # (M, C_out)
            scale_out = scale_out * (power + EPSILON).rsqrt()
        weight = self.weight[0]  # (C_out, C_in, k, k)
        if len(style) == 1 and bias.ndim == 1:
            # Of one picture the weights are fewer than the activations: scale those.
            both = scale_out[0, :, None, None, None] * scale_in[0, None, :, None, None]
            return self.convolve(features, (weight * both).to(dtype), bias.to(dtype))
        out = self.convolve(features * scale_in.to(dtype)[:, :, None, None], weight.to(dtype), None)
        broadcast = bias if bias.ndim == 4 else bias[:, None, None]
        return torch.addcmul(broadcast.to(dtype), out, scale_out.to(dtype)[:, :, None, None])

    def convolve(self, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.blur is None:
            return F.conv2d(features, weight, bias, padding=self.padding_px)
        doubled = F.conv_transpose2d(features, weight.transpose(0, 1), stride=2)  # (N, C_out, 2H + 1, 2W + 1)
        return self.blur.forward(doubled, bias=bias)

    def bake(self, dtype: torch.dtype) -> None:
        """Keep the scaled weight in `dtype` and what demodulation needs of it: for inference."""
        power = self.weight_power().detach().clone()
        weight = (self.weight[0] * self.scale).detach().to(dtype, memory_format=torch.channels_last)
        self.weight, self.scale = nn.Parameter(weight[None], requires_grad=False), 1.0
        self.power = power if self.demodulate else None
