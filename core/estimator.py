"""Age estimator: a distribution over whole years from an aligned face, its mean, and an interval beside it.

    p = softmax(C(x))  over the years 0..100
    age      m(sum_k k p_k), m a map that takes out the bias known from faces held out of training
    interval quantiles of p at (1 -+ mass) / 2, mass so chosen that 80 % of held-out faces lie inside

Source: Rothe et al. 2015 (expectation over a softmax), Pan et al. 2018 (the loss it is trained with).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.ages import OLDEST_YEARS

INTERVAL_SHARE = 0.8
"""Share of faces whose age lies within the interval given for them."""
MAX_BLOCKS = 256
"""More than any estimator has: a description that asks for more is no estimator's."""
LEAST_CHANNELS = 8
"""An eighth of the channels is what a block is squeezed to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EstimatorConfig:
    """Shape of an estimator. Written into every model's file and enough to rebuild it."""

    size_px: int = 128
    """Side of the face crop."""
    patch_px: int = 4
    """Each patch of so many pixels a side becomes one position of the first feature map."""
    channels: tuple[int, ...] = (48, 96, 192, 320)
    """Channels at each scale, finest first; each scale has half the side of the one before."""
    blocks: tuple[int, ...] = (1, 2, 2, 1)
    """Residual blocks at each scale."""

    def __post_init__(self) -> None:
        counts = (self.size_px, self.patch_px, *self.channels, *self.blocks)
        if not all(type(count) is int and count > 0 for count in counts) or sum(self.blocks) > MAX_BLOCKS:
            raise ValueError(
                f"sizes, channels and blocks are whole numbers from 1, at most {MAX_BLOCKS} blocks: {self}"
            )
        if any(channels % 8 for channels in self.channels):
            raise ValueError(f"channels {self.channels} must divide by 8")
        if len(self.channels) != len(self.blocks) or not self.channels:
            raise ValueError(f"channels {self.channels} and blocks {self.blocks} must name the same scales")
        if self.size_px % (self.patch_px * 2 ** (len(self.channels) - 1)):
            divisor = self.patch_px * 2 ** (len(self.channels) - 1)
            raise ValueError(f"size_px {self.size_px} does not divide by {divisor}")


def estimator_config_from_json(fields: Mapping[str, Any]) -> EstimatorConfig:
    """Shape from what JSON made of it, lists for tuples. Raises TypeError or ValueError for what is none."""
    shape: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return EstimatorConfig(**shape)


class AgeReading(NamedTuple):
    """What an estimator says of N faces."""

    years: Tensor
    """(N,) float32 years."""
    low_years: Tensor
    """(N,) float32: lower end of the 80 % interval."""
    high_years: Tensor
    """(N,) float32: upper end."""


class EstimatorOutput(NamedTuple):
    """What the network itself gives for N faces."""

    age_logits: Tensor
    """(N, 101) float32 over whole years, before the softmax."""
    sex_logit: Tensor
    """(N,) float32: above 0 the training labels would say female. For keeping the sex in training, not for users."""
    features: Tensor
    """(N, C) float32 before the heads, for Frechet distances."""


def uncounted_norm(channels: int, epsilon: float = 1e-5) -> nn.BatchNorm2d:
    """Batch normalisation without its counter of batches, which only a momentum that fades would need."""
    norm = nn.BatchNorm2d(channels, eps=epsilon)
    norm.register_buffer("num_batches_tracked", None)
    norm.register_load_state_dict_pre_hook(_forget_count)  # type: ignore[no-untyped-call]
    return norm


def _forget_count(_norm: nn.Module, state: dict[str, Any], prefix: str, *_rest: object) -> None:
    """Torch adds a counter to state dicts that carry no version, such as those read from a file."""
    state.pop(f"{prefix}num_batches_tracked", None)


class NormalisedConv(nn.Module):
    """Convolution and batch normalisation."""

    def __init__(self, channels_in: int, channels_out: int, kernel_px: int, stride: int = 1) -> None:
        super().__init__()
        padding = 0 if stride == kernel_px else kernel_px // 2
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_px, stride=stride, padding=padding, bias=False)
        self.norm = uncounted_norm(channels_out)

    def forward(self, features: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(features))
        return normed


