"""From decisions to the archive: what is written, what is left alone, replaced, withdrawn."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from cafdata.archive import Archive
from cafdata.dates import age_between
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import AgeLabel, Record
from cafdata.takedown import Request, takedown
from curation.deciding import Decided
from curation.labelling.evidence import weigh
from curation.run_folder import RunFolder
from curation.sealing import record_of, seal
from tests.loopback_run import fingerprint
from tests.make_run import Row, candidate, filled, made_run, seen_row

AT = "2026-01-02T03:04:05+00:00"
AGES = (22, 31, 40)


def decided(row: Row, person_id: str | None = None) -> Decided:
    age_years = int(row["captured"][:4]) - 1960
    return Decided(
        person_id=person_id or row["person_id"], age_min_years=age_years, age_max_years=age_years + 0.9,
        age_provenance="dates",
    )  # fmt: skip


def kept(rows: list[Row]) -> dict[str, Decided]:
    return {row["picture_id"]: decided(row) for row in rows}


@pytest.fixture
def rows() -> list[Row]:
    return [seen_row(candidate(person, age)) for person in (1, 2) for age in AGES]


@pytest.fixture
def run(tmp_path: Path, rows: list[Row]) -> RunFolder:
    return filled(made_run(tmp_path), rows)


def records(run: RunFolder) -> dict[str, Record]:
    return {record.picture_id: record for record in Archive(run.recipe.archive).records()}


def test_a_record_holds_what_was_listed_seen_and_decided(rows: list[Row]) -> None:
    row = rows[1] | {"source_url": None, "age_read_years": 33.333, "died": "2001", "ethnicity": "unknown"}
    record = record_of(row, decided(row, "wikidata/Q1"))
    assert (record.picture_id, record.person_id) == ("made/1-31", "wikidata/Q1")
    assert (record.age_min_years, record.age_max_years, record.age_provenance) == (31, 31.9, "dates")
    assert record.source_url == row["url"]
    assert record.phash == row["long_hash"][:16]
    assert (record.width_px, record.height_px, record.framing) == (64, 64, "utkface")
    assert record.quality == (("sharpness", 0.5), ("age read by age-estimator-128", 33.3))
    assert record.points == tuple(tuple(point) for point in row["points"])
    assert (record.licence, record.author, record.born, record.died) == ("CC0-1.0", "A machine", "1960-01-01", "2001")


def test_sealing_again_changes_nothing(run: RunFolder, rows: list[Row]) -> None:
    question = ReviewItem(kind="picture", picture_ids=("made/1-22",), reason="?", source="s", added_at=AT)
    first = seal(run, kept(rows), (), [question], print)
    assert (first.added, first.there_already, first.questions) == (6, 0, 1)
    archive = Archive(run.recipe.archive)
    assert {picture.record.picture_id: picture.data for picture in archive.pictures()} == {
        row["picture_id"]: row["face"] for row in rows
    }
    assert all(record.split for record in archive.records())
    before = fingerprint(archive.folder)
    again = seal(run, kept(rows), (), [question], print)
    assert (again.added, again.there_already, again.replaced, again.withdrawn, again.questions, again.moved) == (
        0, 6, 0, 0, 0, 0,
    )  # fmt: skip
    assert fingerprint(archive.folder) == before
    assert list(archive.verify()) == []


def test_changed_facts_and_faces_are_replaced_and_refused_ones_withdrawn(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), (), (), print)
    other = seen_row(candidate(1, 31), shows=(5, 31))
    now = [rows[0] | {"licence": "CC-BY-4.0"}, other, *rows[2:5]]
    filled(run, [*now, rows[5]])
    sealed = seal(run, kept(now), ["made/2-40", "made/never-in"], (), print)
    assert (sealed.added, sealed.replaced, sealed.withdrawn) == (1, 2, 1)
    found = records(run)
    assert set(found) == {row["picture_id"] for row in now}
    assert found["made/1-22"].licence == "CC-BY-4.0"
    assert found["made/1-31"].sha256 == hashlib.sha256(other["face"]).hexdigest()
    assert list(Archive(run.recipe.archive).verify()) == []


def test_what_others_added_to_a_record_stays(tmp_path: Path) -> None:
    """Labels, what these make of the age, scores of other programs; the rest follows the run."""
    row = seen_row(candidate(1, 22, born="1950", captured="1985"))
    youngest, oldest = age_between("1950", "1985")
    dates = Decided(person_id="person-1", age_min_years=youngest, age_max_years=oldest, age_provenance="dates")
    run = filled(made_run(tmp_path), [row])
    seal(run, {"made/1-22": dates}, (), (), print)
    archive = Archive(run.recipe.archive)
    labels = tuple(
        AgeLabel(annotator=f"annotator-{number}", verdict="age", age_years=40.5, labelled_at=AT) for number in (1, 2)
    )
    worked = dataclasses.replace(records(run)["made/1-22"], labels=labels)
    seen = weigh(worked)
    assert seen.provenance == "combined" and seen.min_years > youngest
    worked = dataclasses.replace(
        worked,
        age_min_years=seen.min_years,
        age_max_years=seen.max_years,
        age_provenance="combined",
        quality=(*worked.quality, ("nice", 1.0)),
    )
    archive.update([worked])
    assert seal(run, {"made/1-22": dates}, (), (), print).replaced == 0
    filled(run, [row | {"licence": "CC-BY-4.0"}])
    assert seal(run, {"made/1-22": dates}, (), (), print).replaced == 1
    assert records(run)["made/1-22"] == dataclasses.replace(worked, licence="CC-BY-4.0")
    # Another date of birth: the age that was cut out of the old dates may not stay.
    filled(run, [row | {"born": "1970"}])
    youngest, oldest = age_between("1970", "1985")
    dates = dataclasses.replace(dates, age_min_years=youngest, age_max_years=oldest)
    seal(run, {"made/1-22": dates}, (), (), print)
    after = records(run)["made/1-22"]
    assert (after.age_min_years, after.age_max_years, after.age_provenance) == (youngest, oldest, "dates")
    assert after.labels == labels and ("nice", 1.0) in after.quality and after.split == worked.split


def test_people_who_became_one_share_a_split(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), (), (), print)
    joined = {row["picture_id"]: decided(row, "person-1") for row in rows}
    assert seal(run, joined, (), (), print).replaced == 3
    found = records(run).values()
    assert {record.person_id for record in found} == {"person-1"} and len({record.split for record in found}) == 1


def test_what_was_taken_down_is_left_out_and_named(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), (), (), print)
    takedown(Archive(run.recipe.archive), Request(person=("person-2",)))
    question = ReviewItem(kind="picture", picture_ids=("made/2-22",), reason="?", source="s", added_at=AT)
    sealed = seal(run, kept(rows), (), [question], print)
    assert (sealed.added, sealed.questions) == (0, 0)
    assert {name for name, _ in sealed.left_out} == {"made/2-22", "made/2-31", "made/2-40"}
    assert all("removed on request" in reason for _, reason in sealed.left_out)
    assert ReviewQueue(run.recipe.archive).items() == ()
