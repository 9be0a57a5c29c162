"""Dates known to the year, the month or the day, and the ages that two of them leave possible."""

import calendar
import re
from datetime import date
from typing import Final, Literal

DatePrecision = Literal["year", "month", "day"]

WRITTEN: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
DAYS_A_YEAR: Final = 365.2425


def date_precision(text: str) -> DatePrecision:
    """How much of a date is known: "1999" the year, "1999-05" the month, "1999-05-03" the day.

    Raises:
        ValueError: not one of these three forms, or no such day.
    """
    first_day(text)
    precisions: dict[int, DatePrecision] = {4: "year", 7: "month", 10: "day"}
    return precisions[len(text)]


def first_day(text: str) -> date:
    """Earliest day that a date in one of the three forms can mean; ValueError for any other text."""
    year, month, day = _parts(text)
    return _day(text, year, month or 1, day or 1)


def last_day(text: str) -> date:
    """Latest day that a date in one of the three forms can mean; ValueError for any other text."""
    year, month, day = _parts(text)
    first_day(text)
    month = month or 12
    return _day(text, year, month, day or calendar.monthrange(year, month)[1])


def age_between(born: str, captured: str) -> tuple[float, float]:
    """Youngest and oldest age in years on a photo, given both dates as far as they are known.

    Args:
        born: such as "1951", "1951-07" or "1951-07-21".
        captured: of the photo, in the same forms.
    Returns:
        Years with fractions, youngest first; 0 at the least where the dates overlap.
    Raises:
        ValueError: a date is none, or the photo is from before the birth.
    """
    if last_day(captured) < first_day(born):
        raise ValueError(f"a photo from {captured} cannot show someone born {born}")
    return max(0.0, _years(last_day(born), first_day(captured))), _years(first_day(born), last_day(captured))


def _years(born: date, then: date) -> float:
    """Completed years, and the part of the year begun; negative before the birth."""
    years = then.year - born.year - ((then.month, then.day) < (born.month, born.day))
    try:
        birthday = born.replace(year=born.year + years)
    except ValueError:  # born on 29 February, no leap year
        birthday = date(born.year + years, 3, 1)
    return years + min(0.999, (then - birthday).days / DAYS_A_YEAR)


def _parts(text: str) -> tuple[int, int, int]:
    """Year, month and day; 0 for what is not written."""
    match = WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"a date is written 1999, 1999-05 or 1999-05-03, got {text!r}")
    return int(match[1]), int(match[2] or 0), int(match[3] or 0)


def _day(text: str, year: int, month: int, day: int) -> date:
    """A day of the calendar; ValueError names the text where there is none."""
    if "00" in (text[5:7], text[8:]):
        raise ValueError(f"{text} is no date: months and days count from 01")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise ValueError(f"{text} is no date: {error}") from None
