"""The published generator, AgeTransGAN, layer by layer, so that its released checkpoints load strictly.

    (x, group code c)                            c is tiled over the picture and joined to RGB
      -> convs_e   1x1 conv, then halvings to 16 x 16       the trunk
           -> convs_ei   two flat blocks                    identity branch: a map, 512 x 16 x 16
           -> convs_es, final_conv, average                 age branch: a vector, 512
                -> style   pixel norm, eight linears        w
      identity map -> conv1, to_rgb1 -> convs, to_rgbs      StyleGAN2's synthesis under w, to S x S RGB

The identity map takes the place of StyleGAN2's learned constant. The code enters nowhere else, so the
whole network runs once for every age; tiling is left out, because a 1x1 convolution of a constant plane
is a number per channel. Attribute names are those of the checkpoints.

Source: Hsu, Xie, Chen, Lin, "AgeTransGAN for Facial Age Transformation with Rectified Performance
Metrics", ECCV 2022, section 3.1; reimplemented from a description, checked against golden values.
"""

import copy
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.filters import fir_kernel, upsample
from core.layers import (
    SQRT_TWO,
    BiasedActivation,
    Blur,
    EqualConv2d,
    EqualLinear,
    ModulatedConv2d,
    pixel_norm,
    precise_linear,
)

NUM_STYLE_LAYERS = 8
IDENTITY_SIZE_PX = 16
CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
"""Channels of the feature maps by their side in pixels."""
MOST_CHANNELS = max(CHANNELS.values())

Noise = Sequence[Tensor] | torch.Generator | None
"""One map (N, 1, R, R) per styled convolution, or where to draw them from, or no noise at all."""


