"""The search over a photo, with a detector for drawn faces: red squares, seen only away from the picture's edge."""

import numpy as np
import pytest
from scipy import ndimage

from core.align import UTKFACE, apply, invert
from core.candidates import Candidate, area, crispness, distinct, search, warnings_for

RED = (250, 10, 10)


class RedSquares:
    """A detector that, like SCRFD, misses what fills the picture, and what is under 8 px."""

    def __init__(self) -> None:
        self.sides_px: list[int] = []

    def __call__(self, picture: np.ndarray) -> list[Candidate]:
        self.sides_px.append(max(picture.shape[:2]))
        red = (picture[:, :, 0] > 200) & (picture[:, :, 1] < 80)
        found = []
        for rows, columns in ndimage.find_objects(ndimage.label(red)[0]):
            height, width = rows.stop - rows.start, columns.stop - columns.start
            touches = rows.start == 0 or columns.start == 0 or rows.stop == picture.shape[0]
            if min(height, width) < 8 or touches or max(height, width) > 0.9 * max(picture.shape[:2]):
                continue
            box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
            centre = np.array([(box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2])
            found.append(Candidate(box=box, score=0.9, points=centre + np.zeros((5, 2))))
        return found


def photo_with(height: int, width: int, *squares: tuple[int, int, int]) -> np.ndarray:
    """Grey photo with red squares given as left, top, side."""
    photo = np.full((height, width, 3), 90, np.uint8)
    for left, top, side in squares:
        photo[top : top + side, left : left + side] = RED
    return photo


def test_faces_come_in_photo_pixels_largest_first() -> None:
    detector = RedSquares()
    found = search(photo_with(2000, 3000, (200, 300, 100), (1500, 500, 900), (700, 1500, 300)), detector)
    assert [round(area(c.box) ** 0.5, -1) for c in found] == [900, 300, 100]
    assert np.abs(np.array(found[0].box) - [1500, 500, 2400, 1400]).max() < 6
    assert np.abs(found[0].points - [1949.5, 949.5]).max() < 3
    assert max(detector.sides_px) <= 640  # a large face needs no closer look


def test_a_face_that_fills_the_photo_is_found_with_a_border() -> None:
    found = search(photo_with(200, 200, (0, 0, 200)), RedSquares())
    assert len(found) == 1
    assert found[0].box == (0, 0, 200, 200)
    assert np.abs(found[0].points - 99.5).max() < 1


def test_small_faces_get_a_closer_look_of_at_most_1280_px() -> None:
    detector = RedSquares()
    found = search(photo_with(2000, 4000, (500, 500, 40), (2500, 900, 60)), detector)
    assert len(found) == 2
    assert np.abs(found[0].points - 29.5 - [2500, 900]).max() < 4
    assert max(detector.sides_px) == 1280


def test_no_face_is_an_empty_list() -> None:
    assert search(photo_with(300, 400), RedSquares()) == []


def test_what_is_no_photo_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        search(np.zeros((30, 30), np.uint8), RedSquares())


def candidate(left: float, top: float, right: float, bottom: float, score: float) -> Candidate:
    return Candidate(box=(left, top, right, bottom), score=score, points=np.zeros((5, 2)))


def test_duplicates_leave_the_best() -> None:
    one = candidate(0, 0, 100, 100, 0.8)
    shifted = candidate(10, 10, 110, 110, 0.9)
    inside = candidate(20, 20, 60, 60, 0.7)
    neighbour = candidate(80, 0, 180, 100, 0.6)
    assert distinct([one, shifted, inside, neighbour]) == [shifted, neighbour]


def textured(size_px: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)


def points_at(side_px: float, corner_px: float, nose_shift: float = 0.0, convention: str = "arcface5") -> np.ndarray:
    """Five points of a face whose UTKFace crop has `side_px` in the photo; nose shifted by eye distances."""
    scale = 200 / side_px
    matrix = invert([[1 / scale, 0, corner_px], [0, 1 / scale, corner_px]])
    points = apply(invert(matrix), UTKFACE.template(convention, 200))
    points[2 if convention == "arcface5" else 4, 0] += nose_shift * 77.7 / scale
    return points


def test_a_sharp_frontal_face_has_no_warning() -> None:
    for convention in ("arcface5", "dlib5"):
        assert warnings_for(textured(300), points_at(200, 50, convention=convention), convention) == ()


@pytest.mark.parametrize(("convention", "shift"), [("arcface5", 0.4), ("arcface5", -0.4), ("dlib5", 0.35)])
def test_profile(convention: str, shift: float) -> None:
    turned = points_at(200, 50, shift, convention)
    assert warnings_for(textured(300), turned, convention) == ("profile",)  # type: ignore[arg-type]


def test_tiny() -> None:
    assert warnings_for(textured(300), points_at(60, 100), "arcface5") == ("tiny",)
    assert warnings_for(textured(300), points_at(70, 100), "arcface5") == ()


def test_blurred_is_told_apart_from_crisp_and_from_small() -> None:
    """Soft shades of full contrast; the same with fine texture; the same crisp face as a small one."""
    ys, xs = np.indices((400, 400))
    shades = 128 + 100 * np.sin(xs / 25) * np.sin(ys / 25)
    grain = np.random.default_rng(0).normal(0, 15, (400, 400))
    soft, crisp = (np.clip(p, 0, 255).astype(np.uint8)[:, :, None].repeat(3, 2) for p in (shades, shades + grain))
    assert warnings_for(soft, points_at(200, 50), "arcface5") == ("blurred",)
    assert warnings_for(crisp, points_at(200, 50), "arcface5") == ()
    assert warnings_for(crisp, points_at(60, 150), "arcface5") == ("tiny",)
    assert crispness(crisp, points_at(200, 50), "arcface5") > 3 * crispness(soft, points_at(200, 50), "arcface5")
