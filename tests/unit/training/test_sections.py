"""Sections of sentences and tables as Markdown."""

import pytest

from training.sections import Section, Table, number, share, signed, table, to_markdown


def test_blocks_follow_each_other_with_an_empty_line_between() -> None:
    head = Section(title="", blocks=("One.",))
    body = Section(title="Ages", blocks=("Two.", table(("group", "years"), [["0-2", "1.0"], ["a|b", "-"]])))
    assert to_markdown((head, body)) == (
        "One.\n\n## Ages\n\nTwo.\n\n| group | years |\n| --- | --- |\n| 0-2 | 1.0 |\n| a\\|b | - |\n"
    )


def test_what_is_not_known_is_a_dash() -> None:
    assert [number(None), share(None), signed(None)] == ["-"] * 3
    assert [number(1.26), number(1.26, 3), share(0.1234), signed(2), signed(-0.04)] == [
        "1.3", "1.260", "12.3%", "+2.0", "-0.0",
    ]  # fmt: skip


def test_a_row_has_as_many_cells_as_the_head() -> None:
    with pytest.raises(ValueError, match="1 cells under a head of 2"):
        Table(head=("a", "b"), rows=(("1",),))
