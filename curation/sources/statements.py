"""What Wikidata's statements say: the best-ranked ones, and of their times what can be relied on.

A time has a precision, a calendar and qualifiers that weaken it. It becomes a date as cafdata writes it, never more
exact than it is; or it is refused; or it comes with doubts, which a person has to look at.
"""

import calendar
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from cafdata.dates import date_precision, first_day, last_day

Statement = Mapping[str, Any]
"""As `wbgetentities` gives it: mainsnak, rank, qualifiers."""

TIME: Final = re.compile(r"([+-])(\d{4,16})-(\d\d)-(\d\d)T\d\d:\d\d:\d\dZ", re.ASCII)
YEAR, MONTH, DAY, SECOND = 9, 10, 11, 14
"""Precisions."""
COARSE: Final = {8: "decade", 7: "century", 6: "millennium"}
GREGORIAN, JULIAN = "Q1985727", "Q1985786"
CIRCA: Final = "Q5727902"
CIRCUMSTANCES: Final = "P1480"
WEAKENING: Final = {
    "P1319": "an earliest date",
    "P1326": "a latest date",
    "P5102": "the nature of the statement",
    "P1310": "who disputes it",
}
"""Qualifiers that say that a time is not the whole truth."""
MARCH_OFFSET: Final = 308
"""Between days counted in Julian years from March of the year 0, and Python's ordinals."""
MAX_UNCERTAIN: Final = 366
"""Days or months before or after; more than that says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dating:
    """A date, or why there is none."""

    text: str | None = None
    """"1951", "1951-07" or "1951-07-21", in the Gregorian calendar."""
    refusal: str = ""
    """Why there is none, in words that can be counted."""
    detail: str = ""
    doubts: tuple[str, ...] = ()
    """What a person has to look at."""


def best(entity: Mapping[str, Any], prop: str) -> list[Statement]:
    """The statements of a property that count: the preferred ones, else the normal ones; deprecated ones never."""
    listed = entity.get("claims") or entity.get("statements") or {}
    statements = listed.get(prop, []) if isinstance(listed, Mapping) else []
    preferred = [one for one in statements if one.get("rank") == "preferred"]
    return preferred or [one for one in statements if one.get("rank", "normal") == "normal"]


def items_of(entity: Mapping[str, Any], prop: str) -> list[str]:
    """Ids that the best statements of a property name, each once."""
    values = [value_of(statement.get("mainsnak", {})) for statement in best(entity, prop)]
    return list(dict.fromkeys(value["id"] for value in values if isinstance(value, Mapping) and "id" in value))


def texts_of(entity: Mapping[str, Any], prop: str) -> list[str]:
    """Texts that the best statements of a property hold, each once."""
    values = [value_of(statement.get("mainsnak", {})) for statement in best(entity, prop)]
    return list(dict.fromkeys(value for value in values if isinstance(value, str)))


def value_of(snak: Mapping[str, Any]) -> Any:
    """The value of a snak; None where it is said to be unknown, or that there is none."""
    return snak.get("datavalue", {}).get("value") if snak.get("snaktype") == "value" else None


def date_of(statements: Iterable[Statement], today: date, earliest_year: int) -> Dating:
    """The one date that statements of the same rank stand for.

    Values of one year become what they share, with a doubt; values of different years are refused.

    Args:
        statements: of one property, see `best`.
        today: no date lies after it.
        earliest_year: nor before this year.
    """
    read = [_statement_date(statement, today, earliest_year) for statement in statements]
    if not read:
        return Dating(refusal="none")
    usable = [one for one in read if one.text is not None]
    if not usable:
        return read[0]
    doubts = dict.fromkeys(doubt for one in usable for doubt in one.doubts)
    doubts |= {f"another value is {one.refusal}": None for one in read if one.text is None}
    texts = sorted({one.text for one in usable if one.text is not None})
    if len(texts) == 1:
        return Dating(text=texts[0], doubts=tuple(doubts))
    named = ", ".join(texts)
    if len({text[:4] for text in texts}) > 1:
        return Dating(refusal="several values, years apart", detail=named)
    shared = {text[:7] for text in texts}
    is_month = len(shared) == 1 and all(len(text) >= 7 for text in texts)
    return Dating(text=shared.pop() if is_month else texts[0][:4], doubts=(*doubts, f"several values: {named}"))


def qualified_date(statement: Statement, prop: str, today: date, earliest_year: int) -> Dating:
    """The date that a qualifier of a statement gives, such as the point in time (P585) of a picture (P18)."""
    snaks = statement.get("qualifiers", {}).get(prop, [])
    return date_of([{"mainsnak": snak} for snak in snaks], today, earliest_year)


def read_time(value: Mapping[str, Any], today: date, earliest_year: int) -> Dating:
    """A time value as a date.

    Args:
        value: time, precision, calendarmodel, before, after, as Wikidata's JSON has them.
        today: no date lies after it.
        earliest_year: nor before this year.
    """
    time, precision = str(value.get("time")), value.get("precision")
    match = TIME.fullmatch(time)
    if match is None or not isinstance(precision, int):
        return Dating(refusal="no time that can be read", detail=time[:40])
    year, month, day = int(match[2]), int(match[3]), int(match[4])
    if match[1] == "-" or year == 0:
        return Dating(refusal="before the year 1", detail=time)
    if not YEAR <= precision <= SECOND:
        return Dating(refusal=f"known only to the {COARSE.get(precision, 'age of the world')}", detail=time)
    if year < earliest_year:
        return Dating(refusal=f"before {earliest_year}", detail=time)
    if year > today.year:
        return Dating(refusal="in the future", detail=time)
    model = str(value.get("calendarmodel", GREGORIAN)).rpartition("/")[2]
    if model not in (GREGORIAN, JULIAN):
        return Dating(refusal="in a calendar that is not known here", detail=model[:40])
    text, doubts = _written(year, month if precision >= MONTH else 0, day if precision >= DAY else 0)
    if len(text) < {YEAR: 4, MONTH: 7}.get(precision, 10) and not doubts:
        doubts.append("it claims to be more exact than it is")
    try:
        if model == JULIAN:
            text, more = _from_julian(text, year, month, day)
            doubts += more
        date_precision(text)
    except ValueError:
        return Dating(refusal="no such day", detail=time)
    wide, more = _widened(text, value)
    if wide is None:
        return Dating(refusal="uncertain over years", detail=time)
    doubts += more
    if first_day(wide) > today:
        return Dating(refusal="in the future", detail=time)
    return Dating(text=wide, doubts=tuple(doubts))


def gregorian(year: int, month: int, day: int) -> date:
    """The day that has this date in the Julian calendar, from the year 1 on. Raises ValueError if there is none.

    Source: day numbers by counting years from March, as in Richards 2013, chapter 15.11.
    """
    length = 29 if month == 2 and year % 4 == 0 else calendar.monthrange(2001, month)[1] if 1 <= month <= 12 else 0
    if not 1 <= day <= length:
        raise ValueError(f"the Julian calendar has no {year:04d}-{month:02d}-{day:02d}")
    since_march = (month + 9) % 12
    years = year - (month < 3)
    days = 365 * years + years // 4 + (153 * since_march + 2) // 5 + day
    return date.fromordinal(days - MARCH_OFFSET)


def _statement_date(statement: Statement, today: date, earliest_year: int) -> Dating:
    """The date of one statement, with what its qualifiers say of it."""
    snak = statement.get("mainsnak", {})
    value = value_of(snak)
    if not isinstance(value, Mapping):
        return Dating(refusal="said to be unknown" if snak.get("snaktype") == "somevalue" else "none")
    qualifiers = statement.get("qualifiers", {})
    circumstances = [value_of(one) for one in qualifiers.get(CIRCUMSTANCES, [])]
    named = [one["id"] for one in circumstances if isinstance(one, Mapping) and "id" in one]
    if CIRCA in named:
        return Dating(refusal="circa", detail=str(value.get("time")))
    dating = read_time(value, today, earliest_year)
    doubts = [f"sourcing circumstances {one}" for one in named]
    doubts += [f"it comes with {what}" for prop, what in WEAKENING.items() if prop in qualifiers]
    return Dating(text=dating.text, refusal=dating.refusal, detail=dating.detail, doubts=(*dating.doubts, *doubts))


def _written(year: int, month: int, day: int) -> tuple[str, list[str]]:
    """As far as it is known; 1 January becomes its year, with a doubt."""
    if month == 1 and day == 1:
        return f"{year:04d}", ["1 January may stand for the whole year"]
    if month == 0:
        return f"{year:04d}", []
    return (f"{year:04d}-{month:02d}-{day:02d}" if day else f"{year:04d}-{month:02d}"), []


def _from_julian(text: str, year: int, month: int, day: int) -> tuple[str, list[str]]:
    """The same in the Gregorian calendar; a month becomes its year. Raises ValueError if there is no such day."""
    if len(text) == 10:
        return gregorian(year, month, day).isoformat(), [f"{text} in the Julian calendar"]
    return text[:4], [f"{text} in the Julian calendar, up to two weeks off"]


def _widened(text: str, value: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The narrowest date that holds what `before` and `after` leave possible; None where that is years."""
    before, after = value.get("before") or 0, value.get("after") or 0
    if not before and not after:
        return text, []
    if not (isinstance(before, int) and isinstance(after, int) and 0 <= before + after <= MAX_UNCERTAIN):
        return None, []
    if len(text) == 4:
        return None, []
    if len(text) == 7:
        months = int(text[:4]) * 12 + int(text[5:]) - 1
        first, last = date((months - before) // 12, 1, 1), date((months + after) // 12, 1, 1)
        wide = text[:4] if first.year == last.year else None
    else:
        first, last = first_day(text) - timedelta(days=before), last_day(text) + timedelta(days=after)
        wide = None if first.year != last.year else text[:7] if first.month == last.month else text[:4]
    return wide, [] if wide is None else [f"{text} with an uncertainty of its own"]
