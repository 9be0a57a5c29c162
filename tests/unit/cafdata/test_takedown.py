"""Gone everywhere and for good: by bytes, person or address, copies included; nobody else's pictures."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import Picture
from cafdata.shards import ShardSize
from cafdata.takedown import Request, takedown
from cafdata.tombstones import Tombstones
from core.errors import ArchiveBroken
from core.images import encode_jpeg, encode_png
from tests.make_archive import drawn_photo, drawn_picture, make_archive, picture_of, saved_again

AT = "2025-05-03T10:00:00+00:00"
GONE = "person-00001"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path / "a", 3, ShardSize(max_rows=7))


def item(*names: str) -> ReviewItem:
    kind: Any = "picture" if len(names) == 1 else "pair"
    return ReviewItem(kind=kind, picture_ids=names, reason="doubt", source="test", added_at=AT)


def everything(folder: Path) -> bytes:
    """All files but the tombstones, Parquet uncompressed."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            found.append(repr(pq.read_table(path).to_pydict()).encode() + path.read_bytes())
        elif path.is_file() and path.name != "tombstones.json":
            found.append(path.read_bytes())
    return b"\n".join(found)


def again(person: int, age: int, name: str, **changes: Any) -> Picture:
    """Another file of a drawn picture, under other names."""
    data = saved_again(drawn_picture(person, age).data, 50)
    return picture_of(data, drawn_photo(person, age), name, f"{name} person", age, changes)


def test_a_person_is_gone_from_everywhere(archive: Archive) -> None:
    pictures = [picture for picture in archive.pictures() if picture.record.person_id == GONE]
    queue = ReviewQueue(archive.folder)
    queue.add([item("p00001/04"), item("p00000/04", "p00001/12"), item("p00000/04")])
    (archive.folder / "pairs").mkdir()
    (archive.folder / "thresholds").mkdir()
    names = {"a": ["p00000/04"], "b": ["p00001/12"]}
    pq.write_table(pa.table(names), archive.folder / "pairs" / "genuine.parquet")
    pq.write_table(pa.table({"a": ["p00000/04"]}), archive.folder / "pairs" / "others.parquet")
    (archive.folder / "thresholds" / "t.json").write_text(json.dumps({"people": [GONE]}))
    (archive.folder / "thresholds" / "u.json").write_text("{}")
    (archive.folder / "thresholds" / "cache.npz").write_bytes(b"x")
    report = takedown(archive, Request(person=(GONE,)))
    assert report.pictures == tuple(sorted(picture.record.picture_id for picture in pictures))
    assert report.look_alikes == ()
    assert report.num_queue_items == 2
    assert report.derived_files == ("pairs/genuine.parquet", "thresholds/cache.npz", "thresholds/t.json")
    assert len(archive) == 12
    assert list(archive.verify()) == []
    assert queue.items() == (item("p00000/04"),)
    left = everything(archive.folder)
    for picture in pictures:
        assert picture.data not in left
        assert not [value for value in (picture.record.sha256, picture.record.phash) if value.encode() in left]
    assert GONE.encode() not in left


@pytest.mark.parametrize(
    "request_of",
    [
        lambda record: Request(sha256=(record.sha256,)),
        lambda record: Request(url=(record.source_url,)),
        lambda record: Request(sha256=(record.sha256,), person=("someone else",)),
    ],
)
def test_one_picture_by_its_bytes_or_its_address(archive: Archive, request_of: Any) -> None:
    record = next(archive.records())
    assert takedown(archive, request_of(record)).pictures == (record.picture_id,)
    assert len(archive) == 17
    assert archive.append([drawn_picture(0, 4)]).num_added == 0
    assert archive.append([drawn_picture(0, 5)]).num_added == 1, "the person's other pictures may come"


def cropped(person: int, age: int) -> Picture:
    photo = drawn_photo(person, age)[2:63, 2:63]
    return picture_of(encode_png(photo), photo, "cropped", "somebody", age)


def mirrored(person: int, age: int) -> Picture:
    photo = np.ascontiguousarray(drawn_photo(person, age)[::1, ::-1])
    return picture_of(encode_jpeg(photo, 60), photo, "mirrored", "somebody", age)


