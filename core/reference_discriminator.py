"""Discriminator for training the published generator: StyleGAN2's trunk, judged for an age group at four depths.

    x -> 1x1 conv, halvings to 4 x 4 -> minibatch deviation -> 3x3 conv -> linear -> f        the trunk
    D(x, a) = sum over depths d of   w_d . h_d + <e_d(a), h_d>,    h = (maps of 16, 8, 4 px, f)
    C(x) = linear(f)                                                                          the age head

The maps of 16, 8 and 4 px each pass a 1x1 convolution and are averaged over positions before they are judged.

Source: a reconstruction. Published are the name, "conditional multitask projection", StyleGAN2's trunk, an age head
on it, and that the label is fused at four feature depths (AgeTransGAN, ECCV 2022); which depths, and how, is ours
(projection: Miyato and Koyama 2018).
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.ages import group_system
from core.discriminator import Judgement, minibatch_stddev
from core.layers import EqualLinear
from core.reference import CHANNELS, MOST_CHANNELS, ConvLayer, ResidualBlock

JUDGED_SIDES_PX = (16, 8, 4)
"""Sides of the maps at which the label is projected, besides the vector f."""
LAST_SIDE_PX = JUDGED_SIDES_PX[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceDiscriminatorConfig:
    """Shape of a reference discriminator."""

    size_px: int = 256
    """Side of the face crop: 32, 64, 128, 256, 512 or 1024."""
    groups: str = "10"
    """Age group system (core.ages)."""
    max_channels: int = MOST_CHANNELS
    """Most channels a feature map may have; below 512 narrower than StyleGAN2's, for trials."""

    def __post_init__(self) -> None:
        group_system(self.groups)
        if self.size_px not in CHANNELS or self.size_px <= JUDGED_SIDES_PX[0]:
            raise ValueError(f"size_px {self.size_px} is none of 32, 64, 128, 256, 512, 1024")
        if self.max_channels < 1:
            raise ValueError(f"max_channels {self.max_channels} is below 1")


class GroupProjection(nn.Module):
    """w . h + <e(a), h>: how real what is seen is, and how well it fits the group; at an equalised learning rate."""

    def __init__(self, width: int, num_groups: int) -> None:
        super().__init__()
        self.realness = EqualLinear(width, 1)
        self.condition = nn.Parameter(torch.randn(num_groups, width))
        self.scale = 1.0 / math.sqrt(width)

    def forward(self, seen: Tensor, groups: Tensor) -> Tensor:
        """(N, width) float32 and (N,) int64 to (N,) float32."""
        score: Tensor = self.realness(seen)[:, 0]
        return score + (seen * self.condition[groups]).sum(1) * self.scale


class ReferenceDiscriminator(nn.Module):
    """Conditional discriminator with an age classifier on the shared trunk; see the module's text."""

    def __init__(self, config: ReferenceDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        num_groups = len(group_system(config.groups))
        octaves = int(math.log2(config.size_px // LAST_SIDE_PX))
        channels = [min(CHANNELS[config.size_px >> octave], config.max_channels) for octave in range(octaves + 1)]
        deep = channels[-1]
        self.stem = ConvLayer(3, channels[0], 1)
        self.halvings = nn.ModuleList(ResidualBlock(a, b, is_down=True) for a, b in itertools.pairwise(channels))
        judged = channels[-len(JUDGED_SIDES_PX) :]
        self.maps = nn.ModuleList(ConvLayer(width, width, 1) for width in judged)
        self.map_projections = nn.ModuleList(GroupProjection(width, num_groups) for width in judged)
        self.last_conv = ConvLayer(deep + 1, deep, 3)
        self.summary = EqualLinear(deep * LAST_SIDE_PX**2, deep, activate=True)
        self.projection = GroupProjection(deep, num_groups)
        self.age_head = EqualLinear(deep, num_groups)

    def forward(self, faces: Tensor, groups: Tensor) -> Judgement:
        """Judge faces.

        Args:
            faces: (N, 3, S, S) float32, -1..1.
            groups: (N,) int64, the group each face claims to show.
        Raises:
            ValueError: a shape is another.
        """
        size = self.config.size_px
        if faces.ndim != 4 or faces.shape[1:] != (3, size, size):
            raise ValueError(f"expected faces of shape (N, 3, {size}, {size}), got {tuple(faces.shape)}")
        if groups.shape != faces.shape[:1]:
            raise ValueError(f"{len(faces)} faces but groups of shape {tuple(groups.shape)}")
        features: Tensor = self.stem(faces)
        scores = []
        first_judged = len(self.halvings) - len(self.maps)
        for depth, halving in enumerate(self.halvings):
            features = halving(features)
            if depth >= first_judged:
                seen = self.maps[depth - first_judged](features).float().mean((2, 3))  # (N, C)
                scores.append(self.map_projections[depth - first_judged](seen, groups))
        varied = torch.cat((features, minibatch_stddev(features)), dim=1)  # (N, 513, 4, 4)
        summary = self.summary(self.last_conv(varied).flatten(1))  # (N, 512) float32
        scores.append(self.projection(summary, groups))
        return Judgement(torch.stack(scores).sum(0), self.age_head(summary))
