"""What `datasets` makes of an archive folder and of an export: typed, streamed, with splits, every byte the same."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import mlcroissant
import pytest

from cafdata.archive import Archive
from cafdata.card import write_card
from cafdata.features import export, record_features
from cafdata.manifest import Manifest, SplitRule
from cafdata.record import Record
from cafdata.shards import ShardSize
from cafdata.splits import assign_splits
from core.ages import FOUR, TEN
from core.errors import ArchiveBroken
from tests.make_archive import drawn_picture, make_archive

RULE = SplitRule(salt="test", validation_share=0.3, test_share=0.3)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Eight people in three splits, in shards of nine rows."""
    made = make_archive(tmp_path_factory.mktemp("archives") / "a", 8, ShardSize(max_rows=9))
    made.assign(assign_splits(made.records(), RULE), RULE)
    return made


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`datasets.load_dataset` with a cache of its own."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def from_folder(folder: Path, *arguments: str, streaming: bool = False) -> Any:
        return datasets.load_dataset(str(folder), *arguments, streaming=streaming, cache_dir=str(tmp_path / "cache"))

    return from_folder


def by_split(archive: Archive) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in archive.records():
        found.setdefault(str(record.split), []).append(record)
    return found


@pytest.mark.parametrize("streaming", [False, True])
def test_metadata_load_from_the_archive_itself(archive: Archive, load: Any, streaming: bool) -> None:
    loaded = load(archive.folder, "metadata", streaming=streaming)
    wanted = by_split(archive)
    assert set(loaded) == set(wanted) == {"train", "validation", "test"}
    for split, rows in loaded.items():
        assert rows.features == record_features(with_pictures=False)
        assert [Record.from_row(row) for row in rows] == wanted[split]


@pytest.mark.parametrize("streaming", [False, True])
def test_pictures_load_from_the_archive_itself(archive: Archive, load: Any, streaming: bool) -> None:
    from datasets import Image

    loaded = load(archive.folder, "pictures", streaming=streaming)
    pictures = {picture.record.picture_id: picture for picture in archive.pictures()}
    seen = 0
    for rows in loaded.values():
        assert rows.features == record_features(with_pictures=True)
        assert next(iter(rows))["image"].size == (64, 64)
        for row in rows.cast_column("image", Image(decode=False)):
            picture = pictures[row["picture_id"]]
            assert row["image"]["bytes"] == picture.data
            assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["sha256"]
            assert Record.from_row(row) == picture.record
            seen += 1
    assert seen == len(archive) == 48


def test_metadata_are_what_one_gets_without_asking(archive: Archive, load: Any) -> None:
    assert "image" not in load(archive.folder)["train"].features


def test_groups_are_class_labels_and_other_columns_what_they_say() -> None:
    features = record_features(with_pictures=True)
    assert features["group10"].names == list(TEN.names)
    assert features["group4"].names == list(FOUR.names)
    assert features["group10"].int2str(5) == "20-29"
    kinds = {name: type(feature).__name__ for name, feature in features.items() if name not in ("group10", "group4")}
    assert {name for name, kind in kinds.items() if kind == "List"} == {"box", "points", "quality", "labels"}
    assert kinds["image"] == "Image"
    assert features["age_min_years"].dtype == "float64"


def test_people_added_and_moved_are_loaded_where_they_are(tmp_path: Path, load: Any) -> None:
    archive = make_archive(tmp_path / "a", 2)
    assert {split: rows.num_rows for split, rows in load(archive.folder).items()} == {"unassigned": 12}
    archive.assign({"person-00000": "test"}, RULE)
    archive.append([drawn_picture(0, 50, split="test")])
    assert {split: rows.num_rows for split, rows in load(archive.folder).items()} == {"test": 7, "unassigned": 6}


@pytest.mark.parametrize("with_pictures", [False, True])
def test_an_export_loads_and_holds_nothing_else(
    archive: Archive, tmp_path: Path, load: Any, with_pictures: bool
) -> None:
    for name in ("queue.json", "tombstones.json", ".env"):
        (archive.folder / name).write_text("{}")
    out = tmp_path / "out"
    assert export(archive, out, with_pictures=with_pictures) == 48
    for name in ("queue.json", "tombstones.json", ".env"):
        (archive.folder / name).unlink()
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    folders = {path.partition("/")[0] for path in found}
    assert folders == {"README.md", "metadata"} | ({"pictures"} if with_pictures else set())
    wanted = by_split(archive)
    for split, rows in load(out, "metadata").items():
        assert rows.features == record_features(with_pictures=False)
        assert [Record.from_row(row) for row in rows] == wanted[split]
    if with_pictures:
        loaded = load(out, "pictures")
        assert sum(rows.num_rows for rows in loaded.values()) == 48
        assert loaded["train"].features == record_features(with_pictures=True)
    else:
        with pytest.raises(ValueError, match="pictures"):
            load(out, "pictures")
        assert b"\xff\xd8\xff" not in b"".join(path.read_bytes() for path in (out / "metadata").iterdir())


