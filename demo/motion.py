"""What the tabs of moving pictures share: which model they use, and the ages it offers."""

from demo import boxes
from demo.studio import Studio

QUICK_PX = 256
"""Larger networks are too slow for frame after frame, and may need a card that is lent for single calls."""


def quick_model(studio: Studio) -> str:
    """The default model if it is quick, else the smallest there is."""
    if studio.info(studio.default_model).size_px <= QUICK_PX:
        return studio.default_model
    return min(studio.models, key=lambda info: info.size_px).name


def age_range(studio: Studio) -> tuple[int, int]:
    """Years that a slider offers, of the model used."""
    return boxes.age_range(studio.groups(quick_model(studio)))
