"""One face chosen, and cut out without anything that its photo's file said."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.data import astronaut

from core.align import FFHQ, invert
from core.align import apply as mapped
from core.detect import Face
from curation.faces import FaceRules, as_file, choose_face, cut_out
from curation.stage import Drop


def face(left: float, top: float, side: float) -> Face:
    points = FFHQ.template("arcface5", 256) * side / 256 + (left, top)
    return Face(box=(left, top, left + side, top + side), points=points, convention="arcface5", score=0.9)


def test_the_only_face_is_taken() -> None:
    only = face(10, 10, 40)
    assert choose_face([only], FaceRules()) is only


def test_no_face() -> None:
    assert choose_face([], FaceRules()) == Drop(stage="faces", reason="no face")


def test_the_largest_is_taken_where_it_is_clearly_larger() -> None:
    large, small = face(0, 0, 125), face(200, 0, 100)  # areas 1.5625 to 1
    assert choose_face([small, large], FaceRules()) is large
    drop = choose_face([small, large], FaceRules(clearly_larger=1.6))
    assert isinstance(drop, Drop)
    assert (drop.stage, drop.reason) == ("faces", "several faces alike in size")
    assert "2 faces" in drop.detail and "125 px and 100 px" in drop.detail


@given(sides=st.lists(st.integers(20, 200), min_size=1, max_size=5), data=st.data())
def test_order_does_not_matter(sides: list[int], data: st.DataObject) -> None:
    faces = [face(300.0 * number, 0, side) for number, side in enumerate(sides)]
    shuffled = data.draw(st.permutations(faces))
    one, other = choose_face(faces, FaceRules()), choose_face(shuffled, FaceRules())
    assert one is other or one == other


def test_the_crop_has_the_face_where_the_framing_wants_it() -> None:
    photo = np.zeros((400, 400, 3), np.uint8)
    chosen = face(100, 80, 200)
    for x, y in np.round(chosen.points).astype(int):
        photo[y - 1 : y + 2, x - 1 : x + 2] = 255
    crop = cut_out(photo, chosen, FaceRules(size_px=512))
    assert crop.shape == (512, 512, 3)
    for x, y in np.round(FFHQ.template("arcface5", 512)).astype(int):
        assert crop[y, x].min() > 200
    assert cut_out(photo, chosen, FaceRules(framing="utkface", size_px=128)).shape == (128, 128, 3)


def test_a_tilted_face_is_made_level() -> None:
    photo = astronaut()
    tilt = np.array([[0.8, -0.6], [0.6, 0.8]])
    points = (FFHQ.template("arcface5", 120) - 60) @ tilt.T + 256
    box = (*points.min(0).tolist(), *points.max(0).tolist())
    tilted = Face(box=box, points=points, convention="arcface5", score=1.0)
    crop = cut_out(photo, tilted, FaceRules(size_px=120))
    matrix = invert(FFHQ.matrix(points, "arcface5", 120))
    x, y = np.round(mapped(matrix, [[30, 90]])[0]).astype(int)
    assert np.abs(crop[90, 30].astype(int) - photo[y, x]).max() < 60
    assert np.abs(crop.astype(int) - cut_out(photo, face(196, 196, 120), FaceRules(size_px=120))).mean() > 10


def test_the_file_holds_pixels_only() -> None:
    photo = astronaut()[:256, :256]
    data = as_file(photo)
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "JPEG"
    assert not picture.getexif() and "comment" not in picture.info and "icc_profile" not in picture.info
    assert b"Exif" not in data and b"http" not in data
    assert np.abs(np.asarray(picture).astype(int) - photo).mean() < 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("framing", "arcface"),
        ("size_px", 8),
        ("size_px", 4096),
        ("clearly_larger", 0.9),
        ("clearly_larger", float("nan")),
        ("min_face_px", -1.0),
        ("min_crispness", float("nan")),
        ("max_turn_degrees", 0.0),
        ("max_turn_degrees", 91.0),
        ("max_roll_degrees", 181.0),
        ("max_dark", 1.1),
        ("max_bright", -0.1),
        ("max_beyond", float("nan")),
        ("min_score", 2.0),
    ],
)
def test_rules_refuse_what_cannot_be(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=str(value) if name != "framing" else "arcface"):
        FaceRules(**{name: value})  # type: ignore[arg-type]
