"""Event files as TensorBoard itself reads them: what is in them, and no step twice after a resumed run."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.track import EVENTS_FOLDER, Tracker


def read(run: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / EVENTS_FOLDER), size_guidance={"scalars": 0, "images": 0})
    return events.Reload()


def test_figures_and_pictures_are_found_again(tmp_path: Path) -> None:
    picture = np.zeros((16, 32, 3), dtype=np.uint8)
    picture[:, 16:] = (250, 20, 10)
    tracker = Tracker(tmp_path, 0)
    tracker.scalars(25, {"d": 1.5, "years/20-29": 24.0})
    tracker.picture(25, "grid", picture)
    events = read(tmp_path)  # before it is closed: one can look on
    assert sorted(events.Tags()["scalars"]) == ["run/d", "years/20-29"]
    assert [(entry.step, entry.value) for entry in events.Scalars("run/d")] == [(25, 1.5)]
    (image,) = events.Images("grid")
    shown = np.asarray(Image.open(io.BytesIO(image.encoded_image_string)))
    assert (image.width, image.height) == (32, 16)
    assert shown.shape == picture.shape and np.abs(shown.astype(int) - picture).mean() < 3
    tracker.close()


def test_after_a_resumed_run_each_step_is_there_once(tmp_path: Path) -> None:
    first = Tracker(tmp_path, 0)
    for step in (25, 50, 75, 100):
        first.scalars(step, {"d": 1.0})
    first.close()  # killed at 110, its last checkpoint being of step 60
    second = Tracker(tmp_path, 60)
    for step in (75, 100, 125):
        second.scalars(step, {"d": 2.0})
    second.close()
    entries = [(entry.step, entry.value) for entry in read(tmp_path).Scalars("run/d")]
    assert entries == [(25, 1.0), (50, 1.0), (75, 2.0), (100, 2.0), (125, 2.0)]


@pytest.mark.parametrize("shape", [(3, 8, 8), (8, 8), (8, 8, 4)])
def test_other_pictures_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tracker = Tracker(tmp_path, 0)
    with pytest.raises(ValueError, match="expected a picture"):
        tracker.picture(1, "grid", np.zeros(shape, dtype=np.uint8))
    tracker.close()
