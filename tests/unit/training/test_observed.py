"""What is kept of an evaluation that was not finished."""

import stat
from pathlib import Path

import numpy as np
import pytest

from core.errors import RunBroken
from training.observed import Observed, Part, clear


def part(number: float) -> Part:
    return {"cosines": np.full((2, 3), number), "total": np.arange(4)}


def test_a_part_is_seen_once_and_comes_back_bit_for_bit(tmp_path: Path) -> None:
    calls: list[int] = []

    def see() -> Part:
        calls.append(1)
        return part(np.pi)

    first = Observed(tmp_path, {"weights": "a"}).part(0, see)
    again = Observed(tmp_path, {"weights": "a"}).part(0, see)
    assert calls == [1]
    assert sorted(first) == sorted(again)
    for name, array in first.items():
        np.testing.assert_array_equal(again[name], array)
        assert again[name].dtype == array.dtype


def test_other_settings_are_another_evaluation(tmp_path: Path) -> None:
    Observed(tmp_path, {"weights": "a", "threads": 1}).part(0, lambda: part(1))
    for settings in ({"weights": "b", "threads": 1}, {"weights": "a", "threads": 2}):
        assert Observed(tmp_path, settings).part(0, lambda: part(2))["cosines"][0, 0] == 2


def test_only_the_owner_may_look_and_in_the_end_nothing_is_left(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    observed = Observed(tmp_path, {"weights": "a"})
    observed.part(0, lambda: part(1))
    assert stat.S_IMODE((tmp_path / ".observed").stat().st_mode) == 0o700
    Observed(tmp_path, {"weights": "b"}).part(0, lambda: part(1))
    assert "going on" not in capfd.readouterr().err
    Observed(tmp_path, {"weights": "a"})
    clear(tmp_path)
    assert "going on after 1 parts" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    observed = Observed(tmp_path, {})
    observed.part(3, lambda: part(1))
    (file,) = (tmp_path / ".observed").rglob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunBroken, match=r"000003\.npz is damaged .*; delete .* and evaluate again"):
        observed.part(3, lambda: part(1))
