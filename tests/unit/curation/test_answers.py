"""What people answered, and whom it makes one person."""

import itertools
from typing import Any

import pytest

from cafdata.queue import ReviewItem
from curation.answers import Answers


def item(
    *pictures: str, decision: str | None = None, at: str = "2026-01-02T03:04:05+00:00", **changes: Any
) -> ReviewItem:
    given: dict[str, Any] = {
        "kind": "picture" if len(pictures) == 1 else "pair",
        "picture_ids": pictures,
        "reason": "why",
        "source": "curation people",
        "added_at": "2026-01-01T00:00:00+00:00",
        "decision": decision,
        "decided_by": None if decision is None else "anna",
        "decided_at": None if decision is None else at,
    }
    return ReviewItem(**given | changes)


def test_an_answer_holds_for_every_wording_and_order_but_for_one_asker() -> None:
    answers = Answers([item("a", "b", decision="same_person"), item("c", decision="keep"), item("d")])
    assert answers.of(item("b", "a", reason="other words")) == "same_person"
    assert answers.of(item("a", "b", source="duplicates")) is None
    assert answers.of(item("a", "c")) is None
    assert answers.of(item("d")) is None
    assert answers.to_picture("c", "curation people") == "keep"
    assert answers.to_picture("c", "curation age") is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_last_answer_counts(order: tuple[int, ...]) -> None:
    given = [
        item("a", decision="keep", at="2026-01-02T00:00:00+00:00"),
        item("a", decision="remove", at="2026-01-03T00:00:00+00:00", reason="again"),
        item("a", decision="keep", at="2026-01-01T00:00:00+00:00", reason="first"),
    ]
    assert Answers([given[place] for place in order]).of(item("a")) == "remove"


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_a_keep_to_another_question_brings_nothing_back(order: tuple[int, ...]) -> None:
    removed = item("a", decision="remove", at="2026-01-02T00:00:00+00:00", reason="not this person")
    kept = item("a", decision="keep", at="2026-01-03T00:00:00+00:00", reason="an odd age")
    answers = Answers([(removed, kept)[place] for place in order])
    assert answers.of(item("a", reason="not this person")) == "remove"
    assert answers.of(item("a", reason="an odd age")) == "keep"
    assert answers.of(item("a", reason="not this one")) == "remove"
    assert answers.to_picture("a", "curation people") == "remove"
    assert answers.removed("curation people") == {"a"}


def test_moments_are_compared_not_their_spelling() -> None:
    first = item("a", decision="keep", at="2026-01-02T01:00:00+02:00", reason="one")
    later = item("a", decision="remove", at="2026-01-01T23:30:00+00:00", reason="other")
    assert Answers([first, later]).of(item("a", reason="one")) == "remove"


PERSON_OF = {"a": "Q3", "b": "Q2", "c": "Q9", "d": "Q1", "e": "Q5"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_people_answered_to_be_one_are_one_by_the_first_name(order: tuple[int, ...]) -> None:
    given = [
        item("a", "b", decision="same_person"),
        item("c", "a", decision="same_person"),
        item("d", "e", decision="different_people"),
    ]
    people = Answers([given[place] for place in order]).people(PERSON_OF)
    assert people == {"Q3": "Q2", "Q2": "Q2", "Q9": "Q2", "Q1": "Q1", "Q5": "Q5"}


def test_answers_about_pictures_that_are_gone_join_nobody() -> None:
    people = Answers([item("a", "gone", decision="same_person"), item("a", decision="keep")]).people(PERSON_OF)
    assert people == {person: person for person in PERSON_OF.values()}
