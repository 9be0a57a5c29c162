"""A run's course as TensorBoard event files, for looking on while it trains: tensorboard --logdir RUN/events.

losses.jsonl stays the source of truth; these files can be deleted at any time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.images import encode_jpeg

EVENTS_FOLDER = "events"


class Tracker:
    """Writes figures and pictures of a run into its folder; nothing leaves the machine."""

    def __init__(self, run: Path, step: int) -> None:
        """Go on after `step`: what a killed run wrote about later steps is hidden by readers of the files."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(run / EVENTS_FOLDER, purge_step=step + 1)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Figures by name; those whose name has no group in front ("group/name") are shown under "run"."""
        for name, value in values.items():
            tag = name if "/" in name else f"run/{name}"
            self._writer.add_scalar(tag, value, step)
        self._writer.flush()

    def picture(self, step: int, name: str, picture: npt.NDArray[np.uint8]) -> None:
        """A picture, (H, W, 3) uint8 RGB, kept as JPEG. Raises ValueError for another shape or type."""
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"expected a picture (H, W, 3) uint8, got {picture.shape} {picture.dtype}")
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        # A checksum is taken byte by byte in Python, so the small file counts; grids/ keeps what was lost in it.
        # The writer's own add_image would also scale the picture to the size it has.
        height_px, width_px = picture.shape[:2]
        jpeg = encode_jpeg(picture, quality=85)
        image = Summary.Image(height=height_px, width=width_px, colorspace=3, encoded_image_string=jpeg)
        files: Any = self._writer.file_writer  # typed as None, which it is only once closed
        files.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)
        self._writer.flush()

    def close(self) -> None:
        """Write out what is left; nothing may follow."""
        self._writer.close()
