"""Nothing without licence, author, source, dates; no minor; no open question: each gate, and what is left out."""

import dataclasses
import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cafdata.archive import Archive
from cafdata.manifest import SplitRule
from cafdata.queue import ReviewItem, ReviewQueue
from cafdata.record import AgeLabel, Picture, Record
from curation.publishing.gates import examine, record_faults, synthetic_people
from tests.make_archive import drawn_picture, saved_again
from tests.make_release import finish_card, grown_picture, make_release

TODAY = date(2026, 11, 25)
AT = "2026-05-03T10:00:00+00:00"
LATER = "2026-05-03T10:00:01+00:00"
SAMPLE = Path(__file__).resolve().parents[3] / "cafdata" / "sample"


def record(**changes: Any) -> Record:
    return grown_picture(0, 37, **{"split": "train"} | changes).record


def gates(row: Record, *, is_synthetic: bool = False) -> list[tuple[str, str]]:
    return [(fault.gate, fault.reason) for fault in record_faults(row, TODAY, is_synthetic=is_synthetic)]


def test_a_record_with_everything_passes() -> None:
    assert gates(record()) == []


GIVEN = {"age_provenance": "given"}


@pytest.mark.parametrize(
    ("changes", "gate", "words"),
    [
        ({"licence": None}, "complete", "licence is missing"),
        ({"author": None}, "complete", "author is missing"),
        ({"source_url": None}, "complete", "source_url is missing"),
        ({"split": None}, "complete", "python -m cafdata splits"),
        ({"captured": None, **GIVEN}, "complete", "captured is missing"),
        ({"licence": "CC-BY-NC-4.0"}, "licence", "CC-BY-NC-4.0"),
        ({"licence": "CC BY-ND 3.0"}, "licence", "no changes"),
        ({"licence": "CC-BY-SA-4.0", "licence_url": "https://creativecommons.org/licenses/by-nc/4.0/"}, "licence", ""),
        ({"licence": "all rights reserved"}, "licence", "not free"),
        ({"licence": "ask me"}, "licence", "none of those accepted"),
        ({"age_min_years": 30.0, "age_max_years": 31.0, **GIVEN}, "age", "age 30 to 31"),
        ({"age_min_years": 38.0, "age_max_years": 45.0, **GIVEN}, "age", "the dates say 37"),
        ({"born": "1950", "age_min_years": 37.2, "age_max_years": 37.3}, "age", "claims to know more"),
        ({"born": "1950", "age_min_years": 36.0, "age_max_years": 36.9}, "age", "claims to know more"),
    ],
)
def test_what_is_missing_or_wrong_is_named(changes: dict[str, Any], gate: str, words: str) -> None:
    found = gates(record(**changes))
    assert [one for one, _ in found] == [gate]
    assert words in found[0][1]


@pytest.mark.parametrize("licence", ["CC0-1.0", "CC-BY-4.0", "CC BY-SA 3.0 de", "public domain", "CC-BY-SA-2.0"])
def test_free_licences_pass(licence: str) -> None:
    assert gates(record(licence=licence)) == []


@pytest.mark.parametrize(
    ("born", "died", "is_grown"),
    [
        ("2008-11-25", None, True),
        ("2008-11-26", None, False),
        ("2008-11", None, False),
        ("2008-10", None, True),
        ("2008", None, False),
        ("2007", None, True),
        (None, None, False),
        ("2020", "2024", True),
        (None, "2024-05", True),
        ("2020", "2026", False),
    ],
)
def test_eighteen_is_counted_from_the_latest_possible_birthday(
    born: str | None, died: str | None, is_grown: bool
) -> None:
    changes = {"born": born, "died": died, "captured": None, **GIVEN}
    minors = [reason for gate, reason in gates(record(**changes)) if gate == "minor"]
    assert len(minors) == (0 if is_grown else 1)


def test_somebody_born_tomorrow_is_a_minor_and_no_crash() -> None:
    unborn = record(born="2026-12-24", captured=None, age_min_years=0.0, age_max_years=1.0, **GIVEN)
    assert "minor" in [gate for gate, _ in gates(unborn)]


@given(born=st.dates(date(1900, 1, 1), date(2026, 11, 24)))
def test_nobody_under_eighteen_is_ever_grown_up(born: date) -> None:
    years = TODAY.year - born.year - ((TODAY.month, TODAY.day) < (born.month, born.day))
    row = record(born=born.isoformat(), captured=None, **GIVEN)
    assert ("minor" in [gate for gate, _ in gates(row)]) is (years < 18)


def made(person: int, age_years: int, **changes: Any) -> Record:
    values = {"is_synthetic": True, "age_provenance": "synthetic", "source_url": None, "attribution": "drawn here"}
    return drawn_picture(person, age_years, **values | {"split": "train"} | changes).record


