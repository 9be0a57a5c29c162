"""The dataset card: a README whose facts are written anew from the records and whose words stay as people wrote them.

Between `<!-- cafdata:KEY:begin ... -->` and `<!-- cafdata:KEY:end -->` everything is the program's; all else, but for
some fields of the head, is the maintainer's. Writing a card twice changes nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cafdata import lock
from cafdata.card_sections import SECTIONS, TO_WRITE, Section
from cafdata.croissant import CROISSANT, Release, croissant, encode, release_of
from cafdata.front_matter import join_readme, split_readme
from cafdata.heatmap import coverage_heatmap
from cafdata.leftovers import README, mend
from cafdata.summary import Summary, summarise
from cafdata.summary_report import HEATMAP
from core.errors import ArchiveBroken
from core.files import write_atomic
from core.images import encode_png

if TYPE_CHECKING:
    from cafdata.archive import Archive

BEGIN: Final = "<!-- cafdata:{key}:begin (written by the program; what is changed here is lost) -->"
END: Final = "<!-- cafdata:{key}:end -->"
MARK: Final = re.compile(r"<!-- cafdata:(?P<key>[a-z]+):(?P<side>begin|end)[^>\n]*-->")
REGION: Final = re.compile(r"<!-- cafdata:([a-z]+):begin[^>\n]*-->.*?<!-- cafdata:\1:end[^>\n]*-->", re.DOTALL)
HEADING: Final = re.compile(r"^## ", re.MULTILINE)
SIZES: Final = ("1K", "10K", "100K", "1M", "10M", "100M", "1B")
LICENCES: Final = {
    licence: licence.lower()
    for licence in ("CC0-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0")
}
"""Licences in the records that the Hub has a name for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CardReport:
    """What was written, and what is left to people."""

    files: tuple[str, ...]
    to_be_written: tuple[str, ...]
    """Titles of sections with a sentence that only the maintainer can write."""


def write_card(archive: "Archive") -> CardReport:
    """Write README.md, croissant.json and coverage.png of an archive.

    Raises:
        ArchiveBroken: the head of the README is no YAML, a region of it is open, or another process is writing.
    """
    folder = archive.folder
    with lock.writing(folder):
        mend(folder, archive.manifest)  # so that there is a README, and its head says how to load the archive
        before = (folder / README).read_text(encoding="utf-8")
        contents = card_files(before, summarise(archive.records()), release_of(archive.manifest))
        for name, data in contents.items():
            write_atomic(folder / name, data)
    files = tuple(str(folder / name) for name in contents)
    return CardReport(files=files, to_be_written=unwritten(contents[README].decode()))


def card_files(before: str, found: Summary, release: Release) -> dict[str, bytes]:
    """Name -> bytes of each file of a card.

    Args:
        before: the README so far; "" if there is none.
        found: what the records say.
        release: the files that the card is about.
    Raises:
        ArchiveBroken: as `card`.
    """
    readme = card(before, found)
    described = croissant(release, found, sections_of(readme), split_readme(readme)[0])
    return {
        HEATMAP: encode_png(coverage_heatmap(found.coverage)),
        CROISSANT: encode(described),
        README: readme.encode(),
    }


def card(readme: str, found: Summary) -> str:
    """The README with the facts of the records in it; what is not the program's stays as it is.

    Raises:
        ArchiveBroken: its head is no YAML, or a region begins and does not end, or the other way round.
    """
    head, body = split_readme(readme)
    _check_marks(body)
    for section in SECTIONS:
        body = _with_section(body, section, found)
    head |= front_matter(found, head)
    return join_readme(head, body)


def front_matter(found: Summary, head: dict[str, Any]) -> dict[str, Any]:
    """What the head of the README has to say: licence and size as counted, the rest where nothing is said yet."""
    tags = ["faces", "age", "cross-age", "face-verification"]
    if found.synthetic_pictures:
        tags.append("synthetic")
    starting: dict[str, Any] = {
        "pretty_name": "Faces across ages",
        "task_categories": ["image-classification", "image-to-image"],
        "tags": tags,
    }
    return counted(found) | {key: head.get(key, value) for key, value in starting.items()}


