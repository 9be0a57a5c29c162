"""What is left for an archive's keeper: filed once, bounded, and never a thing that cannot be."""

from pathlib import Path

import pytest

from cafdata.queue import ReviewQueue
from cafdata.removal_requests import RemovalRequests
from core.errors import ArchiveBroken
from demo.dataset.letterbox import REASONS, SOURCE, Letterbox, Pace, request_of
from demo.dataset.shelf import HOME, Shelf
from tests.make_archive import make_archive


def test_a_doubt_waits_in_the_review_queue_once(tmp_path: Path) -> None:
    folder = make_archive(tmp_path / "people", 2).folder
    letters = Letterbox()
    assert letters.doubt(folder, ("a", "b"), REASONS[0])
    assert not letters.doubt(folder, ("b", "a"), REASONS[0])
    (item,) = ReviewQueue(folder).open_items()
    assert item.source == SOURCE and set(item.picture_ids) == {"a", "b"}
    with pytest.raises(ValueError, match="a reason is one of"):
        letters.doubt(folder, ("a", "b"), "because")


def test_a_request_is_filed_once_and_only_so_many_in_an_hour(tmp_path: Path) -> None:
    folder = make_archive(tmp_path / "people", 2).folder
    letters = Letterbox(Pace(requests=2, doubts=0))
    request = request_of("person_id", "p1", "it is\nme", "")
    assert request.why == "it is me" and request.contact is None
    assert letters.request(folder, request)
    assert not letters.request(folder, request)
    with pytest.raises(ArchiveBroken, match="Try again in an hour"):
        letters.request(folder, request)
    assert len(RemovalRequests(folder).all()) == 1
    with pytest.raises(ArchiveBroken, match="cannot be sent"):
        request_of("source_url", "javascript:alert(1)", "it is me", "")


def test_only_the_archive_at_home_has_a_keeper_and_the_sample_none(tmp_path: Path) -> None:
    assert Shelf().is_sample and Shelf().keeper_folder(HOME) is None
    folder = make_archive(tmp_path / "people", 2).folder
    shelf = Shelf(str(folder))
    assert shelf.keeper_folder(HOME) == folder and shelf.keeper_folder("someone/else") is None
    with pytest.raises(ArchiveBroken):
        shelf.open(str(folder))
    with pytest.raises(ArchiveBroken, match="There is no archive"):
        Shelf(str(tmp_path / "nowhere"))
