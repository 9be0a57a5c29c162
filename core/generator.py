"""Our generator: the photo is encoded once, and the age modulates only the decoder.

    encode   x -> features at three or more scales, and the present age           (once a photo)
    decode   features, age code -> change d and mask m;   y = x + m * d           (once an age)

The published generator (core.reference) joins the age to the picture before its first layer, so every age costs a
whole pass. Here ten ages cost one encoder and ten decoders, and what the mask leaves out cannot change.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.ages import OLDEST_YEARS, AgeGroups, group_system
from core.bands import NUM_BANDS, fits, with_detail
from core.filters import folded_kernel, smooth

SQRT_HALF = math.sqrt(0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratorConfig:
    """Shape of a generator. Written into every model's file and enough to rebuild it."""

    size_px: int = 128
    """Side of the face crop."""
    groups: str = "10"
    """Age group system (core.ages) the model was trained with."""
    fold: int = 2
    """Each fold x fold block of pixels becomes one position of the first feature map."""
    channels: tuple[int, ...] = (48, 96, 192)
    """Channels at each scale, finest first; each scale has half the side of the one before."""
    encoder_blocks: tuple[int, ...] = (0, 1, 2)
    """Residual blocks of the encoder at each scale."""
    decoder_blocks: tuple[int, ...] = (1, 1, 3)
    """Age-modulated residual blocks of the decoder at each scale."""
    code_width: int = 192
    """Width of the age embedding."""
    detail_gains: bool = False
    """Whether the decoder also says how far the photo's own detail is turned down or up (core.bands)."""
    strengths: tuple[float, ...] = ()
    """Of each age group, what changes made for it are multiplied by; empty: by nothing, as they are in training."""

    def __post_init__(self) -> None:
        counts = (self.size_px, self.fold, self.code_width, *self.channels)
        blocks = (*self.encoder_blocks, *self.decoder_blocks)
        if not all(type(one) is int and one >= least for many, least in ((counts, 1), (blocks, 0)) for one in many):
            raise ValueError(f"sizes and channels are whole numbers from 1, blocks from 0: {self}")
        num_groups = len(group_system(self.groups))
        if self.strengths and not (len(self.strengths) == num_groups and all(0 < one <= 3 for one in self.strengths)):
            raise ValueError(f"strengths must be {num_groups} numbers above 0 and at most 3, got {self.strengths}")
        scales = len(self.channels)
        if not scales == len(self.encoder_blocks) == len(self.decoder_blocks) >= 2:
            raise ValueError(f"channels and both kinds of blocks must name the same two or more scales: {self}")
        if self.detail_gains and not fits(self.size_px):
            raise ValueError(f"detail_gains needs a size_px that divides by 64 and is larger, got {self.size_px}")
        if self.size_px % (self.fold * 2 ** (scales - 1)):
            raise ValueError(f"size_px {self.size_px} does not divide by {self.fold * 2 ** (scales - 1)}")


def config_from_json(fields: Mapping[str, Any]) -> GeneratorConfig:
    """Shape from what JSON made of it, lists for tuples. Raises TypeError or ValueError for what is none."""
    shape: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return GeneratorConfig(**shape)


SIZES: dict[int, GeneratorConfig] = {
    128: GeneratorConfig(),
    256: GeneratorConfig(
        size_px=256, channels=(32, 64, 128, 256), encoder_blocks=(0, 0, 1, 2), decoder_blocks=(0, 1, 1, 3)
    ),
    512: GeneratorConfig(
        size_px=512, fold=4, channels=(48, 96, 192, 384), encoder_blocks=(0, 0, 1, 2), decoder_blocks=(1, 1, 1, 3)
    ),
    1024: GeneratorConfig(
        size_px=1024,
        fold=4,
        channels=(32, 64, 128, 256, 512),
        encoder_blocks=(0, 0, 1, 1, 2),
        decoder_blocks=(1, 1, 1, 1, 3),
        code_width=512,
    ),
}
"""The shape to train at each size: few channels where the picture is large, many where it is small."""


