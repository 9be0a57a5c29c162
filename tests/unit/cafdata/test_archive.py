"""An archive takes, gives back, removes, finds what is wrong, and refuses by row and reason."""

import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cafdata import lock
from cafdata.appending import row_of
from cafdata.archive import Archive
from cafdata.front_matter import split_readme
from cafdata.manifest import Manifest, SplitRule
from cafdata.record import Picture
from cafdata.shards import ShardSize
from core.errors import ArchiveBroken
from tests.make_archive import drawn_picture, drawn_pictures, make_archive, saved_again

SMALL = ShardSize(max_rows=5)


@pytest.fixture(scope="module")
def drawn() -> list[Picture]:
    return list(drawn_pictures(3))


def contents(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def listed(folder: Path) -> set[str]:
    """The files that an archive of this manifest consists of."""
    shards = {f"shards/{shard.name}" for shard in Manifest.read(folder).shards}
    return shards | {"manifest.json", "README.md", "lock"}


def test_pictures_come_back_as_they_were_put_in(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a", size=SMALL)
    report = archive.append(iter(drawn))
    assert (report.num_added, report.num_there_already, report.left_out) == (18, 0, ())
    assert len(archive) == 18
    assert [shard.num_rows for shard in archive.manifest.shards] == [5, 5, 5, 3]
    assert list(archive.pictures()) == drawn
    assert list(archive.records()) == [picture.record for picture in drawn]
    assert list(archive.pictures(["p00001/25", "p00000/04"])) == [drawn[0], drawn[8]]
    assert list(archive.verify()) == []
    assert contents(archive.folder) == listed(archive.folder)


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a", 1)
    with pytest.raises(ArchiveBroken, match="no picture p9"):
        list(archive.pictures(["p00000/04", "p9"]))


def test_records_are_read_without_pictures(tmp_path: Path, drawn: list[Picture]) -> None:
    """A damaged picture column goes unnoticed by who reads records only."""
    archive = make_archive(tmp_path / "a", 3)
    shard = archive.folder / "shards" / archive.manifest.shards[0].name
    data = bytearray(shard.read_bytes())
    at = data.index(drawn[4].data)
    data[at : at + 40] = bytes(40)
    shard.write_bytes(data)
    assert len(list(archive.records())) == 18
    assert {finding.kind for finding in archive.verify()} == {"digest", "bytes"}
    assert [finding.row for finding in archive.verify() if finding.kind == "bytes"] == [5]


def test_appending_again_adds_nothing_twice(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a", size=SMALL)
    archive.append(drawn[:7])
    before = archive.manifest
    report = archive.append(drawn[:7])
    assert (report.num_added, report.num_there_already) == (0, 7)
    assert archive.manifest == before
    report = archive.append(drawn)
    assert (report.num_added, report.num_there_already) == (11, 7)
    assert sorted(picture.record.picture_id for picture in archive.pictures()) == sorted(
        picture.record.picture_id for picture in drawn
    )
    assert list(archive.verify()) == []


def test_the_same_bytes_under_another_name_are_left_out_and_named(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a")
    twin = dataclasses.replace(drawn[0], record=dataclasses.replace(drawn[0].record, picture_id="twin"))
    report = archive.append([drawn[0], twin])
    assert report.num_added == 1
    assert [(left.row, left.picture_id) for left in report.left_out] == [(2, "twin")]
    assert "p00000/04" in report.left_out[0].reason
    assert archive.append([twin]).left_out[0].row == 1


def with_field(**change: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: row | change


BAD_ROWS: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "negative age": (with_field(age_min_years=-5), "age_min_years is 0 to 130, got -5"),
    "huge age": (with_field(age_max_years=1e9), "age_max_years is 0 to 130, got 1000000000"),
    "text for an age": (with_field(age_min_years="abc"), "age_min_years is a number, got 'abc'"),
    "no number": (with_field(age_min_years=math.nan), "age_min_years is a number, got nan"),
    "no age": (with_field(age_min_years=None), "age_min_years is missing"),
    "unknown field": (with_field(embedding=[0.5]), "unknown field embedding"),
    "unknown person": (with_field(person_id="unknown"), "names nobody"),
    "formula for a name": (with_field(picture_id="=cmd|' /C calc'!A0"), "spreadsheets take for a formula"),
    "picture of before": (with_field(picture_id="p00000/04"), "was in an earlier row"),
    "other bytes": (with_field(sha256="0" * 64), "do not have the sha256"),
    "no picture": (with_field(image=None), "image is missing"),
    "empty picture": (with_field(image={"bytes": b"", "path": None}), "do not have the sha256"),
    "newer version": (with_field(version=99), "version is 99"),
}


@pytest.mark.parametrize(("spoil", "said"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_one_bad_row_and_nothing_is_appended(
    tmp_path: Path, drawn: list[Picture], spoil: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    archive = Archive.create(tmp_path / "a", size=ShardSize(max_rows=2))
    rows = [row_of(picture) for picture in drawn]
    rows[4] = spoil(rows[4])
    before = contents(archive.folder)
    with pytest.raises(ArchiveBroken, match="row 5") as caught:
        archive.append(rows)
    assert said in str(caught.value)
    assert "row 6" not in str(caught.value)
    assert len(archive) == 0
    assert contents(archive.folder) - {"README.md"} == before


def test_every_bad_row_is_named_up_to_twenty(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "a")
    rows = [row_of(drawn_picture(0, age)) | {"age_max_years": 1e9} for age in range(23)]
    with pytest.raises(ArchiveBroken) as caught:
        archive.append(rows)
    assert [f"row {row} " in str(caught.value) for row in (1, 20, 21)] == [True, True, False]
    assert str(caught.value).endswith("and 3 more")


def test_the_name_of_other_bytes_is_refused(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = make_archive(tmp_path / "a", 1)
    other = dataclasses.replace(drawn[7], record=dataclasses.replace(drawn[7].record, picture_id="p00000/12"))
    with pytest.raises(ArchiveBroken, match=r"row 2 .*p00000/12 is in the archive with other bytes"):
        archive.append([drawn[8], other])
    assert len(archive) == 6


def test_a_fault_of_the_caller_midway_leaves_nothing(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a", size=ShardSize(max_rows=2))

    def broken() -> Iterator[Picture]:
        yield from drawn[:9]
        raise KeyError("the source broke off")

    with pytest.raises(KeyError):
        archive.append(broken())
    assert contents(archive.folder) == listed(archive.folder)
    assert len(archive) == 0


def test_removing_writes_only_the_shards_concerned(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a", size=SMALL)
    archive.append(drawn)
    before = archive.manifest.shards
    assert archive.remove(["p00000/12", "p00000/25", "nobody"]) == 2
    after = archive.manifest.shards
    assert set(before) - set(after) == {before[0]}
    assert {picture.record.picture_id for picture in archive.pictures()} == {
        picture.record.picture_id for picture in drawn
    } - {"p00000/12", "p00000/25"}
    assert contents(archive.folder) == listed(archive.folder)
    assert archive.remove(["p00000/12"]) == 0
    assert archive.manifest.shards == after
    assert archive.remove([picture.record.picture_id for picture in drawn]) == 16
    assert archive.manifest.shards == ()
    assert list(archive.records()) == list(archive.verify()) == []
    assert archive.append(drawn).num_added == 18


def test_records_are_replaced_and_pictures_stay(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a", size=SMALL)
    archive.append(drawn)
    older = dataclasses.replace(drawn[3].record, age_min_years=50.0, age_max_years=55.0, sex="male")
    assert archive.update([older]) == 1
    assert list(archive.pictures([older.picture_id])) == [Picture(record=older, data=drawn[3].data)]
    assert len(archive) == 18
    assert list(archive.verify()) == []
    with pytest.raises(ArchiveBroken, match="has no picture p00000/37 with sha256 0000"):
        archive.update([dataclasses.replace(older, sha256="0" * 64)])


def test_many_small_appends_leave_few_shards(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "a", size=ShardSize(max_rows=12))
    for age in range(20):
        archive.append([drawn_picture(age % 3, age, 16)])
    assert len(archive) == 20
    assert len(archive.manifest.shards) <= 4
    assert list(archive.verify()) == []
    assert contents(archive.folder) == listed(archive.folder)


def test_a_shard_is_bounded_in_bytes(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a", size=ShardSize(max_bytes=5 * len(drawn[0].data)))
    archive.append(drawn)
    assert len(archive.manifest.shards) >= 4
    assert list(archive.pictures()) == drawn


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def test_damaged_shards_are_named(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a", size=SMALL)
    archive.append(drawn)
    names = [shard.name for shard in archive.manifest.shards]
    paths = [archive.folder / "shards" / name for name in names]
    damage(paths[0], lambda data: data[: len(data) // 2])
    paths[1].unlink()
    damage(paths[2], lambda data: data.replace(drawn[11].data, drawn[11].data[:-1] + b"\0"))
    found = [(finding.shard, finding.row, finding.kind) for finding in archive.verify()]
    assert found == [
        (names[0], None, "digest"),
        (names[0], None, "unreadable"),
        (names[1], None, "missing"),
        (names[2], None, "digest"),
        (names[2], 2, "bytes"),
    ]
    with pytest.raises(ArchiveBroken, match=f"shard {names[0]} cannot be read"):
        list(archive.records())
    with pytest.raises(ArchiveBroken, match=f"shard {names[0]}"):
        archive.append([drawn_picture(9, 9)])


def forge(archive: Archive, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Write the rows of the one shard anew, changed, with a manifest that fits."""
    shard = archive.manifest.shards[0]
    path = archive.folder / "shards" / shard.name
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path)
    from cafdata.shards import file_digest

    forged = dataclasses.replace(shard, num_bytes=path.stat().st_size, sha256=file_digest(path))
    dataclasses.replace(archive.manifest, shards=(forged,)).write(archive.folder)


def changed(number: int, **change: object) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda rows: [row | change if index == number - 1 else row for index, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("change", "row", "kind", "said"),
    [
        (changed(3, age_min_years=-5.0), 3, "record", "age_min_years is 0 to 130"),
        (changed(3, group10=0), 3, "record", "group10 is 0 but the age interval says 5"),
        (changed(4, picture_id="p00000/04"), 4, "duplicate", "row 1 too"),
        (changed(2, split="test"), 2, "split", "its shard in unassigned"),
        (changed(5, image=None), 5, "bytes", "does not have the sha256"),
        (lambda rows: rows[:-1], None, "count", "it has 5 rows, the manifest says 6"),
        (lambda rows: [*rows[:5], rows[0] | {"picture_id": "again"}], 6, "duplicate", "the same bytes are in"),
    ],
)
def test_forged_rows_are_named(
    tmp_path: Path,
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    row: int | None,
    kind: str,
    said: str,
) -> None:
    archive = make_archive(tmp_path / "a", 1)
    forge(archive, change)
    found = list(archive.verify())
    assert [(finding.row, finding.kind) for finding in found] == [(row, kind)]
    assert said in found[0].reason


def test_columns_of_another_program_are_refused(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a", 1)
    path = archive.folder / "shards" / archive.manifest.shards[0].name
    table = pq.read_table(path)
    pq.write_table(table.append_column("embedding", pa.nulls(table.num_rows)), path)
    assert [finding.kind for finding in archive.verify()] == ["digest", "unreadable"]
    with pytest.raises(ArchiveBroken, match="its columns are not those"):
        list(archive.records())


def test_a_person_in_two_splits_is_found(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "a")
    archive.append([drawn_picture(1, 20, split="train"), drawn_picture(1, 30, split="test")])
    assert [(finding.kind, finding.reason) for finding in archive.verify()] == [
        ("split", "person person-00001 is in train and in test")
    ]


def test_people_are_moved_between_splits_and_the_rest_stays(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = Archive.create(tmp_path / "a", size=SMALL)
    archive.append(drawn)
    rule = SplitRule(salt="x")
    assert archive.assign({"person-00000": "test", "person-00001": "train"}, rule) == 12
    assert {(record.person_id, record.split) for record in archive.records()} == {
        ("person-00000", "test"),
        ("person-00001", "train"),
        ("person-00002", None),
    }
    assert archive.manifest.rule == rule
    assert [picture.data for picture in archive.pictures(["p00000/04"])] == [drawn[0].data]
    before = archive.manifest.shards
    assert archive.assign({"person-00000": "test"}, SplitRule(salt="y")) == 0
    assert (archive.manifest.shards, archive.manifest.rule.salt) == (before, "y")
    assert list(archive.verify()) == []


def test_the_next_writer_clears_what_a_killed_one_left(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = make_archive(tmp_path / "a", 1)
    for name in (
        ".manifest.json.abc.part",
        "shards/.train-000002-00000.parquet.x.part",
        "shards/train-000002-00000.parquet",
    ):
        (archive.folder / name).write_bytes(b"half")
    (archive.folder / "README.md").unlink()
    assert list(archive.verify()) == []
    assert archive.append(drawn[:1]).num_there_already == 1
    assert contents(archive.folder) == listed(archive.folder)


def test_the_readme_keeps_its_text_and_names_the_shards(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = make_archive(tmp_path / "a", 1)
    readme = archive.folder / "README.md"
    readme.write_text("---\nlicense: cc0-1.0\nconfigs: []\n---\n# Mine\n\n---\nWords é.\n")
    archive.append(drawn)
    head, text = split_readme(readme.read_text())
    assert text == "# Mine\n\n---\nWords é.\n"
    assert head["license"] == "cc0-1.0"
    named = [path for way in head["configs"] for files in way["data_files"] for path in files["path"]]
    assert named == 2 * [f"shards/{shard.name}" for shard in archive.manifest.shards]


@pytest.mark.parametrize("text", ["---\na: [\n---\n", "---\n- a\n---\n", "---\na: 1\n"])
def test_a_readme_whose_head_is_no_yaml_is_refused(tmp_path: Path, text: str) -> None:
    archive = make_archive(tmp_path / "a", 1)
    (archive.folder / "README.md").write_text(text)
    with pytest.raises(ArchiveBroken, match=r"README\.md"):
        archive.append([])


def test_a_second_writer_gets_one_sentence(tmp_path: Path, drawn: list[Picture]) -> None:
    archive = make_archive(tmp_path / "a", 1)
    code = (
        "import sys; from pathlib import Path; from cafdata import lock\n"
        "with lock.writing(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(archive.folder)]
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ArchiveBroken, match=rf"being written by another process \(id {other.pid}\)"):
            archive.append(drawn)
        assert len(list(archive.records())) == 6, "readers do not wait"
        other.kill()
    assert archive.append(drawn).num_added == 12


def test_a_writer_within_a_writer_is_refused_too(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a", 1)
    with lock.writing(archive.folder), pytest.raises(ArchiveBroken, match=f"id {os.getpid()}"):
        archive.remove(["p00000/04"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged"),
        ("{}", "is not the manifest of an archive"),
        ('{"format": "caf-archive", "version": 2}', "has version 2"),
        ('{"format": "caf-archive", "version": 1}', "is damaged"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str, said: str) -> None:
    archive = make_archive(tmp_path / "a", 1)
    (archive.folder / "manifest.json").write_text(text)
    with pytest.raises(ArchiveBroken, match=said):
        Archive(archive.folder)


@pytest.mark.parametrize("name", ["../x.parquet", "/etc/train-000001-00000.parquet", "train.parquet", 7])
def test_a_manifest_cannot_name_files_outside(tmp_path: Path, name: object) -> None:
    archive = make_archive(tmp_path / "a", 1)
    path = archive.folder / "manifest.json"
    values = json.loads(path.read_text())
    values["shards"][0]["name"] = name
    path.write_text(json.dumps(values))
    with pytest.raises(ArchiveBroken, match="is no name of a shard"):
        Archive(archive.folder)


def test_an_archive_begins_in_a_folder_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ArchiveBroken, match="is no archive"):
        Archive(tmp_path)
    with pytest.raises(ArchiveBroken, match="is no archive"):
        Archive(tmp_path / "nowhere")
    make_archive(tmp_path / "a", 1)
    with pytest.raises(ArchiveBroken, match="is an archive already"):
        Archive.create(tmp_path / "a")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArchiveBroken, match=r"it holds a"):
        Archive.create(tmp_path)
    (tmp_path / "b" / "shards").mkdir(parents=True)
    assert len(Archive.create(tmp_path / "b")) == 0, "goes on where it was broken off"


def test_a_picture_saved_again_is_another_picture(tmp_path: Path, drawn: list[Picture]) -> None:
    """Near duplicates may come in: only splits and removals look at them."""
    archive = make_archive(tmp_path / "a", 1)
    rows = row_of(drawn[0])
    data = saved_again(drawn[0].data, 50)
    import hashlib

    rows |= {"picture_id": "again", "sha256": hashlib.sha256(data).hexdigest(), "image": {"bytes": data, "path": None}}
    assert archive.append([rows]).num_added == 1
