"""Awkward dates, each decided: what Wikidata and Commons say, and what becomes of it."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cafdata.dates import age_between, date_precision, first_day, last_day
from curation.candidate import Candidate
from curation.sources.commons import File, file_of
from curation.sources.statements import Dating, date_of, gregorian, qualified_date, read_time
from curation.sources.wikidata import Person, person_of
from curation.sources.wikimedia import candidate_of
from curation.stage import Drop
from tests.wikimedia_json import (
    JULIAN,
    Json,
    dated,
    file_page,
    item_value,
    media_entity,
    person_item,
    statement,
    time_value,
)

TODAY = date(2026, 11, 25)
WORDS = {"Artist": "Ann", "LicenseShortName": "CC0"}


def born(value: Any, rank: str = "normal", **qualifiers: Any) -> Json:
    return statement("P569", dated(value) if value[:1].isdigit() else value, rank, **qualifiers)


def timed(prop: str, time: str, precision: int, **more: Any) -> Json:
    return statement(prop, time_value(f"{time}T00:00:00Z", precision, **more))


def died(value: str) -> Json:
    return statement("P570", dated(value))


def taken(value: Any, rank: str = "normal", **qualifiers: Any) -> Json:
    return statement("P571", dated(value) if value[:1].isdigit() else value, rank, **qualifiers)


def portrait(value: str | None) -> Json:
    """The statement by which the person's item names the file."""
    return statement("P18", "Somebody.jpg", **({} if value is None else {"P585": dated(value)}))


CIRCA = {"P1480": item_value("Q5727902")}
PRESUMABLY = {"P1480": item_value("Q18122778")}

Case = tuple[list[Json], list[Json], str, str]
"""Statements of the person, of the file; "born / captured / ages" or "dropped: reason"; a doubt or ""."""