def age_code(groups: AgeGroups, ages_years: Sequence[float] | npt.ArrayLike) -> Tensor:
    """What the decoder is told: the soft group code, and the age itself.

    Args:
        ages_years: (N,) years, 0..130.
    Returns:
        (N, groups + 1) float32; the last column is years / 100.
    """
    code = torch.from_numpy(groups.soft_code(ages_years))
    years = torch.as_tensor(ages_years, dtype=torch.float32).reshape(-1, 1)
    return torch.cat((code, years / 100), dim=1)


class Encoding(NamedTuple):
    """What is known of N faces before any target age is."""

    scales: tuple[Tensor, ...]
    """Features, finest first: (N, C_i, R_i, R_i)."""
    age_logits: Tensor
    """(N, 101): how likely each whole year is the present age, before the softmax."""

    def present_age_years(self) -> Tensor:
        """(N,) float32: expectation over the years 0..100."""
        years = torch.arange(self.age_logits.shape[1], device=self.age_logits.device, dtype=torch.float32)
        return self.age_logits.float().softmax(1) @ years

    def repeat(self, times: int) -> "Encoding":
        """Each face `times` over, as (N * times): face 0, face 0, ..., face 1, ..."""
        scales = tuple(scale.repeat_interleave(times, dim=0) for scale in self.scales)
        return Encoding(scales, self.age_logits.repeat_interleave(times, dim=0))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        change = F.leaky_relu(self.first(features), 0.2)
        return (features + F.leaky_relu(self.second(change), 0.2)) * SQRT_HALF


class ModulatedConv(nn.Module):
    """3x3 convolution whose input channels are scaled by the age, its output brought back to unit variance.

    Scaling activations before and after one dense convolution equals scaling the weights of each
    picture (StyleGAN2, eq. 1-3), and keeps the convolution one for the whole batch.
    """

    def __init__(self, channels_in: int, channels_out: int, code_width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, 3, 3) / math.sqrt(channels_in * 9))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.modulation = nn.Linear(code_width, channels_in)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        scale = 1 + self.modulation(code).float()  # (N, C_in)
        power = self.weight.float().square().sum((2, 3))  # (C_out, C_in)
        restore = (scale.square() @ power.T + 1e-8).rsqrt()  # (N, C_out)
        scaled = features * scale.to(features.dtype)[:, :, None, None]
        out = F.conv2d(scaled, self.weight, padding=1)  # (N, C_out, R, R)
        out = torch.addcmul(self.bias.to(out.dtype)[:, None, None], out, restore.to(out.dtype)[:, :, None, None])
        return F.leaky_relu(out, 0.2) * math.sqrt(2)


class ModulatedBlock(nn.Module):
    """Two modulated convolutions beside the identity."""

    def __init__(self, channels: int, code_width: int) -> None:
        super().__init__()
        self.first = ModulatedConv(channels, channels, code_width)
        self.second = ModulatedConv(channels, channels, code_width)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        changed: Tensor = self.second(self.first(features, code), code)
        return (features + changed) * SQRT_HALF


class ModulatedBlocks(nn.ModuleList):
    """Modulated blocks one after the other, all under the same code."""

    def __init__(self, channels: int, code_width: int, num_blocks: int) -> None:
        super().__init__(ModulatedBlock(channels, code_width) for _ in range(num_blocks))

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        for block in self:
            features = block(features, code)
        return features


