"""The working folder: whose it is, what counts in it, what a kill or a damage does to it."""

import dataclasses
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from core.errors import CurationBroken
from curation.columns import OUTCOME
from curation.run_folder import RunFolder, drop_of, drop_row, read_json, write_rows
from curation.stage import Drop
from tests.make_run import candidate, dropped_row, embedding_of, filled, made_run, seen_of, seen_row


def rows(count: int = 3) -> list[dict[str, object]]:
    return [seen_row(candidate(1, 20 + age)) for age in range(count)]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    given = [*rows(), dropped_row(candidate(2, 30), "not found")]
    filled(run, given)
    found = seen_of(run)
    for row in given:
        assert {name: found[str(row["picture_id"])].get(name) for name in row if name != "embedding"} == {
            name: value for name, value in row.items() if name != "embedding"
        }
    names, embeddings = run.read_embeddings(0)
    assert names == [row["picture_id"] for row in rows()]
    assert np.array_equal(embeddings, np.stack([embedding_of(1, 20 + age) for age in range(3)]))
    assert (run.shards(), run.num_listed(0), run.is_done(0)) == ([0], 4, True)
    assert [row["picture_id"] for row in run.read_listed(0)] == [row["picture_id"] for row in given]


def test_the_same_rows_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    given = [row | {"shard": 0, "position": place} for place, row in enumerate(rows())]
    run.write_seen(0, given)
    run.write_seen(1, given[::-1])
    assert run.seen_file(0).read_bytes() == run.seen_file(1).read_bytes()
    assert run.read_embeddings(0)[0] == run.read_embeddings(1)[0]


def test_a_face_without_an_embedding_leaves_none_for_the_shard(tmp_path: Path) -> None:
    """They are all made again, so that none is of another time."""
    run = filled(made_run(tmp_path), rows())
    run.write_seen(0, [row | {"shard": 0, "position": 0, "embedding": None} for row in rows(1)])
    assert not run.embeddings_file(0).exists()


def test_writing_a_shard_ends_its_journal_and_its_mark_rewriting_it_does_not(tmp_path: Path) -> None:
    run = filled(made_run(tmp_path), rows())
    given = [row | {"shard": 0, "position": place} for place, row in enumerate(rows())]
    for path in (run.journal_file(0), run.stale_file(0)):
        path.touch()
    assert not run.is_done(0)
    run.rewrite_seen(0, given)
    assert run.journal_file(0).exists() and not run.is_done(0)
    run.write_seen(0, given)
    assert not run.journal_file(0).exists() and run.is_done(0)


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    other = dataclasses.replace(run.recipe, shard_pictures=9, faces=dataclasses.replace(run.recipe.faces, size_px=128))
    with pytest.raises(CurationBroken, match=r"other settings \(faces.size_px, shard_pictures\)"):
        RunFolder(other).open()
    faster = dataclasses.replace(run.recipe, engine=dataclasses.replace(run.recipe.engine, workers=7))
    RunFolder(faster).open()


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "archive.work").mkdir()
    (tmp_path / "archive.work" / "thesis.txt").write_text("mine")
    with pytest.raises(CurationBroken, match=r"holds something else \(thesis.txt\)"):
        made_run(tmp_path)
    assert [path.name for path in (tmp_path / "archive.work").iterdir()] == ["thesis.txt"]


def test_another_version_is_refused(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    said = run.folder / "recipe.json"
    said.write_text(json.dumps(read_json(said) | {"version": 2}))
    with pytest.raises(CurationBroken, match="has version 2; this program reads 1"):
        run.open()


def test_what_a_kill_left_half_written_goes(tmp_path: Path) -> None:
    """Drafts hold faces and embeddings; and a folder that was only begun is no other folder."""
    run = made_run(tmp_path)
    left = [folder / ".x.parquet.abc123.part" for folder in (run.folder, run.listed, run.seen, run.embedded)]
    for path in left:
        path.write_bytes(b"half")
    run.open()
    assert not any(path.exists() for path in left)
    begun = tmp_path / "begun"
    (begun / "archive.work").mkdir(parents=True)
    (begun / "archive.work" / ".recipe.json.abc123.part").write_text("{")
    (begun / "archive.work" / "lock").touch()
    made_run(begun)


def test_embeddings_go_without_a_trace(tmp_path: Path) -> None:
    run = filled(made_run(tmp_path), rows())
    mark = embedding_of(1, 20)[:8].tobytes()
    assert any(mark in path.read_bytes() for path in run.folder.rglob("*") if path.is_file())
    run.discard_embeddings()
    assert not any(mark in path.read_bytes() for path in run.folder.rglob("*") if path.is_file())


def flipped(path: Path, place: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0x55
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("place", [0.0, 0.2, 0.4, 0.6, 0.97])
@pytest.mark.parametrize("kind", ["listed", "seen", "embeddings"])
def test_a_damaged_table_is_named_with_a_remedy(tmp_path: Path, kind: str, place: float) -> None:
    run = filled(made_run(tmp_path), rows())
    before = {"listed": run.read_listed(0), "seen": list(run.read_seen(0)), "embeddings": run.read_embeddings(0)[0]}
    path = {"listed": run.listed_file, "seen": run.seen_file, "embeddings": run.embeddings_file}[kind](0)
    flipped(path, place)
    read: dict[str, Callable[[], object]] = {
        "listed": lambda: run.read_listed(0),
        "seen": lambda: list(run.read_seen(0)),
        "embeddings": lambda: run.read_embeddings(0)[0],
    }
    found = None
    with suppress(CurationBroken):
        found = read[kind]()
    if found is None:
        with pytest.raises(CurationBroken, match=re.escape(str(path)) + " is damaged; delete"):
            read[kind]()
    else:
        assert found == before[kind], "damage was read as data"


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_damaged_notes_are_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "listed.json").write_bytes(data)
    with pytest.raises(CurationBroken, match=r"listed\.json is damaged"):
        read_json(tmp_path / "listed.json")
    with pytest.raises(CurationBroken, match="run the recipe first"):
        read_json(tmp_path / "absent.json")


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    run = filled(made_run(tmp_path), rows())
    before = run.seen_file(0).read_bytes()
    with pytest.raises(pa.ArrowInvalid):
        write_rows(run.seen_file(0), [{"box": "no list"}], OUTCOME)
    assert run.seen_file(0).read_bytes() == before
    assert [path.name for path in run.seen.iterdir()] == ["000000.parquet"]


def test_drops_become_rows_and_back() -> None:
    drop = Drop(stage="fetch", reason="not found", detail="404", is_passing=True)
    assert drop_of(drop_row(drop)) == drop
