"""Nobody who is under 18 today is collected, and pictures from a childhood only where a recipe says so."""

from datetime import date
from typing import Final

from cafdata.dates import last_day
from curation.candidate import Candidate
from curation.stage import Drop

ADULT_YEARS: Final = 18


def refuse_minor(candidate: Candidate, age_years: tuple[float, float], today: date, *, childhood: bool) -> Drop | None:
    """Why a picture may not be used for the sake of a child; None if it may.

    Args:
        age_years: youngest and oldest age that somebody may have on the picture.
        today: somebody must be 18 by then, or dead.
        childhood: whether pictures of today's adults as children are wanted.
    """
    if not is_adult(candidate, age_years, today):
        return Drop(stage="source", reason="may be under 18 today", detail=_known(candidate, age_years))
    if not childhood and age_years[0] < ADULT_YEARS:
        return Drop(stage="source", reason="taken in childhood", detail=_known(candidate, age_years))
    return None


def is_adult(candidate: Candidate, age_years: tuple[float, float], today: date) -> bool:
    """Whether somebody is surely 18 by today, or dead: by the date of birth, else by the picture's own date and age."""
    if is_grown_up(candidate.born, candidate.died, today):
        return True
    if candidate.born is not None:
        return False
    if candidate.captured is not None:
        return age_years[0] + max(0, _years_since(last_day(candidate.captured), today)) >= ADULT_YEARS
    return age_years[0] >= ADULT_YEARS


def is_grown_up(born: str | None, died: str | None, today: date) -> bool:
    """Whether somebody is surely 18 by today, or dead, by these dates alone; who has no date of birth is not."""
    if died is not None and last_day(died) <= today:
        return True
    return born is not None and _years_since(last_day(born), today) >= ADULT_YEARS


def _years_since(day: date, today: date) -> int:
    """Completed years between two days; negative if the first is yet to come."""
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))


def _known(candidate: Candidate, age_years: tuple[float, float]) -> str:
    youngest, oldest = age_years
    return f"born {candidate.born or '?'}, taken {candidate.captured or '?'}, then {youngest:.1f} to {oldest:.1f}"
