"""The benchmark of the archive does the same work on both sides and says how long each took."""

from pathlib import Path

from benchmarks.archive import compare


def test_both_sides_are_timed(tmp_path: Path) -> None:
    found = compare(120, tmp_path)
    assert set(found) == {"write", "verify", "load"}
    assert all(ours > 0 and theirs > 0 for ours, theirs in found.values())
    assert (tmp_path / "archive" / "manifest.json").exists() and (tmp_path / "datasets").is_dir()
