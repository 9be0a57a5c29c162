"""Ages read by a network become scores: once for each picture, and nothing else changes."""

import dataclasses
from pathlib import Path

from cafdata.record import AgeLabel
from core.age_reader import PresentAge
from curation.labelling.reading import read_ages
from tests.make_archive import make_archive


def test_every_picture_gets_its_score_once(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 1)
    faceless = next(archive.pictures()).data
    seen = []

    def read(data: bytes) -> PresentAge | None:
        seen.append(data)
        return None if data == faceless else PresentAge(years=33.5)

    assert read_ages(archive, read, "some-net") == 5
    scores = [dict(record.quality).get("age read by some-net") for record in archive.records()]
    assert sorted(scores, key=str) == [33.5] * 5 + [None]
    assert all(dict(record.quality)["sharpness"] == 0.5 for record in archive.records())
    seen.clear()
    assert read_ages(archive, read, "some-net") == 0
    assert seen == [faceless]
    assert read_ages(archive, read, "other-net") == 5
    assert list(archive.verify()) == []


def test_labels_that_are_pulled_meanwhile_stay(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 1)
    label = AgeLabel(annotator="annotator-1", verdict="age", age_years=30, labelled_at="2026-01-02T03:04:05+00:00")

    def read(data: bytes) -> PresentAge:  # noqa: ARG001
        archive.update([dataclasses.replace(one, labels=(label,)) for one in archive.records()])
        return PresentAge(years=33.5)

    assert read_ages(archive, read, "some-net") == 6
    assert all(record.labels == (label,) for record in archive.records())
    assert all(dict(record.quality)["age read by some-net"] == 33.5 for record in archive.records())
