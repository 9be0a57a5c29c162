"""The watermark in numbers: 1,000 pictures, none of which is called marked before it is and hardly one unmarked after.

Faces from ../shared where it lies beside the repository; else composites, parts of the astronaut and noise only.
"""

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage.data import astronaut

from core.images import Photo, decode_photo, encode_jpeg, resize
from core.marking import add_label, has_label, mark
from core.watermark import detect
from tests.conftest import SHARED

ROOT = Path(__file__).resolve().parents[2]


def clean_pictures() -> Iterator[Photo]:
    """Pictures of many kinds and sizes from 256 px up, in turns."""
    kinds = [kind() for kind in (faces, composites, parts, noise)]
    while True:
        for kind in kinds:
            if (photo := next(kind, None)) is not None:
                yield photo


def faces() -> Iterator[Photo]:
    for path in sorted((SHARED / "data").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(64, columns=["jpeg"]):
            for number, data in enumerate(batch["jpeg"].to_pylist()):
                yield resize(open_picture(data), 256 + 5 * number, 256 + 3 * number)


def composites() -> Iterator[Photo]:
    for path in sorted((ROOT / "cafdata/sample/shards").glob("*.parquet")):
        for data in pq.read_table(path, columns=["image"])["image"].to_pylist():
            photo = open_picture(data["bytes"] if isinstance(data, dict) else data)
            yield resize(photo, 300, 300)


def parts() -> Iterator[Photo]:
    whole, random = astronaut(), np.random.default_rng(1)
    while True:
        height, width = random.integers(256, 512, 2)
        top, left = random.integers(0, 512 - height), random.integers(0, 512 - width)
        yield np.ascontiguousarray(whole[top : top + height, left : left + width])


def noise() -> Iterator[Photo]:
    """White, brown, and fields of one colour."""
    random = np.random.default_rng(2)
    while True:
        white = random.normal(128, 40, (300, 280, 3))
        yield np.clip(white, 0, 255).astype(np.uint8)
        brown = np.cumsum(np.cumsum(white - 128, axis=0), axis=1) / 60 + 128
        yield np.clip(brown, 0, 255).astype(np.uint8)
        yield np.kron(random.integers(0, 256, (20, 20, 3), np.uint8), np.ones((16, 16, 1), np.uint8))


def open_picture(data: bytes) -> Photo:
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture.convert("RGB"))


def test_clean_pictures_are_not_called_marked(is_full: bool) -> None:
    """0 of 1,000; were a thousandth of all pictures called marked, 1,000 would show it in 63 of 100 runs."""
    num = 1000 if is_full else 50
    scores = [detect(photo).score for photo in islice(clean_pictures(), num)]
    assert len(scores) == num
    assert max(scores) < 6.5, max(scores)
    assert sum(has_label(photo) for photo in islice(clean_pictures(), num)) == 0


@pytest.mark.parametrize("resample", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_marks_are_found_again(is_full: bool, resample: Image.Resampling) -> None:
    """The label on all, as saved; the watermark on 95 of 100 at least after JPEG 75, half the size, and both."""
    num = 200 if is_full else 10
    found = np.zeros((num, 3), bool)
    for number, photo in enumerate(islice(clean_pictures(), num)):
        marked = mark(photo)
        labelled = add_label(photo)
        error = np.square(marked.astype(float) - labelled).mean()
        assert 10 * np.log10(255**2 / error) >= 42
        assert has_label(marked)
        size = (photo.shape[1] // 2, photo.shape[0] // 2)
        half = np.array(Image.fromarray(marked).resize(size, resample))
        saved = decode_photo(encode_jpeg(marked, 75))
        both = decode_photo(encode_jpeg(half, 75))
        found[number] = [detect(one).is_marked for one in (saved, half, both)]
    assert (found.mean(axis=0) >= 0.95).all(), found.mean(axis=0)
