"""The label is there, is read, keeps to its corner, and is found again; with the watermark it makes the marks."""

import numpy as np
import pytest

from core.images import decode_photo, encode_jpeg, resize
from core.marking import add_label, add_watermark, has_label, mark, printable
from core.sheet import caption_bar, contact_sheet
from core.watermark import detect
from tests.honest_pictures import scene

SIZES = [(96, 96), (128, 128), (512, 512), (300, 900), (900, 300), (1500, 2000), (4000, 3000)]


def plate(height: int, width: int, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a label changed a plain picture: (bool mask, labelled picture)."""
    photo = np.full((height, width, 3), level, np.uint8)
    labelled = add_label(photo)
    assert np.array_equal(photo, np.full((height, width, 3), level, np.uint8)), "the photo itself was changed"
    return (labelled != photo).any(axis=2), labelled


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_label_is_legible_and_small(height: int, width: int, level: int) -> None:
    mask, labelled = plate(height, width, level)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert tall >= max(12, 0.03 * min(height, width))
    assert 2 * tall < wide < 0.62 * width
    assert mask.sum() < 0.12 * mask.size
    inside = labelled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert inside.max() > 240, "letters are white"
    assert np.percentile(inside, 30) < 110, "on a dark plate"


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_label_keeps_to_the_lower_right_corner(height: int, width: int) -> None:
    mask, _ = plate(height, width, 128)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert rows[0] > 0.7 * height
    assert columns[0] > 0.35 * width
    assert rows[-1] < height - 1
    assert columns[-1] < width - 1


def test_everything_else_is_untouched() -> None:
    photo = resize(scene(), 480, 320)
    labelled = add_label(photo)
    assert np.array_equal(labelled[:280], photo[:280])
    assert np.array_equal(labelled[:, :340], photo[:, :340])


def test_label_grows_with_the_picture() -> None:
    small, large = plate(500, 500, 128)[0], plate(2000, 2000, 128)[0]
    assert 3.5 < np.sqrt(large.sum() / small.sum()) < 4.5


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 16), (16, 320), (320, 16), (40, 40)])
def test_stamps_are_labelled_without_an_error(height: int, width: int) -> None:
    labelled = add_label(np.zeros((height, width, 3), np.uint8))
    assert labelled.shape == (height, width, 3)


def test_the_text_is_what_is_asked_for() -> None:
    photo = np.zeros((200, 400, 3), np.uint8)
    assert np.array_equal(add_label(photo), add_label(photo, "AI-aged"))
    assert not np.array_equal(add_label(photo), add_label(photo, "AI-aged to 70"))
    with pytest.raises(ValueError, match="text"):
        add_label(photo, " ")


def test_a_long_text_is_set_smaller() -> None:
    mask = (add_label(np.full((300, 300, 3), 90, np.uint8), "a label that goes on and on and on and on") != 90).any(
        axis=2
    )
    assert np.flatnonzero(mask.any(axis=0))[0] > 0.35 * 300


def test_letters_beyond_the_type_face_are_spelt() -> None:
    assert printable("20–29 → Zoë’s “50+”…") == '20-29 -> Zoe\'s "50+"...'
    assert printable("年 5\n\x00") == "? 5??"


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_label_is_found_again_and_none_where_there_is_none(height: int, width: int) -> None:
    photo = resize(scene(), width, height)
    assert not has_label(photo)
    assert has_label(add_label(photo))
    assert has_label(decode_photo(encode_jpeg(add_label(photo), 75)))
    assert not has_label(add_label(photo, "Holiday 2026"))
    assert has_label(add_label(photo, "Holiday 2026"), "Holiday 2026")


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_plain_picture_has_no_label(level: int) -> None:
    plain = np.full((300, 400, 3), level, np.uint8)
    assert not has_label(plain)
    assert has_label(add_label(plain))
    assert not has_label(plain[:8, :8])


def test_labels_are_found_on_the_tiles_of_a_sheet_and_above_a_caption() -> None:
    tiles = [resize(scene(), 256, 256), add_label(resize(scene(), 256, 256))]
    assert has_label(contact_sheet(tiles, ["today", "70+"]))
    assert not has_label(contact_sheet(tiles[:1] * 2, ["today", "70+"]))
    assert has_label(caption_bar(add_label(resize(scene(), 512, 512)), "70 years (group 70+)"))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_marks_are_both_there_where_both_fit(height: int, width: int) -> None:
    photo = resize(scene(), width, height)
    kept = photo.copy()
    marked = mark(photo)
    assert np.array_equal(photo, kept)
    assert has_label(marked)
    assert detect(marked).is_marked == (min(height, width) >= 256)
    if min(height, width) < 256:
        assert np.array_equal(marked, add_label(photo))


def test_a_small_picture_is_left_as_it_is_and_not_lent_out() -> None:
    photo = resize(scene(), 300, 255)
    same = add_watermark(photo)
    assert np.array_equal(same, photo) and same is not photo
