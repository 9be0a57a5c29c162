"""What is said while a run goes on."""

import pytest

from curation.progress import Progress
from curation.stage import Drop


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left_count_what_this_run_did(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    progress = Progress(1000, 400, "pictures", clock)
    for number in range(100):
        clock.now += 0.125
        progress.add(Drop(stage="faces", reason="no face") if number % 4 == 0 else object())
    assert progress.line() == "500 of 1,000 pictures, 8.0 a second, 62 s left; 75 kept; dropped: 25 no face"
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2  # every five seconds


def test_reasons_beyond_four_are_summed_up() -> None:
    progress = Progress(10, 0, "pictures", Clock())
    for number in range(10):
        progress.add(Drop(stage="fetch", reason=f"reason {min(number, 5)}"))
    line = progress.line()
    assert "10 of 10 pictures; 0 kept; dropped: 5 reason 5" in line
    assert line.endswith("2 for other reasons")
