"""What an event is handed as an upload: a file of the page's folder, or nothing at all."""

from pathlib import Path
from typing import Any

import pytest

from demo.answering import Refusal
from demo.uploads import uploaded


def test_a_file_of_the_folder_is_given(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    assert uploaded({"path": str(tmp_path / "photo.jpg")}, str(tmp_path)) == tmp_path / "photo.jpg"


@pytest.mark.parametrize(
    "upload", [None, 5, "photo.jpg", [], {}, {"path": None}, {"path": 5}, {"path": "/etc/passwd"}, {"path": "a\0b"}]
)
def test_anything_else_is_refused(tmp_path: Path, upload: Any) -> None:
    with pytest.raises(Refusal):
        uploaded(upload, str(tmp_path))


def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    (tmp_path / "kept.txt").write_text("kept")
    (folder / "link").symlink_to(tmp_path / "kept.txt")
    for named in (f"{folder}/../kept.txt", f"{folder}/link", str(folder), f"{folder}/missing"):
        with pytest.raises(Refusal):
            uploaded({"path": named}, str(folder))
