"""Several faces of one photo, each at an age of its own, in one picture."""

from collections.abc import Sequence

import numpy as np

from core.aging import AgedFace, portrait
from core.align import Photo
from core.errors import NoFace
from core.images import resize
from core.marking import TILE_PX, add_label, add_watermark
from core.sheet import contact_sheet


def compose(results: Sequence[AgedFace]) -> Photo:
    """One photo with the changes of all its faces.

    Changes are added up, so that their order does not matter, and where two overlap neither is lost.

    Args:
        results: aged faces of one and the same photo, one at least.
    Returns:
        (H, W, 3) uint8 RGB, a new array.
    Raises:
        NoFace: none is to be changed.
        ValueError: they are of several photos.
    """
    if not results:
        raise NoFace("No face of this photo is to be changed. Pick an age for one of them.")
    original = results[0].original
    if any(aged.original is not original for aged in results):
        raise ValueError("faces of several photos cannot go into one")
    composed = original.astype(np.int16)
    for aged in results:
        composed[aged.region] += aged.patch.astype(np.int16) - original[aged.region]
    return np.clip(composed, 0, 255).astype(np.uint8)


def family_sheet(results: Sequence[AgedFace], names: Sequence[str], today: str) -> Photo:
    """Contact sheet with each face as it is and as it became, one below the other, the made one labelled.

    Args:
        results: aged faces of one photo, one at least.
        names: what stands below each made one.
        today: what stands below each as it is.
    Returns:
        (H, W, 3) uint8 RGB.
    """
    composed = compose(results)
    before = [portrait(results[0].original, aged.portrait_area) for aged in results]
    after = [add_label(resize(portrait(composed, aged.portrait_area), TILE_PX, TILE_PX)) for aged in results]
    captions = [*([today] * len(before)), *names]
    return add_watermark(contact_sheet([*before, *after], captions, columns=len(before), tile_px=TILE_PX))