class Encoder(nn.Module):
    """Photo to features at every scale, and the present age."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.fold = config.fold
        self.stem = nn.Conv2d(3 * config.fold**2, config.channels[0], 3, padding=1)
        self.downs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(config.channels, config.channels[1:], strict=False)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
            for channels, blocks in zip(config.channels, config.encoder_blocks, strict=True)
        )
        deepest = config.channels[-1]
        self.age_conv = nn.Conv2d(deepest, deepest, 3, stride=2, padding=1)
        self.age_head = nn.Sequential(nn.Linear(deepest * 4, 128), nn.LeakyReLU(0.2), nn.Linear(128, OLDEST_YEARS + 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, faces: Tensor) -> Encoding:
        features = F.leaky_relu(self.stem(F.pixel_unshuffle(faces, self.fold)), 0.2)
        scales = [self.blocks[0](features)]
        for down, blocks in zip(self.downs, self.blocks[1:], strict=True):
            scales.append(blocks(F.leaky_relu(down(scales[-1]), 0.2)))
        summary = F.adaptive_avg_pool2d(F.leaky_relu(self.age_conv(scales[-1]), 0.2), 2)  # (N, C, 2, 2)
        return Encoding(tuple(scales), self.age_head(summary.flatten(1)))


class Decoder(nn.Module):
    """Features and age code to a change of the picture, with `detail_gains` those behind it, and the mask."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.fold = config.fold
        width = config.code_width
        self.embedding = nn.Sequential(
            nn.Linear(len(group_system(config.groups)) + 1, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
        )
        self.blocks = nn.ModuleList(
            ModulatedBlocks(channels, width, blocks)
            for channels, blocks in zip(config.channels, config.decoder_blocks, strict=True)
        )
        self.ups = nn.ModuleList(
            ModulatedConv(b, a, width) for a, b in zip(config.channels, config.channels[1:], strict=False)
        )
        self.head = nn.Conv2d(config.channels[0], (4 + NUM_BANDS * config.detail_gains) * config.fold**2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        self.head.weight.data[: 4 * config.fold**2] = folded_kernel(4, config.channels[0], config.fold, gain=0.2)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, scales: Sequence[Tensor], code: Tensor) -> tuple[Tensor, Tensor]:
        style = self.embedding(code)
        features = scales[-1]
        for depth in reversed(range(len(scales))):
            features = self.blocks[depth](features, style)
            if depth:
                coarse = self.ups[depth - 1](features, style)  # (N, C_finer, R, R)
                finer = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
                features = (finer + scales[depth - 1]) * SQRT_HALF
        picture = smooth(F.pixel_shuffle(self.head(features), self.fold))  # (N, 4 or 6, S, S)
        change = picture[:, :3] if picture.shape[1] == 4 else torch.cat((picture[:, :3], picture[:, 4:]), dim=1)
        return change, picture[:, 3:4].sigmoid()


class Generator(nn.Module):
    """Encoder and decoder; see the module's text. Knows no path and holds no state between calls."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.groups = group_system(config.groups)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, faces: Tensor) -> Encoding:
        """(N, 3, S, S) float32, -1..1, to what every target age shares. Raises ValueError for other shapes."""
        size = self.config.size_px
        if faces.ndim != 4 or faces.shape[1:] != (3, size, size):
            raise ValueError(f"expected faces of shape (N, 3, {size}, {size}), got {tuple(faces.shape)}")
        encoding: Encoding = self.encoder(faces)
        return encoding

    def decode(self, faces: Tensor, encoding: Encoding, code: Tensor) -> tuple[Tensor, Tensor]:
        """The faces at the ages of the code.

        Args:
            faces: (N, 3, S, S) float32, -1..1, the ones that were encoded.
            code: (N, groups + 1) float32 of `age_code`.
        Returns:
            aged faces (N, 3, S, S) float32, about -1..1 (clamp before showing), and the mask
            (N, 1, S, S) float32, 0 where the photo is kept.
        """
        change, mask = (made.float() for made in self.decoder(encoding.scales, code))
        if self.config.detail_gains:
            change = with_detail(change, faces)
        if self.config.strengths:
            change = change * (code[:, :-1] * code.new_tensor(self.config.strengths)).sum(1)[:, None, None, None]
        return faces + mask * change, mask

    def strengthen(self, strengths: Sequence[float]) -> None:
        """Set `config.strengths`: one for all groups, or one a group, mixed between typical ages as the code is."""
        each = tuple(strengths) * (len(self.groups) if len(strengths) == 1 else 1)
        self.config = replace(self.config, strengths=() if set(each) == {1.0} else each)

    def forward(self, faces: Tensor, code: Tensor) -> Tensor:
        """Encode and decode in one: (N, 3, S, S) and (N, groups + 1) to (N, 3, S, S)."""
        return self.decode(faces, self.encode(faces), code)[0]
