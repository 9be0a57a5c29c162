"""What goes up: the files of one edition in a folder of its own, each made here and named in a list. Nothing else does.

Whatever else lies in the archive, in the working folder or behind a link is not on the list.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from cafdata.card import BEGIN, END, card_files, words_of_people
from cafdata.croissant import CROISSANT, DataFile, Release, RowSet
from cafdata.front_matter import configs, join_readme, split_readme, with_configs
from cafdata.leftovers import README
from cafdata.record import Record
from cafdata.summary import summarise
from cafdata.summary_report import HEATMAP
from curation.publishing.changes import with_changelog
from curation.publishing.editions import FILE, METADATA, PICTURES, Edition, Stamp
from curation.publishing.refusals import ReleaseRefused
from curation.publishing.tables import DataPart

PAPERS: Final = (README, CROISSANT, HEATMAP, FILE)
"""What lies beside the parts."""
COUNTED: Final = ("configs", "license", "license_name", "license_link", "size_categories")
"""Fields of the card's head that follow from the rows."""
GATE: Final[dict[str, Any]] = {
    "extra_gated_heading": "Ask for the pictures",
    "extra_gated_prompt": "These are faces of real people, or were made from them. Say who you are and what you study. "
    "You agree not to identify or track anybody, not to pass the pictures on, and to take each new version in place "
    "of the old, so that removals reach your copy.",
    "extra_gated_fields": {
        "Name": "text",
        "Affiliation": "text",
        "Purpose": "text",
        "I agree to the prohibited uses and the access terms of the card": "checkbox",
    },
}
"""What the Hub asks of whoever wants to be let in."""


def words_sha256(readme: str) -> str:
    """Digest of what people wrote in a card: its text without the program's regions, its head without the counts."""
    head = {key: value for key, value in split_readme(readme)[0].items() if key not in COUNTED}
    return hashlib.sha256(json.dumps([head, words_of_people(readme)], sort_keys=True, default=str).encode()).hexdigest()


def write_papers(
    folder: Path, edition: Edition, base: str, readme: str, records: Iterable[Record], stamp: Stamp
) -> None:
    """Write README.md, croissant.json, the heat map and edition.json of an edition.

    Args:
        folder: of the edition, with the parts below it.
        base: repository of the metadata.
        readme: of the archive, or of the version before.
        records: of every row.
    Raises:
        ArchiveBroken: the head of the README is no YAML, or its marks are not in order.
    """
    before = edition_readme(edition, base, readme, stamp)
    files = tuple(
        DataFile(name=part.path.rpartition("/")[2], num_bytes=part.num_bytes, sha256=part.sha256)
        for part in stamp.parts
    )
    rows = RowSet(name=edition.name, folder=edition.name, files=files, has_pictures=edition.with_pictures)
    release = Release(generation=stamp.version, row_sets=(rows,) if files else ())
    contents = card_files(before, summarise(records), release) | {FILE: stamp.encode()}
    for name in PAPERS:
        (folder / name).write_bytes(contents[name])


def edition_readme(edition: Edition, base: str, readme: str, stamp: Stamp) -> str:
    """The card of an edition: its files, its gate, what it is, its changelog. Writing it twice changes nothing."""
    head, body = split_readme(readme)
    for key in GATE:
        head.pop(key, None)
    if edition.is_gated:
        head |= GATE
    body = with_changelog(_with_notice(body, edition, base), stamp.changes)
    files: dict[str, list[str]] = {}
    for part in stamp.parts:
        files.setdefault(part.split, []).append(part.path)
    ways = configs({}, files) if edition.with_pictures else configs(files, {})
    for way in ways:
        way |= {"config_name": edition.name, "default": True}
    return with_configs(join_readme(head, body), ways)


def listed_files(folder: Path, parts: Sequence[DataPart]) -> dict[str, Path]:
    """Path in the repository -> file here, of all that may go up: the papers, and these parts.

    Raises:
        ReleaseRefused: one is missing, or a link to something else.
    """
    listed = {name: folder / name for name in (*PAPERS, *(part.path for part in parts))}
    for name, path in listed.items():
        if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
            raise ReleaseRefused(f"{path} was to go up as {name}, but is no file; run the command again")
    return listed


def _with_notice(body: str, edition: Edition, base: str) -> str:
    """The text with a region above its first section that says which edition this is."""
    begin, end = BEGIN.format(key="edition"), END.format(key="edition")
    if edition is METADATA:
        text = (
            "This repository holds metadata: addresses, digests, ages, alignment. No picture is in it. The pictures "
            f"are in [{PICTURES.repo(base)}](https://huggingface.co/datasets/{PICTURES.repo(base)}), behind a gate."
        )
    else:
        which = "pictures of today's adults as children" if edition is not PICTURES else "pictures"
        text = (
            f"This repository holds {which}, behind a gate: its owners let in each reader. The metadata alone, for "
            f"everyone, are in [{base}](https://huggingface.co/datasets/{base})."
        )
    if edition not in (METADATA, PICTURES):
        text = text.replace("The metadata alone", "The metadata of the other tiers")
    region = f"{begin}\n{text}\n{end}"
    found = re.search(rf"{re.escape(begin)}.*?{re.escape(end)}", body, flags=re.DOTALL)
    if found:
        return body[: found.start()] + region + body[found.end() :]
    first = re.search(r"^## ", body, flags=re.MULTILINE)
    place = first.start() if first else len(body)
    return "\n\n".join(part for part in (body[:place].strip("\n"), region, body[place:].strip("\n")) if part) + "\n"
