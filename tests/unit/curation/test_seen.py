"""A face found, as a row and back."""

import numpy as np

from curation.seen import Seen


def test_it_comes_back_from_its_row() -> None:
    seen = Seen(
        photo_sha256="a" * 64, looks=("b" * 64, "c" * 64), photo_width_px=800, photo_height_px=600, face=b"\xff\xd8",
        sha256="d" * 64, long_hash="e" * 64, size_px=256, framing="ffhq", box=(1.0, 2.0, 3.0, 4.0),
        points=((1.0, 2.0),) * 5, points_convention="dlib5", num_faces=1, quality=(("crispness", 9.5),),
        age_read_years=30.0, age_read_low_years=25.0, age_read_high_years=36.0, estimator="age-estimator-128",
        embedding=np.array([0.6, 0.8], dtype=np.float32),
    )  # fmt: skip
    again = Seen.from_row(seen.to_row() | {"shard": 1})
    assert np.array_equal(again.embedding, seen.embedding)
    assert again.to_row() == seen.to_row()
