"""What a field of a record may hold. Each check names the field and the value it refuses."""

import math
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

Made = TypeVar("Made")

OLDEST_YEARS: Final = 130
MAX_IDENTIFIER: Final = 200
MAX_TEXT: Final = 2000
"""Characters; an attribution line is shorter by far."""

NOBODY: Final = frozenset({"unknown", "none", "null", "nan", "n/a", "?"})
"""What tables write where nobody is known; as a name it would make one person of many."""

JOINERS: Final = "\u200c\u200d"
"""Format characters that Persian and Indian names need; all others can hide or turn text around."""

HEXADECIMAL: Final = frozenset("0123456789abcdef")


def text(name: str, value: object) -> None:
    """Printable text with something in it, no line breaks, no characters that hide or reverse others."""
    if not isinstance(value, str):
        raise ValueError(f"{name} is text, got {value!r}")
    if value.isascii() and value.isprintable() and len(value) <= MAX_TEXT and value and not value.isspace():
        return  # nearly all
    if not value.strip() or len(value) > MAX_TEXT:
        raise ValueError(f"{name} has 1 to {MAX_TEXT} characters, got {len(value)}: {value[:40]!r}")
    for character in value:
        if unicodedata.category(character)[0] in "CZ" and character not in " \u00a0\u3000" + JOINERS:
            raise ValueError(f"{name} holds the unprintable character U+{ord(character):04X}: {value[:40]!r}")


def identifier(name: str, value: object) -> None:
    """Text of at most 200 characters that no spreadsheet takes for a formula, without spaces around it."""
    text(name, value)
    assert isinstance(value, str)
    if len(value) > MAX_IDENTIFIER or value != value.strip():
        raise ValueError(f"{name} has at most {MAX_IDENTIFIER} characters and no spaces around it, got {value[:40]!r}")
    if value[0] in "=+-@":
        raise ValueError(f"{name} begins with {value[0]!r}, which spreadsheets take for a formula: {value[:40]!r}")


def url(name: str, value: object) -> None:
    """An http or https address."""
    text(name, value)
    assert isinstance(value, str)
    if not value.startswith(("http://", "https://")) or " " in value or len(value) < 12:
        raise ValueError(f"{name} is an http or https address, got {value[:80]!r}")


def one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """One of a few words."""
    if value not in choices:
        raise ValueError(f"{name} is one of {', '.join(choices)}, got {value!r}")


def number(name: str, value: object, least: float = -math.inf, most: float = math.inf) -> None:
    """A finite number between two bounds, both allowed."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is a number, got {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} is {least:g} to {most:g}, got {value!r}")


def numbers(name: str, values: Sequence[object], count: int) -> None:
    """So many finite numbers."""
    if len(values) != count:
        raise ValueError(f"{name} is {count} numbers, got {values!r}")
    for value in values:
        number(name, value)


def whole(name: str, value: object, least: int, most: int | None = None) -> None:
    """A whole number from `least` up."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        bounds = f"from {least} up" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} is a whole number {bounds}, got {value!r}")


def hexadecimal(name: str, value: object, count: int) -> None:
    """So many lower-case hexadecimal digits."""
    if not isinstance(value, str) or len(value) != count or not HEXADECIMAL.issuperset(value):
        raise ValueError(f"{name} is {count} hexadecimal digits in lower case, got {value!r}")


def timestamp(name: str, value: object) -> None:
    """ISO 8601 date and time with an offset from UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{name} is a moment such as 2024-05-03T10:00:00+00:00, got {value!r}")


def shaped(name: str, value: Any, make: Callable[[Any], Made]) -> Made | tuple[()] | None:
    """What a row holds as a list, made into what a record holds; None stays None, an empty list becomes ().

    Raises:
        ValueError: it has another shape.
    """
    if value is None or value == []:
        return None if value is None else ()
    try:
        return make(value)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{name} has another shape than the schema's: {error}") from None
