"""Seeded synthetic archives: drawn people of several ages, before backgrounds of their own."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cafdata.archive import Archive
from cafdata.picture_hash import perceptual_hash
from cafdata.record import Picture, Record
from cafdata.shards import ShardSize
from core.images import encode_jpeg
from tests.drawn import face

AGES = (4, 12, 25, 37, 48, 66)


def drawn_photo(person: int, age_years: int, size_px: int = 64) -> npt.NDArray[np.uint8]:
    """Drawing of a person at an age: (S, S, 3) uint8 RGB; blotches behind and over the face tell people apart."""
    random = np.random.default_rng([person, age_years])
    blotches = random.normal(0, 1, (6, 6, 3))
    smooth = np.stack(
        [
            np.asarray(Image.fromarray(blotches[..., channel]).resize((size_px, size_px), Image.Resampling.BICUBIC))
            for channel in range(3)
        ],
        axis=-1,
    )
    drawing = np.asarray(face(age_years, person % 2, random, size_px), np.float64)
    return np.clip(0.45 * drawing + 64 + 55 * smooth, 0, 255).astype(np.uint8)


def drawn_picture(person: int, age_years: int, size_px: int = 64, **changes: Any) -> Picture:
    """Picture of a drawn person with its record; `changes` are fields of the record."""
    photo = drawn_photo(person, age_years, size_px)
    return picture_of(
        encode_jpeg(photo, 90), photo, f"p{person:05d}/{age_years:02d}", f"person-{person:05d}", age_years, changes
    )


def picture_of(
    data: bytes,
    photo: npt.NDArray[np.uint8],
    picture_id: str,
    person_id: str,
    age_years: float,
    changes: dict[str, Any] | None = None,
) -> Picture:
    """Bytes and the photo they hold as a picture."""
    values: dict[str, Any] = {
        "picture_id": picture_id,
        "person_id": person_id,
        "sha256": hashlib.sha256(data).hexdigest(),
        "phash": perceptual_hash(photo),
        "age_min_years": float(age_years),
        "age_max_years": float(age_years),
        "age_provenance": "given",
        "source_url": f"https://photos.example.org/{picture_id}",
        "author": "A machine",
        "licence": "CC0-1.0",
        "framing": "utkface",
        "quality": (("sharpness", 0.5),),
        "width_px": photo.shape[1],
        "height_px": photo.shape[0],
    }
    return Picture(record=Record(**values | (changes or {})), data=data)


def drawn_pictures(num_people: int, *, first_person: int = 0, ages: tuple[int, ...] = AGES) -> Iterator[Picture]:
    """Every one of so many people at each of the ages."""
    for person in range(first_person, first_person + num_people):
        for age_years in ages:
            yield drawn_picture(person, age_years)


def make_archive(folder: Path, num_people: int = 4, size: ShardSize | None = None) -> Archive:
    """Archive of drawn people, six pictures each."""
    archive = Archive.create(folder, size=size)
    archive.append(drawn_pictures(num_people))
    return archive


def saved_again(data: bytes, quality: int) -> bytes:
    """The same picture as another JPEG."""
    target = io.BytesIO()
    Image.open(io.BytesIO(data)).save(target, "JPEG", quality=quality)
    return target.getvalue()
