"""The archives of the page: the sample unless told otherwise; visitors name data sets of the Hub, never folders."""

import shutil
from pathlib import Path

import pytest

from cafdata.archive import Archive
from cafdata.sample import SAMPLE
from core.errors import ArchiveBroken
from demo.dataset.shelf import HOME, Shelf
from tests.make_archive import make_archive


def test_the_sample_is_there_and_nobody_writes_into_it() -> None:
    shelf = Shelf()
    assert shelf.is_sample and len(shelf.open(HOME)) == len(Archive(SAMPLE))
    assert shelf.keeper_folder(HOME) is None
    assert Shelf(str(SAMPLE)).keeper_folder(HOME) is None, "named by its path it is the sample too"


def test_what_changes_in_a_folder_is_seen_at_once(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "mine", 2)
    shelf = Shelf(str(archive.folder))
    first = shelf.open(HOME)
    assert shelf.open(HOME) is first and shelf.keeper_folder(HOME) == archive.folder
    archive.remove([first.picture_id(0)])
    assert len(shelf.open(HOME)) == len(first) - 1


@pytest.mark.parametrize("name", [".", "..", "/etc", "../sample", "cafdata/sample/shards", "a b/c", "~/x", "hf://a/b"])
def test_a_visitor_names_no_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SAMPLE, tmp_path / "sample")
    monkeypatch.chdir(tmp_path)
    shelf = Shelf()
    with pytest.raises(ArchiveBroken, match="OWNER/NAME"):
        shelf.open(name)
    assert shelf.keeper_folder(name) is None


def test_at_start_a_folder_must_be_an_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveBroken, match="no archive"):
        Shelf(str(tmp_path))
    with pytest.raises(ArchiveBroken, match="There is no archive"):
        Shelf(str(tmp_path / "absent"))
