"""The benchmark of the marks does to pictures what its lines say."""

from pathlib import Path

import numpy as np
from skimage.data import astronaut

from benchmarks.marking import CHANGES, cut, milliseconds, pictures, scaled
from core.images import encode_png, resize


def test_changes_are_what_their_names_say() -> None:
    photo = resize(astronaut(), 400, 300)
    assert scaled(photo, 0.5).shape == (150, 200, 3)
    assert cut(photo, 0.1).shape == (270, 360, 3)
    assert np.array_equal(cut(photo, 0.1), photo[15:-15, 20:-20])
    assert np.array_equal(CHANGES["mirrored"](photo)[:, 0], photo[:, -1])
    for name, change in CHANGES.items():
        changed = change(photo)
        assert changed.dtype == np.uint8 and changed.ndim == 3, name
        assert name == "none" or changed.shape != photo.shape or not np.array_equal(changed, photo), name


def test_pictures_can_all_carry_the_watermark(tmp_path: Path) -> None:
    assert [photo.shape[:2] for photo in pictures(None, 3)] == [(256, 256), (400, 512), (1250, 1000)]
    for side in (200, 300):
        (tmp_path / f"{side}.png").write_bytes(encode_png(resize(astronaut(), side, side)))
    (tmp_path / "notes.txt").write_text("not looked at")
    assert [photo.shape[:2] for photo in pictures(tmp_path, 9)] == [(300, 300)]


def test_times_are_counted() -> None:
    calls: list[int] = []
    assert milliseconds(lambda: calls.append(1), 3) < 100
    assert len(calls) == 4
