"""Words in packets go, pictures stay."""

import pytest

from core.clip_copying import format_for, without_words


def unit(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def test_units_of_words_are_left_out_of_h264() -> None:
    sei, picture, parameters = unit(b"\x06CANARY"), unit(b"\x65picture"), unit(b"\x67parameters")
    assert without_words(sei + parameters + sei + picture, "h264") == parameters + picture
    assert without_words(picture, "h264") == picture


def test_units_of_words_are_left_out_of_h265() -> None:
    before, after, picture = unit(b"\x4e\x01CANARY"), unit(b"\x50\x01CANARY"), unit(b"\x26\x01picture")
    assert without_words(before + picture + after, "hevc") == picture


def segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2, "big") + content


def test_segments_of_words_are_left_out_of_motion_jpeg() -> None:
    start, scan = b"\xff\xd8" + segment(0xE0, b"AVI1"), segment(0xDA, b"head") + b"picture\xff\xe1\xff\xd9"
    tables, words = segment(0xDB, b"tables"), segment(0xE1, b"Exif CANARY") + segment(0xFE, b"CANARY")
    assert without_words(start + words + tables + scan, "mjpeg") == start + tables + scan
    for broken in (start + words[:-1], start + b"rest", start + b"\xff\xe1\x00\x00", start + b"\xff"):
        assert without_words(broken, "mjpeg") is None


def test_other_codecs_are_left_alone() -> None:
    assert without_words(unit(b"\x06words"), "vp9") is None


@pytest.mark.parametrize(
    "data",
    [b"\x00\x00\x00\x01\x65start codes", unit(b"\x65picture") + b"\x00", b"\xff\xff\xff\xff\x65", unit(b"")],
    ids=["start codes", "rest", "too long", "empty unit"],
)
def test_what_is_not_made_of_units_is_left_alone(data: bytes) -> None:
    assert without_words(data, "h264") is None


def test_a_packet_of_nothing_but_words_stays_a_packet() -> None:
    assert without_words(unit(b"\x06words"), "h264") is None


@pytest.mark.parametrize(
    ("container", "video", "sound", "wanted"),
    [
        ("mov", "h264", "aac", ("mp4", "mp4")),
        ("mov", "h264", None, ("mp4", "mp4")),
        ("mov", "h264", "pcm_s16le", ("mov", "mov")),
        ("matroska", "vp9", "opus", ("webm", "webm")),
        ("matroska", "h264", "aac", ("mp4", "mp4")),
    ],
)
def test_browsers_play_what_is_written(container: str, video: str, sound: str | None, wanted: tuple[str, str]) -> None:
    assert format_for(container, video, sound) == wanted
