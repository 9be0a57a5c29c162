"""Gone everywhere and for good: by bytes, person or address, copies included; nobody else's pictures."""

import dataclasses
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cafdata.archive import Archive
from cafdata.card import write_card
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import Picture, Record
from cafdata.shards import ShardSize
from cafdata.summary import summarise
from cafdata.summary_report import write_summary
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
    tables = ("thresholds/cache.npz", "thresholds/t.json", "thresholds/u.json")
    assert report.derived_files == ("pairs/genuine.parquet", *tables), "every table was computed from everyone"
    assert (archive.folder / "pairs" / "others.parquet").exists()
    assert (report.card_made_anew, report.card_dropped, report.card_fault, report.named_in) == ((), (), None, ())
    assert sorted(path.name for path in archive.folder.glob("*.*")) == [
        "README.md",
        "manifest.json",
        "queue.json",
        "queue.lock",
        "tombstones.json",
    ], "no card is begun where there was none"
    assert len(archive) == 12
    assert list(archive.verify()) == []
    assert queue.items() == (item("p00000/04"),)
    left = everything(archive.folder)
    for picture in pictures:
        assert picture.data not in left
        assert not [value for value in (picture.record.sha256, picture.record.phash) if value.encode() in left]
    assert GONE.encode() not in left


@pytest.mark.parametrize(("by_person", "left"), [(True, {"same_person"}), (False, set())])
def test_that_two_names_are_one_person_stays_known_where_a_person_goes(
    archive: Archive, by_person: bool, left: set[str]
) -> None:
    """Where pictures are collected the other name is still to be found out."""
    queue = ReviewQueue(archive.folder)
    for answer, other in (("same_person", "q1"), ("different_people", "q2"), (None, "q3")):
        queue.add([item("p00001/04", other)])
        if answer is not None:
            queue.decide(item("p00001/04", other).item_id, answer, "anna", AT)
    digest = drawn_picture(1, 4).record.sha256
    report = takedown(archive, Request(person=(GONE,)) if by_person else Request(sha256=(digest,)))
    assert {one.decision for one in queue.items()} == left
    assert report.num_queue_items == 3 - len(left)


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


class Growing(Archive):
    """An archive to which somebody else appends a picture each time its records have been listed."""

    another: Picture

    def records(self) -> Iterator[Record]:
        yield from super().records()
        Archive(self.folder).append([self.another])


@pytest.mark.parametrize(
    "another", [drawn_picture(1, 99), again(1, 25, "copy")], ids=["one more of the person", "a copy of one"]
)
def test_what_is_appended_meanwhile_goes_too(archive: Archive, another: Picture) -> None:
    growing = Growing(archive.folder)
    growing.another = another
    takedown(growing, Request(person=(GONE,)))
    assert {record.person_id for record in archive.records()} == {"person-00000", "person-00002"}
    assert list(archive.verify()) == []


def test_copies_of_copies_go_in_one_run(archive: Archive) -> None:
    """Photos that fade into another one: the second looks like the first alone, which looks like what is meant."""
    one, other = drawn_photo(1, 25).astype(float), drawn_photo(3, 99).astype(float)
    request = Request(sha256=(drawn_picture(1, 25).record.sha256,))
    copies = []
    for name, share in (("first", 0.15), ("second", 0.35)):
        photo = ((1 - share) * one + share * other).astype(np.uint8)
        copies.append(picture_of(encode_png(photo), photo, name, "somebody", 25))
    shutil.copytree(archive.folder, archive.folder.with_name("without"))
    without = Archive(archive.folder.with_name("without"))
    without.append(copies[1:])
    assert takedown(without, request).look_alikes == ()
    archive.append(copies)
    assert takedown(archive, request).look_alikes == ("first", "second")
    assert list(archive.verify()) == []


def test_what_is_of_no_picture_is_said_with_what_is_written_almost_so(archive: Archive) -> None:
    people = [f"{layout}/{name}" for layout in ("morph", "fgnet") for name in ("001", "Ann")]
    urls = ("https://a.example.org/Photo/1/", "http://b.example.org/2")
    values = [{"person_id": person, "source_url": urls[number % 2]} for number, person in enumerate(people)]
    archive.append(drawn_picture(7, 30 + number, **changes) for number, changes in enumerate(values))
    digest = drawn_picture(1, 25).record.sha256
    request = Request(
        sha256=("0" * 64, digest),
        person=("001", "FGNET/ann", "01", "person-00002"),
        url=("http://a.example.org/photo/1", "https://b.example.org/2?x=1"),
    )
    report = takedown(archive, request)
    assert [(one.asked, one.value, one.near) for one in report.unmet] == [
        ("sha256", "0" * 64, ()),
        ("person", "001", ("fgnet/001", "morph/001")),
        ("person", "FGNET/ann", ("fgnet/Ann",)),
        ("person", "01", ()),
        ("url", "http://a.example.org/photo/1", ("https://a.example.org/Photo/1/",)),
        ("url", "https://b.example.org/2?x=1", ()),
    ]
    assert (
        str(report.unmet[1]) == "no picture here is of the person 001; if fgnet/001 or morph/001 is meant, ask for that"
    )
    assert len(report.pictures) == 7 and {record.person_id for record in archive.records()} >= set(people)


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


def column(kind: pa.DataType | None, *values: Any) -> bytes:
    """A Parquet file with that column; of pandas' own making where no type is given."""
    out = io.BytesIO()
    if kind is None:
        pd.DataFrame({"a": values}).to_parquet(out)
    else:
        pq.write_table(pa.table({"a": pa.array(values, kind)}), out)
    return out.getvalue()


TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), None)


