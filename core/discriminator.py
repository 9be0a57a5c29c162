"""Discriminator of the first recipe: real or made, for this age group and sex; and which age group."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from core.ages import group_system

NUM_SEXES = 2
"""0 male, 1 female, as in UTKFace."""


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

    def __post_init__(self) -> None:
        group_system(self.groups)
        if len(self.channels) != len(self.blocks):
            raise ValueError(f"channels {self.channels} and blocks {self.blocks} differ in length")
        if self.size_px % 2 ** len(self.channels):
            raise ValueError(f"size_px {self.size_px} cannot be halved {len(self.channels)} times")


class Judgement(NamedTuple):
    """What the discriminator says of N faces."""

    score: Tensor
    """(N,) float32: above 0 real, below 0 made, for the group and sex it was told."""
    age_logits: Tensor
    """(N, groups) float32: which age group the face shows, before the softmax."""


class Discriminator(nn.Module):
    """Projection discriminator (Miyato and Koyama 2018) with an age classifier on the shared trunk."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        num_groups = len(group_system(config.groups))
        layers: list[nn.Module] = []
        before = 3
        for channels, blocks in zip(config.channels, config.blocks, strict=True):
            layers += [nn.Conv2d(before, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            for _ in range(blocks):
                layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.2)]
            before = channels
        self.trunk = nn.Sequential(*layers)
        side = config.size_px // 2 ** len(config.channels)
        self.summary = nn.Linear(before * side * side, config.width)
        self.realness = nn.Linear(config.width, 1)
        self.condition = nn.Embedding(num_groups * NUM_SEXES, config.width)
        self.age_head = nn.Linear(config.width, num_groups)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.condition.weight, std=0.05)

    def forward(self, faces: Tensor, groups: Tensor, sexes: Tensor) -> Judgement:
        """Judge faces.

        Args:
            faces: (N, 3, S, S) float32, -1..1.
            groups: (N,) int64, the group each face claims to show.
            sexes: (N,) int64, 0 male, 1 female.
        """
        summary = F.leaky_relu(self.summary(self.trunk(faces).flatten(1)), 0.2).float()
        condition = self.condition(groups * NUM_SEXES + sexes)
        score = self.realness(summary).float().squeeze(1) + (summary * condition).sum(1)
        return Judgement(score, self.age_head(summary).float())


def freeze(network: nn.Module, frozen: bool = True) -> None:
    """Stop (or resume) gradients into a network's weights; those to its input go on flowing."""
    for parameter in network.parameters():
        parameter.requires_grad_(not frozen)
