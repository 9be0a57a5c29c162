"""What containers say about themselves, on bytes made by hand."""

import zlib

import numpy as np
import pytest

from core.containers import (
    is_cut_off,
    jpeg_ends_in_repetition,
    jpeg_scans,
    png_chunks,
    png_has_all_rows,
    recognise,
    webp_canvas_px,
)
from core.errors import BadImage
from tests.honest_pictures import png, saved, scene

START, END = b"\xff\xd8", b"\xff\xd9"
COMMENT = b"\xff\xfe\x00\x06" + END + b"\xff\xda"
SCAN = b"\xff\xda\x00\x03x"


def test_scans_of_a_jpeg() -> None:
    data = b"ab\xff\x00cd\xff\xd0ef"
    whole = START + COMMENT + SCAN + data + SCAN + b"gh" + END
    first = len(START + COMMENT + SCAN)
    second = first + len(data + SCAN)
    assert jpeg_scans(whole) == [(first, first + len(data)), (second, second + 2)]


@pytest.mark.parametrize("cut", [START, START + COMMENT, START + SCAN + b"ab\xff", START + SCAN + b"ab", START + END])
def test_scans_of_a_jpeg_without_its_end(cut: bytes) -> None:
    assert jpeg_scans(cut) == []
    assert is_cut_off("JPEG", cut)


def test_repetition_is_told_from_texture() -> None:
    noise = np.random.default_rng(3).integers(1, 255, 400, np.uint8).tobytes()
    for period in (b"\xa5", b"\x12\x34\x56", b"\x01\x82\x43\x24\x15"):
        plain = START + SCAN + noise[:100] + period * 60 + b"\x7f" + END
        assert jpeg_ends_in_repetition(plain, 1280)
    assert not jpeg_ends_in_repetition(START + SCAN + noise + END, 1280)
    assert jpeg_ends_in_repetition(START + SCAN + noise + END, 383), "too narrow to tell"
    assert jpeg_ends_in_repetition(START + SCAN + noise[:9] + b"\xff\xd0" + noise + END, 1280), "restarts"


def test_chunks_of_a_png() -> None:
    whole = png(2, 1, b"\0abcdef")
    chunks = png_chunks(whole)
    assert chunks is not None
    assert [name for name, _ in chunks] == [b"IHDR", b"IDAT"]
    assert zlib.decompress(chunks[1][1]) == b"\0abcdef"
    assert all(png_chunks(whole[:length]) is None for length in range(len(whole)))
    assert png_chunks(whole + b"tail") == chunks


def test_rows_of_a_png_are_counted() -> None:
    assert png_has_all_rows(png(2, 1, b"\0abcdef"))
    assert not png_has_all_rows(png(2, 1, b"\0abcde"))
    assert png_has_all_rows(png(9, 3, b"\0ab" * 3, depth=1, colour=0))
    assert not png_has_all_rows(png(9, 3, b"\0ab" * 2, depth=1, colour=0))
    large = np.random.default_rng(0).integers(0, 256, (400, 1 + 3 * 400), np.uint8)
    assert png_has_all_rows(png(400, 400, large.tobytes()))
    assert not png_has_all_rows(png(400, 401, large.tobytes()))


def test_webp_says_its_length_and_canvas() -> None:
    whole = saved(scene(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    assert webp_canvas_px(whole) == (96, 64)
    assert webp_canvas_px(saved(scene(), "WEBP")) == (0, 0)
    assert not is_cut_off("WEBP", whole)
    assert is_cut_off("WEBP", whole[:-1])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_formats_are_recognised_by_their_bytes(kind: str) -> None:
    assert recognise(saved(scene(), kind)) == kind


def test_a_stranger_is_named() -> None:
    with pytest.raises(BadImage, match="not a picture but a PDF document; choose a JPEG, PNG or WebP file"):
        recognise(b"%PDF-1.4")
