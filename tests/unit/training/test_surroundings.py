"""What lies beside a face, and how far it moved."""

import numpy as np
import pytest

from core.align import UTKFACE, apply, invert
from core.detect import Face
from training.surroundings import beside, changed


@pytest.fixture
def face() -> Face:
    """A face of 100 px crop side in the middle of a photo of 300 x 400 px."""
    points = UTKFACE.template("arcface5", 100) + np.array([150, 100])
    return Face(box=(150, 90, 250, 200), points=points, convention="arcface5", score=1.0)


def test_the_oval_holds_the_face_and_the_rest_of_the_portrait_is_beside_it(face: Face) -> None:
    where = beside(face, (300, 400, 3))
    assert where.shape == (300, 400)
    for x, y in face.points.round().astype(int):
        assert not where[y, x]
    crop_corners = apply(invert(UTKFACE.matrix(face.points, "arcface5", 100)), [[1, 98], [98, 98]])
    for x, y in crop_corners.round().astype(int):
        assert where[y, x], "the neck beside the chin is no face"
    assert not where[0, 0], "outside the portrait nothing is looked at"
    assert 0.4 < where.sum() / (where.sum() + np.pi * 47 * 63) < 0.8


def test_only_what_lies_beside_counts(face: Face) -> None:
    random = np.random.default_rng(0)
    photo = random.integers(50, 200, (300, 400, 3)).astype(np.uint8)
    where = beside(face, photo.shape)
    inside = photo.copy()
    inside[~where] += 40
    assert changed(inside, photo, where) == 100
    outside = photo.copy()
    outside[where] += 2
    assert changed(outside, photo, where) == pytest.approx(20 * np.log10(255 / 2))
