"""What one look at a fetched picture found: everything the later stages need, so it is opened once only.

The embedding is a biometric identifier. It leaves memory only for the run's working folder, in a file of its own that
is deleted when the archive has the pictures.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from core.identity import Embedding


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Seen:
    """The face of one picture, cut out, with its measures."""

    photo_sha256: str
    """Of the file as it was fetched."""
    looks: tuple[str, ...]
    """Long hashes of the photo, whole and with its edges cut off (cafdata.picture_hash.look)."""
    photo_width_px: int
    photo_height_px: int
    face: bytes
    """The aligned crop as a JPEG file: what the archive keeps."""
    sha256: str
    """Of `face`."""
    long_hash: str
    """Long hash of the crop; its first 16 digits are the record's phash."""
    size_px: int
    """Side of the crop."""
    framing: str
    """Name of its framing in core.align."""
    box: tuple[float, float, float, float]
    """In the photo: left, top, right, bottom, pixels."""
    points: tuple[tuple[float, float], ...]
    """Five (x, y), pixels of the photo."""
    points_convention: str
    num_faces: int
    """Faces in the photo."""
    quality: tuple[tuple[str, float], ...]
    """Scores by name, see curation.quality."""
    age_read_years: float
    """As the estimator reads it."""
    age_read_low_years: float
    """Its 80 % interval."""
    age_read_high_years: float
    estimator: str
    """Name of the estimator."""
    embedding: Embedding
    """(D,) float32 of length 1."""

    def to_row(self) -> dict[str, Any]:
        """As plain values; the embedding as a list of numbers."""
        row = {name: getattr(self, name) for name in FIELD_NAMES}
        row["looks"] = list(self.looks)
        row["box"] = list(self.box)
        row["points"] = [list(point) for point in self.points]
        row["quality"] = [{"name": name, "value": value} for name, value in self.quality]
        row["embedding"] = self.embedding.tolist()
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Inverse of `to_row`; other columns are not looked at."""
        given = {name: row[name] for name in FIELD_NAMES}
        given["looks"] = tuple(given["looks"])
        given["box"] = tuple(given["box"])
        given["points"] = tuple(tuple(point) for point in given["points"])
        given["quality"] = tuple((score["name"], score["value"]) for score in given["quality"])
        given["embedding"] = np.asarray(given["embedding"], dtype=np.float32)
        return cls(**given)


FIELD_NAMES: Final = tuple(field.name for field in dataclasses.fields(Seen))
