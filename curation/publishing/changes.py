"""What a version has that the one before had not, and the changelog in the card that says so."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from cafdata.card import BEGIN, END
from cafdata.card_sections import TO_WRITE
from cafdata.record import Row
from curation.publishing.editions import Change
from curation.publishing.tables import DataPart, row_digest

HEADING: Final = re.compile(r"^## +Changelog *$", re.MULTILINE)
NEXT_HEADING: Final = re.compile(r"^## ", re.MULTILINE)

Rows = Mapping[str, bytes]
"""Picture id -> digest of the row."""


def rows_of(rows: Iterable[Row]) -> dict[str, bytes]:
    """What tells one version of a row from another."""
    return {row["picture_id"]: row_digest(row) for row in rows}


def only_in(parts: Sequence[DataPart], others: Sequence[DataPart]) -> list[DataPart]:
    """Parts that the others have not; files of one name are one file."""
    known = {part.path for part in others}
    return [part for part in parts if part.path not in known]


def difference(
    before: Sequence[DataPart], after: Sequence[DataPart], read: Callable[[DataPart, bool], Rows]
) -> tuple[int, int, int]:
    """How many pictures were added, removed and changed. Only files that one of the two lacks are read.

    Args:
        read: rows of a part, given whether it is one from before.
    """
    old: dict[str, bytes] = {}
    new: dict[str, bytes] = {}
    for part in only_in(before, after):
        old |= read(part, True)
    for part in only_in(after, before):
        new |= read(part, False)
    changed = sum(old[name] != new[name] for name in old.keys() & new.keys())
    return len(new.keys() - old.keys()), len(old.keys() - new.keys()), changed


def change_text(counts: tuple[int, int, int] | None, num_pictures: int, num_people: int) -> str:
    """A line of the changelog; without counts it is the first."""
    now = f"{num_pictures:,} pictures of {num_people:,} people"
    if counts is None:
        return f"First version: {now}."
    said = [f"{count:,} {word}" for count, word in zip(counts, ("added", "removed", "changed"), strict=True) if count]
    return f"Pictures: {', '.join(said)}; now {now}." if said else f"The card was changed; {now} as before."


def with_changelog(body: str, changes: Sequence[Change]) -> str:
    """Text of a card with these changes in its changelog; what people wrote there stays, below them."""
    begin, end = BEGIN.format(key="versions"), END.format(key="versions")
    lines = "\n".join(f"- Version {one.version}, {one.day}: {one.text}" for one in changes)
    heading = HEADING.search(body)
    if heading is None:
        return f"{body.rstrip()}\n\n## Changelog\n\n{begin}\n{lines}\n{end}\n"
    following = NEXT_HEADING.search(body, heading.end())
    stop = following.start() if following else len(body)
    said = re.sub(rf"{re.escape(begin)}.*?{re.escape(end)}", "", body[heading.end() : stop], flags=re.DOTALL)
    kept = "\n".join(line for line in said.splitlines() if not line.startswith(TO_WRITE)).strip()
    parts = (body[: heading.end()], f"{begin}\n{lines}\n{end}", kept, body[stop:])
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"
