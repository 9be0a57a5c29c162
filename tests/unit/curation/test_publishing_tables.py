"""Parts: named after their bytes, the same rows the same bytes, nothing but the schema's columns in them."""

import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cafdata.archive import Archive
from cafdata.record import AgeLabel
from cafdata.schema import METADATA_COLUMNS
from cafdata.shards import ShardSize, file_digest
from curation.publishing.refusals import HubRefused
from curation.publishing.tables import DataPart, RowDigest, archive_parts, read_part, record_of
from tests.make_archive import drawn_picture, make_archive

AT = "2026-05-03T10:00:00+00:00"


def split_archive(folder: Path, size: ShardSize | None = None) -> Archive:
    archive = make_archive(folder, 3, size)
    archive.assign({"person-00000": "train", "person-00001": "train", "person-00002": "test"}, archive.manifest.rule)
    return archive


def parts_of(archive: Archive, folder: Path, *, with_pictures: bool, names: Any = ()) -> list[DataPart]:
    wanted = {record.picture_id for record in archive.records() if record.picture_id not in names}
    return list(archive_parts(archive, wanted, {}, folder, with_pictures=with_pictures))


def test_a_part_is_named_after_its_bytes_and_holds_the_rows(tmp_path: Path) -> None:
    archive = split_archive(tmp_path / "a")
    parts = parts_of(archive, tmp_path / "x" / "pictures", with_pictures=True, names={"p00001/25"})
    assert {part.split: part.num_rows for part in parts} == {"train": 11, "test": 6}
    for part in parts:
        path = tmp_path / "x" / part.path
        assert part.sha256 == file_digest(path) and part.num_bytes == path.stat().st_size
        assert part.sha256[:16] in path.name
    rows = {row["picture_id"]: row for part in parts for row in read_part(tmp_path / "x" / part.path)}
    for picture in archive.pictures(rows.keys()):
        row = rows[picture.record.picture_id]
        assert row["image"]["bytes"] == picture.data
        assert record_of(row, "x") == picture.record
    assert "p00001/25" not in rows


def test_metadata_has_no_column_with_pictures(tmp_path: Path) -> None:
    archive = split_archive(tmp_path / "a")
    for part in parts_of(archive, tmp_path / "x" / "metadata", with_pictures=False):
        assert tuple(pq.read_schema(tmp_path / "x" / part.path).names) == METADATA_COLUMNS
        data = (tmp_path / "x" / part.path).read_bytes()
        assert not any(picture.data[20:200] in data for picture in archive.pictures())


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    archive = split_archive(tmp_path / "a")
    once = parts_of(archive, tmp_path / "x" / "pictures", with_pictures=True)
    again = parts_of(archive, tmp_path / "y" / "pictures", with_pictures=True)
    assert once == again


def test_a_set_of_rows_has_one_digest_however_they_lie(tmp_path: Path) -> None:
    archive = split_archive(tmp_path / "a")
    small = split_archive(tmp_path / "b", ShardSize(max_rows=4))
    digests = []
    for one, with_pictures in ((archive, True), (small, True), (archive, False)):
        folder = tmp_path / f"x{len(digests)}" / "pictures"
        parts = parts_of(one, folder, with_pictures=with_pictures)
        rows = [row for part in parts for row in read_part(folder.parent / part.path)]
        random.Random(1).shuffle(rows)
        digest = RowDigest()
        for row in rows:
            digest.add(row)
        digests.append(digest.hexadecimal())
    assert len(set(digests)) == 1
    digest.add(rows[0])
    assert digest.hexadecimal() != digests[0]


def test_annotators_are_called_by_numbers(tmp_path: Path) -> None:
    label = AgeLabel(annotator="Ada Lovelace", verdict="age", age_years=25.0, labelled_at=AT)
    archive = Archive.create(tmp_path / "a")
    archive.append([drawn_picture(0, 25, labels=(label,), split="train")])
    folder = tmp_path / "x" / "metadata"
    (part,) = archive_parts(archive, {"p00000/25"}, {"Ada Lovelace": "annotator 1"}, folder, with_pictures=False)
    (row,) = read_part(tmp_path / "x" / part.path)
    assert [one["annotator"] for one in row["labels"]] == ["annotator 1"]
    assert b"Lovelace" not in (tmp_path / "x" / part.path).read_bytes()


@pytest.mark.parametrize(
    "path", ["../x/train-{}.parquet", "metadata/train-{}.sh", "train-{}.parquet", "a/b/test-{}.parquet"]
)
def test_a_part_lies_nowhere_else(path: str) -> None:
    sha256 = "ab" * 32
    with pytest.raises(ValueError, match="no name of a part"):
        DataPart(path=path.format(sha256[:16]), split="train", num_rows=1, num_bytes=1, sha256=sha256)


def test_what_is_no_part_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "train-0.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(HubRefused, match=r"train-0\.parquet, as it was published before, cannot be read"):
        list(read_part(path))
    with pytest.raises(HubRefused, match="a row that is no record"):
        record_of({"picture_id": "x"}, "metadata/x")
