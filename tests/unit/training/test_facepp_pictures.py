"""What is sent of a picture: its own bytes where the service takes them, the least change where it does not."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadImage
from tests.facepp_server import picture_error
from tests.unit.training.test_facepp import picture
from training.facepp_pictures import AS_IT_IS, AS_JPEG, MAX_REQUEST_BYTES, as_jpeg, fit_of, read_file, to_send


def encoded(width_px: int, height_px: int, kind: str, spread: float = 0.0) -> bytes:
    """A grey picture with as much noise as `spread` says; at 12 levels a PNG takes 2.3 bytes a pixel."""
    levels = np.random.default_rng(0).normal(120, spread, (height_px, width_px, 3))
    target = io.BytesIO()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(target, kind)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_the_service_takes_goes_byte_for_byte(kind: str) -> None:
    data = picture(kind=kind)
    assert fit_of(data, 1) == AS_IT_IS
    assert to_send([(data, AS_IT_IS), (data, AS_JPEG)]) == (data, as_jpeg(data, 2))


@pytest.mark.parametrize(
    ("data", "num_pictures"),
    [
        (encoded(64, 48, "WEBP"), 1),
        (encoded(4097, 300, "PNG"), 1),
        (encoded(930, 930, "PNG", 12), 1),
        (encoded(670, 670, "PNG", 12), 2),
        (encoded(1100, 1100, "BMP", 12), 8),
    ],
    ids=["format", "width", "weight", "weight of two", "smaller too"],
)
def test_what_it_does_not_take_goes_as_jpeg_within_its_limits(data: bytes, num_pictures: int) -> None:
    assert fit_of(data, num_pictures) == AS_JPEG
    sent = as_jpeg(data, num_pictures)
    assert len(sent) * num_pictures <= MAX_REQUEST_BYTES
    assert picture_error("image_file", sent) == ""
    before, after = (Image.open(io.BytesIO(one)) for one in (data, sent))
    assert after.width / after.height == pytest.approx(before.width / before.height, rel=0.02)


@pytest.mark.parametrize(
    "data",
    [encoded(47, 200, "PNG"), b"Dear Sir or Madam", picture()[:-30], b"", encoded(48 * 21, 48, "PNG")],
    ids=["small", "letter", "cut off", "empty", "a strip"],
)
def test_what_cannot_be_sent_is_refused_before_it_costs(data: bytes) -> None:
    with pytest.raises(BadImage):
        fit_of(data, 1)


def test_a_file_that_cannot_be_had_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.png", tmp_path):
        with pytest.raises(BadImage, match="is no file"):
            read_file(path)
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(33 << 20)
    with pytest.raises(BadImage, match="larger than"):
        read_file(huge)