class EstimatorBlock(nn.Module):
    """Residual block with squeeze and excitation (He et al. 2016; Hu et al. 2018)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.first = NormalisedConv(channels_in, channels_out, 3, stride)
        self.second = NormalisedConv(channels_out, channels_out, 3)
        changes = stride != 1 or channels_in != channels_out
        self.skip = NormalisedConv(channels_in, channels_out, 1) if changes else None
        self.stride = stride
        self.squeeze = nn.Linear(channels_out, channels_out // 8)
        self.excite = nn.Linear(channels_out // 8, channels_out)

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.second(F.relu(self.first(features)))
        gate = self.excite(F.relu(self.squeeze(change.mean((2, 3))))).sigmoid()
        if self.skip is not None:
            features = self.skip(F.avg_pool2d(features, self.stride))
        return F.relu(features + change * gate[:, :, None, None])


class Estimator(nn.Module):
    """Residual network with an age head and a sex head. Knows no path and holds no state between calls."""

    correction_years: Tensor
    interval_mass: Tensor

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = NormalisedConv(3, config.channels[0], config.patch_px, config.patch_px)
        blocks: list[nn.Module] = []
        before = config.channels[0]
        for scale, (channels, count) in enumerate(zip(config.channels, config.blocks, strict=True)):
            for number in range(count):
                blocks.append(EstimatorBlock(before, channels, 2 if scale and not number else 1))
                before = channels
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(0.3)
        self.age_head = nn.Linear(before, OLDEST_YEARS + 1)
        self.sex_head = nn.Linear(before, 1)
        self.register_buffer("correction_years", torch.arange(OLDEST_YEARS + 1, dtype=torch.float32))
        self.register_buffer("interval_mass", torch.tensor(INTERVAL_SHARE))

    def forward(self, faces: Tensor) -> EstimatorOutput:
        """(N, 3, S, S) float32, -1..1, RGB, to logits. Raises ValueError for other shapes."""
        size = self.config.size_px
        if faces.ndim != 4 or faces.shape[1:] != (3, size, size):
            raise ValueError(f"expected faces of shape (N, 3, {size}, {size}), got {tuple(faces.shape)}")
        features = self.blocks(F.relu(self.stem(faces))).mean((2, 3)).float()
        kept = self.dropout(features)
        return EstimatorOutput(self.age_head(kept).float(), self.sex_head(kept).float().squeeze(1), features)

    def read(self, faces: Tensor) -> AgeReading:
        """Ages of (N, 3, S, S) faces, each the mean of what is read from the face and from its mirror image."""
        pairs = torch.cat((faces, faces.flip(3)))  # at once: a third faster for one face
        probabilities = self.forward(pairs).age_logits.softmax(1)
        return self.reading(probabilities.view(2, len(faces), -1).mean(0))

    def reading(self, probabilities: Tensor) -> AgeReading:
        """(N, 101) probabilities of the years to ages with their intervals."""
        years = self.corrected(expectation(probabilities))
        tail = (1 - self.interval_mass) / 2
        low = self.corrected(quantile(probabilities, tail))
        high = self.corrected(quantile(probabilities, 1 - tail))
        return AgeReading(years, torch.minimum(low, years), torch.maximum(high, years))

    def corrected(self, years: Tensor) -> Tensor:
        """(N,) years as first read to (N,) years without the bias of held-out faces."""
        lower = years.clamp(0, OLDEST_YEARS).floor().clamp(max=OLDEST_YEARS - 1).long()
        part = years.clamp(0, OLDEST_YEARS) - lower
        table = self.correction_years
        return (table[lower] * (1 - part) + table[lower + 1] * part).clamp(0, OLDEST_YEARS)


def expectation(probabilities: Tensor) -> Tensor:
    """(N, 101) to (N,) years: sum_k k p_k."""
    return probabilities @ torch.arange(probabilities.shape[1], device=probabilities.device, dtype=probabilities.dtype)


def quantile(probabilities: Tensor, share: Tensor) -> Tensor:
    """(N, 101) to (N,) years below which `share` (0..1) of the mass lies, each year spread over +-half a year."""
    total = probabilities.cumsum(1)
    place = (total < share).sum(1).clamp(max=probabilities.shape[1] - 1)
    own = probabilities.gather(1, place[:, None]).squeeze(1).clamp(min=1e-12)
    before = total.gather(1, place[:, None]).squeeze(1) - own
    return (place - 0.5 + ((share - before) / own).clamp(0, 1)).clamp(0, probabilities.shape[1] - 1)