@pytest.mark.parametrize("kind", TEXTS, ids=str)
def test_derived_parquet_files_are_searched_whatever_wrote_them(archive: Archive, kind: pa.DataType | None) -> None:
    pairs = archive.folder / "pairs"
    pairs.mkdir()
    (pairs / "gone.parquet").write_bytes(column(kind, "p00000/04", None, "p00001/04"))
    (pairs / "others.parquet").write_bytes(column(kind, "p00000/04", None, "p00001/0"))
    assert takedown(archive, Request(person=(GONE,))).derived_files == ("pairs/gone.parquet",)
    assert sorted(path.name for path in pairs.iterdir()) == ["others.parquet"]


@pytest.mark.parametrize(
    ("data", "goes"),
    [
        (column(pa.list_(pa.string()), ["p00000/04"]), True),
        (column(pa.struct([("b", pa.string())]), {"b": "p00000/04"}), True),
        (column(pa.binary(), b"p00000/04"), True),
        (b"PAR1 and no table", True),
        (column(pa.large_string(), "p00000/04")[:-20], True),
        (b"", True),
        (column(pa.list_(pa.float32(), 2), [0.5, 0.25]), False),
        (column(pa.decimal128(5, 2), None), False),
        (column(pa.timestamp("s"), 0), False),
        (column(pa.null(), None), False),
    ],
)
def test_derived_parquet_files_that_cannot_be_searched_go(archive: Archive, data: bytes, goes: bool) -> None:
    """They name others, or no one can say; the takedown itself comes to its end."""
    (archive.folder / "pairs").mkdir()
    (archive.folder / "pairs" / "p.parquet").write_bytes(data)
    report = takedown(archive, Request(person=(GONE,)))
    assert (len(report.pictures), report.derived_files) == (6, ("pairs/p.parquet",) if goes else ())


def test_tables_stay_where_no_picture_goes(archive: Archive) -> None:
    (archive.folder / "thresholds").mkdir()
    (archive.folder / "thresholds" / "t.json").write_text("{}")
    assert takedown(archive, Request(person=("person-00009",))).derived_files == ()
    assert takedown(archive, Request(person=(GONE,))).derived_files == ("thresholds/t.json",)
    (archive.folder / "thresholds" / "t.json").write_text("{}")
    assert takedown(archive, Request(person=(GONE,))).derived_files == (), "made anew since"


def test_the_card_is_the_one_that_an_archive_without_the_person_would_have(archive: Archive, tmp_path: Path) -> None:
    others = make_archive(tmp_path / "others", 3, ShardSize(max_rows=7))
    others.remove([record.picture_id for record in others.records() if record.person_id == GONE])
    write_summary(summarise(others.records()), others.folder)
    write_card(others)
    write_summary(summarise(archive.records()), archive.folder)
    write_card(archive)
    report = takedown(archive, Request(person=(GONE,)))
    card = ("README.md", "coverage.png", "croissant.json", "summary.json", "summary.md")
    assert report.card_made_anew == card
    for name in card:
        assert (archive.folder / name).read_bytes() == (others.folder / name).read_bytes(), name
    assert list(archive.verify()) == []
    assert takedown(archive, Request(person=(GONE,))).card_made_anew == ()


@pytest.mark.parametrize("undone", [("croissant.json",), ("README.md", "coverage.png"), ("coverage.png",), ()])
def test_killed_before_the_card_was_whole_the_next_run_finishes_it(
    archive: Archive, tmp_path: Path, undone: tuple[str, ...]
) -> None:
    """The pictures have gone; some files of the card are still of before, and one is half written beside its place."""
    write_card(archive)
    shutil.copytree(archive.folder, tmp_path / "before")
    takedown(archive, Request(person=(GONE,)))
    after = {name: (archive.folder / name).read_bytes() for name in ("README.md", "coverage.png", "croissant.json")}
    for name in undone:
        shutil.copyfile(tmp_path / "before" / name, archive.folder / name)
    (archive.folder / ".croissant.json.x.part").write_text(GONE)
    assert {finding.shard for finding in archive.verify()} == {*undone}
    report = takedown(archive, Request(person=(GONE,)))
    assert (report.pictures, report.card_made_anew) == ((), undone)
    assert {name: (archive.folder / name).read_bytes() for name in after} == after
    assert not [*archive.folder.glob(".*.part")]
    assert list(archive.verify()) == []


def test_a_card_that_cannot_be_made_is_dropped_and_said(archive: Archive) -> None:
    write_card(archive)
    readme = archive.folder / "README.md"
    readme.write_text(readme.read_text().replace("<!-- cafdata:splits:end -->", ""))
    report = takedown(archive, Request(person=(GONE,)))
    assert len(report.pictures) == 6
    assert (report.card_made_anew, report.card_dropped) == (("coverage.png",), ("croissant.json",))
    assert report.card_fault is not None and "do not begin and end in turn" in report.card_fault
    assert [(finding.shard, finding.kind) for finding in archive.verify()] == [("README.md", "card")]


def test_texts_of_people_that_name_what_went_are_said_and_left(archive: Archive) -> None:
    write_card(archive)
    readme = archive.folder / "README.md"
    readme.write_text(readme.read_text().replace("## Retention", f"Thanks to {GONE}.\n\n## Retention"))
    (archive.folder / "notes").mkdir()
    (archive.folder / "notes" / "mail.txt").write_text("about https://photos.example.org/p00001/12, and others")
    (archive.folder / "other.txt").write_text("person-000010, p00001/123, xp00001/12")
    report = takedown(archive, Request(person=(GONE,)))
    assert report.named_in == ("README.md", "notes/mail.txt")
    assert f"Thanks to {GONE}." in readme.read_text()


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