def test_nothing_of_it_comes_back(archive: Archive) -> None:
    """Twenty times: as it was, under another name, saved again, cropped, mirrored."""
    takedown(archive, Request(person=(GONE,)))
    before = archive.manifest
    original = drawn_picture(1, 37)
    renamed = dataclasses.replace(
        original, record=dataclasses.replace(original.record, picture_id="x", person_id="y", source_url=None)
    )
    returns = [
        original,
        renamed,
        drawn_picture(1, 99),  # a new picture of the person
        again(1, 37, "again"),
        cropped(1, 37),
        mirrored(1, 37),
    ]
    for _ in range(20):
        report = archive.append(returns)
        assert report.num_added == 0
        assert [left.row for left in report.left_out] == [1, 2, 3, 4, 5, 6]
        assert all("removed on request" in left.reason for left in report.left_out)
    assert archive.manifest == before
    assert archive.append([drawn_picture(7, age) for age in range(30)]).num_added == 30, "others may come"


def test_copies_filed_under_other_names_go_too_and_are_named(archive: Archive) -> None:
    archive.append([again(1, 25, "copy"), drawn_picture(5, 25)])
    report = takedown(archive, Request(sha256=(drawn_picture(1, 25).record.sha256,)))
    assert report.pictures == ("p00001/25",)
    assert report.look_alikes == ("copy",)
    assert len(archive) == 18


def test_what_is_not_there_leaves_its_tombstone(archive: Archive) -> None:
    report = takedown(archive, Request(person=("person-00009",), url=("https://a.example.org/1",), sha256=("0" * 64,)))
    assert (report.pictures, report.look_alikes, report.num_queue_items, report.derived_files) == ((), (), 0, ())
    assert archive.append([drawn_picture(9, 20)]).left_out[0].reason == "person_id person-00009 was removed on request"
    assert len(Tombstones.read(archive.folder).stones) == 3


def test_a_takedown_that_was_broken_off_is_seen_and_finished_by_the_same_command(archive: Archive) -> None:
    """After the tombstones; the pictures, the queue and a derived file are still there."""
    ReviewQueue(archive.folder).add([item("p00001/04")])
    (archive.folder / "pairs").mkdir()
    (archive.folder / "pairs" / "p.csv").write_text("p00001/04,p00000/04\n")
    whole = archive.folder.with_name("whole")
    shutil.copytree(archive.folder, whole)
    takedown(Archive(whole), Request(person=(GONE,)))
    stones = Tombstones.read(whole).stones
    archive.mark(stones)
    assert {finding.kind for finding in archive.verify()} == {"removed"}
    assert len(list(archive.verify())) == 6
    report = takedown(archive, Request(person=(GONE,)))
    assert len(report.pictures) == 6
    assert (report.num_queue_items, report.derived_files) == (1, ("pairs/p.csv",))
    assert list(archive.verify()) == []
    assert [(stone.marked, stone.value) for stone in Tombstones.read(archive.folder).stones] == [
        (stone.marked, stone.value) for stone in stones
    ]
    again_report = takedown(archive, Request(person=(GONE,)))
    assert again_report.pictures == again_report.derived_files == ()


def test_pictures_removed_but_not_forgotten_yet_are_forgotten_by_the_next_run(archive: Archive) -> None:
    """Killed after the shards were written: the queue and the derived files still name what is gone."""
    takedown(archive, Request(person=(GONE,)))
    (archive.folder / "pairs").mkdir()
    (archive.folder / "pairs" / "p.jsonl").write_text(json.dumps(["p00001/04"]) + "\n")
    assert takedown(archive, Request(person=(GONE,))).derived_files == ("pairs/p.jsonl",)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "say what is to go"),
        ({"sha256": ("abc",)}, "sha256"),
        ({"person": ("",)}, "person"),
        ({"url": ("commons",)}, "url"),
    ],
)
def test_requests_that_name_nothing_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Request(**values)


@pytest.mark.parametrize("text", ["{", "{}", '{"version": 1, "tombstones": [{"marked": "face"}]}', '{"version": 2}'])
def test_damaged_tombstones_stop_everything(archive: Archive, text: str) -> None:
    (archive.folder / "tombstones.json").write_text(text)
    for broken in (lambda: archive.append([]), lambda: list(archive.verify())):
        with pytest.raises(ArchiveBroken, match=r"tombstones\.json"):
            broken()
