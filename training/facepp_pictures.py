"""Pictures as Face++ takes them: JPEG or PNG, 48..4096 px a side, 2 MB a request. What cannot be is not paid for."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from core.containers import recognise
from core.decoding import DecodeLimits
from core.errors import BadImage
from core.isolation import shared_pool

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
MIN_SIDE_PX, MAX_SIDE_PX = 48, 4096
MAX_REQUEST_BYTES: Final = 1_990_000
"""Documented are 2 MB a file, and 2 MB a request before it is refused unread; the form takes a little of that."""
LIMITS: Final = DecodeLimits(min_side_px=MIN_SIDE_PX)
QUALITIES: Final = (95, 90, 85)
"""JPEG qualities that are tried before the picture is made smaller."""
SHRINK: Final = 0.8

Fit = str
"""How a picture goes: AS_IT_IS or AS_JPEG."""
AS_IT_IS, AS_JPEG = "as it is", "as JPEG"


def read_file(path: Path) -> bytes:
    """The bytes of a picture file. Raises BadImage with a sentence where they cannot be had."""
    if not path.is_file():  # a pipe would be waited for
        raise BadImage(f"{path.name} is no file")
    try:
        with path.open("rb") as file:
            data = file.read(LIMITS.max_bytes + 1)
    except OSError as error:
        raise BadImage(f"it cannot be read ({error.strerror})") from error
    if len(data) > LIMITS.max_bytes:
        raise BadImage(f"it is larger than {LIMITS.max_bytes} bytes")
    return data


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fit_of(data: bytes, num_pictures: int) -> Fit:
    """Whether a picture goes byte for byte, or must be written anew; it is decoded to know.

    Args:
        num_pictures: how many share the request.
    Raises:
        BadImage: damaged, no picture, or less than 48 px a side: enlarging it would invent what is asked about.
    """
    height_px, width_px = shared_pool().decode(data, LIMITS).shape[:2]
    fits = len(data) <= MAX_REQUEST_BYTES // num_pictures and max(height_px, width_px) <= MAX_SIDE_PX
    if not fits:
        smaller = MAX_SIDE_PX / max(height_px, width_px)
        if min(height_px, width_px) * smaller < MIN_SIDE_PX:
            raise BadImage(f"it is too long for the service: {width_px} x {height_px} px")
    return AS_IT_IS if fits and recognise(data) in ("JPEG", "PNG") else AS_JPEG


def as_jpeg(data: bytes, num_pictures: int) -> bytes:
    """The same picture upright, without metadata, within the limits: as few pixels and letters less as need be.

    Raises:
        BadImage: it cannot be decoded.
    """
    from core.images import encode_jpeg, resize

    photo = shared_pool().decode(data, LIMITS)
    height_px, width_px = photo.shape[:2]
    scale = min(1.0, MAX_SIDE_PX / max(height_px, width_px))
    while True:
        small = photo if scale == 1.0 else resize(photo, round(width_px * scale), round(height_px * scale))
        for quality in QUALITIES:
            made = encode_jpeg(small, quality)
            if len(made) <= MAX_REQUEST_BYTES // num_pictures:
                return made
        scale *= SHRINK


def to_send(pictures: Sequence[tuple[bytes, Fit]]) -> tuple[bytes, ...]:
    """The bytes that go into one request."""
    return tuple(data if fit == AS_IT_IS else as_jpeg(data, len(pictures)) for data, fit in pictures)
