"""The faces that a run's configuration names, and this process's part of each batch."""

import numpy as np

from core.ages import group_system
from training.config import TrainingConfig
from training.data import FacesInMemory, FaceSource, Place, decoded, default_files, find_places
from training.memory import check_room
from training.processes import Processes
from training.stream import FacesFromShards, StreamConfig

SMALLER_WINDOWS = "give a smaller --row-groups-per-window, or write the files anew with smaller row groups"


def open_source(config: TrainingConfig, processes: Processes) -> FaceSource:
    """The faces, in memory or as they are needed. Raises DataBroken for bad data, or more than memory holds."""
    return _streamed(config, processes) if config.stream else _held(config, processes)


def _streamed(config: TrainingConfig, processes: Processes) -> FacesFromShards:
    shape = StreamConfig(
        size_px=config.generator.size_px,
        batch_size=config.batch_size,
        row_groups_per_window=config.row_groups_per_window,
        steps_per_window=config.steps_per_window,
        num_workers=config.num_workers,
    )
    source = FacesFromShards(
        config.data or default_files(),
        group_system(config.generator.groups),
        shape,
        seed=config.seed,
        own_age_share=config.own_age_share,
        rank=processes.rank,
        num_processes=processes.count,
    )
    # One window is drawn from while the next is read.
    check_room(source.most_faces, shape.size_px, processes.count_here, num_copies=2, way=SMALLER_WINDOWS)
    return source


def _held(config: TrainingConfig, processes: Processes) -> FacesInMemory:
    groups = group_system(config.generator.groups)
    places = find_places(config.data or default_files(), min_age_years=groups.first_years[0])
    return FacesInMemory(
        decoded(evenly(places, config.max_faces), config.generator.size_px, processes.count_here),
        groups,
        batch_size=config.batch_size,
        seed=config.seed,
        own_age_share=config.own_age_share,
        rank=processes.rank,
        num_processes=processes.count,
    )


def evenly(places: list[Place], count: int | None) -> list[Place]:
    """At most so many of the places, evenly spread over them: files are often sorted by age. None: all."""
    if count is None or count >= len(places):
        return places
    return [places[number] for number in np.linspace(0, len(places) - 1, count).round().astype(int)]
