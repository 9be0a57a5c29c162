"""The review queue: questions once each, decisions that stay, nothing about what was removed."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.tombstones import Tombstone, Tombstones
from core.errors import ArchiveBroken

AT = "2025-05-03T10:00:00+00:00"
ROOT = Path(__file__).resolve().parents[3]


def picture(name: str = "p1", **changes: Any) -> ReviewItem:
    values: dict[str, Any] = {"kind": "picture", "picture_ids": (name,), "reason": "two faces", "source": "curation"}
    return ReviewItem(**values | {"added_at": AT} | changes)


def pair(one: str, other: str) -> ReviewItem:
    return picture(kind="pair", picture_ids=(one, other), reason="below the threshold")


def test_a_question_is_there_once(tmp_path: Path) -> None:
    queue = ReviewQueue(tmp_path)
    assert queue.items() == ()
    assert queue.add([picture("p1"), picture("p2"), picture("p1")]) == 2
    later = "2025-06-03T10:00:00+00:00"
    assert queue.add([picture("p1", added_at=later), pair("p1", "p2"), pair("p2", "p1")]) == 1
    assert [item.picture_ids for item in queue.items()] == [("p1",), ("p2",), ("p1", "p2")]
    assert queue.add([picture("p1", reason="blurred"), picture("p1", source="demo")]) == 2


def test_a_decision_stays_when_the_question_comes_again(tmp_path: Path) -> None:
    queue = ReviewQueue(tmp_path)
    queue.add([picture("p1"), pair("p1", "p2")])
    decided = queue.decide(picture("p1").item_id, "remove", "anna", AT)
    assert (decided.decision, decided.decided_by, decided.decided_at) == ("remove", "anna", AT)
    assert queue.add([picture("p1")]) == 0
    assert queue.open_items() == (pair("p1", "p2"),)
    assert queue.items()[0] == decided
    assert queue.decide(picture("p1").item_id, "keep", "bo", AT).decision == "keep"


def test_what_cannot_be_decided_is_refused(tmp_path: Path) -> None:
    queue = ReviewQueue(tmp_path)
    queue.add([picture("p1")])
    with pytest.raises(ArchiveBroken, match="has no item 0000"):
        queue.decide("0000", "keep", "anna", AT)
    with pytest.raises(ValueError, match="decision is one of keep, remove"):
        queue.decide(picture("p1").item_id, "same_person", "anna", AT)
    assert queue.open_items() == (picture("p1"),)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "face"},
        {"picture_ids": ("a", "b")},
        {"kind": "pair", "picture_ids": ("a", "a")},
        {"picture_ids": ("=1",)},
        {"reason": ""},
        {"reason": "a\u202eb"},
        {"source": "a\nb"},
        {"added_at": "today"},
        {"decision": "keep"},
        {"decided_by": "anna"},
    ],
)
def test_questions_that_cannot_be_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        picture(**change)


def test_everything_about_a_picture_is_dropped(tmp_path: Path) -> None:
    queue = ReviewQueue(tmp_path)
    queue.add([picture("p1"), pair("p1", "p2"), pair("p3", "p2")])
    queue.decide(picture("p1").item_id, "keep", "anna", AT)
    assert queue.drop(["p1", "p9"]) == 2
    assert queue.items() == (pair("p3", "p2"),)
    assert queue.drop(["p1"]) == 0


def test_what_was_removed_on_request_is_not_asked_about(tmp_path: Path) -> None:
    Tombstones([Tombstone(marked="picture_id", value="p1", at=AT)]).write(tmp_path)
    queue = ReviewQueue(tmp_path)
    assert queue.add([picture("p1"), pair("p2", "p1"), picture("p2")]) == 1
    assert queue.items() == (picture("p2"),)


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1, "items": [{"kind": "picture"}]}', '{"version": 2}'])
def test_a_damaged_queue_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "queue.json").write_text(text)
    with pytest.raises(ArchiveBroken, match=r"queue\.json"):
        ReviewQueue(tmp_path).items()


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Two processes, ten questions each, one after the other."""
    code = (
        "import sys; from pathlib import Path; from cafdata.queue import ReviewItem, ReviewQueue\n"
        "for n in range(10): ReviewQueue(Path(sys.argv[1])).add([ReviewItem(kind='picture', reason='r', "
        f"picture_ids=(f'{{sys.argv[2]}}-{{n}}',), source='s', added_at={AT!r})])"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(n)], cwd=ROOT) for n in range(2)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    assert len(ReviewQueue(tmp_path).items()) == 20


def test_an_item_is_known_by_its_question() -> None:
    item = picture("p1")
    assert item.item_id == dataclasses.replace(item, added_at="2026-01-01T00:00:00Z").item_id
    assert item.item_id != picture("p2").item_id
    assert pair("a", "b").item_id == pair("b", "a").item_id