def test_the_synthetic_need_no_source_and_no_date_but_an_attribution() -> None:
    row = made(0, 5, licence="non-commercial research only")
    assert gates(row, is_synthetic=True) == []
    assert gates(dataclasses.replace(row, attribution=None), is_synthetic=True)[0][1] == "attribution is missing"


def test_pictures_made_from_somebody_real_are_held_to_what_a_photo_is() -> None:
    rows = [made(0, 5), made(1, 5), grown_picture(1, 37).record, made(2, 5), made(2, 9, born="2015")]
    assert synthetic_people(rows) == {"person-00000"}


def test_a_whole_release_passes(tmp_path: Path) -> None:
    found = examine(make_release(tmp_path / "a"), TODAY, childhood=False)
    assert found.faults == ()
    assert len(found.grown) == 12 and not found.childhood and found.left_out == {}


def test_the_bundled_sample_passes_by_the_rule_of_the_synthetic() -> None:
    found = examine(Archive(SAMPLE), TODAY, childhood=False)
    assert found.faults == ()
    assert len(found.grown) == 166


def test_childhood_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    pictures = [grown_picture(person, age) for person in range(2) for age in (9, 17, 18, 37)]
    archive = make_release(tmp_path / "a", pictures)
    found = examine(archive, TODAY, childhood=False)
    assert found.faults == () and found.left_out == {"childhood": 4} and not found.childhood
    asked = examine(archive, TODAY, childhood=True)
    assert asked.left_out == {} and asked.grown == found.grown
    assert asked.childhood == {f"p0000{person}/{age:02d}" for person in range(2) for age in (9, 17)}


def test_an_age_that_annotators_narrowed_makes_no_adult(tmp_path: Path) -> None:
    """Born in 1980, taken in 1998: 17 to 19 by the dates, whatever somebody sees."""
    seen = grown_picture(0, 18, born="1980", captured="1998", age_min_years=18.7, age_max_years=19.0,
                         age_provenance="combined")  # fmt: skip
    archive = make_release(tmp_path / "a", [seen, grown_picture(1, 37)])
    found = examine(archive, TODAY, childhood=False)
    assert found.left_out == {"childhood": 1} and found.grown == {"p00001/37"}
    assert examine(archive, TODAY, childhood=True).childhood == {"p00000/18"}


def test_a_childhood_that_is_left_out_holds_nothing_back(tmp_path: Path) -> None:
    archive = make_release(tmp_path / "a", [grown_picture(0, 9, author=None, licence="ask me"), grown_picture(1, 37)])
    found = examine(archive, TODAY, childhood=False)
    assert found.faults == () and found.left_out == {"childhood": 1}
    assert [fault.gate for fault in examine(archive, TODAY, childhood=True).faults] == ["complete", "licence"]


def question(name: str, decision: str | None = None, source: str = "test", at: str = LATER) -> ReviewItem:
    decided = {} if decision is None else {"decision": decision, "decided_by": "me", "decided_at": at}
    values: dict[str, Any] = {"kind": "picture", "picture_ids": (name,), "reason": f"is it? {decision}"}
    return ReviewItem(**values, source=source, added_at=AT, **decided)


@pytest.mark.parametrize(
    ("source", "at", "is_kept"),
    [
        ("annotators", LATER, True),
        ("annotators", AT, False),
        ("annotators", "2026-05-03T11:30:00+02:00", False),
        ("people", LATER, False),
    ],
)
def test_only_a_later_answer_to_their_own_question_ends_a_doubt(
    tmp_path: Path, source: str, at: str, is_kept: bool
) -> None:
    doubt = AgeLabel(annotator="annotator-1", verdict="child", labelled_at=AT)
    doubted = grown_picture(0, 37)
    doubted = dataclasses.replace(doubted, record=dataclasses.replace(doubted.record, labels=(doubt,)))
    archive = make_release(tmp_path / "a", [doubted, grown_picture(1, 37)])
    ReviewQueue(archive.folder).add([question("p00000/37", "keep", source, at)])
    assert ("p00000/37" in examine(archive, TODAY, childhood=False).grown) is is_kept


def test_open_questions_leave_pictures_out_and_decisions_count(tmp_path: Path) -> None:
    label = AgeLabel(annotator="a", verdict="not_this_person", labelled_at=AT)
    pictures = [grown_picture(person, age) for person in range(2) for age in (25, 37, 48)]
    doubted = [
        dataclasses.replace(one, record=dataclasses.replace(one.record, labels=(label,))) for one in pictures[:2]
    ]
    archive = make_release(tmp_path / "a", [*doubted, *pictures[2:]])
    ReviewQueue(archive.folder).add(
        [
            question("p00000/25", "keep", "annotators"),
            question("p00000/48", "remove"),
            question("p00001/25"),
            question("p00001/25", "keep"),
            question("p00001/37", "keep"),
        ]
    )
    found = examine(archive, TODAY, childhood=False)
    assert found.faults == ()
    assert found.left_out == {"doubted by an annotator": 1, "decided to be removed": 1, "open question": 1}
    assert found.grown == {"p00000/25", "p00001/37", "p00001/48"}