CASES: dict[str, Case] = {
    # what is as it should be
    "two days": ([born("1952-03-11")], [taken("1990-06-01")], "1952-03-11 / 1990-06-01 / 38.2-38.2", ""),
    "two months": ([born("1952-03")], [taken("1990-06")], "1952-03 / 1990-06 / 38.2-38.3", ""),
    "two years": ([born("1952")], [taken("1990")], "1952 / 1990 / 37.0-39.0", ""),
    "born on 29 February": ([born("1952-02-29")], [taken("1990-03-01")], "1952-02-29 / 1990-03-01 / 38.0-38.0", ""),
    "1 January of a year alone": ([timed("P569", "+1952-01-01", 9)], [taken("1990")], "1952 / 1990 / 37.0-39.0", ""),
    "exact to the second": ([timed("P569", "+1952-03-11", 14)], [taken("1990")], "1952-03-11 / 1990 / 37.8-38.8", ""),
    "year of eleven digits": (
        [timed("P569", "+00000001952-03-11", 11)],
        [taken("1990")],
        "1952-03-11 / 1990 / 37.8-38.8",
        "",
    ),
    "preferred beats normal": (
        [born("1951"), born("1952-03-11", "preferred")],
        [taken("1990")],
        "1952-03-11 / 1990 / 37.8-38.8",
        "",
    ),
    "deprecated does not count": (
        [born("1940", "deprecated"), born("1952")],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "",
    ),
    "said twice": ([born("1952-03-11"), born("1952-03-11")], [taken("1990")], "1952-03-11 / 1990 / 37.8-38.8", ""),
    "dated by the person's item": ([born("1952"), portrait("1990-06")], [], "1952 / 1990-06 / 37.4-38.5", ""),
    "both dates agree": ([born("1952"), portrait("1990")], [taken("1990-06")], "1952 / 1990-06 / 37.4-38.5", ""),
    "died the same year": ([born("1952"), died("1990")], [taken("1990-06")], "1952 / 1990-06 / 37.4-38.5", ""),
    # what a person has to look at
    "1 January, to the day": (
        [born("1952-01-01")],
        [taken("1990-06-01")],
        "1952 / 1990-06-01 / 37.4-38.4",
        "date of birth: 1 January may stand for the whole year",
    ),
    "photo of 1 January": (
        [born("1952-03-11")],
        [taken("1990-01-01")],
        "1952-03-11 / 1990 / 37.8-38.8",
        "date of the photo: 1 January may stand for the whole year",
    ),
    "two days of a month": (
        [born("1952-03-11"), born("1952-03-12")],
        [taken("1990")],
        "1952-03 / 1990 / 37.8-38.8",
        "date of birth: several values: 1952-03-11, 1952-03-12",
    ),
    "two months of a year": (
        [born("1952-03-11"), born("1952-04-11")],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "date of birth: several values: 1952-03-11, 1952-04-11",
    ),
    "a year and a day of it": (
        [born("1952"), born("1952-03-11")],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "date of birth: several values: 1952, 1952-03-11",
    ),
    "one value is circa": (
        [born("1951", **CIRCA), born("1952-03-11")],
        [taken("1990")],
        "1952-03-11 / 1990 / 37.8-38.8",
        "date of birth: another value is circa",
    ),
    "presumably": (
        [born("1952", **PRESUMABLY)],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "date of birth: sourcing circumstances Q18122778",
    ),
    "with a latest date": (
        [born("1952", P1326=dated("1953"))],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "date of birth: it comes with a latest date",
    ),
    "a Julian day": (
        [timed("P569", "+1910-06-18", 11, calendar=JULIAN)],
        [taken("1950-07-01")],
        "1910-07-01 / 1950-07-01 / 40.0-40.0",
        "date of birth: 1910-06-18 in the Julian calendar",
    ),
    "a Julian 29 February": (
        [timed("P569", "+1900-02-29", 11, calendar=JULIAN)],
        [taken("1950-03-13")],
        "1900-03-13 / 1950-03-13 / 50.0-50.0",
        "date of birth: 1900-02-29 in the Julian calendar",
    ),
    "a Julian month": (
        [timed("P569", "+1910-06-00", 10, calendar=JULIAN)],
        [taken("1950")],
        "1910 / 1950 / 39.0-41.0",
        "date of birth: 1910-06 in the Julian calendar, up to two weeks off",
    ),
    "a day, two days uncertain": (
        [timed("P569", "+1952-03-11", 11, before=2, after=2)],
        [taken("1990")],
        "1952-03 / 1990 / 37.8-38.8",
        "date of birth: 1952-03-11 with an uncertainty of its own",
    ),
    "a day, uncertain into the next month": (
        [timed("P569", "+1952-03-31", 11, after=1)],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "date of birth: 1952-03-31 with an uncertainty of its own",
    ),
    "month 00, said to be a day": (
        [timed("P569", "+1952-00-00", 11)],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "date of birth: it claims to be more exact than it is",
    ),
    "death known to the century": (
        [born("1952"), timed("P570", "+2050-00-00", 7)],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "date of death: known only to the century",
    ),
    "file and item disagree": (
        [born("1952"), portrait("1991")],
        [taken("1990")],
        "1952 / 1990 / 37.0-39.0",
        "date of the photo: 1990 by the file, 1991 by the person's item",
    ),
    # what cannot be used
    "no date of birth": ([], [taken("1990")], "dropped: date of birth: none", ""),
    "only a deprecated one": ([born("1952", "deprecated")], [taken("1990")], "dropped: date of birth: none", ""),
    "unknown": ([born("somevalue")], [taken("1990")], "dropped: date of birth: said to be unknown", ""),
    "novalue": ([born("novalue")], [taken("1990")], "dropped: date of birth: none", ""),
    "circa": ([born("1952", **CIRCA)], [taken("1990")], "dropped: date of birth: circa", ""),
    "decade": (
        [timed("P569", "+1950-00-00", 8)],
        [taken("1990")],
        "dropped: date of birth: known only to the decade",
        "",
    ),
    "century": (
        [timed("P569", "+1901-00-00", 7)],
        [taken("1990")],
        "dropped: date of birth: known only to the century",
        "",
    ),
    "values of different years": (
        [born("1951"), born("1952-03-11")],
        [taken("1990")],
        "dropped: date of birth: several values, years apart",
        "",
    ),
    "uncertain over years": (
        [statement("P569", dated("1952", before=1))],
        [taken("1990")],
        "dropped: date of birth: uncertain over years",
        "",
    ),
    "BCE": ([timed("P569", "-0100-07-12", 11)], [taken("1990")], "dropped: date of birth: before the year 1", ""),
    "before photography": ([born("1564-02-15")], [taken("1990")], "dropped: date of birth: before 1700", ""),
    "29 February of 1951": (
        [timed("P569", "+1951-02-29", 11)],
        [taken("1990")],
        "dropped: date of birth: no such day",
        "",
    ),
    "month 13": ([timed("P569", "+1951-13-01", 11)], [taken("1990")], "dropped: date of birth: no such day", ""),
    "another calendar": (
        [timed("P569", "+1951-02-01", 11, calendar="Q12138")],
        [taken("1990")],
        "dropped: date of birth: in a calendar that is not known here",
        "",
    ),
    "born in the future": ([born("2027")], [taken("1990")], "dropped: date of birth: in the future", ""),
    "year of five digits": (
        [timed("P569", "+16000-00-00", 9)],
        [taken("1990")],
        "dropped: date of birth: in the future",
        "",
    ),
    "seventeen today": ([born("2009-11-26")], [taken("2020")], "dropped: may be under 18 today", ""),
    "eighteen today": ([born("2008-11-25")], [taken("2026-11-25")], "2008-11-25 / 2026-11-25 / 18.0-18.0", ""),
    "eighteen this year, or not": ([born("2008")], [taken("2026")], "dropped: may be under 18 today", ""),
    "died as a child long ago": ([born("1920"), died("1928")], [taken("1927")], "1920 / 1927 / 6.0-8.0", ""),
    "died before birth": ([born("1952"), died("1951")], [taken("1990")], "dropped: died before birth", ""),
    "photo before birth": ([born("1952-03-11")], [taken("1952-03-10")], "dropped: photo from before the birth", ""),
    "photo after death": (
        [born("1952"), died("1990-05-01")],
        [taken("1990-06")],
        "dropped: photo from after the death",
        "",
    ),
    "almost 130": ([born("1890")], [taken("2019")], "1890 / 2019 / 128.0-130.0", ""),
    "perhaps 131": ([born("1890")], [taken("2020")], "dropped: older than anybody", ""),
    "photo without a date": ([born("1952")], [], "dropped: date of the photo: none", ""),
    "photo of circa 1990": ([born("1952")], [taken("1990", **CIRCA)], "dropped: date of the photo: circa", ""),
    "photo of the 1990s": (
        [born("1952")],
        [timed("P571", "+1990-00-00", 8)],
        "dropped: date of the photo: known only to the decade",
        "",
    ),
    "photo of tomorrow": ([born("1952")], [taken("2026-11-26")], "dropped: date of the photo: in the future", ""),
    "photo of 1820": ([born("1752")], [taken("1820")], "dropped: date of the photo: before 1826", ""),
    "photo of two years": (
        [born("1952")],
        [taken("1990"), taken("1991")],
        "dropped: date of the photo: several values, years apart",
        "",
    ),
    "item without a date either": ([born("1952"), portrait(None)], [], "dropped: date of the photo: none", ""),
}