class ConvLayer(nn.Sequential):
    """(blur) -> convolution -> bias and activation, times `gain`."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel_px: int, *, is_down: bool = False, gain: float = 1.0
    ) -> None:
        before = [Blur(2)] if is_down else []
        conv = EqualConv2d(channels_in, channels_out, kernel_px, stride=1 + is_down, gain=gain * SQRT_TWO)
        super().__init__(*before, conv, BiasedActivation(channels_out, gain))

    @property
    def conv(self) -> EqualConv2d:
        layer = self[-2]
        assert isinstance(layer, EqualConv2d)
        return layer

    @property
    def activation(self) -> BiasedActivation:
        layer = self[-1]
        assert isinstance(layer, BiasedActivation)
        return layer

    def forward(self, features: Tensor) -> Tensor:
        for layer in list(self)[:-2]:
            features = layer(features)
        bias = self.activation.gained_bias().to(self.conv.weight.dtype)
        return self.activation.forward(self.conv.forward(features, bias))


class Skip(nn.Sequential):
    """Blur and 1x1 convolution of every second pixel, or a plain 1x1 convolution; times `gain`."""

    def __init__(self, channels_in: int, channels_out: int, *, is_down: bool, gain: float) -> None:
        before = [Blur(1)] if is_down else []
        super().__init__(*before, EqualConv2d(channels_in, channels_out, 1, gain=gain))

    def forward(self, features: Tensor) -> Tensor:
        *before, conv = self
        for layer in before:  # only the pixels that the convolution's stride would keep
            features = layer(features, stride=2)
        out: Tensor = conv(features)
        return out


class ResidualBlock(nn.Module):
    """(conv2(conv1(x)) + skip(x)) / sqrt(2), halving the size or keeping it."""

    def __init__(self, channels_in: int, channels_out: int, *, is_down: bool) -> None:
        super().__init__()
        half = math.sqrt(0.5)
        self.conv1 = ConvLayer(channels_in, channels_in, 3)
        self.conv2 = ConvLayer(channels_in, channels_out, 3, is_down=is_down, gain=half)
        self.skip = Skip(channels_in, channels_out, is_down=is_down, gain=half)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.conv1(features)) + self.skip(features)
        return out


class NoiseStrength(nn.Module):
    """How strongly a layer's noise map is added."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, activation."""

    def __init__(self, channels_in: int, channels_out: int, style_width: int, *, is_up: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(channels_in, channels_out, 3, style_width, upsample=is_up, gain=SQRT_TWO)
        self.noise = NoiseStrength()
        self.activate = BiasedActivation(channels_out)

    def forward(self, features: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        bias = self.activate.gained_bias()
        if noise is not None:
            scaled = self.noise.weight * self.activate.gain * noise.to(bias)
            bias = bias[:, None, None] + scaled  # (N, C, R, R)
        return self.activate.forward(self.conv.forward(features, style, bias))


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to colours, added in float32 to the picture so far, twice enlarged."""

    def __init__(self, channels: int, style_width: int, *, is_up: bool) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.conv = ModulatedConv2d(channels, 3, 1, style_width, demodulate=False)
        if is_up:
            self.upsample = nn.Module()
            self.upsample.register_buffer("kernel", fir_kernel(gain=4.0))

    def forward(self, features: Tensor, style: Tensor, picture: Tensor | None) -> Tensor:
        colours: Tensor = self.conv(features, style, self.bias[0, :, 0, 0]).float()
        return colours if picture is None else colours + upsample(picture, self.upsample.get_buffer("kernel"))


class Encoded(NamedTuple):
    """What the encoder makes of N faces and codes."""

    identity: Tensor
    """(N, 512, 16, 16): the identity branch's map."""
    style: Tensor
    """(N, 512) float32: w."""


class ReferenceGenerator(nn.Module):
    """AgeTransGAN's generator; see the module's text. Below 512, `max_channels` makes it narrower than published."""

    def __init__(self, size_px: int = 1024, num_groups: int = 10, max_channels: int = MOST_CHANNELS) -> None:
        super().__init__()
        if size_px not in CHANNELS or size_px <= IDENTITY_SIZE_PX:
            raise ValueError(f"size_px {size_px} is none of 32, 64, 128, 256, 512, 1024")
        if min(num_groups, max_channels) < 1:
            raise ValueError(f"num_groups {num_groups} or max_channels {max_channels} is below 1")
        self.size_px = size_px
        self.num_groups = num_groups
        self.max_channels = max_channels
        octaves = int(math.log2(size_px // IDENTITY_SIZE_PX))
        finest_first = [min(CHANNELS[size_px >> octave], max_channels) for octave in range(octaves + 1)]
        deep = finest_first[-1]  # also the width of w

        self.style = nn.Sequential(
            nn.Identity(),  # the pixel norm, which has no parameters, counts as layer 0
            *(EqualLinear(deep, deep, lr_mul=0.01, activate=True) for _ in range(NUM_STYLE_LAYERS)),
        )
        self.convs_e = nn.Sequential(
            ConvLayer(3 + num_groups, finest_first[0], 1),
            *(ResidualBlock(finest_first[k], finest_first[k + 1], is_down=True) for k in range(octaves)),
        )
        self.convs_ei = nn.Sequential(*(ResidualBlock(deep, deep, is_down=False) for _ in range(2)))
        self.convs_es = nn.Sequential(*(ResidualBlock(deep, deep, is_down=True) for _ in range(2)))
        self.final_conv = ConvLayer(deep, deep, 3)

        self.conv1 = StyledConv(deep, deep, deep, is_up=False)
        self.to_rgb1 = ToRGB(deep, deep, is_up=False)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        coarsest_first = finest_first[::-1]
        for coarse, fine in itertools.pairwise(coarsest_first):
            self.convs.append(StyledConv(coarse, fine, deep, is_up=True))
            self.convs.append(StyledConv(fine, fine, deep, is_up=False))
            self.to_rgbs.append(ToRGB(fine, deep, is_up=True))

        # Checkpoints carry StyleGAN2's fixed noise maps, from 4 x 4 up; nothing here reads them.
        self.noises = nn.Module()
        for index in range(2 * int(math.log2(size_px)) - 3):
            side = 4 << ((index + 1) // 2)
            self.noises.register_buffer(f"noise_{index}", torch.zeros(1, 1, side, side))

    @property
    def noise_sizes_px(self) -> tuple[int, ...]:
        """Side of the noise map of each styled convolution: `conv1`, then `convs` in order."""
        octaves = len(self.to_rgbs)
        return (IDENTITY_SIZE_PX, *(IDENTITY_SIZE_PX << (1 + k // 2) for k in range(2 * octaves)))

    def forward(self, faces: Tensor, group_code: Tensor, noise: Noise = None) -> Tensor:
        """The faces at the ages of the code.

        Args:
            faces: (N, 3, S, S) float32 RGB, -1..1; one face may stand for every row of the code.
            group_code: (N, groups) float32, rows sum to 1; one-hot, or two neighbouring groups mixed.
            noise: none by default; else a map (N, 1, R, R) float32 for each of `noise_sizes_px`, or a
                generator to draw them with.
        Returns:
            (N, 3, S, S) float32 RGB, about -1..1 (clamp before showing).
        Raises:
            ValueError: a shape is another.
        """
        maps = self.noise_maps(noise, group_code)
        return self.decode(self.encode(faces, group_code), maps)

    def encode(self, faces: Tensor, group_code: Tensor) -> Encoded:
        """Both branches of the encoder; shapes and errors as in `forward`."""
        trunk = self.trunk(faces, group_code)
        return Encoded(self.convs_ei(trunk), self.style_of(trunk))

    def identify(self, faces: Tensor, group_code: Tensor) -> Tensor:
        """The identity branch alone: (N, 512, 16, 16); shapes and errors as in `forward`."""
        identity: Tensor = self.convs_ei(self.trunk(faces, group_code))
        return identity

    def trunk(self, faces: Tensor, group_code: Tensor) -> Tensor:
        """What both branches read: (N, 512, 16, 16)."""
        self.check(faces, group_code)
        features: Tensor = self.convs_e[1:](self.stem(faces, group_code))
        return features

    def decode(self, encoded: Encoded, maps: Sequence[Tensor | None]) -> Tensor:
        """The synthesis: a picture (N, 3, S, S) float32, with a noise map or none for each styled convolution."""
        identity, style = encoded
        features = self.conv1(identity, style, maps[0])
        picture: Tensor = self.to_rgb1(features, style, None)  # (N, 3, 16, 16)
        for octave, to_rgb in enumerate(self.to_rgbs):
            features = self.convs[2 * octave](features, style, maps[2 * octave + 1])
            features = self.convs[2 * octave + 1](features, style, maps[2 * octave + 2])
            picture = to_rgb(features, style, picture)  # (N, 3, 2R, 2R)
        return picture

    def stem(self, faces: Tensor, group_code: Tensor) -> Tensor:
        """The first 1x1 convolution of RGB and tiled code: (N, C, S, S)."""
        layer = self.convs_e[0]
        assert isinstance(layer, ConvLayer)
        weight = layer.conv.scaled_weight()  # (C, 3 + groups, 1, 1)
        colours = F.conv2d(faces.to(weight.dtype), weight[:, :3])
        offset = precise_linear(group_code, weight[:, 3:, 0, 0], layer.activation.gained_bias())  # (N, C)
        return layer.activation.forward(colours + offset.to(colours.dtype)[:, :, None, None])

    def style_of(self, trunk: Tensor) -> Tensor:
        """The age branch and the mapping network: (N, 512, 16, 16) to w, (N, 512) float32."""
        summary = self.final_conv(self.convs_es(trunk)).float().mean((2, 3))  # (N, 512)
        style: Tensor = self.style(pixel_norm(summary))
        return style

    def noise_maps(self, noise: Noise, group_code: Tensor) -> Sequence[Tensor | None]:
        sizes = self.noise_sizes_px
        if noise is None:
            return [None] * len(sizes)
        if isinstance(noise, torch.Generator):
            count = len(group_code)
            return [torch.randn(count, 1, r, r, generator=noise, device=noise.device) for r in sizes]
        if [tuple(each.shape[1:]) for each in noise] != [(1, r, r) for r in sizes]:
            raise ValueError(f"expected noise maps of sides {sizes}, got {[each.shape for each in noise]}")
        return noise

    def check(self, faces: Tensor, group_code: Tensor) -> None:
        size = self.size_px
        if faces.ndim != 4 or faces.shape[1:] != (3, size, size):
            raise ValueError(f"expected faces of shape (N, 3, {size}, {size}), got {tuple(faces.shape)}")
        if group_code.ndim != 2 or group_code.shape[1] != self.num_groups:
            raise ValueError(f"expected a code of {self.num_groups} groups, got {tuple(group_code.shape)}")
        if len(faces) not in (1, len(group_code)):
            raise ValueError(f"{len(faces)} faces but {len(group_code)} rows of group code")


def baked(generator: ReferenceGenerator, dtype: torch.dtype) -> ReferenceGenerator:
    """A copy for inference: weights scaled once, in `dtype` and channels last; w and RGB stay float32."""
    copied = copy.deepcopy(generator).eval().requires_grad_(False)
    for module in copied.modules():
        if isinstance(module, EqualConv2d | ModulatedConv2d):
            module.bake(dtype)
    return copied
