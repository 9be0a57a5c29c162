"""Where tiles and captions lie on a sheet."""

import numpy as np
import pytest

from core.sheet import BAR, PAPER, balanced_columns, caption_bar, contact_sheet, strip


def tiles(count: int, height: int = 50, width: int = 50) -> list[np.ndarray]:
    """Plain pictures whose red level is 10 times their number."""
    return [np.full((height, width, 3), (10 * index, 200, 90), np.uint8) for index in range(count)]


def places(sheet: np.ndarray, index: int) -> tuple[int, int, int, int]:
    """(top, left, bottom, right), inclusive, of tile `index` on the sheet."""
    rows, columns = np.nonzero((sheet == (10 * index, 200, 90)).all(axis=2))
    return rows.min(), columns.min(), rows.max(), columns.max()


def test_tiles_stand_in_reading_order_at_full_size() -> None:
    sheet = contact_sheet(tiles(10), ["a"] * 10, columns=5, tile_px=100)
    corners = [places(sheet, index) for index in range(10)]
    assert all((bottom - top, right - left) == (99, 99) for top, left, bottom, right in corners)
    assert len({top for top, *_ in corners[:5]}) == 1
    assert corners[5][0] > corners[0][2] + 10, "room for captions"
    assert [left for _, left, *_ in corners[:5]] == sorted(left for _, left, *_ in corners[:5])
    assert [corner[1] for corner in corners[:5]] == [corner[1] for corner in corners[5:]]
    assert tuple(sheet[0, 0]) == PAPER


def test_each_caption_stands_under_its_tile() -> None:
    blank = contact_sheet(tiles(3), ["-", "-", "-"], columns=3, tile_px=120)
    written = contact_sheet(tiles(3), ["-", "70+ years", "-"], columns=3, tile_px=120)
    rows, columns = np.nonzero((blank != written).any(axis=2))
    _, left, bottom, right = places(blank, 1)
    assert bottom < rows.min()
    assert left <= columns.min() < columns.max() <= right
    assert abs((columns.min() + columns.max()) / 2 - (left + right) / 2) < 3


def test_a_picture_is_fitted_without_cropping_or_stretching() -> None:
    sheet = contact_sheet([tiles(1, 30, 60)[0]], [""], tile_px=200)
    top, left, bottom, right = places(sheet, 0)
    assert (bottom - top + 1, right - left + 1) == (100, 200)
    assert top + bottom == sheet.shape[0] - 1


def test_a_title_stands_above_and_captions_can_be_left_out() -> None:
    bare = contact_sheet(tiles(2), ["", ""], tile_px=100)
    titled = contact_sheet(tiles(2), ["", ""], tile_px=100, title="Ten ages")
    extra = titled.shape[0] - bare.shape[0]
    assert extra > 15
    assert np.array_equal(titled[extra + 4 :], bare[4:])
    assert (titled[: extra + 4] < 100).any()


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (4, 4), (5, 5), (6, 6), (8, 4), (10, 5), (12, 6), (16, 4)])
def test_columns_are_balanced(count: int, columns: int) -> None:
    assert balanced_columns(count) == columns
    assert contact_sheet(tiles(count), ["x"] * count, tile_px=20).shape[1] == 4 + columns * 24


def test_a_strip_is_one_row() -> None:
    row = strip(tiles(10), [str(index) for index in range(10)], tile_px=40)
    assert len({places(row, index)[0] for index in range(10)}) == 1


def test_a_long_caption_is_set_smaller() -> None:
    sheet = contact_sheet(tiles(2), ["a caption that is far too long for its tile", ""], tile_px=100)
    _, left, bottom, right = places(sheet, 0)
    columns = np.flatnonzero((sheet[bottom + 1 :] < 128).all(axis=2).any(axis=0))
    assert left <= columns.min() < columns.max() <= right


def test_impossible_sheets() -> None:
    with pytest.raises(ValueError, match="2 and 3"):
        contact_sheet(tiles(3), ["a", "b"])
    with pytest.raises(ValueError, match="0 and 0"):
        contact_sheet([], [])
    with pytest.raises(ValueError, match="0"):
        contact_sheet(tiles(1), [""], columns=0)
    with pytest.raises(ValueError, match="too large"):
        contact_sheet(tiles(100), [""] * 100, tile_px=3000)
    with pytest.raises(TypeError, match="float64"):
        contact_sheet([np.zeros((4, 4, 3))], [""])


@pytest.mark.parametrize("width", [96, 128, 512, 1280])
def test_caption_bar_leaves_the_photo_alone_and_keeps_one_size(width: int) -> None:
    photo = np.full((80, width, 3), 77, np.uint8)
    barred = [
        caption_bar(photo, text) for text in ("", "Age 20-29", "a text much too long for any bar of this width" * 3)
    ]
    assert len({frame.shape for frame in barred}) == 1
    for frame in barred:
        assert np.array_equal(frame[:80], photo)
        assert tuple(frame[-1, 0]) == BAR
    assert not (barred[0][80:] > 128).any()
    for frame in barred[1:]:
        rows, columns = np.nonzero((frame[80:] > 90).all(axis=2))
        assert rows.min() >= 2
        assert rows.max() < frame.shape[0] - 82
        assert columns.min() >= 1
        assert abs(columns.min() + columns.max() - width) < 0.05 * width + 3
