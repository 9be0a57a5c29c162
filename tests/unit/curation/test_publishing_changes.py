"""What a version has that the one before had not, and the changelog that says so."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from cafdata.card_sections import TO_WRITE
from curation.publishing.changes import Rows, change_text, difference, with_changelog
from curation.publishing.editions import Change
from curation.publishing.tables import DataPart

CONTENTS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([b"1", b"2"]), max_size=8)


def part_of(rows: Rows) -> DataPart:
    """A part whose name follows from its rows."""
    sha = hashlib.sha256(repr(sorted(rows.items())).encode()).hexdigest()
    return DataPart(path=f"x/train-{sha[:16]}.parquet", split="train", num_rows=1, num_bytes=1, sha256=sha)


@given(st.lists(CONTENTS, max_size=3), CONTENTS, CONTENTS)
def test_differences_are_those_of_the_whole(kept: list[Rows], before: Rows, after: Rows) -> None:
    known: dict[str, Rows] = {}

    def parts(tables: list[Rows]) -> list[DataPart]:
        made = [part_of(rows) for rows in tables]
        known.update({part.path: rows for part, rows in zip(made, tables, strict=True)})
        return made

    kept = [{f"{name}{number}": value for name, value in rows.items()} for number, rows in enumerate(kept)]
    read: list[str] = []

    def rows_of(part: DataPart, is_before: bool) -> Rows:
        assert part.path == part_of(before if is_before else after).path
        read.append(part.path)
        return known[part.path]

    shared = {part.path for part in parts(kept)} - {part_of(before).path, part_of(after).path}
    found = difference(parts([*kept, before]), parts([after, *kept]), rows_of)
    changed = sum(before[name] != after[name] for name in before.keys() & after.keys())
    assert found == (len(after.keys() - before.keys()), len(before.keys() - after.keys()), changed)
    assert not shared & set(read), "what both have was read"


def test_lines_of_the_changelog() -> None:
    assert change_text(None, 1200, 30) == "First version: 1,200 pictures of 30 people."
    assert change_text((5, 0, 2), 7, 3) == "Pictures: 5 added, 2 changed; now 7 pictures of 3 people."
    assert change_text((0, 0, 0), 7, 3) == "The card was changed; 7 pictures of 3 people as before."


ONE = Change(version=1, day="2026-01-02", text="First version.")
TWO = Change(version=2, day="2026-02-03", text="Pictures: 1 added.")


def test_the_changelog_takes_the_place_of_what_was_to_be_written() -> None:
    body = f"# Faces\n\n## Changelog\n\n{TO_WRITE} a line for each version.\n\nOf old: nothing.\n\n## Citation\n\nMe.\n"
    once = with_changelog(body, [ONE])
    assert TO_WRITE not in once
    assert "- Version 1, 2026-01-02: First version." in once
    assert once.index("Version 1") < once.index("Of old: nothing.") < once.index("## Citation")
    twice = with_changelog(once, [TWO, ONE])
    assert twice.count("Version 1") == 1 and twice.index("Version 2") < twice.index("Version 1")
    assert with_changelog(twice, [TWO, ONE]) == twice
    assert with_changelog(twice, [ONE]) == once


def test_a_card_without_a_changelog_gets_one() -> None:
    once = with_changelog("# Faces\n\nText.\n", [ONE])
    assert once.startswith("# Faces\n\nText.\n\n## Changelog\n")
    assert with_changelog(once, [ONE]) == once
