"""Words in a table that a spreadsheet may open: nothing in them is computed, hidden, or acted upon by a terminal."""

import os
import unicodedata
from pathlib import Path
from typing import Final

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula, also as full-width letters."""


def path_cell(path: Path) -> str:
    """A relative path for a table: "/" between its parts, nothing a spreadsheet or a terminal would act upon.

    A name such as "=cmd.jpg" gets "./" before it, which is the same path. Letters that are not shown (control
    characters, changes of direction, bytes that are no UTF-8) are written as \\xNN, \\uNNNN; a backslash twice.
    """
    text = visible(os.fspath(path.as_posix()).replace("\\", "\\\\"))
    return f"./{text}" if text.lstrip().startswith(FORMULA_SIGNS) else text


def text_cell(text: str) -> str:
    """A sentence for a table; an apostrophe before what a spreadsheet would compute."""
    shown = visible(text)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA_SIGNS) else shown


def visible(text: str) -> str:
    """Control and format characters, lone surrogates and line separators as escapes."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(
        one.encode("unicode_escape").decode() if unicodedata.category(one) in hidden else one for one in text
    )
