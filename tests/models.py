"""Descriptions of networks made on the spot."""

import dataclasses
from pathlib import Path

from core.generator import Generator
from core.weights import ModelInfo


def info_of(network: Generator) -> ModelInfo:
    """A description that fits a network whose weights lie in no file."""
    return ModelInfo(
        name="drawn-at-random",
        file="",
        sha256="0" * 64,
        architecture="agetrans",
        config=dataclasses.asdict(network.config),
        groups=network.config.groups,
        framing="utkface",
        size_px=network.config.size_px,
        licence="none",
        folder=Path(),
    )
