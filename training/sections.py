"""What a report says, before it is Markdown or a page: sections of sentences and tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.metrics import Figure

UNKNOWN = "-"
"""In the place of a figure that was not measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Cells of text; those of a row as many as the head's."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"a row of {len(row)} cells under a head of {len(self.head)}: {row}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    """"" for none."""
    blocks: tuple["str | Table", ...]
    """Paragraphs and tables; **words between stars** are strong."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table from any sequences."""
    return Table(head=tuple(head), rows=tuple(tuple(row) for row in rows))


def to_markdown(sections: Iterable[Section]) -> str:
    """Sections under headings of the second level, an empty line between any two blocks."""
    return "\n".join(line for section in sections for line in section_lines(section))


def section_lines(section: Section) -> list[str]:
    """Lines of one section, each block followed by an empty line."""
    lines = [f"## {section.title}", ""] if section.title else []
    for block in section.blocks:
        lines += [block, ""] if isinstance(block, str) else [*_table_lines(block), ""]
    return lines


def number(value: Figure, places: int = 1) -> str:
    """With so many decimal places."""
    return UNKNOWN if value is None else f"{value:.{places}f}"


def share(value: Figure, places: int = 1) -> str:
    """0..1 in percent, with so many decimal places."""
    return UNKNOWN if value is None else f"{value:.{places}%}"


def signed(value: Figure) -> str:
    """With its sign."""
    return UNKNOWN if value is None else f"{value:+.1f}"


def _table_lines(block: Table) -> list[str]:
    rows = (block.head, ("---",) * len(block.head), *block.rows)
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in rows]
