"""Who is surely an adult today, and which pictures a childhood is on."""

from datetime import date

import pytest

from curation.candidate import Candidate
from curation.minors import is_adult, refuse_minor
from curation.stage import Drop

TODAY = date(2026, 6, 15)


def candidate(**facts: str) -> Candidate:
    return Candidate(picture_id="a", person_id="p", path="/a.jpg", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "age", "adult"),
    [
        ({"born": "2008-06-15"}, (5.0, 5.9), True),  # 18 on this very day
        ({"born": "2008-06-16"}, (5.0, 5.9), False),
        ({"born": "2008-06"}, (5.0, 5.9), False),  # may be born on the 30th
        ({"born": "2008"}, (5.0, 5.9), False),
        ({"born": "2007"}, (5.0, 5.9), True),
        ({"born": "2015", "died": "2020"}, (4.0, 5.0), True),
        ({"born": "2015", "died": "2026"}, (4.0, 5.0), False),  # the year is not over
        ({"captured": "2010-06-15"}, (2.0, 3.0), True),
        ({"captured": "2010-06-16"}, (2.0, 3.0), False),
        ({"captured": "2010"}, (2.5, 3.0), False),
        ({}, (17.9, 30.0), False),
        ({}, (18.0, 30.0), True),
    ],
)
def test_adult_today(facts: dict[str, str], age: tuple[float, float], adult: bool) -> None:
    assert is_adult(candidate(**facts), age, TODAY) is adult
    drop = refuse_minor(candidate(**facts), age, TODAY, childhood=True)
    assert (drop is None) is adult
    if drop is not None:
        assert drop.reason == "may be under 18 today"


def test_childhood_only_where_it_is_asked_for() -> None:
    child = candidate(born="1950", captured="1960")
    dropped = refuse_minor(child, (9.0, 10.9), TODAY, childhood=False)
    assert isinstance(dropped, Drop)
    assert dropped.reason == "taken in childhood"
    assert refuse_minor(child, (9.0, 10.9), TODAY, childhood=True) is None
    assert refuse_minor(child, (18.0, 19.9), TODAY, childhood=False) is None
