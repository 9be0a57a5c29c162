"""From decisions to the archive: what is written, what is left alone, replaced, withdrawn."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from cafdata.archive import Archive
from cafdata.dates import age_between
from cafdata.manifest import SplitRule
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import AgeLabel, Record
from cafdata.splits import position_of, split_of
from cafdata.takedown import Request, takedown
from core.errors import CurationBroken
from core.images import encode_jpeg
from curation.carrying import FILE
from curation.deciding import Decided
from curation.holdings import FILE as PUT_IN
from curation.labelling.evidence import weigh
from curation.run_folder import RunFolder, write_json
from curation.sealing import record_of, seal
from curation.stage import UNFORESEEN, Drop
from tests.loopback_run import fingerprint
from tests.make_archive import drawn_photo
from tests.make_run import Row, candidate, filled, made_run, seen_row

AT = "2026-01-02T03:04:05+00:00"
AGES = (22, 31, 40)
NO_FACE = Drop(stage="faces", reason="no face")


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
    first = seal(run, kept(rows), {}, [question], print)
    assert (first.added, first.there_already, first.questions) == (6, 0, 1)
    archive = Archive(run.recipe.archive)
    assert {picture.record.picture_id: picture.data for picture in archive.pictures()} == {
        row["picture_id"]: row["face"] for row in rows
    }
    assert all(record.split for record in archive.records())
    before = fingerprint(archive.folder)
    again = seal(run, kept(rows), {}, [question], print)
    assert (again.added, again.there_already, again.replaced, again.withdrawn, again.questions, again.moved) == (
        0, 6, 0, 0, 0, 0,
    )  # fmt: skip
    assert fingerprint(archive.folder) == before
    assert list(archive.verify()) == []


def test_changed_facts_and_faces_are_replaced_and_refused_ones_withdrawn(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), {}, (), print)
    other = seen_row(candidate(1, 31), shows=(5, 31))
    now = [rows[0] | {"licence": "CC-BY-4.0"}, other, *rows[2:5]]
    filled(run, [*now, rows[5]])
    sealed = seal(run, kept(now), {"made/2-40": NO_FACE, "made/never-in": NO_FACE}, (), print)
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
    seal(run, {"made/1-22": dates}, {}, (), print)
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
    assert seal(run, {"made/1-22": dates}, {}, (), print).replaced == 0
    filled(run, [row | {"licence": "CC-BY-4.0"}])
    assert seal(run, {"made/1-22": dates}, {}, (), print).replaced == 1
    assert records(run)["made/1-22"] == dataclasses.replace(worked, licence="CC-BY-4.0")
    # Another date of birth: the age that was cut out of the old dates may not stay.
    filled(run, [row | {"born": "1970"}])
    youngest, oldest = age_between("1970", "1985")
    dates = dataclasses.replace(dates, age_min_years=youngest, age_max_years=oldest)
    seal(run, {"made/1-22": dates}, {}, (), print)
    after = records(run)["made/1-22"]
    assert (after.age_min_years, after.age_max_years, after.age_provenance) == (youngest, oldest, "dates")
    assert after.labels == labels and ("nice", 1.0) in after.quality and after.split == worked.split


def labelled(run: RunFolder, name: str, **changes: Any) -> Record:
    """The record of a picture after somebody said how old it looks, and another program gave it a score."""
    label = AgeLabel(annotator="annotator-1", verdict="age", age_years=31.5, labelled_at=AT)
    before = records(run)[name]
    worked = dataclasses.replace(before, labels=(label,), quality=(*before.quality, ("nice", 1.0)), **changes)
    Archive(run.recipe.archive).update([worked])
    return worked


def test_a_face_cut_out_anew_keeps_labels_scores_and_split(run: RunFolder, rows: list[Row]) -> None:
    """The same face of the same photo, in another size and framing: other bytes."""
    seal(run, kept(rows), {}, (), print)
    worked = labelled(run, "made/1-31")
    cut = seen_row(candidate(1, 31), shows=(5, 31), framing="ffhq", size_px=48)
    now = [row if row["picture_id"] != "made/1-31" else cut for row in rows]
    filled(run, now)
    assert seal(run, kept(now), {}, (), print).replaced == 1
    after = records(run)["made/1-31"]
    assert (after.sha256, after.framing, after.width_px) == (cut["sha256"], "ffhq", 48)
    assert after.labels == worked.labels and ("nice", 1.0) in after.quality and after.split == worked.split
    assert list(Archive(run.recipe.archive).verify()) == []
    assert not (run.folder / FILE).exists()


def test_the_same_photo_in_a_better_file_keeps_labels(run: RunFolder, rows: list[Row]) -> None:
    """Its face lies elsewhere, but the crop looks the same."""
    seal(run, kept(rows), {}, (), print)
    worked = labelled(run, "made/1-31")
    old = next(row for row in rows if row["picture_id"] == "made/1-31")
    face = encode_jpeg(drawn_photo(1, 31), 70)
    points = [[2 * x, 2 * y] for x, y in old["points"]]
    better = old | {"face": face, "sha256": hashlib.sha256(face).hexdigest(), "points": points}
    now = [row if row is not old else better for row in rows]
    filled(run, now)
    seal(run, kept(now), {}, (), print)
    after = records(run)["made/1-31"]
    assert after.sha256 == better["sha256"] and after.labels == worked.labels


def test_labels_of_another_photo_at_the_same_address_go_and_that_is_said(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), {}, (), print)
    labelled(run, "made/1-31")
    other = seen_row(candidate(1, 31), shows=(5, 31), points=[[x + 9.0, 20.0] for x in range(5)])
    now = [row if row["picture_id"] != "made/1-31" else other for row in rows]
    filled(run, now)
    said: list[str] = []
    seal(run, kept(now), {}, (), said.append)
    assert records(run)["made/1-31"].labels == ()
    assert "labels that leave the archive with their pictures: 1 (made/1-31)" in said


def test_a_better_copy_takes_over_what_people_said(run: RunFolder, rows: list[Row]) -> None:
    """Also where it is held back at first: the labels wait in the working folder."""
    seal(run, kept(rows), {}, (), print)
    worked = labelled(run, "made/1-31")
    copy = seen_row(candidate(1, 31, picture_id="made/1-31-large"))
    now = [*rows, copy]
    filled(run, now)
    without = [row for row in rows if row["picture_id"] != "made/1-31"]
    dropped = {"made/1-31": Drop(stage="duplicates", reason="same photo", detail="made/1-31-large")}
    seal(run, kept(without), dropped, (), print)
    assert "made/1-31" not in records(run) and (run.folder / FILE).exists()
    seal(run, kept([*without, copy]), dropped, (), print)
    after = records(run)["made/1-31-large"]
    assert after.labels == worked.labels and ("nice", 1.0) in after.quality
    assert not (run.folder / FILE).exists()


def test_a_picture_that_comes_back_has_its_labels_though_the_better_copy_never_came(
    run: RunFolder, rows: list[Row]
) -> None:
    seal(run, kept(rows), {}, (), print)
    worked = labelled(run, "made/1-31")
    without = [row for row in rows if row["picture_id"] != "made/1-31"]
    held = {"made/1-31": Drop(stage="duplicates", reason="same photo", detail="made/1-31-large")}
    seal(run, kept(without), held, (), print)
    assert "made/1-31" not in records(run)
    missing = {"made/1-31-large": Drop(stage="fetch", reason="not found")}
    assert missing["made/1-31-large"].is_final
    seal(run, kept(rows), missing, (), print)
    assert records(run)["made/1-31"].labels == worked.labels
    assert not (run.folder / FILE).exists()


def test_labels_that_wait_for_nothing_any_more_are_told_of(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), {}, (), print)
    labelled(run, "made/1-31")
    without = [row for row in rows if row["picture_id"] != "made/1-31"]
    held = {"made/1-31": Drop(stage="duplicates", reason="same photo", detail="made/1-31-large")}
    seal(run, kept(without), held, (), print)
    gone = {name: Drop(stage="fetch", reason="not found") for name in ("made/1-31", "made/1-31-large")}
    told: list[str] = []
    seal(run, kept(without), gone, (), told.append)
    assert any("labels that leave the archive with their pictures: 1 (made/1-31)" in line for line in told)


def test_two_copies_in_the_archive_become_one_with_the_labels_of_both(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), {}, (), print)
    first, second = labelled(run, "made/1-31"), labelled(run, "made/1-40", born=None, age_provenance="given")
    later = dataclasses.replace(second.labels[0], annotator="annotator-2")
    Archive(run.recipe.archive).update([dataclasses.replace(second, labels=(later,))])
    without = [row for row in rows if row["picture_id"] != "made/1-40"]
    dropped = {"made/1-40": Drop(stage="duplicates", reason="same photo", detail="made/1-31")}
    for _ in range(2):
        seal(run, kept(without), dropped, (), print)
        assert records(run)["made/1-31"].labels == (*first.labels, later)
    assert "made/1-40" not in records(run)


def test_whom_a_copy_does_not_show_was_asked_under_its_own_name(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), {}, (), print)
    worked = labelled(run, "made/1-31")
    other = AgeLabel(annotator="annotator-2", verdict="not_this_person", labelled_at=AT)
    Archive(run.recipe.archive).update([dataclasses.replace(worked, labels=(*worked.labels, other))])
    dropped = {"made/1-31": Drop(stage="duplicates", reason="same photo", detail="made/2-31")}
    seal(run, kept([row for row in rows if row["picture_id"] != "made/1-31"]), dropped, (), print)
    assert records(run)["made/2-31"].labels == worked.labels


def test_what_waits_for_its_picture_is_not_dropped_for_damage(run: RunFolder, rows: list[Row]) -> None:
    (run.folder / FILE).write_text("[1]")
    with pytest.raises(CurationBroken, match="restore it, or delete it"):
        seal(run, kept(rows), {}, (), print)


def test_a_fault_that_passes_or_is_ours_takes_nothing_out(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), {}, (), print)
    dropped = {
        "made/1-22": Drop(stage="fetch", reason="server fault", is_passing=True),
        "made/1-31": Drop(stage="quality", reason=UNFORESEEN, detail="KeyError"),
        "made/1-40": NO_FACE,
    }
    sealed = seal(run, kept([row for row in rows if row["picture_id"] not in dropped]), dropped, (), print)
    assert sealed.withdrawn == 1
    assert set(records(run)) == {row["picture_id"] for row in rows} - {"made/1-40"}


def test_people_who_became_one_share_a_split(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), {}, (), print)
    joined = {row["picture_id"]: decided(row, "person-1") for row in rows}
    assert seal(run, joined, {}, (), print).replaced == 3
    found = records(run).values()
    assert {record.person_id for record in found} == {"person-1"} and len({record.split for record in found}) == 1


def test_nobody_moves_for_pictures_that_64_bits_alone_find_alike(tmp_path: Path) -> None:
    """Two who look alike to 64 bits, and two of whom one has a copy of the other's picture."""
    rule = SplitRule()
    names: dict[str, list[str]] = {}
    for number in range(200):
        fallen = split_of(position_of(f"person-{number}", rule), rule)
        names.setdefault(fallen, []).append(f"person-{number}")
    (tested, copied), (other, copier) = names["test"][:2], names["train"][:2]
    rows = [
        seen_row(candidate(number, 30, person_id=name), shows=(shown, 30))
        for number, name, shown in ((1, tested, 1), (2, other, 2), (3, copied, 3), (4, copier, 3))
    ]
    rows[1]["long_hash"] = rows[0]["long_hash"][:16] + rows[1]["long_hash"][16:]
    copy = encode_jpeg(drawn_photo(3, 30), 60)
    rows[3] |= {"face": copy, "sha256": hashlib.sha256(copy).hexdigest()}
    run = filled(made_run(tmp_path), rows)
    seal(run, kept(rows), {}, (), print)
    splits = {record.person_id: record.split for record in records(run).values()}
    assert splits == {tested: "test", other: "train", copied: "train", copier: "train"}


