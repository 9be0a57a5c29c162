"""python -m cafdata verify, splits, takedown, export and queue, as processes: JSON lines out, one sentence of error."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import mlcroissant
import numpy as np
import pytest

from cafdata.archive import Archive
from cafdata.card import write_card
from cafdata.heatmap import coverage_heatmap
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.sample import SAMPLE
from core.images import decode_photo
from tests.make_archive import drawn_picture, make_archive

ROOT = Path(__file__).resolve().parents[2]


def cafdata(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "cafdata", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def lines(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    assert "Traceback" not in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(*arguments: object) -> str:
    """The one sentence of a command that fails."""
    done = cafdata(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    said = done.stderr.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("error: "), done.stderr
    return said[0]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path / "a", 4)


def test_an_archive_from_splits_to_export(archive: Archive, tmp_path: Path) -> None:
    dealt = cafdata("splits", archive.folder, "--salt", "x", "--test-share", "0.5")
    assert dealt.returncode == 0
    assert sum(lines(dealt)[0]["people"].values()) == 4
    assert lines(dealt)[0]["moved"] == 24
    assert lines(cafdata("splits", archive.folder))[0]["moved"] == 0, "the rule is kept in the archive"
    checked = cafdata("splits", archive.folder, "--check")
    assert (checked.returncode, lines(checked)[0]["leaks"]) == (0, 0)
    out = tmp_path / "out"
    assert lines(cafdata("export", archive.folder, out, "--pictures"))[0]["rows"] == 24
    assert (out / "pictures").is_dir()
    assert "is there already" in refused("export", archive.folder, out)
    assert lines(cafdata("verify", archive.folder)) == [{"archive": str(archive.folder), "pictures": 24, "findings": 0}]


def test_leaks_and_damage_give_status_one(archive: Archive) -> None:
    person = next(archive.records()).person_id
    archive.assign({person: "train"}, archive.manifest.rule)
    record = next(record for record in archive.records() if record.person_id != person)
    archive.update([dataclasses.replace(record, person_id=person, split="test")])
    checked = cafdata("splits", archive.folder, "--check", "--quick")
    assert checked.returncode == 1
    assert [line.get("kind") for line in lines(checked)] == ["person", None]
    shard = archive.folder / "shards" / archive.manifest.shards[0].name
    shard.write_bytes(shard.read_bytes()[:-100])
    done = cafdata("verify", archive.folder)
    assert done.returncode == 1
    assert {line.get("kind") for line in lines(done)} >= {"digest", "unreadable"}
    assert lines(done)[0]["shard"] == shard.name


def test_a_takedown_says_what_went(archive: Archive) -> None:
    done = cafdata("takedown", archive.folder, "--person", "person-00002", "nobody there")
    assert done.returncode == 0
    assert len(lines(done)[0]["pictures"]) == 6
    assert len(archive) == 18
    assert "say what is to go" in refused("takedown", archive.folder)


def test_a_takedown_says_whom_it_did_not_find(archive: Archive) -> None:
    archive.append([drawn_picture(7, 30, person_id="fgnet/001")])
    done = cafdata("takedown", archive.folder, "--person", "person-00002", "001", "nobody there")
    assert (done.returncode, len(lines(done)[0]["pictures"]), len(archive)) == (0, 6, 19)
    near, none = done.stderr.splitlines()
    assert near == "no picture here is of the person 001; if fgnet/001 is meant, ask for that"
    assert none.startswith("no picture here is of the person nobody there: it went before, or is written otherwise")


def test_whoever_was_trained_on_stays_in_train(archive: Archive) -> None:
    assert lines(cafdata("splits", archive.folder, "--test-share", "0", "--validation-share", "0"))[0]["moved"] == 24
    kept = cafdata("splits", archive.folder, "--test-share", "1")
    assert (kept.returncode, lines(kept)[0]["people"]) == (0, {"train": 4})
    assert kept.stderr.splitlines()[-1].endswith("--anew deals all by it")
    assert lines(cafdata("splits", archive.folder, "--anew"))[0]["people"] == {"test": 4}
    again = cafdata("splits", archive.folder)
    assert (lines(again)[0]["moved"], again.stderr) == (0, "")


def test_a_person_of_the_sample_leaves_no_trace(tmp_path: Path) -> None:
    """The bundled sample with tables computed from it: command, then verify, datasets and Croissant."""
    folder = tmp_path / "sample"
    shutil.copytree(SAMPLE, folder)
    person = "synthetic-07"
    gone = [picture for picture in Archive(folder).pictures() if picture.record.person_id == person]
    assert len(gone) >= 7
    table = folder / "thresholds" / "tables" / "a-0.001.json"
    table.parent.mkdir(parents=True)
    table.write_text(json.dumps({"num_subjects": 20}))
    done = cafdata("takedown", folder, "--person", person)
    assert (done.returncode, done.stderr) == (0, "")
    (report,) = lines(done)
    assert report["pictures"] == sorted(picture.record.picture_id for picture in gone)
    assert report["card_made_anew"] == ["README.md", "coverage.png", "croissant.json"]
    assert report["derived_files"] == ["thresholds/tables/a-0.001.json"]
    assert (report["card_dropped"], report["card_fault"], report["named_in"]) == ([], None, [])
    left = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "lock" not in path.name}
    for path, data in left.items():
        if path.name == "tombstones.json":
            continue
        traces = [person, *(value for one in gone for value in (one.record.picture_id, one.record.sha256))]
        assert not [trace for trace in traces if trace.encode() in data], path.name
        assert not [one.record.picture_id for one in gone if one.data in data], path.name
    archive = Archive(folder)
    assert f"{len(archive)} pictures of 19 people" in (folder / "README.md").read_text()
    shards = {f"shards/{shard.name}" for shard in archive.manifest.shards}
    described = json.loads((folder / "croissant.json").read_text())
    assert {file["contentUrl"] for file in described["distribution"] if "contentUrl" in file} == shards
    heat = decode_photo((folder / "coverage.png").read_bytes())
    assert heat.shape == coverage_heatmap(np.zeros((19, 10), dtype=np.int64)).shape
    assert cafdata("verify", folder).returncode == 0
    assert mlcroissant.Dataset(jsonld=str(folder / "croissant.json")).metadata.ctx.issues.errors == set()
    loaded = datasets.load_dataset(str(folder), "pictures", cache_dir=str(tmp_path / "cache"))
    assert person not in {name for rows in loaded.values() for name in rows["person_id"]}
    again = cafdata("takedown", folder, "--person", person)
    assert (again.returncode, lines(again)[0]["card_made_anew"]) == (0, [])
    assert {path: path.read_bytes() for path in left} == left


def test_what_a_takedown_cannot_do_is_said_with_status_one(archive: Archive) -> None:
    write_card(archive)
    readme = archive.folder / "README.md"
    readme.write_text(f"{readme.read_text()}\nThanks to person-00002.\n")
    done = cafdata("takedown", archive.folder, "--person", "person-00002")
    assert (done.returncode, lines(done)[0]["named_in"]) == (1, ["README.md"])
    assert "to be changed by you: README.md names, or seems to name" in done.stderr
    text = readme.read_text().replace("person-00002", "all").replace("<!-- cafdata:splits:end -->", "")
    readme.write_text(text)
    done = cafdata("takedown", archive.folder, "--person", "person-00003")
    assert (done.returncode, lines(done)[0]["card_dropped"]) == (1, ["croissant.json"])
    assert "README.md still counts what went" in done.stderr
    assert {line.get("kind") for line in lines(cafdata("verify", archive.folder))} == {"card", None}


def test_the_queue_is_listed_and_decided(archive: Archive) -> None:
    at = "2025-05-03T10:00:00+00:00"
    item = ReviewItem(kind="picture", picture_ids=("p1",), reason="two faces", source="test", added_at=at)
    ReviewQueue(archive.folder).add([item])
    assert [line["item"] for line in lines(cafdata("queue", archive.folder))] == [item.item_id]
    decided = cafdata("queue", archive.folder, "--item", item.item_id, "--decision", "keep", "--by", "anna")
    assert lines(decided)[0]["decision"] == "keep"
    assert lines(cafdata("queue", archive.folder)) == []
    assert len(lines(cafdata("queue", archive.folder, "--all"))) == 1
    assert "come together" in refused("queue", archive.folder, "--item", item.item_id)
    assert "has no item 0" in refused("queue", archive.folder, "--item", "0", "--decision", "keep", "--by", "a")


@pytest.mark.parametrize("command", ["verify", "splits", "export", "takedown", "queue"])
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, command: str) -> None:
    extra = {"export": [tmp_path / "out"], "takedown": ["--person", "a"]}.get(command, [])
    assert "is no archive" in refused(command, tmp_path, *extra)
