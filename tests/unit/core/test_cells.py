"""Cells that a spreadsheet computes nothing from and a terminal does not obey."""

import unicodedata
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from core.cells import FORMULA_SIGNS, path_cell, text_cell

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_inert(cell: str) -> bool:
    return not cell.lstrip().startswith(FORMULA_SIGNS) and not {unicodedata.category(one) for one in cell} & HIDDEN


@given(st.text(st.characters(), max_size=20))
@example("=1+1")
@example(" \t=1")
@example("＝1")
@example("\u202e=1\r\n+2\udcff")
def test_no_text_is_computed_or_obeyed(text: str) -> None:
    assert is_inert(text_cell(text))


@given(st.text(st.characters(blacklist_characters="/\0"), min_size=1, max_size=20))
@example("@SUM(A1)")
def test_no_path_is_either_and_two_paths_stay_two(name: str) -> None:
    assert is_inert(path_cell(Path(name)))
    assert path_cell(Path(name)) != path_cell(Path(f"{name}\\"))


def test_an_ordinary_path_stays_as_it_is() -> None:
    assert path_cell(Path("anna") / "age 31.jpg") == "anna/age 31.jpg"
    assert path_cell(Path("=cmd.jpg")) == "./=cmd.jpg"
    assert text_cell("no_face") == "no_face"
