"""Discriminator of our recipe: real or made, for this age group and sex; and which age group.

The label is projected at four depths of one trunk (Miyato and Koyama 2018): at the last three maps, where every
position is judged by itself, so that skin as well as shape must fit the age, and at the summary of the whole face.

    D(x, l) = sum over depths d of   mean over positions p of   w_d . h_dp + <e_d(l), h_dp>

The last map also holds how much neighbours in the batch differ (minibatch standard deviation, Karras et al. 2018),
so that faces which are all alike are told from real ones.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.ages import group_system

NUM_SEXES = 2
"""0 male, 1 female, as in UTKFace."""
NUM_MAPS = 3
"""Feature maps at which the label is projected, besides the summary."""
STDDEV_GROUP = 4
"""Faces among which differences are measured: rows that follow each other, so that a batch that is split over
processes is judged as it would be whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscriminatorConfig:
    """Shape of a discriminator."""

    size_px: int = 128
    """Side of the face crop."""
    groups: str = "10"
    """Age group system (core.ages)."""
    channels: tuple[int, ...] = (48, 96, 192, 256, 256)
    """Channels after each halving of the side."""
    blocks: tuple[int, ...] = (0, 0, 1, 1, 0)
    """Extra 3x3 convolutions after each halving."""
    width: int = 256
    """Width of the vector that is judged."""
    map_width: int = 64
    """Width of what is judged at each position of a map."""

    def __post_init__(self) -> None:
        group_system(self.groups)
        if len(self.channels) != len(self.blocks):
            raise ValueError(f"channels {self.channels} and blocks {self.blocks} differ in length")
        if len(self.channels) < NUM_MAPS:
            raise ValueError(f"the label is projected at {NUM_MAPS} maps, channels {self.channels} give fewer")
        if self.size_px % 2 ** len(self.channels):
            raise ValueError(f"size_px {self.size_px} cannot be halved {len(self.channels)} times")


class Judgement(NamedTuple):
    """What the discriminator says of N faces."""

    score: Tensor
    """(N,) float32: above 0 real, below 0 made, for the group and sex it was told."""
    age_logits: Tensor
    """(N, groups) float32: which age group the face shows, before the softmax."""


def minibatch_stddev(features: Tensor, group_size: int = STDDEV_GROUP) -> Tensor:
    """(N, C, H, W) to (N, 1, H, W): mean over C, H, W of the standard deviation within groups of rows that follow
    each other; the last group is smaller where N does not divide. Karras et al. 2018, section 3."""
    levels = []
    for group in torch.split(features.float(), group_size):
        spread = (group.var(0, unbiased=False) + 1e-8).sqrt().mean()
        levels.append(spread.expand(len(group), 1, *features.shape[2:]))
    return torch.cat(levels).to(features.dtype)


class Projection(nn.Module):
    """w . h + <e(l), h>: how real what is seen is, and how well it fits the label."""

    def __init__(self, width: int, num_labels: int) -> None:
        super().__init__()
        self.realness = nn.Linear(width, 1)
        self.condition = nn.Embedding(num_labels, width)
        nn.init.normal_(self.condition.weight, std=0.05)

    def forward(self, summary: Tensor, labels: Tensor) -> Tensor:
        """(N, width) float32 and (N,) int64 to (N,) float32."""
        score: Tensor = self.realness(summary).float().squeeze(1)
        fit: Tensor = (summary * self.condition(labels)).sum(1)
        return score + fit


class Discriminator(nn.Module):
    """Conditional discriminator with an age classifier on the shared trunk; see the module's text."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        num_groups = len(group_system(config.groups))
        self.trunk = nn.ModuleList()
        before = 3
        for channels, blocks in zip(config.channels, config.blocks, strict=True):
            layers: list[nn.Module] = [nn.Conv2d(before, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            for _ in range(blocks):
                layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.2)]
            self.trunk.append(nn.Sequential(*layers))
            before = channels
        side = config.size_px // 2 ** len(config.channels)
        num_labels = num_groups * NUM_SEXES
        self.maps = nn.ModuleList(nn.Conv2d(channels, config.map_width, 1) for channels in config.channels[-NUM_MAPS:])
        self.map_projections = nn.ModuleList(Projection(config.map_width, num_labels) for _ in range(NUM_MAPS))
        self.summary = nn.Linear((before + 1) * side * side, config.width)
        self.projection = Projection(config.width, num_labels)
        self.age_head = nn.Linear(config.width, num_groups)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, faces: Tensor, groups: Tensor, sexes: Tensor) -> Judgement:
        """Judge faces.

        Args:
            faces: (N, 3, S, S) float32, -1..1.
            groups: (N,) int64, the group each face claims to show.
            sexes: (N,) int64, 0 male, 1 female.
        """
        labels = groups * NUM_SEXES + sexes
        features, scores = faces, []
        first_map = len(self.trunk) - NUM_MAPS
        for depth, halving in enumerate(self.trunk):
            features = halving(features)
            if depth >= first_map:
                seen = F.leaky_relu(self.maps[depth - first_map](features), 0.2).float().mean((2, 3))  # (N, map_width)
                scores.append(self.map_projections[depth - first_map](seen, labels))
        judged = torch.cat((features, minibatch_stddev(features)), dim=1)
        summary = F.leaky_relu(self.summary(judged.flatten(1)), 0.2).float()
        scores.append(self.projection(summary, labels))
        return Judgement(torch.stack(scores).sum(0), self.age_head(summary).float())


def freeze(network: nn.Module, frozen: bool = True) -> None:
    """Stop (or resume) gradients into a network's weights; those to its input go on flowing."""
    for parameter in network.parameters():
        parameter.requires_grad_(not frozen)
