"""A reader finds the old file or the new one, whatever happens to the writer."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.files import replacing, write_atomic

ROOT = Path(__file__).resolve().parents[3]


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_an_error_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, b"old")

    def fail() -> None:
        with replacing(path) as draft:
            draft.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.bin", b"")
    (tmp_path / "b.bin").write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == stat.S_IMODE((tmp_path / "b.bin").stat().st_mode)


def test_the_umask_is_left_to_the_other_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[int] = []
    monkeypatch.setattr(os, "umask", lambda mask: changed.append(mask) or 0o022)
    write_atomic(tmp_path / "a.bin", b"")
    assert changed == []


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "none" / "a.bin", b"")


def test_a_killed_writer_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    """A process that writes two contents in turn is killed while it does."""
    path = tmp_path / "a.bin"
    code = (
        "import sys\nfrom pathlib import Path\nfrom core.files import write_atomic\n"
        "path = Path(sys.argv[1])\nprint('on', flush=True)\n"
        "while True:\n    write_atomic(path, b'a' * 3_000_000)\n    write_atomic(path, b'b' * 2_000_000)\n"
    )
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(20):
            if path.exists():
                assert path.read_bytes() in (b"a" * 3_000_000, b"b" * 2_000_000)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert not path.exists() or path.read_bytes() in (b"a" * 3_000_000, b"b" * 2_000_000)