def test_what_was_taken_down_is_left_out_and_named(run: RunFolder, rows: list[Row]) -> None:
    seal(run, kept(rows), {}, (), print)
    takedown(Archive(run.recipe.archive), Request(person=("person-2",)))
    question = ReviewItem(kind="picture", picture_ids=("made/2-22",), reason="?", source="s", added_at=AT)
    sealed = seal(run, kept(rows), {}, [question], print)
    assert (sealed.added, sealed.questions) == (0, 0)
    assert {name for name, _ in sealed.left_out} == {"made/2-22", "made/2-31", "made/2-40"}
    assert all("removed on request" in reason for _, reason in sealed.left_out)
    assert ReviewQueue(run.recipe.archive).items() == ()


def local(name: str, shows: tuple[int, int], **changes: Any) -> Row:
    """A picture of a local folder that is called `faces`, whoever is on it."""
    one = candidate(9, shows[1], picture_id=f"faces/{name}", url=None, path=f"/somewhere/faces/{name}")
    return seen_row(one, shows=shows, **changes)


def without_face(row: Row) -> Row:
    listed = {name: row[name] for name in candidate(9, 30).to_row()}
    return listed | {"answer": None, "drop": {"stage": "quality", "reason": "blurred", "is_passing": False}}


BLURRED = Drop(stage="quality", reason="blurred")


