"""What is kept of faces and outputs."""

import numpy as np

from core.images import resize
from training.observations import SHOWN_PX, spread, to_show


def test_rows_are_spread_over_all() -> None:
    assert spread(100, 3) == (0, 50, 99)
    assert spread(2, 12) == (0, 1)


def test_large_pictures_are_kept_smaller_and_small_ones_as_they_are() -> None:
    large = np.random.default_rng(0).integers(0, 256, (1, 2, SHOWN_PX + 64, SHOWN_PX + 64, 3), dtype=np.uint8)
    kept = to_show(large)
    assert kept.shape == (1, 2, SHOWN_PX, SHOWN_PX, 3)
    assert np.array_equal(kept[0, 1], resize(large[0, 1], SHOWN_PX, SHOWN_PX))
    small = large[:, :, :32, :32]
    assert np.array_equal(to_show(small), small)
    assert to_show(small[:0]).shape == (0, 2, 32, 32, 3)
