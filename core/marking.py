"""The visible label that says a picture is not a photograph, and the type it is set in."""

import unicodedata
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

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
    text = printable(text)
    height_px, width_px = require_photo(photo).shape[:2]
    size_px = max(MIN_TYPE_PX, round(LABEL_SHARE * min(height_px, width_px)))
    face = typeface_fitting(text, size_px, MAX_LABEL_SHARE * width_px - size_px)
    size_px = round(face.size)
    pad_x, pad_y, margin = round(size_px * 0.55), round(size_px * 0.34), round(size_px * 0.5)
    _, top, _, bottom = face.getbbox("Ag|", anchor="ls")
    text_width, rise, fall = round(face.getlength(text)), -round(top), round(bottom)
    plate_width, plate_height = text_width + 2 * pad_x, rise + fall + 2 * pad_y
    x = width_px - margin - plate_width
    y = height_px - margin - plate_height

    plate = Image.new("L", (plate_width * SMOOTH, plate_height * SMOOTH))
    ImageDraw.Draw(plate).rounded_rectangle(
        (0, 0, plate.width - 1, plate.height - 1), radius=0.32 * plate.height, fill=round(0.66 * 255)
    )
    picture = Image.fromarray(photo)
    picture.paste((16, 18, 22), (x, y), plate.resize((plate_width, plate_height), Image.Resampling.BOX))
    ImageDraw.Draw(picture).text((x + pad_x, y + pad_y + rise), text, (255, 255, 255), face, anchor="ls")
    return np.array(picture)


def mark(photo: Photo, text: str = LABEL) -> Photo:
    """Copy of a made picture with every mark that pixels can carry; what `add_label` takes and raises."""
    return add_label(photo, text)