def test_two_folders_of_one_name_leave_each_other_s_pictures_alone(tmp_path: Path) -> None:
    """Each with a recipe of its own, into one archive; the second finds one of its pictures blurred."""
    first = [local("anna/20.jpg", (1, 20)), local("anna/30.jpg", (1, 30))]
    run = filled(made_run(tmp_path, working=tmp_path / "first.work"), first)
    seal(run, kept(first), {}, (), print)
    before = records(run)
    second = [local("anna/20.jpg", (2, 20)), without_face(local("anna/30.jpg", (2, 30))), local("bob/40.jpg", (3, 40))]
    other = filled(made_run(tmp_path, working=tmp_path / "second.work"), second)
    for _ in range(2):
        told: list[str] = []
        sealed = seal(other, kept([second[0], second[2]]), {"faces/anna/30.jpg": BLURRED}, (), told.append)
        assert (sealed.replaced, sealed.withdrawn) == (0, 0)
        assert [name for name, _ in sealed.left_out] == ["faces/anna/20.jpg", "faces/anna/30.jpg"]
        assert any("2 pictures stay" in line and "rename the folder" in line for line in told)
    assert {name: record.sha256 for name, record in records(run).items() if name in before} == {
        name: record.sha256 for name, record in before.items()
    }
    # Whose they are may take them out.
    filled(run, [first[0], without_face(first[1])])
    assert seal(run, kept(first[:1]), {"faces/anna/30.jpg": BLURRED}, (), print).withdrawn == 1
    assert set(records(run)) == {"faces/anna/20.jpg", "faces/bob/40.jpg"}


