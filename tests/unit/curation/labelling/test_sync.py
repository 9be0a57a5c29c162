"""Without a server: which copies may go, and the note of an import that is under way."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ArchiveBroken
from curation.labelling.client import Access, LabelStudio
from curation.labelling.sync import NOTE, Note, copies, keys_of, remove_copies
from tests.label_stub import serving

TASKS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=12)


def rows(made: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {"id": number, "meta": {"key": str(key)}, "total_annotations": labels}
        for number, (key, labels) in enumerate(made)
    ]


@given(TASKS)
def test_one_of_each_stays_and_whatever_has_a_label(made: list[tuple[int, int]]) -> None:
    tasks = rows(made)
    doomed = copies(keys_of(tasks))
    left = [task for task in tasks if task["id"] not in doomed]
    assert {task["meta"]["key"] for task in left} == {task["meta"]["key"] for task in tasks}
    assert all(task in left for task in tasks if task["total_annotations"])
    for key in {task["meta"]["key"] for task in left}:
        same = [task for task in left if task["meta"]["key"] == key]
        assert len(same) == 1 or all(task["total_annotations"] for task in same)


def test_a_copy_that_somebody_labelled_meanwhile_stays_and_so_does_all_else() -> None:
    listed, later = rows([(0, 0), (0, 0)]), rows([(0, 1), (0, 1)])
    held = keys_of(listed)
    with serving() as stub, LabelStudio(Access(url=stub.url, token="x")) as client:
        stub.answers = [(200, json.dumps({"tasks": later, "total": 2}).encode()), (200, b"{}")]
        assert remove_copies(client, 3, held) == 0
        assert [method for method, _, _ in stub.seen] == ["GET"]
    assert held == keys_of(listed)


def test_tasks_of_others_are_not_seen() -> None:
    odd: list[dict[str, Any]] = [
        {"id": 1},
        {"id": 2, "meta": None},
        {"id": 3, "meta": {"key": 4}},
        {"id": 5, "meta": []},
    ]
    assert keys_of(odd) == {}


def test_a_note_is_there_before_and_gone_after(tmp_path: Path) -> None:
    note = Note(tmp_path, settle_s=1)
    note.write(7, ["a", "b"])
    kept = json.loads((tmp_path / NOTE).read_text())
    assert (kept["project"], kept["keys"]) == (7, ["a", "b"])
    note.clear()
    note.clear()
    assert not (tmp_path / NOTE).exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"project": "x", "keys": [], "sent_at_s": 0}'])
def test_a_damaged_note_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / NOTE).write_text(text)
    with (
        LabelStudio(Access(url="http://127.0.0.1:9", token="x")) as client,
        pytest.raises(ArchiveBroken, match="is damaged"),
    ):
        Note(tmp_path, settle_s=1).settle(client)
