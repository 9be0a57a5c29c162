"""The marks that pixels carry: a visible label that says a picture is no photograph, and an invisible watermark."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from core import watermark
from core.images import Photo, require_photo

LABEL: Final = "AI-aged"

LABEL_SHARE: Final = 0.032
"""Height of the letters as a share of the picture's shorter side."""
MIN_TYPE_PX: Final = 11
"""Smallest type that is still read at arm's length."""
MAX_LABEL_SHARE: Final = 0.6
"""A label is never wider than this share of the picture, whatever its text."""
SMOOTH: Final = 4
"""The plate is drawn this many times larger, then shrunk, which rounds its corners smoothly."""

TILE_PX: Final = 256
"""Sheets are made of tiles of this size, each with a label of its own."""
SAME_LABEL: Final = 0.7
"""Correlation of a place in a picture with the drawn label from which it counts as one."""
MIN_CONTRAST: Final = 20
"""Standard deviation of the grey levels within a label, at least; white letters on their plate have 50 to 90."""

SPELT: Final = str.maketrans({"–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"',
                              "…": "...", "→": "->", "×": "x", "·": "-", "\u00a0": " "})  # fmt: skip


def printable(text: str) -> str:
    """Text in the letters the built-in type face has: accents dropped, dashes plain, the rest as "?"."""
    plain = unicodedata.normalize("NFKD", text.translate(SPELT))
    kept = (char for char in plain if not unicodedata.combining(char))
    return "".join(char if " " <= char <= "~" else "?" for char in kept)


@lru_cache(maxsize=32)
def typeface(size_px: int) -> ImageFont.FreeTypeFont:
    """Pillow's own type face, so that no font need be installed; `size_px` is its em."""
    face = ImageFont.load_default(size_px)
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType, so no text can be drawn")
    return face


def typeface_fitting(text: str, size_px: int, width_px: float) -> ImageFont.FreeTypeFont:
    """The type face at `size_px`, or as much smaller as `text` needs to fit into `width_px`."""
    while size_px > 1 and (length := typeface(size_px).getlength(text)) > width_px:
        size_px = max(1, min(size_px - 1, int(size_px * width_px / length)))
    return typeface(size_px)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Plate:
    """A label as it is drawn."""

    tint: Image.Image
    """8-bit grey: how far the plate covers the picture."""
    letters: Image.Image
    """8-bit grey, of the same size: how far the letters do."""
    margin_px: int
    """Distance from the picture's edges."""


@lru_cache(maxsize=32)
def _plate(text: str, height_px: int, width_px: int) -> _Plate:
    """The label of a picture of that size."""
    text = printable(text)
    size_px = max(MIN_TYPE_PX, round(LABEL_SHARE * min(height_px, width_px)))
    face = typeface_fitting(text, size_px, MAX_LABEL_SHARE * width_px - size_px)
    size_px = round(face.size)
    pad_x, pad_y = round(size_px * 0.55), round(size_px * 0.34)
    _, top, _, bottom = face.getbbox("Ag|", anchor="ls")
    rise, fall = -round(top), round(bottom)
    size = (round(face.getlength(text)) + 2 * pad_x, rise + fall + 2 * pad_y)
    tint = Image.new("L", (size[0] * SMOOTH, size[1] * SMOOTH))
    ImageDraw.Draw(tint).rounded_rectangle(
        (0, 0, tint.width - 1, tint.height - 1), radius=0.32 * tint.height, fill=round(0.66 * 255)
    )
    letters = Image.new("L", size)
    ImageDraw.Draw(letters).text((pad_x, pad_y + rise), text, 255, face, anchor="ls")
    return _Plate(tint=tint.resize(size, Image.Resampling.BOX), letters=letters, margin_px=round(size_px * 0.5))


def add_label(photo: Photo, text: str = LABEL) -> Photo:
    """Copy of a photo with a small dark plate in its lower right corner that says what it is.

    The plate grows with the picture (letters about 3 % of the shorter side, 11 px at least) and is at
    most 60 % of the picture wide, so that it stays in its corner.

    Args:
        photo: (H, W, 3) uint8 RGB.
        text: a few words; letters outside ASCII are spelt plainly.
    Returns:
        (H, W, 3) uint8 RGB; equal to `photo` outside the plate.
    Raises:
        ValueError: no text.
    """
    if not text.strip():
        raise ValueError("a label needs a text, got none")
    height_px, width_px = require_photo(photo).shape[:2]
    plate = _plate(text, height_px, width_px)
    corner = (width_px - plate.margin_px - plate.tint.width, height_px - plate.margin_px - plate.tint.height)
    picture = Image.fromarray(photo)
    picture.paste((16, 18, 22), corner, plate.tint)
    picture.paste((255, 255, 255), corner, plate.letters)
    return np.array(picture)


def has_label(photo: Photo, text: str = LABEL) -> bool:
    """Whether a label as `add_label` draws it is anywhere in a picture: in its corner, or on the tile of a sheet.

    One that was rescaled together with its picture is not found.

    Args:
        photo: (H, W, 3) uint8 RGB.
    """
    height_px, width_px = require_photo(photo).shape[:2]
    grey = cv2.cvtColor(np.ascontiguousarray(photo), cv2.COLOR_RGB2GRAY)
    for size in {(height_px, width_px), (TILE_PX, TILE_PX)}:
        letters = np.asarray(_plate(text, *size).letters)
        if letters.shape[0] > height_px or letters.shape[1] > width_px:
            continue
        alike = cv2.matchTemplate(grey, letters, cv2.TM_CCOEFF_NORMED)
        # Where all is of one colour OpenCV says anything: the contrast is asked for by itself.
        deviation = _deviation(grey, letters.shape)[: alike.shape[0], : alike.shape[1]]
        if ((alike >= SAME_LABEL) & (deviation >= MIN_CONTRAST)).any():
            return True
    return False


def _deviation(grey: npt.NDArray[np.uint8], window: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Standard deviation of the levels in a window (height, width) that begins at each pixel."""
    levels = grey.astype(np.float32)
    size, start = (window[1], window[0]), (0, 0)
    mean = cv2.blur(levels, size, anchor=start)
    deviation: npt.NDArray[np.float32] = np.sqrt(np.maximum(cv2.blur(levels**2, size, anchor=start) - mean**2, 0))
    return deviation


def add_watermark(photo: Photo) -> Photo:
    """Copy with the invisible watermark; one below 256 px on a side, which cannot carry it, as it is."""
    if min(require_photo(photo).shape[:2]) < watermark.MIN_SIDE_PX:
        return photo.copy()
    return watermark.embed(photo)


def mark(photo: Photo, text: str = LABEL) -> Photo:
    """Copy of a made picture with every mark that pixels can carry; what `add_label` takes and raises.

    To be called last: what is drawn beside or around a picture afterwards takes the watermark away.
    """
    return add_watermark(add_label(photo, text))