def test_a_doubt_that_was_taken_back_or_overruled_is_none(tmp_path: Path) -> None:
    doubt = AgeLabel(annotator="annotator-1", verdict="not_a_face", labelled_at=AT)
    later = dataclasses.replace(doubt, verdict="age", age_years=25.0, labelled_at="2026-05-04T10:00:00+00:00")
    overruled = dataclasses.replace(later, annotator="adjudicator-2")
    labels = [(doubt,), (doubt, later), (doubt, overruled)]
    pictures = [grown_picture(number, 25) for number in range(len(labels))]
    archive = make_release(
        tmp_path / "a",
        [
            dataclasses.replace(one, record=dataclasses.replace(one.record, labels=said))
            for one, said in zip(pictures, labels, strict=True)
        ],
    )
    found = examine(archive, TODAY, childhood=False)
    assert found.faults == () and found.left_out == {"doubted by an annotator": 1}
    assert found.grown == {"p00001/25", "p00002/25"}


def test_what_is_left_out_holds_nothing_back_but_a_minor_does(tmp_path: Path) -> None:
    child = grown_picture(
        5, 9, born="2015-01-01", captured="2024-06-01", age_min_years=9.0, age_max_years=9.5, author=None
    )
    archive = make_release(tmp_path / "a", [child, grown_picture(0, 37)])
    found = examine(archive, TODAY, childhood=False)
    assert {(fault.gate, fault.where) for fault in found.faults} == {
        ("minor", "p00005/09"),
        ("complete", "p00005/09"),
    }
    ReviewQueue(archive.folder).add([question("p00005/09")])
    assert examine(archive, TODAY, childhood=False).faults == ()


def test_a_copy_in_another_split_is_a_leak(tmp_path: Path) -> None:
    one = grown_picture(0, 37)
    again = grown_picture(1, 48)
    data = saved_again(one.data, 60)
    copied = Picture(
        record=dataclasses.replace(again.record, sha256=hashlib.sha256(data).hexdigest(), phash=one.record.phash),
        data=data,
    )
    archive = make_release(tmp_path / "a", [one, copied, grown_picture(2, 25)])
    assert examine(archive, TODAY, childhood=False).faults == ()
    archive.assign({"person-00000": "train", "person-00001": "test"}, SplitRule())
    faults = examine(archive, TODAY, childhood=False).faults
    assert [fault.gate for fault in faults] == ["split"]
    assert "are one picture" in faults[0].reason


def test_the_card_has_to_be_finished_and_a_file_of_its_own(tmp_path: Path) -> None:
    archive = make_release(tmp_path / "a", num_people=2)
    readme = archive.folder / "README.md"
    whole = readme.read_text()
    readme.write_text(whole.replace("Written: whom", "**To be written:** whom"))
    faults = examine(archive, TODAY, childhood=False).faults
    assert [(fault.gate, fault.where) for fault in faults] == [("card", "Removal")]
    readme.write_text(whole.replace("Written: a line", "**To be written:** a line"))
    assert examine(archive, TODAY, childhood=False).faults == ()
    readme.write_text(whole.replace("## Known biases", "## Something else"))
    faults = examine(archive, TODAY, childhood=False).faults
    assert [(fault.gate, fault.where) for fault in faults] == [("card", "Known biases")]
    elsewhere = tmp_path / "elsewhere.md"
    elsewhere.write_text(whole)
    readme.unlink()
    readme.symlink_to(elsewhere)
    assert "link" in examine(archive, TODAY, childhood=False).faults[0].reason


def test_a_damaged_archive_is_named_and_nothing_else(tmp_path: Path) -> None:
    archive = make_release(tmp_path / "a", num_people=2)
    shard = archive.folder / "shards" / archive.manifest.shards[0].name
    shard.write_bytes(shard.read_bytes()[:-9])
    found = examine(archive, TODAY, childhood=False)
    assert {fault.gate for fault in found.faults} == {"archive"}
    assert not found.grown


def test_a_card_that_counts_what_was_holds_nothing_back(tmp_path: Path) -> None:
    archive = make_release(tmp_path / "a", num_people=2)
    archive.remove(["p00000/25"])
    assert {finding.kind for finding in archive.verify()} == {"card"}
    assert examine(archive, TODAY, childhood=False).faults == ()


def test_an_empty_release_is_refused(tmp_path: Path) -> None:
    archive = make_release(tmp_path / "a", [grown_picture(0, 9)])
    faults = examine(archive, TODAY, childhood=False).faults
    assert [fault.reason for fault in faults] == ["no picture is left: 1 for childhood"]
    empty = Archive.create(tmp_path / "b")
    finish_card(empty)
    assert "there are none" in examine(empty, TODAY, childhood=False).faults[-1].reason