def counted(found: Summary) -> dict[str, Any]:
    """What of the head follows from the records: licence and size."""
    return {**_licence(found), "size_categories": [_size(found.pictures)]}


def region_of(body: str, key: str) -> str:
    """What stands between the marks of a key; "" where there are none. The marks are in order, see `card`."""
    ends = {mark["side"]: mark for mark in MARK.finditer(body) if mark["key"] == key}
    return body[ends["begin"].end() : ends["end"].start()] if ends else ""


def has_regions(readme: str) -> bool:
    """Whether the program writes parts of this README."""
    return MARK.search(readme) is not None


def words_of_people(readme: str) -> str:
    """The text without its head and the program's regions. Raises ArchiveBroken if the head is no YAML."""
    return REGION.sub("", split_readme(readme)[1])


def sections_of(readme: str) -> dict[str, str]:
    """Key of each section -> its words, the program's and the maintainer's, without marks."""
    body = split_readme(readme)[1]
    parts = re.split(r"^## +(.+?) *$", body, flags=re.MULTILINE)
    by_title = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {section.key: MARK.sub("", by_title.get(section.title, "")).strip() for section in SECTIONS}


def unwritten(readme: str) -> tuple[str, ...]:
    """Titles of the sections that still say what is to be written."""
    words = sections_of(readme)
    return tuple(section.title for section in SECTIONS if TO_WRITE in words[section.key])


def _with_section(body: str, section: Section, found: Summary) -> str:
    """The text with the section's facts as they are now: in its region, below its heading, or in a new section."""
    region = ""
    if section.made is not None:
        begin, end = BEGIN.format(key=section.key), END.format(key=section.key)
        region = f"{begin}\n{section.made(found).strip()}\n{end}"
        for mark in MARK.finditer(body):
            if mark["key"] == section.key and mark["side"] == "begin":
                after = body.index(end, mark.end()) + len(end)
                return body[: mark.start()] + region + body[after:]
    heading = _heading(body, section)
    if heading is None:
        place = _place(body, section)
        parts: tuple[str, ...] = (body[:place].rstrip("\n"), f"## {section.title}", region, section.text, body[place:])
    elif region:
        parts = (body[: heading.end()], region, body[heading.end() :].lstrip("\n"))
    else:
        return body
    return "\n\n".join(part.removesuffix("\n") for part in parts if part) + "\n"


def _place(body: str, section: Section) -> int:
    """Where a new section begins: behind the last section there that comes before it, and what follows that."""
    number = SECTIONS.index(section)
    earlier = [found.end() for one in SECTIONS[:number] if (found := _heading(body, one))]
    later = [found.start() for one in SECTIONS[number:] if (found := _heading(body, one))]
    if not earlier:
        return min(later, default=len(body))
    following = HEADING.search(body, max(earlier))
    return following.start() if following else len(body)


def _heading(body: str, section: Section) -> re.Match[str] | None:
    return re.search(rf"^## +{re.escape(section.title)} *$", body, flags=re.MULTILINE)


def _check_marks(body: str) -> None:
    """Raise ArchiveBroken unless regions begin and end in turn, each once."""
    marks = [(mark["key"], mark["side"]) for mark in MARK.finditer(body)]
    keys = [key for key, side in marks if side == "begin"]
    wanted: Sequence[tuple[str, str]] = [(key, side) for key in keys for side in ("begin", "end")]
    if marks != wanted or len(set(keys)) != len(keys):
        named = ", ".join(f"{key}:{side}" for key, side in marks)
        raise ArchiveBroken(f"{README}: the marks of its regions do not begin and end in turn ({named}); mend them")


def _licence(found: Summary) -> dict[str, str]:
    """The licence in the Hub's words: its name for one that it knows, else "other" and where to read."""
    if len(found.licences) == 1 and found.licences[0].licence in LICENCES:
        return {"license": LICENCES[found.licences[0].licence]}
    return {"license": "other", "license_name": "see-sources-and-licences", "license_link": README}


def _size(pictures: int) -> str:
    """The Hub's word for a number of rows."""
    for index, name in enumerate(SIZES):
        if pictures < 1000 * 10**index:
            return f"n<{name}" if index == 0 else f"{SIZES[index - 1]}<n<{name}"
    return f"n>{SIZES[-1]}"
