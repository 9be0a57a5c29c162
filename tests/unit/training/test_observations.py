"""What is kept of faces and outputs."""

from training.observations import spread


def test_rows_are_spread_over_all() -> None:
    assert spread(100, 3) == (0, 50, 99)
    assert spread(2, 12) == (0, 1)
