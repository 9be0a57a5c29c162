"""What the decoder does inside its process, seen from inside: formats, colours, what it says when it refuses."""

from fractions import Fraction

import numpy as np
import pytest

from core.clip_decoding import OWN_LIMITS, ClipLimits, ClipStream, format_of, warm_up
from core.errors import BadClip
from core.high_range import HLG, PQ
from tests.make_clip import clip, moving_face
from tests.unit.core.test_high_range import coded

FIELDS = ([200, 30, 30], [30, 180, 60], [40, 60, 200], [224, 172, 105], [128, 128, 128], [250, 250, 250])


def test_containers_are_known_by_their_first_bytes() -> None:
    assert format_of(b"\x00\x00\x00\x20ftypisom") == "mov"
    assert format_of(b"\x1a\x45\xdf\xa3rest") == "matroska"
    playlist, script = b"#EXTM3U\nhttp://127.0.0.1/", b"ffconcat version 1.0\nfile /etc/passwd"
    for other in (b"", b"GIF89a", playlist, script, b"RIFF1234AVI "):
        with pytest.raises(BadClip, match="not a video that can be read here"):
            format_of(other)


@pytest.mark.parametrize(("height", "width"), [(240, 384), (720, 1152)], ids=["BT.601", "BT.709"])
def test_colours_are_those_of_the_standard_that_goes_without_saying(height: int, width: int) -> None:
    """Where a file says nothing, small pictures are taken for BT.601 and large ones for BT.709, as players do."""
    row = np.repeat(np.array(FIELDS, np.uint8), width // len(FIELDS), axis=0)
    picture = np.tile(row, (height, 1, 1))
    stream = ClipStream(clip([picture] * 2, matrix="601" if height < 720 else "709"), ClipLimits())
    _, frame = next(stream.frames())
    read = stream.picture(frame).astype(int)
    for number, field in enumerate(FIELDS):
        middle = (2 * number + 1) * width // (2 * len(FIELDS))
        assert np.abs(read[height // 2, middle - 4 : middle + 4].mean(0) - field).max() < 6, field


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_colours_of_high_dynamic_range_are_not_washed_out(transfer: int) -> None:
    """As telephones film by default; here stored with 8 bits, so a few levels coarser."""
    fields = np.array(FIELDS[:5], np.uint8)
    row = np.repeat(np.round(255 * coded(fields, transfer)).astype(np.uint8), 64, axis=0)
    stream = ClipStream(clip([np.tile(row, (128, 1, 1))] * 2, transfer=transfer), ClipLimits())
    _, frame = next(stream.frames())
    read = stream.picture(frame).astype(int)
    for number, field in enumerate(fields.astype(int)):
        assert np.abs(read[60:68, 64 * number + 28 : 64 * number + 36].mean((0, 1)) - field).max() < 16, field
        assert np.ptp(field) == 0 or np.ptp(read[64, 64 * number + 32]) > 0.85 * np.ptp(field), "not washed out"


def test_pixels_that_are_not_square_come_square() -> None:
    stream = ClipStream(clip(moving_face(2), pixel_ratio=Fraction(4, 3)), ClipLimits())
    _, frame = next(stream.frames())
    assert stream.picture(frame).shape == (240, 427, 3)
    with pytest.raises(BadClip, match="427 x 240 pixels; up to"):
        ClipStream(clip(moving_face(2), pixel_ratio=Fraction(4, 3)), ClipLimits(max_pixels=320 * 240))
    with pytest.raises(BadClip, match="107 x 240 pixels; each side must have at least 200"):
        ClipStream(clip(moving_face(2), pixel_ratio=Fraction(1, 3)), ClipLimits(min_side_px=200))


def test_refusals_name_the_thing_and_the_remedy() -> None:
    data = clip(moving_face(12))
    for limits, sentence in (
        (ClipLimits(max_pixels=320 * 200), "320 x 240 pixels; up to 64000 pixels in all"),
        (ClipLimits(max_s=0.3), "longer than 0.3 seconds; cut it"),
    ):
        with pytest.raises(BadClip, match=sentence.replace(".", r"\.")):
            list(ClipStream(data, limits).frames())


def test_limits_name_the_largest_usual_frame() -> None:
    assert [one.largest for one in (ClipLimits(), OWN_LIMITS, ClipLimits(max_pixels=1280 * 720))] == [
        "1920 x 1080", "3840 x 2160", "1280 x 720",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", [{"max_s": 0.0}, {"max_bytes": 0}, {"cpu_s": 9999.0}])
def test_impossible_limits_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ClipLimits(**wrong)  # type: ignore[arg-type]


def test_warming_up_reads_every_way() -> None:
    warm_up()