@pytest.mark.parametrize("with_pictures", [False, True])
def test_an_export_has_the_card_of_its_own_files(tmp_path: Path, load: Any, with_pictures: bool) -> None:
    """A card of before: the copy counts what it holds, shows its heat map, and Croissant reads its rows."""
    archive = make_archive(tmp_path / "a", 3, ShardSize(max_rows=9))
    archive.assign(assign_splits(archive.records(), RULE), RULE)
    write_card(archive)
    archive.remove(["p00001/12"])
    out = tmp_path / "out"
    export(archive, out, with_pictures=with_pictures)
    readme = (out / "README.md").read_text()
    assert "17 pictures of 3 people" in readme and "18 pictures" not in readme
    shown = re.findall(r"!\[[^]]*\]\(\./([^)]+)\)", readme)
    assert shown == ["coverage.png"] and (out / shown[0]).is_file()
    assert load(out, "metadata")["train"].num_rows > 0
    described = json.loads((out / "croissant.json").read_text())
    files = {file["contentUrl"]: file["sha256"] for file in described["distribution"] if "contentUrl" in file}
    written = {path.relative_to(out).as_posix(): path for path in out.rglob("*.parquet")}
    assert files == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in written.items()}
    dataset = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
    assert dataset.metadata.ctx.issues.errors == set()
    for rows in ("metadata", "pictures") if with_pictures else ("metadata",):
        names = {row[f"{rows}/picture_id"].decode() for row in dataset.records(rows)}
        assert names == {record.picture_id for record in archive.records()}


class Growing(Archive):
    """An archive to which somebody else appends a picture each time its manifest has been read."""

    @property
    def manifest(self) -> Manifest:
        found = super().manifest
        Archive(self.folder, ShardSize(max_rows=1)).append([drawn_picture(50 + found.generation, 30, split="test")])
        return found


def test_an_export_is_of_one_moment(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a", 2)
    archive.assign({"person-00000": "train", "person-00001": "train"}, RULE)
    write_card(archive)
    generation = archive.manifest.generation
    assert export(Growing(archive.folder), tmp_path / "out", with_pictures=False) == 12
    assert len(archive) > 12
    assert "12 pictures of 2 people" in (tmp_path / "out" / "README.md").read_text()
    assert json.loads((tmp_path / "out" / "croissant.json").read_text())["version"] == f"{generation}.0.0"


def test_an_export_is_on_the_disk_before_it_appears(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files and folders that fsync was called for, by inode, while the copy was hidden and since."""
    out = tmp_path / "out"
    synced: dict[bool, set[int]] = {False: set(), True: set()}
    fsync = os.fsync

    def remembering(descriptor: int) -> None:
        fsync(descriptor)
        synced[out.exists()].add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", remembering)
    export(archive, out, with_pictures=True)
    assert {path.stat().st_ino for path in (out, *out.rglob("*"))} <= synced[False]
    assert tmp_path.stat().st_ino in synced[True]


def test_an_export_of_a_broken_card_does_not_appear(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a", 2)
    archive.assign(assign_splits(archive.records(), RULE), RULE)
    write_card(archive)
    readme = archive.folder / "README.md"
    readme.write_text(readme.read_text().replace("<!-- cafdata:splits:end -->", ""))
    with pytest.raises(ArchiveBroken, match="do not begin and end in turn"):
        export(archive, tmp_path / "out", with_pictures=False)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_said(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ArchiveBroken, match="is there already"):
        export(archive, tmp_path / "there", with_pictures=False)
    with pytest.raises(ArchiveBroken, match="has no pictures to export"):
        export(Archive.create(tmp_path / "empty"), tmp_path / "out", with_pictures=False)
    with pytest.raises(ArchiveBroken, match="pictures without a split"):
        export(make_archive(tmp_path / "a", 1), tmp_path / "out", with_pictures=False)
    assert not (tmp_path / "out").exists()


def test_what_a_killed_export_left_is_cleared(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "half").write_text("x")
    export(archive, tmp_path / "out", with_pictures=False)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert not (tmp_path / "out" / "half").exists()
