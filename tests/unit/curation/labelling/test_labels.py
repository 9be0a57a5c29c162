"""What comes back is checked: 2,000 answers of any shape are a good label or a named refusal, never an exception."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.labelling import page
from curation.labelling.labels import Answer, Refused, age_label, answers, decision

USERS = frozenset({1, 2})
AT = "2024-05-03T10:00:00.123456Z"


def item(name: str, kind: str, value: object) -> dict[str, Any]:
    return {"from_name": name, "to_name": "face", "type": kind, "value": value}


def task(result: object, **more: Any) -> dict[str, Any]:
    annotation = {"id": 9, "result": result, "completed_by": 1, "updated_at": AT, "was_cancelled": False, **more}
    return {"id": 5, "meta": {}, "annotations": [annotation]}


def read(given: dict[str, Any]) -> tuple[list[Answer], list[Refused]]:
    refused: list[Refused] = []
    return answers(given, USERS, refused), refused


AGE = item("age", "number", {"number": 34})
STARS = item("confidence", "rating", {"rating": 4})
CHILD = item("problem", "choices", {"choices": ["child: needs review"]})


def test_a_good_answer_is_a_label() -> None:
    found, refused = read(task([AGE, STARS]))
    assert refused == []
    label = age_label(found[0], "annotator")
    assert (label.annotator, label.verdict, label.age_years, label.confidence) == ("annotator-1", "age", 34, 4)
    assert label.labelled_at == "2024-05-03T10:00:00+00:00"


def test_a_reason_outweighs_the_hidden_age() -> None:
    label = age_label(read(task([item("age", "number", {"number": 3435}), CHILD]))[0][0], "annotator")
    assert (label.verdict, label.age_years) == ("child", None)


def test_what_was_skipped_is_no_answer() -> None:
    assert read(task([AGE], was_cancelled=True)) == ([], [])


@pytest.mark.parametrize("who", [None, 3, "1", True, [1], {"id": 1}])
def test_answers_of_nobody_are_refused(who: object) -> None:
    found, refused = read(task([AGE], completed_by=who))
    assert found == []
    assert "no person of this server" in refused[0].reason
    assert (refused[0].task, refused[0].annotation) == (5, 9)


@pytest.mark.parametrize("at", [None, "yesterday", 5, "2024-05-03"])
def test_answers_without_a_time_are_refused(at: object) -> None:
    assert read(task([AGE], updated_at=at, created_at=at))[1] != []


@pytest.mark.parametrize(
    "number", [-5, 1e9, "abc", None, [34], float("nan"), float("inf"), True, {}, 130.5, -0.001, "34"]
)
def test_ages_that_cannot_be_are_refused(number: object) -> None:
    found, _ = read(task([item("age", "number", {"number": number})]))
    with pytest.raises(ValueError, match="age"):
        age_label(found[0], "annotator")


def test_decisions() -> None:
    found, _ = read(task([item("decision", "choices", {"choices": ["remove it"]})]))
    assert decision(found[0], page.PICTURE_CHOICES) == "remove"
    with pytest.raises(ValueError, match="chosen"):
        decision(found[0], page.PAIR_CHOICES)
    with pytest.raises(ValueError, match="no control age"):
        decision(read(task([AGE]))[0][0], page.PICTURE_CHOICES)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["age", "problem", "confidence", "decision", "group", ""]) | st.text(max_size=4)
TYPES = st.sampled_from(["number", "rating", "choices"]) | st.text(max_size=4)
ITEMS = st.builds(
    item, NAMES, TYPES, ANYTHING | st.dictionaries(st.sampled_from(["number", "rating", "choices"]), ANYTHING)
)


@settings(max_examples=2000, deadline=None)
@given(result=st.lists(ITEMS | ANYTHING, max_size=4) | ANYTHING, who=st.integers(0, 3) | ANYTHING)
def test_no_answer_slips_through(result: object, who: object) -> None:
    found, refused = read(task(result, completed_by=who))
    assert len(found) + len(refused) == 1
    for one in found:
        try:
            label = age_label(one, "annotator")
        except ValueError:
            continue
        assert label.annotator in ("annotator-1", "annotator-2")
        assert (label.age_years is None) == (label.verdict != "age")
        assert label.age_years is None or 0 <= label.age_years <= 130
        assert label.confidence is None or 1 <= label.confidence <= 5


def test_a_task_of_any_shape_is_survived() -> None:
    for odd in ({}, {"annotations": None}, {"annotations": "x"}, {"annotations": [None, 3, []]}, {"id": "x"}):
        assert read(odd) == ([], [])
