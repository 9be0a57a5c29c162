"""Who is seen at which ages, as a picture: a row a person, a column an age group."""

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from core.ages import TEN
from core.images import Photo
from core.sheet import INK, PAPER, write_line

COLUMN_PX: Final = 64
MAX_HEIGHT_PX: Final = 720
MIN_ROW_PX: Final = 1
MAX_ROW_PX: Final = 24
TITLE_PX, NAME_PX, RIM_PX = 16, 13, 14
SHADES: Final = ((232, 234, 233), (184, 219, 226), (116, 185, 203), (52, 138, 171), (20, 78, 120))
"""No picture, one, two, three or four, five and more; told apart in grey as well."""
KEYS: Final = ("none", "1", "2", "3-4", "5+")


def coverage_heatmap(coverage: npt.NDArray[np.int64]) -> Photo:
    """Draw how many pictures each person has in each age group.

    Args:
        coverage: (people, 10) counts, 0 or more. Of more people than the picture has rows, evenly spread ones are
            shown, and the title says so.
    Returns:
        (H, W, 3) uint8 RGB, about 700 x 800 at most.
    Raises:
        ValueError: another shape.
    """
    if coverage.ndim != 2 or coverage.shape[1] != len(TEN):
        raise ValueError(f"coverage is (people, {len(TEN)}) counts, got {coverage.shape}")
    num_people = len(coverage)
    rows = min(num_people, MAX_HEIGHT_PX // MIN_ROW_PX)
    shown = coverage[np.linspace(0, num_people - 1, rows).round().astype(int)] if rows else coverage
    row_px = int(np.clip(MAX_HEIGHT_PX // max(rows, 1), MIN_ROW_PX, MAX_ROW_PX))
    shade = np.array(SHADES, dtype=np.uint8)[np.digitize(shown, (1, 2, 3, 5))]
    field = shade.repeat(row_px, axis=0).repeat(COLUMN_PX, axis=1)
    if row_px >= 6:
        field[row_px - 1 :: row_px] = PAPER
    field[:, COLUMN_PX - 1 :: COLUMN_PX] = PAPER
    top, below = RIM_PX + 2 * TITLE_PX, 2 * NAME_PX + 3 * NAME_PX + RIM_PX
    width_px = 2 * RIM_PX + len(TEN) * COLUMN_PX
    picture = Image.new("RGB", (width_px, top + len(field) + below), PAPER)
    if rows:
        picture.paste(Image.fromarray(field), (RIM_PX, top))
    draw = ImageDraw.Draw(picture)
    title = f"Pictures by age group, each of {num_people:,} people a row"
    if rows < num_people:
        title = f"Pictures by age group, {rows} of {num_people:,} people, each a row"
    write_line(draw, title, (RIM_PX, RIM_PX // 2), TITLE_PX, width_px - 2 * RIM_PX, INK, anchor="ls")
    for number, name in enumerate(TEN.names):
        middle = RIM_PX + number * COLUMN_PX + COLUMN_PX // 2
        write_line(draw, name, (middle, top + len(field)), NAME_PX, COLUMN_PX, INK, anchor="ms")
    bottom = top + len(field) + 2 * NAME_PX + NAME_PX // 2
    for number, (name, colour) in enumerate(zip(KEYS, SHADES, strict=True)):
        left = RIM_PX + number * COLUMN_PX
        draw.rectangle((left, bottom + 5, left + 13, bottom + 18), fill=colour)
        write_line(draw, name, (left + 18, bottom), NAME_PX, COLUMN_PX - 18, INK, anchor="ls")
    return np.array(picture)
