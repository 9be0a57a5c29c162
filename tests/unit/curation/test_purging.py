"""What was removed on request leaves the working folder: by name, by address, by how it looks."""

from pathlib import Path
from typing import Any

import pytest

from cafdata.archive import Archive
from cafdata.picture_hash import look
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.takedown import Request, takedown
from cafdata.tombstones import Tombstone, Tombstones
from curation.carrying import FILE, read_waiting, write_waiting
from curation.columns import SEEN_NAMES
from curation.publishing.commands import takedown as take_down_here
from curation.purging import FORGOTTEN, REMOVED, purge, withdraw_removed
from curation.run_folder import RunFolder, drop_row
from tests.make_archive import drawn_photo, drawn_picture, saved_again
from tests.make_run import candidate, dropped_row, filled, made_run, seen_of, seen_row

AT = "2026-01-02T03:04:05+00:00"


def stones(marked: Any, *values: str) -> Tombstones:
    return Tombstones([Tombstone(marked=marked, value=value, at=AT) for value in values])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Five pictures of people 1 and 2 in two shards; the last is one of person 1 once more, saved anew, as person 3."""
    copied = saved_again(seen_row(candidate(1, 20))["face"], 60)
    rows = [
        seen_row(candidate(1, 20)),
        seen_row(candidate(1, 35)),
        seen_row(candidate(2, 30)),
        dropped_row(candidate(1, 60), "no face", stage="faces"),
        seen_row(candidate(3, 20), shows=(1, 20), face=copied, sha256="ab" * 32),
    ]
    return filled(made_run(tmp_path), rows)


def faces(run: RunFolder) -> set[str]:
    return {name for name, row in seen_of(run).items() if row["face"] is not None}


@pytest.mark.parametrize(
    ("marked", "value", "gone"),
    [
        ("person_id", "person-1", {"made/1-20", "made/1-35", "made/1-60"}),
        ("picture_id", "made/1-35", {"made/1-35"}),
        ("source_url", "https://photos.example.org/2/30", {"made/2-30"}),
        ("source_url", "https://photos.example.org/2/30.jpg", {"made/2-30"}),
        ("source_url", "https://photos.example.org/1/60.jpg", {"made/1-60"}),
        ("sha256", "ab" * 32, {"made/3-20"}),
        ("look", "the look of 1-20", {"made/1-20", "made/3-20"}),
        ("person_id", "nobody", set()),
    ],
)
def test_what_tombstones_name_is_forgotten(run: RunFolder, marked: str, value: str, gone: set[str]) -> None:
    before = seen_of(run)
    values = look(before["made/1-20"]["face"]) if marked == "look" else (value,)
    told: list[str] = []
    assert purge(run, stones(marked, *values), told.append) == len(gone)
    assert faces(run) == {"made/1-20", "made/1-35", "made/2-30", "made/3-20"} - gone
    kept = {"picture_id", "shard", "position"}
    after = seen_of(run)
    for name, row in after.items():
        if name not in gone:
            assert row == before[name]
            continue
        assert row["drop"] == {"stage": "archive", "reason": REMOVED, "detail": "", "is_passing": False}
        assert all(row[one] == before[name][one] for one in kept)
        assert row["long_hash"] is row["looks"] is row["age_read_years"] is row["photo_sha256"] is None
        assert {one for one, value in row.items() if value is not None} == {*kept, "drop"}
    for shard in run.shards():
        for row in run.read_listed(shard):
            left = {one for one, value in row.items() if value is not None}
            is_gone = row["picture_id"] in gone
            assert left == {*kept, "refusal"} if is_gone else {"person_id", "born", "url"} <= left
            assert row["refusal"] == (REMOVED if is_gone else None)
    assert bool(told) == bool(gone)
    assert purge(run, stones(marked, *values), told.append) == 0


def test_what_earlier_runs_forgot_by_half_is_forgotten_whole(run: RunFolder) -> None:
    """They left whom a picture shows, born when, by whom, and where it lay."""
    rows = list(run.read_seen(0))
    measures = dict.fromkeys(SEEN_NAMES) | {"drop": drop_row(FORGOTTEN)}
    run.rewrite_seen(0, [rows[0] | measures, *rows[1:]])
    assert purge(run, stones("picture_id", "made/1-20"), print) == 0
    row = seen_of(run)["made/1-20"]
    assert row["person_id"] is row["born"] is row["author"] is row["url"] is None
    assert seen_of(run)["made/1-35"] == rows[1]


def test_embeddings_of_the_shard_go_too(run: RunFolder) -> None:
    purge(run, stones("person_id", "person-2"), print)
    assert not run.embeddings_file(0).exists() and run.embeddings_file(1).exists()


def test_what_was_not_fetched_yet_will_not_be(run: RunFolder) -> None:
    """Also in the midst of a refresh, which goes on all the same."""
    run.write_listed(2, [candidate(1, 70), candidate(4, 70)])
    run.stale_file(0).touch()
    purge(run, stones("person_id", "person-1"), print)
    assert [row["refusal"] for row in run.read_listed(2)] == [REMOVED, None]
    assert [row["refusal"] for row in run.read_listed(0)] == [REMOVED, REMOVED, None, REMOVED]
    assert [row["born"] for row in run.read_listed(0)] == [None, None, "1960-01-01", None]
    assert [row["url"] is None for row in run.read_listed(2)] == [True, False]
    assert not run.is_done(0)


def test_without_tombstones_nothing_is_read(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    run.listed_file(0).write_bytes(b"damaged")
    assert purge(run, Tombstones(), print) == 0


def test_other_faces_look_otherwise(run: RunFolder) -> None:
    """The drawn people are near each other in nothing."""
    from core.images import encode_jpeg

    assert purge(run, stones("look", *look(encode_jpeg(drawn_photo(8, 44), 90))), print) == 0


@pytest.mark.parametrize("by_run", [True, False])
def test_questions_about_what_waited_go_too(run: RunFolder, by_run: bool) -> None:
    """Nobody shows the face of somebody who asked to be removed to an annotator, nor asks about it again."""
    archive = Archive.create(run.recipe.archive)
    queue = ReviewQueue(archive.folder)
    pairs = [("made/1-20",), ("made/2-30", "made/1-35"), ("made/3-20",), ("made/2-30",)]
    items = [
        ReviewItem(kind="pair" if len(one) == 2 else "picture", picture_ids=one, reason="?", source="s", added_at=AT)
        for one in pairs
    ]
    queue.add(items)
    takedown(archive, Request(person=("person-1",)))
    assert len(queue.items()) == 4, "the archive does not know whose pictures wait"
    archive.mark(stones("look", *look(seen_of(run)["made/1-20"]["face"])).stones)
    if by_run:
        assert purge(run, Tombstones.read(archive.folder), [].append) == 4
    else:
        assert withdraw_removed(archive.folder, run.folder) == 3
    assert [item.picture_ids for item in queue.items()] == [("made/2-30",)]
    assert queue.add(items) == 0
    assert withdraw_removed(archive.folder, run.folder) == 0
    assert withdraw_removed(archive.folder, archive.folder / "nowhere") == 0


def test_what_waits_for_another_picture_is_forgotten_too(run: RunFolder) -> None:
    first, other = drawn_picture(1, 20).record, drawn_picture(2, 30).record
    write_waiting(run, {"made/1-20": [first, other], "made/1-35": [first]})
    purge(run, stones("person_id", "nobody"), print)
    assert len(read_waiting(run)["made/1-20"]) == 2
    purge(run, stones("person_id", first.person_id), print)
    assert read_waiting(run) == {"made/1-20": [other]}
    purge(run, stones("sha256", other.sha256), print)
    assert not (run.folder / FILE).exists()


@pytest.mark.parametrize("asked", ["person-1", "person-3"])
@pytest.mark.parametrize("by", ["run", "review", "takedown"])
def test_who_has_two_names_is_removed_by_both(run: RunFolder, asked: str, by: str) -> None:
    """The archive has them under one, a source goes on naming the other; somebody answered that both are one person."""
    filled(run, [seen_row(candidate(*one)) for one in ((1, 20), (1, 35), (2, 30), (3, 40), (3, 50), (4, 30))])
    archive = Archive.create(run.recipe.archive)
    archive.append([drawn_picture(1, 20, person_id="person-1"), drawn_picture(3, 40, person_id="person-1")])
    queue = ReviewQueue(archive.folder)
    pairs = {("made/1-20", "made/3-40"): "same_person", ("made/1-35", "made/4-30"): "different_people"}
    waiting = ReviewItem(kind="picture", picture_ids=("made/3-50",), reason="?", source="s", added_at=AT)
    queue.add([waiting])
    for names, answer in pairs.items():
        item = ReviewItem(kind="pair", picture_ids=names, reason="?", source="s", added_at=AT)
        queue.add([item])
        queue.decide(item.item_id, answer, "anna", AT)
    if by == "takedown":
        assert take_down_here(archive.folder, person=(asked,)) == 0
    else:
        takedown(archive, Request(person=(asked,)))
    if by == "run":
        assert purge(run, Tombstones.read(archive.folder), print) == 4
        assert faces(run) == {"made/2-30", "made/4-30"}
    if by == "review":
        withdraw_removed(archive.folder, run.folder)
    marked = Tombstones.read(archive.folder).values
    assert marked["person_id"] == {"person-1", "person-3"}
    assert marked["picture_id"] >= {"made/1-20", "made/1-35", "made/3-40", "made/3-50"}
    assert queue.items() == () and len(archive) == 0
