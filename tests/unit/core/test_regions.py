"""Regions that are kept: glasses by geometry, hair and background by colour, and pasting leaves them alone."""

import numpy as np
import pytest
from skimage.data import astronaut

from core.align import apply
from core.detect import Face, open_pack
from core.paste import Paster
from core.regions import LOCKS, Lock, keep

ASTRONAUT = astronaut()
SIZE = 128


@pytest.fixture(scope="module")
def face() -> Face:
    return open_pack("embedded").detect(ASTRONAUT)[0]


def weight_at(face: Face, lock: Lock, photo_xy: tuple[float, float]) -> float:
    kept = keep(ASTRONAUT, face, {lock})
    assert kept is not None
    x, y = apply(kept.matrix, [photo_xy])[0].round().astype(int)
    return float(kept.weights[y, x])


def test_without_a_lock_nothing_is_computed(face: Face) -> None:
    assert keep(ASTRONAUT, face, ()) is None


def test_an_unknown_region_is_named(face: Face) -> None:
    with pytest.raises(ValueError, match="'teeth'"):
        keep(ASTRONAUT, face, ["teeth"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("lock", "inside", "outside"),
    [
        ("hair", (180, 50), (225, 130)),
        ("background", (130, 30), (225, 130)),
        ("glasses", (205, 110), (225, 155)),
    ],
)
def test_a_region_lies_where_it_should(
    face: Face, lock: Lock, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    assert weight_at(face, lock, inside) == 1
    assert weight_at(face, lock, outside) == 0


@pytest.mark.parametrize("lock", LOCKS)
def test_locked_pixels_equal_the_photos_and_others_change(face: Face, lock: Lock) -> None:
    kept = keep(ASTRONAUT, face, {lock})
    assert kept is not None
    # The crop is the kept weights' own, so that its pixels are known; the change is one that clips nowhere.
    matrix = np.array([[SIZE / 192, 0, 0], [0, SIZE / 192, 0]]) @ np.vstack([kept.matrix, [0, 0, 1]])
    photo = np.full_like(ASTRONAUT, 100)
    change = np.full((SIZE, SIZE, 3), 60, np.float32)
    pasted = Paster(photo.shape, matrix, SIZE, kept=kept).change(photo, change)
    rows, columns = np.indices(photo.shape[:2])
    places = apply(kept.matrix, np.stack([columns.ravel(), rows.ravel()], 1))
    near = np.clip(np.floor(places).astype(int), 0, 190)
    corners = [kept.weights[near[:, 1] + down, near[:, 0] + right] for down in (0, 1) for right in (0, 1)]
    locked = (np.min(corners, axis=0) == 1).reshape(rows.shape)
    assert locked.sum() > 500
    assert (pasted[locked] == photo[locked]).all()
    free = (np.max(corners, axis=0) == 0).reshape(rows.shape)
    unlocked = Paster(photo.shape, matrix, SIZE).change(photo, change)
    assert (pasted[free] == unlocked[free]).all()
    assert (pasted[free] != photo[free]).sum() > 500


def test_the_same_photo_gives_the_same_region(face: Face) -> None:
    one, other = (keep(ASTRONAUT, face, LOCKS) for _ in range(2))
    assert one is not None and other is not None and (one.weights == other.weights).all()
