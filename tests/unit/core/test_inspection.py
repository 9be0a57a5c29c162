"""Every kind of file that leaves carries every mark, and the look at it says so; others have none."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from core.errors import BadClip, BadImage
from core.images import Photo, encode_gif, encode_jpeg, encode_png, resize
from core.inspection import Findings, inspect, media_type_of
from core.marking import add_label, add_watermark, mark
from core.provenance import Made, sign_file
from core.sheet import caption_bar, contact_sheet
from core.video import write_mp4
from tests.honest_pictures import scene

MADE = Made(model="tiny", model_sha256="ab" * 32, ages=("70+",))


def portrait(size_px: int = 512) -> Photo:
    return resize(astronaut(), size_px, size_px)


def frames() -> list[Photo]:
    return [add_watermark(caption_bar(add_label(np.roll(portrait(320), 8 * step, axis=1)), "70")) for step in range(5)]


def sheet() -> Photo:
    return add_watermark(contact_sheet([add_label(portrait(256))] * 6, ["20-29"] * 6))


KINDS: dict[str, Callable[[Path], object]] = {
    "photo.png": lambda path: path.write_bytes(encode_png(mark(portrait()))),
    "large.png": lambda path: path.write_bytes(encode_png(mark(resize(scene(), 1500, 1000)))),
    "shown.jpg": lambda path: path.write_bytes(encode_jpeg(mark(portrait()), 92)),
    "tile.jpg": lambda path: path.write_bytes(encode_jpeg(mark(portrait(256)), 92)),
    "sheet.png": lambda path: path.write_bytes(encode_png(sheet())),
    "sweep.gif": lambda path: path.write_bytes(encode_gif(frames(), 10)),
    "sweep.mp4": lambda path: write_mp4(frames(), path),
    "clip.mp4": lambda path: write_mp4([mark(portrait())] * 4, path),
}
"""Every kind of file that leaves, made as the program makes it."""


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_carries_every_mark(tmp_path: Path, name: str) -> None:
    KINDS[name](tmp_path / name)
    sign_file(tmp_path / name, MADE)
    found = inspect(tmp_path / name)
    assert found.has_label and found.is_watermarked, found
    assert found.provenance is not None
    assert found.provenance.is_valid and found.provenance.made == MADE


def test_a_photo_carries_none(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(encode_jpeg(astronaut()))
    found = inspect(tmp_path / "x.jpg")
    assert found == Findings(
        media_type="image/jpeg",
        has_label=False,
        is_watermarked=False,
        watermark_score=found.watermark_score,
        watermark_threshold=6.5,
        provenance=None,
    )
    assert 0 < found.watermark_score < 5


def test_a_picture_heavier_than_a_server_takes_is_looked_at(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2900, 4000, 3), dtype=np.uint8)
    (tmp_path / "x.png").write_bytes(encode_png(add_label(noise)))
    assert (tmp_path / "x.png").stat().st_size > 32 << 20
    assert inspect(tmp_path / "x.png").has_label


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(encode_jpeg(mark(portrait())))
    assert inspect(tmp_path / "x.png").media_type == "image/jpeg"
    Image.fromarray(mark(portrait())).save(tmp_path / "x.bmp")
    found = inspect(tmp_path / "x.bmp")
    assert (found.media_type, found.provenance, found.is_watermarked, found.has_label) == ("", None, True, True)


def test_media_types_are_told_by_the_first_bytes(tmp_path: Path) -> None:
    webp = io.BytesIO()
    Image.fromarray(scene()).save(webp, "WEBP")
    write_mp4([resize(scene(), 64, 64)], tmp_path / "x.mp4")
    photo = resize(scene(), 64, 64)
    assert media_type_of(webp.getvalue()) == "image/webp"
    assert media_type_of(encode_png(photo)) == "image/png"
    assert media_type_of(encode_gif([photo], 5)) == "image/gif"
    assert media_type_of((tmp_path / "x.mp4").read_bytes()) == "video/mp4"
    assert media_type_of(b"") == media_type_of(b"RIFF") == ""


def test_a_film_longer_than_a_server_takes_is_looked_at(tmp_path: Path) -> None:
    write_mp4([mark(resize(scene(), 256, 256))] * 25, tmp_path / "x.mp4", fps=1)
    assert inspect(tmp_path / "x.mp4").has_label


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="There is no file"):
        inspect(tmp_path)
    (tmp_path / "x.txt").write_text("Dear Sir or Madam")
    with pytest.raises(BadImage, match="not a picture"):
        inspect(tmp_path / "x.txt")
    (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 200)
    with pytest.raises(BadImage, match="HEIC"):
        inspect(tmp_path / "x.heic")
    (tmp_path / "x.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"\0" * 200)
    with pytest.raises(BadClip):
        inspect(tmp_path / "x.mp4")