def decide(person_says: list[Json], file_says: list[Json]) -> Candidate | Drop:
    """What becomes of a file that its person's item names."""
    person = person_of(person_item("Q42", *person_says), 3, TODAY)
    if isinstance(person, Drop):
        return person
    page = file_page(7, "File:Somebody.jpg", "https://up.example.org/a.jpg", "https://example.org/a", WORDS)
    file = file_of(page, media_entity(7, *file_says), TODAY)
    assert isinstance(person, Person)
    assert isinstance(file, File)
    named: dict[str, Dating] = dict(person.portraits)
    return candidate_of(person, file, named.get("Somebody.jpg"), set())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_awkward_date_is_decided(case: Case) -> None:
    person_says, file_says, expected, doubt = case
    made = decide(person_says, file_says)
    if isinstance(made, Drop):
        assert f"dropped: {made.reason}" == expected
        assert made.stage == "source"
        return
    birth, captured, ages = expected.split(" / ")
    assert (made.born, made.captured) == (birth, captured)
    assert made.doubts == ((doubt,) if doubt else ())
    assert made.born is not None and made.captured is not None
    youngest, oldest = age_between(made.born, made.captured)
    assert f"{youngest:.1f}-{oldest:.1f}" == ages


def test_there_are_forty_cases_and_more() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize(
    ("julian", "day"),
    [
        ((1582, 10, 5), date(1582, 10, 15)),  # the day after 4 October, as the calendar was reformed
        ((1731, 2, 11), date(1731, 2, 22)),  # George Washington
        ((1799, 5, 26), date(1799, 6, 6)),  # Pushkin
        ((1900, 2, 29), date(1900, 3, 13)),
        ((1900, 12, 31), date(1901, 1, 13)),
        ((1917, 10, 25), date(1917, 11, 7)),  # the October Revolution, in November
        ((4, 3, 1), date(4, 2, 28)),
    ],
)
def test_julian_days_are_known_days(julian: tuple[int, int, int], day: date) -> None:
    assert gregorian(*julian) == day


