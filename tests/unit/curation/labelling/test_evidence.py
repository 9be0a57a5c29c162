"""The age by all evidence: dates bound it, people narrow it, a network only doubts."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cafdata.record import AgeLabel, Record
from curation.labelling.evidence import deciding, is_disputed, latest, seen_interval, verdict_of, weigh
from tests.make_archive import drawn_picture

READ = "age read by some-net"


def label(age_years: float | None, who: str = "annotator-1", day: int = 1, **more: Any) -> AgeLabel:
    verdict = more.pop("verdict", "age")
    at = f"2024-05-{day:02d}T10:00:00+00:00"
    return AgeLabel(annotator=who, verdict=verdict, age_years=age_years, labelled_at=at, **more)


def people(*ages: float) -> tuple[AgeLabel, ...]:
    return tuple(label(age, f"annotator-{number}") for number, age in enumerate(ages))


def record(**changes: Any) -> Record:
    return drawn_picture(1, 30, **changes).record


UNDATED = {"age_min_years": 10.0, "age_max_years": 70.0, "age_provenance": "estimator"}
DATED = {
    "born": "1950",
    "captured": "1980",
    "age_min_years": 29.0,
    "age_max_years": 30.999,
    "age_provenance": "dates",
}


def test_without_labels_nothing_changes() -> None:
    for changes in ({}, UNDATED, DATED):
        found = weigh(record(**changes))
        before = record(**changes)
        assert (found.min_years, found.max_years) == pytest.approx((before.age_min_years, before.age_max_years))
        assert found.provenance == before.age_provenance


def test_people_alone_make_the_interval() -> None:
    found = weigh(record(**UNDATED, labels=people(38, 40, 42)))
    assert found.provenance == "annotators"
    assert found.min_years == pytest.approx(34)
    assert found.max_years == pytest.approx(46)


def test_people_never_move_out_of_the_dates() -> None:
    found = weigh(record(**DATED, labels=people(30, 31)))
    assert 29 <= found.min_years <= found.max_years <= 31
    far = weigh(record(**DATED, labels=people(60, 61)))
    assert far.min_years == pytest.approx(29, abs=0.01)
    assert far.provenance == "dates"
    assert far.doubts == ("people see another age than the source says",)


def test_people_narrow_what_the_dates_leave_open() -> None:
    """Dates known to the year leave almost two years; somebody who says 25 cuts them at 29.5."""
    found = weigh(record(**DATED, labels=people(25)))
    assert found.min_years == pytest.approx(29, abs=0.01)
    assert (found.max_years, found.provenance) == (29.5, "combined")
    narrowed = record(**{**DATED, "age_max_years": 29.5, "age_provenance": "combined"}, labels=people(25, 31, 31))
    assert weigh(narrowed).max_years > 29.5


def test_what_a_source_gives_or_we_made_stays() -> None:
    for changes in ({}, {"age_provenance": "synthetic", "is_synthetic": True}):
        found = weigh(record(**changes, labels=people(30, 31)))
        assert (found.min_years, found.max_years, found.doubts) == (30, 30, ())
        far = weigh(record(**changes, labels=people(70, 71)))
        assert (far.min_years, len(far.doubts)) == (30, 1)


def test_a_network_only_doubts() -> None:
    found = weigh(record(**UNDATED, labels=people(40), quality=((READ, 75.0),)))
    assert found.doubts == ("the network reads another age",)
    assert found.provenance == "annotators"
    assert found.max_years < 50
    assert weigh(record(**UNDATED, quality=((READ, 75.0),))).doubts == ()


def test_one_in_three_may_say_anything() -> None:
    honest = seen_interval(people(40, 41, 42, 41, 40, 42))
    spoilt = seen_interval(people(40, 41, 42, 41, 130, 0))
    assert honest is not None and spoilt is not None
    assert abs(sum(honest) / 2 - sum(spoilt) / 2) < 2


def test_stars_weigh() -> None:
    unsure = seen_interval([label(20, "a", confidence=1), label(40, "b", confidence=5)])
    assert unsure is not None
    assert sum(unsure) / 2 == 40


def test_an_adjudicator_decides() -> None:
    said = (*people(20, 60), label(58, "adjudicator-3", 5))
    assert [one.annotator for one in deciding(said)] == ["adjudicator-3"]
    assert not is_disputed(said)
    assert is_disputed(people(20, 60))


def test_the_last_word_of_each_counts() -> None:
    said = (label(20, "a", 1), label(30, "a", 2), label(25, "b", 1))
    assert [one.age_years for one in latest(said)] == [30, 25]


def test_verdicts() -> None:
    def without(verdict: str, who: str) -> AgeLabel:
        return label(None, who, verdict=verdict)

    assert verdict_of([]) is None
    assert verdict_of([without("not_a_face", "a"), without("not_a_face", "b"), label(30, "c")]) == "not_a_face"
    assert verdict_of([without("not_a_face", "a"), label(30, "c")]) == "age"
    assert verdict_of([without("child", "a"), label(30, "b"), label(30, "c")]) == "child"
    assert is_disputed([without("not_a_face", "a"), label(30, "c")])
    assert seen_interval([without("child", "a")]) is None


@given(st.lists(st.floats(0, 130), min_size=1, max_size=6))
def test_weighing_again_changes_nothing(ages: list[float]) -> None:
    for changes in ({}, UNDATED, DATED):
        labelled = record(**{**changes, "labels": people(*ages)})
        found = weigh(labelled)
        assert 0 <= found.min_years <= found.max_years <= 130
        kept = dataclasses.replace(
            labelled, age_min_years=found.min_years, age_max_years=found.max_years, age_provenance=found.provenance
        )
        assert weigh(kept) == found
