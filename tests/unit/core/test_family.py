"""Several faces in one photo: all changes arrive, in any order, and where two overlap neither is lost."""

import dataclasses

import numpy as np
import pytest
from skimage.data import astronaut

from core.aging import AgedFace, Target
from core.align import Photo
from core.errors import NoFace
from core.family import compose, family_sheet

PHOTO = np.ascontiguousarray(astronaut()[:200, :300])


def aged(region: tuple[slice, slice], by: int, photo: Photo = PHOTO) -> AgedFace:
    patch = np.clip(photo[region].astype(int) + by, 0, 255).astype(np.uint8)
    target = Target(years=60, name="60")
    return AgedFace(
        target=target, face=patch, original=photo, patch=patch, region=region, portrait_area=(0, 0, 200, 200)
    )


LEFT, RIGHT = (slice(10, 100), slice(0, 150)), (slice(50, 150), slice(120, 280))


def test_every_change_arrives_in_any_order() -> None:
    one, other = aged(LEFT, 20), aged(RIGHT, -15)
    composed = compose([one, other])
    assert (composed == compose([other, one])).all()
    assert (composed[20, 20] == one.photo[20, 20]).all()
    assert (composed[140, 200] == other.photo[140, 200]).all()
    outside = np.ones(PHOTO.shape[:2], bool)
    outside[LEFT] = outside[RIGHT] = False
    assert (composed[outside] == PHOTO[outside]).all()


def test_where_two_overlap_both_count() -> None:
    photo = np.full((200, 300, 3), 100, np.uint8)
    both = (slice(50, 100), slice(120, 150))
    assert (compose([aged(LEFT, 20, photo), aged(RIGHT, -15, photo)])[both] == 105).all()


def test_one_face_is_as_ever() -> None:
    assert (compose([aged(LEFT, 20)]) == aged(LEFT, 20).photo).all()


def test_nothing_to_change_and_two_photos_are_refused() -> None:
    with pytest.raises(NoFace, match="Pick an age"):
        compose([])
    with pytest.raises(ValueError, match="several photos"):
        compose([aged(LEFT, 20), dataclasses.replace(aged(RIGHT, 5), original=PHOTO.copy())])


def test_the_sheet_shows_each_before_and_after() -> None:
    sheet = family_sheet([aged(LEFT, 20), aged(RIGHT, -15)], ["60", "7"], "today")
    assert sheet.shape[1] > 2 * 256 and sheet.shape[0] > 2 * 256
    top, bottom = sheet[100, 100].astype(int), sheet[100 + 256 + 13 + 37, 100].astype(int)
    assert (top != bottom).any()
