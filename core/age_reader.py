"""A face of a photo in, its apparent age with an interval out: an estimator with its framing and its device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core import device as compute_device
from core.align import Photo, crop, framing_named
from core.detect import Face
from core.device import Compute
from core.estimator import AgeReading, Estimator
from core.images import resize, to_tensor
from core.reference_estimator import ReferenceEstimator
from core.weights import WHOLE, LoadedModel, list_models, load


@dataclass(frozen=True, kw_only=True, slots=True)
class PresentAge:
    """How old a face is now."""

    years: float
    """Years, 0..100 where it was read."""
    interval_years: tuple[float, float] | None = None
    """Youngest and oldest age of the 80 % interval; None where the age was given, or a generator's encoder read it."""

    @property
    def whole_years(self) -> int:
        """Whole years begun, as people and the groups count: 17 until the 18th birthday."""
        return int(self.years)

    @property
    def whole_interval(self) -> tuple[int, int] | None:
        """The interval in whole years begun."""
        return None if self.interval_years is None else (int(self.interval_years[0]), int(self.interval_years[1]))


class AgeReader:
    """Reads ages with one estimator. Keeps nothing of one call for the next; safe to share between threads."""

    def __init__(self, model: LoadedModel, compute: Compute) -> None:
        """Raises ValueError for a model that makes pictures."""
        if not isinstance(model.network, Estimator | ReferenceEstimator):
            raise ValueError(f"{model.info.name} makes pictures and reads no ages; name an age estimator")
        self.info, self.compute = model.info, compute
        self.network = compute.place(model.network).eval()

    @property
    def takes_whole_photos(self) -> bool:
        """Whether it reads a photo as it is, no face cut out: the reference's estimator was trained that way."""
        return self.info.framing == WHOLE

    def read(self, photo: Photo, faces: Sequence[Face]) -> list[PresentAge]:
        """Ages of faces of one photo, in their order.

        Args:
            photo: (H, W, 3) uint8 RGB, 0..255.
            faces: faces of that photo.
        Raises:
            ValueError: the estimator takes whole photos only.
        """
        if self.takes_whole_photos:
            raise ValueError(f"{self.info.name} reads whole photos, not the faces in one")
        framing, size_px = framing_named(self.info.framing), self.info.size_px
        matrices = [framing.matrix(face.points, face.convention, size_px) for face in faces]
        return self._read([crop(photo, matrix, size_px, style=framing.style) for matrix in matrices])

    def read_whole(self, photo: Photo) -> PresentAge:
        """Age from a whole (H, W, 3) uint8 RGB photo. ValueError for an estimator that reads faces."""
        if not self.takes_whole_photos:
            raise ValueError(f"{self.info.name} reads faces, not whole photos")
        return self._read([resize(photo, self.info.size_px, self.info.size_px)])[0]

    def _read(self, pictures: list[Photo]) -> list[PresentAge]:
        if not pictures:
            return []
        with torch.inference_mode(), compute_device.autocast(self.compute):
            reading: AgeReading = self.network.read(self.compute.move(to_tensor(np.stack(pictures))))
        rows = zip(reading.years.tolist(), reading.low_years.tolist(), reading.high_years.tolist(), strict=True)
        return [PresentAge(years=years, interval_years=(low, high)) for years, low, high in rows]


def bundled_reader(compute: Compute) -> AgeReader | None:
    """A reader with the model folder's first estimator of our own, `core.weights.default_estimator`.

    None where the folder has no estimator, and only then: ages are then what a generator's own encoder reads,
    without an interval. An estimator that is listed but damaged is an error, as `core.weights.load` says.
    """
    names = [info.name for info in list_models() if info.architecture == "estimator"]
    return AgeReader(load(names[0]), compute) if names else None
