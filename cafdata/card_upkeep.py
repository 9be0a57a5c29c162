"""A card that follows its archive: made anew after pictures went for good, found where it lags behind.

A card is croissant.json, coverage.png, the regions of README.md between `cafdata` marks, and summary.json with
summary.md where `python -m cafdata summary` was told to write them into the archive. They name no person, but they
count everyone, so who was taken out has to leave them too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cafdata import lock
from cafdata.card import MARK, card, card_files, counted, has_regions, region_of
from cafdata.croissant import CROISSANT, differences, release_of
from cafdata.front_matter import split_readme, text_of
from cafdata.heatmap import SHADES, coverage_heatmap
from cafdata.leftovers import README
from cafdata.manifest import Manifest
from cafdata.summary import Summary, summarise
from cafdata.summary_report import HEATMAP, write_summary
from core.errors import ArchiveBroken, BadImage
from core.files import write_atomic
from core.images import decode_photo, encode_png

if TYPE_CHECKING:
    from cafdata.archive import Archive

SUMMARY_JSON: Final = "summary.json"
SUMMARY_FILES: Final = (SUMMARY_JSON, "summary.md", HEATMAP)
AGAIN: Final = "run python -m cafdata card on the archive"


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """What became of a card."""

    made_anew: tuple[str, ...] = ()
    """Files that said something else before."""
    dropped: tuple[str, ...] = ()
    """Files that could not be made and were deleted."""
    fault: str | None = None
    """Why they could not be made; README.md then still says in its regions what it said before."""


def renew(archive: "Archive") -> Renewal:
    """Make the files of the card that are there say what the archive holds now. Can be repeated; adds no file.

    Raises:
        ArchiveBroken: a shard is damaged, or another is writing.
    """
    folder = archive.folder
    with lock.writing(folder):
        readme = _readme(folder)
        has_summary = _is_summary(folder)
        if not (has_regions(readme) or has_summary or any((folder / name).exists() for name in (CROISSANT, HEATMAP))):
            return Renewal()
        found = summarise(archive.records())
        made: list[str] = []
        if has_summary:
            before = {name: _bytes(folder / name) for name in SUMMARY_FILES}
            write_summary(found, folder)
            made += [name for name in SUMMARY_FILES if _bytes(folder / name) != before[name]]
        fault = None
        try:
            contents = card_files(readme, found, release_of(archive.manifest))
        except ArchiveBroken as error:
            contents, fault = {HEATMAP: encode_png(coverage_heatmap(found.coverage))}, str(error)
        if not has_regions(readme):
            contents.pop(README, None)  # it is the maintainer's alone
        for name, data in contents.items():
            said = readme.encode() if name == README else _bytes(folder / name)
            if (folder / name).exists() and said != data:
                write_atomic(folder / name, data)
                made.append(name)
        dropped = fault is not None and (folder / CROISSANT).exists()
        if dropped:
            (folder / CROISSANT).unlink()
    return Renewal(made_anew=tuple(sorted(set(made))), dropped=(CROISSANT,) if dropped else (), fault=fault)


def has_facts(folder: Path) -> bool:
    """Whether a file of the card says something that was counted in the records."""
    return _is_summary(folder) or (folder / HEATMAP).exists() or has_regions(_readme(folder))


def wrong_files(folder: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Where croissant.json differs from the manifest: file and reason."""
    if (folder / CROISSANT).exists():
        for difference in differences((folder / CROISSANT).read_bytes(), release_of(manifest)):
            yield CROISSANT, f"{difference}; {AGAIN}"


def wrong_facts(folder: Path, found: Summary) -> Iterator[tuple[str, str]]:
    """Where the card counts something else than the records hold: file and reason.

    Only what the program writes is looked at. Of the heat map the shades count, not the letters, which another
    release of Pillow may draw otherwise.
    """
    readme = _readme(folder)
    if has_regions(readme):
        yield from ((README, f"{reason}; {AGAIN}") for reason in _wrong_regions(readme, found))
    if (folder / HEATMAP).exists() and not _shows(folder / HEATMAP, found):
        yield HEATMAP, f"it shows other people or pictures than the records; {AGAIN}"
    if _is_summary(folder) and json.loads(_bytes(folder / SUMMARY_JSON)) != json.loads(json.dumps(found.as_json())):
        yield SUMMARY_JSON, "it counts something else than the records; run python -m cafdata summary on the archive"


def _wrong_regions(readme: str, found: Summary) -> Iterator[str]:
    try:
        (head, body), wanted = split_readme(readme), split_readme(card(readme, found))
    except ArchiveBroken as error:
        yield str(error)
        return
    for mark in MARK.finditer(body):
        key = mark["key"]
        if mark["side"] == "begin" and region_of(body, key) != region_of(wanted[1], key):
            yield f"the region {key} says something else than the records"
    facts: dict[str, Any] = counted(found)
    for key in facts:
        if head.get(key) != facts[key]:
            yield f"its head says {key}: {head.get(key)}, the records {facts[key]}"


def _shows(path: Path, found: Summary) -> bool:
    wanted = coverage_heatmap(found.coverage)
    try:
        drawn = decode_photo(path.read_bytes())
    except BadImage:
        return False
    if drawn.shape != wanted.shape:
        return False
    shaded = (wanted[:, :, None] == np.array(SHADES, dtype=np.uint8)).all(axis=3).any(axis=2)
    return bool((drawn[shaded] == wanted[shaded]).all())


def _is_summary(folder: Path) -> bool:
    """Whether there is a summary.json that the program wrote; somebody's own file of that name is left alone."""
    try:
        values = json.loads(_bytes(folder / SUMMARY_JSON))
    except ValueError:
        return False
    return isinstance(values, dict) and "people_per_group" in values


def _readme(folder: Path) -> str:
    return text_of(_bytes(folder / README))


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
