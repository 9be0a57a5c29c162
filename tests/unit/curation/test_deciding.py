"""What becomes of pictures held against each other, and how answers change it; drawn people whose embeddings fit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from core.errors import CurationBroken
from core.thresholds import ThresholdTable, bundled_tables
from curation.deciding import REVIEWED, Decision, decide, errors_of
from curation.purging import FORGOTTEN
from curation.run_folder import RunFolder, drop_row
from curation.sealing import seal
from tests.make_archive import saved_again
from tests.make_run import Row, candidate, dropped_row, embedding_of, filled, made_run, seen_row

AT = "2026-01-02T03:04:05+00:00"
AGES = (22, 31, 40, 52)


@pytest.fixture(scope="module")
def table() -> ThresholdTable:
    return next(
        one for one in bundled_tables() if one.recogniser == "mobilefacenet_112" and one.false_accept_rate == 0.001
    )


@pytest.fixture(scope="module")
def clean() -> list[Row]:
    """Three people at four ages."""
    return [seen_row(candidate(person, age)) for person in (1, 2, 3) for age in AGES]


def shown(name: str, person: int, age_years: int, **changes: Any) -> Row:
    """A picture filed as `name` ("1-33") that shows a person at an age, saved once more."""
    filed, age = map(int, name.split("-"))
    row = seen_row(candidate(filed, age), shows=(person, age_years))
    data = saved_again(row["face"], 70)
    return (
        row | {"face": data, "sha256": f"{filed:032x}{age:032x}", "photo_sha256": f"{filed:032x}{age:032x}"} | changes
    )


def outcome(decision: Decision) -> dict[str, str]:
    """Picture id to where it is; each is in one place."""
    places = {name: "kept" for name in decision.kept}
    places |= {name: drop.reason for name, drop in decision.dropped.items()}
    places |= {name: "held" for name in decision.held}
    assert len(places) == len(decision.kept) + len(decision.dropped) + len(decision.held)
    return {name.removeprefix("made/"): place for name, place in places.items()}


def odd(decision: Decision) -> dict[str, str]:
    return {name: place for name, place in outcome(decision).items() if place != "kept"}


def answered(run: RunFolder, decision: Decision, answer: str, picture: str = "") -> ReviewItem:
    """File all questions, and answer the one about a picture."""
    if not (run.recipe.archive / "manifest.json").exists():
        Archive.create(run.recipe.archive)
    queue = ReviewQueue(run.recipe.archive)
    queue.add(decision.questions)
    [item] = [one for one in queue.items() if not picture or f"made/{picture}" in one.picture_ids]
    return queue.decide(item.item_id, answer, "anna", AT)


def test_clean_pictures_are_kept_with_their_ages(tmp_path: Path, clean: list[Row], table: ThresholdTable) -> None:
    rows = [*clean, dropped_row(candidate(4, 30), "not found")]
    decision = decide(filled(made_run(tmp_path), rows), table)
    assert odd(decision) == {"4-30": "not found"}
    assert decision.questions == []
    made = decision.kept["made/2-31"]
    assert made.person_id == "person-2"
    assert made.age_min_years == pytest.approx(31.5, abs=0.01) == made.age_max_years
    assert made.age_provenance == "dates"


def test_nothing_at_all_is_decided_too(tmp_path: Path, table: ThresholdTable) -> None:
    decision = decide(filled(made_run(tmp_path), [dropped_row(candidate(1, 30), "not found")]), table)
    assert outcome(decision) == {"1-30": "not found"}


def test_order_and_shards_do_not_matter(tmp_path: Path, clean: list[Row], table: ThresholdTable) -> None:
    rows = [
        *clean,
        shown("1-33", 1, 31),
        shown("2-35", 9, 35),
        shown("3-61", 1, 52),
        shown("3-36", 3, 36, doubts=["circa"]),
    ]
    found = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(rows))
        decision = decide(filled(made_run(tmp_path / str(seed)), [rows[place] for place in order]), table)
        questions = {(item.picture_ids, item.reason, item.source) for item in decision.questions}
        found.append((outcome(decision), questions, decision.kept))
    assert all(one == found[0] for one in found)
    assert set(found[0][0].values()) >= {"kept", "same photo", "not the person named", "held"}


def test_of_copies_one_is_kept(tmp_path: Path, clean: list[Row], table: ThresholdTable) -> None:
    run = filled(made_run(tmp_path), [*clean, shown("1-33", 1, 31, photo_width_px=640)])
    decision = decide(run, table)
    assert odd(decision) == {"1-31": "same photo"}
    assert decision.dropped["made/1-31"].detail == "made/1-33"


def test_a_wrong_person_is_dropped_unless_somebody_says_it_is_right(
    tmp_path: Path, clean: list[Row], table: ThresholdTable
) -> None:
    run = filled(made_run(tmp_path), [*clean, shown("1-33", 9, 33)])
    assert odd(decide(run, table)) == {"1-33": "not the person named"}
    item = ReviewItem(
        kind="picture", picture_ids=("made/1-33",), reason="is it?", source="curation people", added_at=AT,
        decision="keep", decided_by="anna", decided_at=AT,
    )  # fmt: skip
    Archive.create(run.recipe.archive)
    ReviewQueue(run.recipe.archive).add([item])
    assert "1-33" not in odd(decide(run, table)) or odd(decide(run, table))["1-33"] == "held"


@pytest.mark.parametrize(("answer", "place"), [(None, "held"), ("keep", "kept"), ("remove", REVIEWED)])
@pytest.mark.parametrize("doubt", ["source", "age"])
def test_doubtful_pictures_wait_for_an_answer(
    tmp_path: Path, clean: list[Row], table: ThresholdTable, doubt: str, answer: str | None, place: str
) -> None:
    odd_row = seen_row(candidate(1, 36), read_years=36 if doubt == "source" else 85)
    rows = [*clean, odd_row | {"doubts": ["born in one of two years"] if doubt == "source" else []}]
    run = filled(made_run(tmp_path), rows)
    decision = decide(run, table)
    assert odd(decision) == {"1-36": "held"}
    assert len(decision.questions) == 1
    if answer is not None:
        answered(run, decision, answer)
        decision = decide(run, table)
    assert outcome(decision)["1-36"] == place
    assert set(odd(decision)) <= {"1-36"}


@pytest.mark.parametrize(
    ("answer", "person", "places"),
    [
        (None, "person-1", {"1-31": "held", "3-33": "same photo"}),
        ("different_people", "person-1", {"3-33": "same photo"}),
        ("same_picture", "person-1", {"3-33": "same photo"}),
        ("same_person", "person-1", {"3-33": "same photo"}),
    ],
)
def test_one_photo_under_two_names_is_asked_about(
    tmp_path: Path, clean: list[Row], table: ThresholdTable, answer: str | None, person: str, places: dict[str, str]
) -> None:
    """Until it is answered it waits; then the better one stays where its source files it."""
    rows = [row for row in clean if row["person_id"] != "person-3"]
    rows = [row | {"photo_width_px": 640} if row["picture_id"] == "made/1-31" else row for row in rows]
    run = filled(made_run(tmp_path), [*rows, shown("3-33", 1, 31)])
    decision = decide(run, table)
    [item] = decision.questions
    assert item.source == "duplicates" and set(item.picture_ids) == {"made/1-31", "made/3-33"}
    if answer is not None:
        answered(run, decision, answer)
        decision = decide(run, table)
    assert odd(decision) == places
    assert answer is None or decision.kept["made/1-31"].person_id == person


def test_people_of_two_names_answered_to_be_one_are_one(
    tmp_path: Path, clean: list[Row], table: ThresholdTable
) -> None:
    """Asked because they look alike; until then, and after "different people", both stay as they are."""
    rows = [row for row in clean if row["person_id"] != "person-3"]
    rows += [seen_row(candidate(3, age), shows=(1, age)) for age in (24, 27, 45)]
    run = filled(made_run(tmp_path), rows)
    decision = decide(run, table)
    [item] = decision.questions
    assert "may be one person" in item.reason and odd(decision) == {}
    assert {one.person_id for one in decision.kept.values()} == {"person-1", "person-2", "person-3"}
    for answer, names in (
        ("different_people", {"person-1", "person-2", "person-3"}),
        ("same_person", {"person-1", "person-2"}),
    ):
        answered(run, decision, answer)
        again = decide(run, table)
        assert odd(again) == {}
        assert {one.person_id for one in again.kept.values()} == names


def test_people_who_are_one_stay_one_when_the_pictures_that_showed_it_are_gone(
    tmp_path: Path, clean: list[Row], table: ThresholdTable
) -> None:
    run = filled(made_run(tmp_path), clean)
    queue = ReviewQueue(Archive.create(run.recipe.archive).folder)
    pair = ("made/1-31", "made/2-31")
    asked = ReviewItem(kind="pair", picture_ids=pair, reason="?", source="curation people", added_at=AT)
    queue.add([asked])
    queue.decide(asked.item_id, "same_person", "anna", AT)
    gone = dropped_row(candidate(2, 31), "not found")
    filled(run, [gone if row["picture_id"] == "made/2-31" else row for row in clean])
    assert {one.person_id for one in decide(run, table).kept.values()} == {"person-1", "person-3"}


def test_what_annotators_had_removed_goes(tmp_path: Path, clean: list[Row], table: ThresholdTable) -> None:
    run = filled(made_run(tmp_path), clean)
    queue = ReviewQueue(Archive.create(run.recipe.archive).folder)
    for name, answer in (("made/1-22", "remove"), ("made/1-31", "keep"), ("made/nowhere", "remove")):
        item = ReviewItem(kind="picture", picture_ids=(name,), reason="?", source="annotators", added_at=AT)
        queue.add([item])
        queue.decide(item.item_id, answer, "anna", AT)
    assert odd(decide(run, table)) == {"1-22": REVIEWED}


def test_two_people_under_one_name_are_parted_by_an_answer(
    tmp_path: Path, clean: list[Row], table: ThresholdTable
) -> None:
    rows = [row for row in clean if row["person_id"] == "person-2"]
    rows += [seen_row(candidate(1, age)) for age in AGES]
    rows += [seen_row(candidate(1, age), shows=(9, age)) for age in (25, 34, 43, 49)]
    run = filled(made_run(tmp_path), rows)
    decision = decide(run, table)
    places = odd(decision)
    assert places and set(places.values()) <= {"held", "not the person named"}
    assert not any(name.startswith("2-") for name in places)
    pairs = [item for item in decision.questions if item.kind == "pair"]
    if pairs:
        Archive.create(run.recipe.archive)
        queue = ReviewQueue(run.recipe.archive)
        queue.add(decision.questions)
        for item in pairs:
            queue.decide(item.item_id, "different_people", "anna", AT)
        after = odd(decide(run, table))
        assert REVIEWED in after.values()


def test_pictures_that_the_archive_has_under_another_name_stay_out(
    tmp_path: Path, clean: list[Row], table: ThresholdTable
) -> None:
    other = filled(made_run(tmp_path / "other", archive=tmp_path / "archive"), clean[:4])
    seal(other, decide(other, table).kept, {}, (), print)
    run = filled(made_run(tmp_path), [*clean[4:], shown("1-90", 1, 31) | {"captured": "1991-07-01"}])
    assert odd(decide(run, table)) == {"1-90": "in the archive already"}


def test_a_copy_takes_the_place_of_one_that_is_gone(tmp_path: Path, clean: list[Row], table: ThresholdTable) -> None:
    """The archive still has the one that this run put in and now leaves out; that keeps nothing away."""
    others = [row for row in clean if row["picture_id"] != "made/1-31"]
    best, copy = seen_row(candidate(1, 31), photo_width_px=640), shown("1-33", 1, 31)
    run = filled(made_run(tmp_path), [*others, best, copy])
    first = decide(run, table)
    seal(run, first.kept, first.dropped, first.questions, print)
    assert odd(first) == {"1-33": "same photo"}
    again = decide(filled(run, [*others, dropped_row(candidate(1, 31), "not found"), copy]), table)
    assert odd(again) == {"1-31": "not found"}


def test_of_what_was_removed_on_request_a_name_is_enough(
    tmp_path: Path, clean: list[Row], table: ThresholdTable
) -> None:
    name = "made/1-31"
    forgotten = {"picture_id": name, "drop": drop_row(FORGOTTEN)}
    run = filled(made_run(tmp_path), [forgotten if row["picture_id"] == name else row for row in clean])
    queue = ReviewQueue(Archive.create(run.recipe.archive).folder)
    item = ReviewItem(kind="pair", picture_ids=(name, "made/2-31"), reason="?", source="curation people", added_at=AT)
    queue.add([item])
    queue.decide(item.item_id, "same_person", "anna", AT)
    assert odd(decide(run, table)) == {"1-31": FORGOTTEN.reason}


def test_no_copy_takes_the_place_of_one_whose_server_is_down(
    tmp_path: Path, clean: list[Row], table: ThresholdTable
) -> None:
    others = [row for row in clean if row["picture_id"] != "made/1-31"]
    copy = shown("1-33", 1, 31)
    run = filled(made_run(tmp_path), [*others, seen_row(candidate(1, 31), photo_width_px=640), copy])
    first = decide(run, table)
    seal(run, first.kept, first.dropped, first.questions, print)
    down = dropped_row(candidate(1, 31), "server fault", is_passing=True)
    again = decide(filled(run, [*others, down, copy]), table)
    assert odd(again) == {"1-31": "server fault", "1-33": "in the archive already"}


def test_estimators_without_known_errors_are_refused() -> None:
    with pytest.raises(CurationBroken, match=r"how far my-estimator errs is not known.*age-estimator-128"):
        errors_of("my-estimator")


def test_the_drawn_people_are_as_they_should_be() -> None:
    """The embeddings that these tests stand on: one person's agree, two people's do not, no two are copies."""

    def cosines(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> list[float]:
        return [float(embedding_of(*a) @ embedding_of(*b)) for a in one for b in other if a != b]

    own = [(1, age) for age in AGES]
    assert all(0.8 < cosine < 0.98 for cosine in cosines(own, own))
    assert all(abs(cosine) < 0.5 for cosine in cosines(own, [(2, age) for age in AGES]))
