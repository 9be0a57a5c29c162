"""The rule by which golden/README.md draws weights, inputs and noise, so that no weights need to travel."""

import functools
import math
import zlib

import numpy as np
import torch
from torch import Tensor

from core.reference import ReferenceGenerator
from core.reference_estimator import ReferenceEstimator


@functools.cache
def draw(name: str, shape: tuple[int, ...]) -> Tensor:
    """float32 of the standard normal distribution, seeded by the name. Kept: networks share most of it."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return torch.from_numpy(generator.standard_normal(shape, dtype=np.float32))


def drawn_reference(size_px: int, num_groups: int) -> ReferenceGenerator:
    """A reference generator whose every parameter is drawn by the rule."""
    network = ReferenceGenerator(size_px, num_groups).eval().requires_grad_(False)
    for key, value in network.state_dict().items():
        if key.endswith(".kernel") or key.startswith("noises."):
            continue
        drawn = draw(key, tuple(value.shape))
        if key.startswith("style.") and key.endswith(".weight"):
            drawn = 100 * drawn
        elif key.endswith(".modulation.bias"):
            drawn = 1 + 0.1 * drawn
        elif key.endswith((".bias", ".noise.weight")):
            drawn = 0.1 * drawn
        value.copy_(drawn)
    return network


def drawn_reference_estimator() -> ReferenceEstimator:
    """The reference's age estimator with every parameter drawn by the rule."""
    network = ReferenceEstimator().eval().requires_grad_(False)
    for key, value in network.state_dict().items():
        drawn = draw(key, tuple(value.shape))
        if value.ndim == 4:
            drawn = drawn * math.sqrt(2 / value[0].numel()) * (0.01 if key.startswith("conv1_") else 1)
        elif key.endswith("_bn.weight"):
            drawn = (1 + 0.1 * drawn) * (0.3 if key.endswith("increase_bn.weight") else 1)
        elif key.endswith("running_var"):
            drawn = (0.1 * drawn).exp()
        else:
            drawn = 0.1 * drawn
        value.copy_(drawn)
    return network


def picture(size_px: int) -> Tensor:
    """(1, 3, S, S) float32, -1..1."""
    return (0.5 * draw(f"image_{size_px}", (1, 3, size_px, size_px))).clamp(-1, 1)


def noise_maps(network: ReferenceGenerator) -> list[Tensor]:
    sizes = network.noise_sizes_px
    return [draw(f"noise_{network.size_px}_{i}", (1, 1, side, side)) for i, side in enumerate(sizes)]


def code(label: str, num_groups: int) -> Tensor:
    """(1, groups) float32 of "hard3" (one-hot) or "soft1_2_0.3" (0.7 on group 1, 0.3 on group 2)."""
    row = torch.zeros(1, num_groups)
    if label.startswith("hard"):
        row[0, int(label.removeprefix("hard"))] = 1
        return row
    first, second, share = label.removeprefix("soft").split("_")
    row[0, int(first)], row[0, int(second)] = 1 - float(share), float(share)
    return row
