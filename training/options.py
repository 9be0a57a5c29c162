"""What the command line's options do to a preset, and which of them it would have no use for."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.config import ReferenceConfig, TrainingConfig

OPTIONS = {
    "start_from": "--start-from",
    "seed": "--seed",
    "num_threads": "--threads",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "ema_half_life_faces": "--average-half-life",
    "jitter": "--jitter",
    "precision": "--precision",
    "reader": "--reader",
    "recogniser": "--recogniser",
    "identity_floor": "--identity-floor",
    "row_groups_per_window": "--row-groups-per-window",
    "steps_per_window": "--steps-per-window",
    "num_workers": "--workers",
}
"""Settings of a run that have an option of their own, in the order that a card names them."""
OF_STREAMING = ("row_groups_per_window", "steps_per_window", "num_workers")
"""Those that mean something with --stream alone."""
OF_OURS = {
    "reader": "reader of ages",
    "recogniser": "identity band",
    "identity_floor": "identity band",
    "jitter": "jitter",
}
"""Those that the published recipe has no use for, and what it lacks."""
PACE = ("learning_rate", "ema_half_life_faces")
"""Those that each of the two recipes has of its own."""


def with_options(config: TrainingConfig, options: Mapping[str, Any]) -> TrainingConfig:
    """The config with what was given.

    Args:
        options: settings by name, None for what was not given; "none" for no reader or no recogniser.
    Raises:
        ValueError: an option that would do nothing, or a value that is none.
    """
    given = {name: value for name, value in options.items() if value is not None}
    is_published = isinstance(config.generator, ReferenceConfig)
    for name in given:
        if is_published and name in OF_OURS:
            raise ValueError(f"the published recipe has no {OF_OURS[name]}; leave {OPTIONS[name]} out")
        if name in OF_STREAMING and not given.get("stream"):
            raise ValueError(f"{OPTIONS[name]} does nothing without --stream; give both or leave it out")
    if given.get("stream"):
        given["max_faces"] = None
    if is_published:
        pace = {name: given.pop(name) for name in PACE if name in given}
        given["reference"] = replace(config.reference, **pace)
    if given.get("reader") == "none":
        given["reader"] = None
    if "recogniser" in given:
        given["recogniser"] = None if given["recogniser"] == "none" else Path(given["recogniser"])
        given.setdefault("identity_floor", 0.0)  # the preset's is on the scale of the preset's recogniser
    return replace(config, **given)