def test_another_working_folder_takes_over_its_own_local_pictures(tmp_path: Path) -> None:
    """As a changed recipe needs one: the same photos, cut out otherwise."""
    first = [local("anna/20.jpg", (1, 20)), local("anna/30.jpg", (1, 30))]
    seal(filled(made_run(tmp_path, working=tmp_path / "first.work"), first), kept(first), {}, (), print)
    again = [first[0], local("anna/30.jpg", (5, 30), framing="ffhq", size_px=48)]
    run = filled(made_run(tmp_path, working=tmp_path / "second.work"), again)
    assert seal(run, kept(again), {}, (), print).replaced == 1
    assert records(run)["faces/anna/30.jpg"].framing == "ffhq"
    filled(run, [without_face(again[0]), again[1]])
    assert seal(run, kept(again[1:]), {"faces/anna/20.jpg": BLURRED}, (), print).withdrawn == 1


def test_a_working_folder_of_before_holds_what_is_there_of_its_names(tmp_path: Path) -> None:
    first = [local("anna/20.jpg", (1, 20)), local("anna/30.jpg", (1, 30))]
    run = filled(made_run(tmp_path), first)
    seal(run, kept(first), {}, (), print)
    (run.folder / PUT_IN).unlink()
    write_json(run.folder / "outcome.json", {})
    filled(run, [first[0], without_face(first[1])])
    assert seal(run, kept(first[:1]), {"faces/anna/30.jpg": BLURRED}, (), print).withdrawn == 1
    (run.folder / PUT_IN).write_text("[")
    with pytest.raises(CurationBroken, match="delete it and run the recipe again"):
        seal(run, kept(first[:1]), {}, (), print)
