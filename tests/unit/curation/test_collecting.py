"""What the engine brings back becomes shards: with what was known before, and without what a kill left."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from core.errors import CurationBroken
from core.images import encode_jpeg
from curation.collecting import collect, embed_missing, merged, outcome_of
from curation.columns import LISTED_NAMES, OUTCOME_NAMES
from curation.journal import Journal
from curation.run_folder import RunFolder, drop_row
from curation.stage import Drop
from tests.make_archive import drawn_photo
from tests.make_run import Row, candidate, dropped_row, filled, made_run, seen_row

ROWS = [seen_row(candidate(1, 20)), seen_row(candidate(1, 31)), dropped_row(candidate(2, 30), "not found")]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return filled(made_run(tmp_path), ROWS)


def back(row: Row, place: int, **changes: Any) -> Row:
    """A row as the engine gives it back, with nothing found."""
    empty = {name: None for name in OUTCOME_NAMES if name not in LISTED_NAMES}
    listed = {name: row.get(name) for name in LISTED_NAMES} | {"shard": 0, "position": place}
    return listed | empty | {"is_unchanged": False, "embedding": None} | changes


def test_a_row_is_what_was_listed_beside_what_was_found() -> None:
    row = {name: f"listed {name}" for name in LISTED_NAMES}
    made = outcome_of(row | {"looked": {"drop": None, "face": b"f", "url": "of the answer"}})
    assert made == row | {"drop": None, "face": b"f"}


def test_an_unchanged_picture_keeps_its_face_and_takes_its_new_facts(run: RunFolder) -> None:
    now = [back(row, place, is_unchanged=True, licence="CC-BY-4.0") for place, row in enumerate(ROWS)]
    made = merged(run, 0, now)
    for row, before in zip(made, ROWS, strict=True):
        assert row["licence"] == "CC-BY-4.0"
        assert (row["face"], row["drop"], row["answer"]) == (before.get("face"), before["drop"], before["answer"])
    assert made[0]["embedding"] is not None and made[2]["embedding"] is None
    run.write_seen(0, made)
    assert run.embeddings_file(0).exists()


def test_without_its_embedding_the_shard_is_embedded_anew(run: RunFolder) -> None:
    run.discard_embeddings()
    run.write_seen(0, merged(run, 0, [back(row, place, is_unchanged=True) for place, row in enumerate(ROWS)]))
    assert not run.embeddings_file(0).exists()


@pytest.mark.parametrize(("is_passing", "is_kept"), [(True, True), (False, False)])
def test_a_server_that_is_down_takes_no_picture_away_and_one_that_says_no_does(
    run: RunFolder, is_passing: bool, is_kept: bool
) -> None:
    drop = drop_row(Drop(stage="fetch", reason="busy", is_passing=is_passing))
    made = merged(run, 0, [back(row, place, drop=drop) for place, row in enumerate(ROWS)])
    assert [row["face"] is not None for row in made] == [is_kept, is_kept, False]
    assert (made[0]["drop"] is None) == is_kept
    assert made[2]["drop"]["reason"] == "busy"


def test_a_changed_picture_takes_the_place_of_the_old_one(run: RunFolder) -> None:
    now = seen_row(candidate(1, 20), shows=(5, 20))
    made = merged(run, 0, [back(ROWS[0], 0, **{name: now[name] for name in ("face", "sha256")}), back(ROWS[1], 1)])
    assert made[0]["face"] == now["face"] and made[1]["face"] is None


def test_what_is_done_is_not_done_again_and_leaves_no_journal(run: RunFolder) -> None:
    """A journal that a kill left would tell the next refresh old answers for new ones; it holds photos, too."""
    run.journal_file(0).write_bytes(b"answers")
    before = run.seen_file(0).read_bytes()
    collect(run)
    assert run.seen_file(0).read_bytes() == before
    assert not run.journal_file(0).exists()


def test_pictures_of_a_shard_that_is_gone_are_asked_for_as_new(tmp_path: Path) -> None:
    """Its file in `seen` was deleted; "unchanged" would leave neither a face nor a reason."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encode_jpeg(drawn_photo(1, 20), 90))
    one = candidate(1, 20, url=None, path=str(photo))
    run = filled(made_run(tmp_path), [seen_row(one)])
    tag = hashlib.sha256(photo.read_bytes()).hexdigest()
    run.write_rows_listed(0, [row | {"etag": tag} for row in run.read_listed(0)])
    run.seen_file(0).unlink()
    Journal(run.journal_file(0)).close()
    collect(run)
    (row,) = run.read_seen(0)
    assert row["drop"] is not None or row["face"] is not None
    assert [row["etag"] for row in run.read_listed(0)] == [None]


def test_damaged_shards_are_named_before_the_work_begins(run: RunFolder) -> None:
    data = bytearray(run.seen_file(0).read_bytes())
    data[len(data) // 4] ^= 0xFF
    run.seen_file(0).write_bytes(bytes(data))
    run.discard_embeddings()
    with pytest.raises(CurationBroken, match=r"seen/000000.parquet is damaged; delete it"):
        embed_missing(run)
    run.seen_file(0).unlink()
    listed = bytearray(run.listed_file(0).read_bytes())
    listed[len(listed) // 4] ^= 0xFF
    run.listed_file(0).write_bytes(bytes(listed))
    with pytest.raises(CurationBroken, match=r"listed/000000.parquet is damaged; delete .* begin anew"):
        collect(run)


def test_where_no_embedding_is_missing_nothing_is_done(run: RunFolder) -> None:
    before = run.embeddings_file(0).stat().st_mtime_ns
    embed_missing(run)
    assert run.embeddings_file(0).stat().st_mtime_ns == before
