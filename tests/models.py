"""Descriptions of networks made on the spot."""

import dataclasses
from pathlib import Path

import torch

from core.estimator import Estimator, EstimatorConfig
from core.generator import Generator
from core.reference_estimator import SIZE_PX, ReferenceEstimator
from core.weights import WHOLE, Architecture, ModelInfo

TINY_ESTIMATOR = EstimatorConfig(size_px=32, patch_px=4, channels=(8, 16), blocks=(1, 1))
"""An estimator of a few thousand weights."""


def random_estimator(config: EstimatorConfig = TINY_ESTIMATOR, seed: int = 0) -> Estimator:
    """An estimator that learnt nothing, yet gives what a trained one does.

    Its normalisation has seen pictures; its distributions have one peak 7 years wide, and over random pictures the
    means lie about 40, most of them within 20 years of it.
    """
    torch.manual_seed(seed)
    network = Estimator(config).train()
    with torch.no_grad():
        for _ in range(40):
            network(torch.rand(8, 3, config.size_px, config.size_px) * 2 - 1)
        network.eval()
        features = network(torch.rand(32, 3, config.size_px, config.size_px) * 2 - 1).features
        direction = torch.linalg.svd(features - features.mean(0)).Vh[0]  # in which they differ most
        said = features @ direction
        direction *= 12 / said.std()
        years, variance = torch.arange(101.0), 7.0**2
        # exp(k m / v - k^2 / 2v) is a bell about m: a linear head that gives a bell about a linear reading.
        network.age_head.weight.copy_(years[:, None] * direction / variance)
        network.age_head.bias.copy_(years * (40 - said.mean() * 12 / said.std()) / variance - years**2 / (2 * variance))
        network.correction_years.copy_((years * 1.03 - 1.3).clamp(0, 100))
        network.interval_mass.fill_(0.73)
    return network.requires_grad_(False)


def info_of(network: Generator | Estimator | ReferenceEstimator) -> ModelInfo:
    """A description that fits a network whose weights lie in no file."""
    architecture: Architecture
    match network:
        case Generator():
            architecture, groups, framing = "agetrans", network.config.groups, "utkface"
        case Estimator():
            architecture, groups, framing = "estimator", "", "utkface"
        case ReferenceEstimator():
            architecture, groups, framing = "reference-estimator", "", WHOLE
    is_theirs = isinstance(network, ReferenceEstimator)
    return ModelInfo(
        name="drawn-at-random",
        file="",
        sha256="0" * 64,
        architecture=architecture,
        config={} if is_theirs else dataclasses.asdict(network.config),
        groups=groups,
        framing=framing,
        size_px=SIZE_PX if is_theirs else network.config.size_px,
        licence="none",
        folder=Path(),
    )
