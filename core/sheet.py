"""Pictures beside each other with their captions: the strip of ages, the contact sheet, the caption bar."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.images import Photo, require_photo
from core.marking import printable, typeface, typeface_fitting

PAPER: Final = (250, 250, 248)
INK: Final = (34, 36, 40)
BAR: Final = (20, 22, 26)
BAR_INK: Final = (245, 245, 245)
CAPTION_SHARE: Final = 0.085
"""Type size of a caption as a share of its tile's width."""
MIN_CAPTION_PX: Final = 12
MAX_SHEET_PIXELS: Final = 200_000_000


def contact_sheet(
    tiles: Sequence[Photo],
    captions: Sequence[str],
    *,
    columns: int | None = None,
    tile_px: int = 256,
    title: str = "",
) -> Photo:
    """Lay pictures out in rows on light paper, each with its caption below.

    Args:
        tiles: (H, W, 3) uint8 RGB of any sizes; each is fitted into a square without cropping.
        captions: one for each tile; "" for none.
        columns: tiles in a row; None chooses: all in one row up to five, else rows of equal length.
        tile_px: side of a tile's square, 16 at least.
        title: a line above all, "" for none.
    Returns:
        (H, W, 3) uint8 RGB.
    Raises:
        ValueError: no tiles, another number of captions, or a sheet beyond 200 million pixels.
    """
    if not tiles or len(tiles) != len(captions):
        raise ValueError(f"a sheet needs as many captions as tiles, got {len(captions)} and {len(tiles)}")
    if tile_px < 16 or (columns is not None and columns < 1):
        raise ValueError(f"a sheet needs tiles of 16 px and one column at least, got {tile_px} and {columns}")
    columns = min(columns or balanced_columns(len(tiles)), len(tiles))
    num_rows = -(-len(tiles) // columns)
    gap = max(4, round(tile_px * 0.05))
    caption_px = max(MIN_CAPTION_PX, round(tile_px * CAPTION_SHARE)) if any(captions) else 0
    title_px = max(MIN_CAPTION_PX, round(caption_px * 1.3)) if title else 0
    step_x, step_y = tile_px + gap, tile_px + gap + round(caption_px * 1.7)
    top = gap + round(title_px * 2)
    width_px, height_px = gap + columns * step_x, top + num_rows * step_y
    if width_px * height_px > MAX_SHEET_PIXELS:
        raise ValueError(f"a sheet of {width_px} x {height_px} px is too large; use smaller tiles")

    sheet = Image.new("RGB", (width_px, height_px), PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        write_line(draw, title, (gap, gap), title_px, width_px - 2 * gap, INK, anchor="ls")
    for index, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(index, columns)
        x, y = gap + column * step_x, top + row * step_y
        fitted = fit(Image.fromarray(require_photo(tile)), tile_px)
        sheet.paste(fitted, (x + (tile_px - fitted.width) // 2, y + (tile_px - fitted.height) // 2))
        if caption:
            write_line(draw, caption, (x + tile_px // 2, y + tile_px), caption_px, tile_px, INK, anchor="ms")
    return np.array(sheet)


def strip(tiles: Sequence[Photo], captions: Sequence[str], *, tile_px: int = 256) -> Photo:
    """All tiles in one row; arguments and result as `contact_sheet`."""
    return contact_sheet(tiles, captions, columns=max(1, len(tiles)), tile_px=tile_px)


def caption_bar(photo: Photo, text: str) -> Photo:
    """Photo with a dark bar below it that carries a line of text.

    The bar's height depends on the photo's width alone, so the frames of a video keep one size.

    Args:
        photo: (H, W, 3) uint8 RGB.
        text: one line; set smaller if it is too long, "" for an empty bar.
    Returns:
        (H + bar, W, 3) uint8 RGB; the upper H rows are the photo, untouched.
    """
    width_px = require_photo(photo).shape[1]
    type_px = max(MIN_CAPTION_PX, round(width_px * 0.05))
    bar = Image.new("RGB", (width_px, round(type_px * 1.9)), BAR)
    if text:
        centre = (width_px // 2, 0)
        write_line(ImageDraw.Draw(bar), text, centre, type_px, round(width_px * 0.94), BAR_INK, anchor="ms")
    return np.concatenate([photo, np.asarray(bar)])


def balanced_columns(num_tiles: int) -> int:
    """Columns that leave few holes: one row up to five tiles, then rows of at most six."""
    if num_tiles <= 5:
        return num_tiles
    return min((6, 5, 4), key=lambda columns: (-num_tiles % columns, -columns))


def fit(picture: Image.Image, side_px: int) -> Image.Image:
    """Picture scaled, up or down, so that its longer side is `side_px`."""
    scale = side_px / max(picture.size)
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    return picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)


def write_line(
    draw: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[int, int],
    type_px: int,
    width_px: int,
    ink: tuple[int, int, int],
    *,
    anchor: str,
) -> None:
    """Set a line whose letters stand in the middle of a band 1.9 times their size high, below `corner`."""
    text = printable(text)
    face: ImageFont.FreeTypeFont = typeface_fitting(text, type_px, width_px)
    capital = -typeface(type_px).getbbox("H", anchor="ls")[1]
    draw.text((corner[0], corner[1] + round((type_px * 1.9 + capital) / 2)), text, ink, face, anchor=anchor)
