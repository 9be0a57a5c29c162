"""The faces that a configuration names."""

import dataclasses
import itertools
from pathlib import Path

import pytest

from core.errors import DataBroken
from tests.drawn import face_parquet
from training.config import preset
from training.data import FacesInMemory
from training.memory import memory_bytes
from training.processes import Processes
from training.source import open_source


def test_a_part_of_a_file_sorted_by_age_holds_every_age(tmp_path: Path) -> None:
    file = face_parquet(tmp_path / "faces.parquet", count=90)
    config = dataclasses.replace(preset("tiny"), data=(str(file),), max_faces=30)
    source = open_source(config, Processes())
    assert isinstance(source, FacesInMemory)
    ages = source.faces.ages_years
    assert (len(ages), ages[0], ages[-1]) == (30, 0, 90)
    assert max(after - before for before, after in itertools.pairwise(ages)) <= 5


def test_windows_that_memory_does_not_hold_are_refused(tmp_path: Path) -> None:
    there = memory_bytes()
    if there is None:
        pytest.skip("this system does not tell how much memory it has")
    file = face_parquet(tmp_path / "faces.parquet")
    size_px = 1 << (int((there / 3 / 64) ** 0.5).bit_length())
    tiny = preset("tiny")
    shapes = [dataclasses.replace(one, size_px=size_px) for one in (tiny.generator, tiny.discriminator)]
    config = dataclasses.replace(
        tiny, generator=shapes[0], discriminator=shapes[1], data=(str(file),), max_faces=None, stream=True
    )
    with pytest.raises(DataBroken, match=r"64 faces .* give a smaller --row-groups-per-window"):
        open_source(config, Processes())
