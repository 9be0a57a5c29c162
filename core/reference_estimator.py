"""The published age estimator, layer by layer, so that its released weights load strictly.

    pixels, BGR 0..255, nothing subtracted
      -> conv1 7x7, pool -> stages 2..5 of bottleneck blocks (ResNet-50 as Caffe has it: the stride sits in the
         1x1 convolutions, the pooling rounds up) -> average 7x7 -> classage: softmax over the years 0..100

It was trained on whole pictures shrunk to 224 px, so it is given whole pictures, with no face cut out. Attribute
names are those of the released state dict.

Source: He et al. 2016 (ResNet-50), Cao et al. 2018 (VGGFace2, its first weights), Pan et al. 2018 (the loss);
reimplemented from a description, checked against golden values.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.ages import OLDEST_YEARS
from core.estimator import INTERVAL_SHARE, AgeReading, expectation, quantile, uncounted_norm

SIZE_PX = 224
STAGES = ((2, 3, 64), (3, 4, 128), (4, 6, 256), (5, 3, 512))
"""Number of a stage, its blocks, channels inside them; four times as many go out."""
WIDENING = 4
NORM_EPSILON = 1e-5
UNUSED_KEYS = frozenset(f"{layer}.{part}" for layer in ("classifier", "classgage", "fc") for part in ("weight", "bias"))
"""What else the released state dict holds: heads for other tasks, which nothing reads."""


class ReferenceEstimator(nn.Module):
    """AgeTransGAN's age estimator; see the module's text."""

    def __init__(self) -> None:
        super().__init__()
        self._add("conv1_7x7_s2", nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False))
        before = 64
        for stage, num_blocks, inner in STAGES:
            for block in range(1, num_blocks + 1):
                name, stride = f"conv{stage}_{block}", 2 if stage > 2 and block == 1 else 1
                outer = inner * WIDENING
                self._add(f"{name}_1x1_reduce", nn.Conv2d(before, inner, 1, stride=stride, bias=False))
                self._add(f"{name}_3x3", nn.Conv2d(inner, inner, 3, padding=1, bias=False))
                self._add(f"{name}_1x1_increase", nn.Conv2d(inner, outer, 1, bias=False))
                if block == 1:
                    self._add(f"{name}_1x1_proj", nn.Conv2d(before, outer, 1, stride=stride, bias=False))
                before = outer
        self.classage = nn.Conv2d(before, OLDEST_YEARS + 1, 1)

    def _add(self, name: str, conv: nn.Conv2d) -> None:
        self.add_module(name, conv)
        self.add_module(f"{name}_bn", uncounted_norm(conv.out_channels, NORM_EPSILON))

    def _normalised(self, name: str, features: Tensor) -> Tensor:
        out: Tensor = self.get_submodule(f"{name}_bn")(self.get_submodule(name)(features))
        return out

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, 224, 224) float32, BGR, 0..255, to (N, 101) float32 logits. ValueError for other shapes."""
        if pixels.ndim != 4 or pixels.shape[1:] != (3, SIZE_PX, SIZE_PX):
            raise ValueError(f"expected pixels of shape (N, 3, {SIZE_PX}, {SIZE_PX}), got {tuple(pixels.shape)}")
        features = F.relu(self._normalised("conv1_7x7_s2", pixels))  # (N, 64, 112, 112)
        features = F.max_pool2d(features, 3, stride=2, ceil_mode=True)  # (N, 64, 56, 56)
        for name, is_first in block_names():
            inner = F.relu(self._normalised(f"{name}_1x1_reduce", features))
            inner = F.relu(self._normalised(f"{name}_3x3", inner))
            skip = self._normalised(f"{name}_1x1_proj", features) if is_first else features
            features = F.relu(skip + self._normalised(f"{name}_1x1_increase", inner))
        pooled = F.avg_pool2d(features, 7)  # (N, 2048, 1, 1)
        logits: Tensor = self.classage(pooled).flatten(1).float()
        return logits

    def read(self, pictures: Tensor) -> AgeReading:
        """Ages of (N, 3, 224, 224) float32 whole pictures, RGB, -1..1.

        The interval holds 80 % of the network's own distribution; nobody has calibrated it.
        """
        probabilities = self.forward((pictures.flip(1) + 1) * 127.5).softmax(1)
        tail = torch.tensor((1 - INTERVAL_SHARE) / 2, device=pictures.device)
        years = expectation(probabilities)
        low, high = quantile(probabilities, tail), quantile(probabilities, 1 - tail)
        return AgeReading(years, torch.minimum(low, years), torch.maximum(high, years))


def block_names() -> Iterator[tuple[str, bool]]:
    """Names of the blocks in order, and whether a block is the first of its stage."""
    for stage, num_blocks, _ in STAGES:
        for block in range(1, num_blocks + 1):
            yield f"conv{stage}_{block}", block == 1
