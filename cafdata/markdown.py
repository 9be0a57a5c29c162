"""Text of unknown origin as Markdown that shows it and does nothing else."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

ACTIVE: Final = re.compile(r"([\\`*_{}\[\]()#!|~$:@]|^[-+])")
"""What Markdown, its tables, its links and mentions give a meaning to."""
ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def cell(value: object) -> str:
    """A number, or a text as plain text on one line, fit for a table and anywhere else.

    What does not show (control characters, direction marks) is dropped; everything with a meaning in Markdown
    or HTML is escaped, so that no link, picture or tag comes about.
    """
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    one_line = " ".join(str(value).split())
    shown = "".join(char for char in one_line if unicodedata.category(char)[0] != "C")
    return "".join(ENTITIES.get(char, char) for char in ACTIVE.sub(r"\\\1", shown))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; columns of numbers are set to the right."""
    held = [list(row) for row in rows]
    is_number = [
        bool(held) and all(isinstance(row[column], int | float) for row in held) for column in range(len(header))
    ]
    lines = [
        "| " + " | ".join(cell(name) for name in header) + " |",
        "| " + " | ".join("---:" if right else "---" for right in is_number) + " |",
        *("| " + " | ".join(cell(value) for value in row) + " |" for row in held),
    ]
    return "\n".join(lines) + "\n"