@given(st.dates(date(1600, 1, 1), date(2100, 1, 1)))
def test_julian_days_follow_each_other(day: date) -> None:
    """Thirteen days apart in the twentieth century, ten in the seventeenth; and one day more is one day more."""
    apart = {0: 10, 1: 10, 2: 11, 3: 12, 4: 13, 5: 13}
    century = (day.year - 1500) // 100 - 1
    if day.month == 2 and day.day == 29:
        return
    converted = gregorian(day.year, day.month, day.day)
    assert (converted - day).days in (apart[century], apart[century] + 1, apart[century] - 1)
    following = day + timedelta(days=1)
    if (following.month, following.day) not in ((2, 29), (3, 1)):
        assert gregorian(following.year, following.month, following.day) - converted == timedelta(days=1)


@pytest.mark.parametrize("day", [(1901, 2, 29), (1900, 13, 1), (1900, 0, 1), (1900, 4, 31), (1900, 1, 0)])
def test_days_that_the_julian_calendar_lacks_are_refused(day: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="the Julian calendar has no"):
        gregorian(*day)


@given(
    st.text(max_size=30)
    | st.from_regex(r"[+-]\d{4,6}-\d\d-\d\dT00:00:00Z", fullmatch=True)
    | st.dates(date(1700, 1, 1), TODAY).map(lambda day: f"+{day.isoformat()}T00:00:00Z"),
    st.integers(-1, 15) | st.none() | st.just("11"),
    st.sampled_from(["Q1985727", "Q1985786", "", None]),
    st.integers(-2, 400) | st.none() | st.text(max_size=2),
    st.integers(-2, 400) | st.none(),
)
def test_no_time_breaks_the_reader_or_grows_more_exact(
    time: str, precision: Any, calendar: str | None, before: Any, after: Any
) -> None:
    value = {"time": time, "precision": precision, "calendarmodel": calendar, "before": before, "after": after}
    made = read_time(value, TODAY, 1700)
    if made.text is None:
        assert made.refusal
        return
    exactness = {"year": 9, "month": 10, "day": 11}[date_precision(made.text)]
    assert exactness <= min(precision, 11)
    assert date(1700, 1, 1) <= last_day(made.text)
    assert first_day(made.text) <= TODAY
    if calendar == "Q1985727" and not (before or after):
        assert time[1:5] == made.text[:4]


def test_a_qualifier_dates_its_statement() -> None:
    named = statement("P18", "A.jpg", P585=dated("1990-06"))
    assert qualified_date(named, "P585", TODAY, 1826) == Dating(text="1990-06")
    assert qualified_date(statement("P18", "A.jpg"), "P585", TODAY, 1826).refusal == "none"


def test_a_time_of_another_shape_is_refused() -> None:
    assert (
        date_of([statement("P569", {"time": 1952, "precision": 9})], TODAY, 1700).refusal == "no time that can be read"
    )
