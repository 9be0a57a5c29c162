"""croissant.json is sound by MLCommons' own validator, and the pictures come out of it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import mlcroissant
import pytest

from cafdata.archive import Archive
from cafdata.card import write_card
from cafdata.croissant import RESPONSIBLE, plain
from core.ages import TEN
from tests.make_archive import make_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    made = make_archive(tmp_path_factory.mktemp("croissant") / "archive", 2)
    write_card(made)
    return made


def described(archive: Archive) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((archive.folder / "croissant.json").read_text())
    return values


def test_the_validator_finds_no_fault(archive: Archive) -> None:
    dataset = mlcroissant.Dataset(jsonld=str(archive.folder / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert issues.errors == set()
    assert {warning for warning in issues.warnings if "datePublished" not in warning and "url" not in warning} == set()
    assert dataset.metadata.data_biases and dataset.metadata.personal_sensitive_information


def test_the_validator_is_awake(archive: Archive, tmp_path: Path) -> None:
    broken = described(archive)
    broken["recordSet"][-1]["field"][0]["source"]["fileSet"]["@id"] = "elsewhere"
    (tmp_path / "croissant.json").write_text(json.dumps(broken))
    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))


def test_rows_and_pictures_come_out_of_it(archive: Archive) -> None:
    dataset = mlcroissant.Dataset(jsonld=str(archive.folder / "croissant.json"))
    rows = {row["pictures/picture_id"].decode(): row for row in dataset.records("pictures")}
    records = {record.picture_id: record for record in archive.records()}
    assert set(rows) == set(records)
    for name, row in rows.items():
        assert row["pictures/age_min_years"] == records[name].age_min_years
        assert row["pictures/image"].size == (64, 64)
        assert TEN.names[int(row["pictures/group10"])] == records[name].group10


def test_files_and_responsible_fields(archive: Archive) -> None:
    found = described(archive)
    shards = [file for file in found["distribution"] if file["@type"] == "cr:FileObject"]
    for shard in shards:
        assert hashlib.sha256((archive.folder / shard["contentUrl"]).read_bytes()).hexdigest() == shard["sha256"]
    assert len(shards) == len(archive.manifest.shards) > 0
    assert all(found[f"rai:{field}"] for field in RESPONSIBLE)
    assert "|" not in found["rai:dataBiases"] and "**" not in found["rai:dataCollection"]
    assert found["conformsTo"] == ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]


def test_an_archive_without_pictures_is_sound_too(tmp_path: Path) -> None:
    write_card(Archive.create(tmp_path / "archive"))
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "archive" / "croissant.json"))
    assert dataset.metadata.ctx.issues.errors == set()


def test_markdown_as_plain_text() -> None:
    assert plain("![x](./y.png)\n\n| a | b |\n| --- | ---: |\n| c\\_d | 1 |\n\n\n**To** e") == "a; b\n\nc_d; 1\n\nTo e"
