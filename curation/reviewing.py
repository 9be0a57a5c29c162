"""Questions that people decide: listed, shown with their faces, answered. The next run acts on the answers."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from cafdata.archive import Archive
from cafdata.queue import DECISIONS, ReviewItem, ReviewQueue
from core.cells import visible
from core.errors import CurationBroken
from core.files import write_atomic
from curation.recipe import read_recipe
from curation.report import thumb, whole_page
from curation.run_folder import read_seen_file

MAX_SHOWN: Final = 500
WORKING_SUFFIX: Final = ".work"


def places_of(where: Path) -> tuple[Path, Path]:
    """Archive and working folder by a recipe, or by an archive whose working folder lies beside it.

    Raises:
        CurationBroken: it is neither.
    """
    if where.suffix == ".toml":
        recipe = read_recipe(where)
        return recipe.archive, recipe.working
    if not (where / "manifest.json").is_file():
        raise CurationBroken(f"{where} is neither an archive nor a recipe (a .toml file); check the path")
    named = where.resolve() if where.name in ("", "..") else where
    return where, named.with_name(named.name + WORKING_SUFFIX)


def face_files(archive: Path, working: Path, picture_ids: Collection[str]) -> dict[str, bytes]:
    """Faces by picture id: of the archive's pictures, and of those that still wait in a working folder."""
    wanted = set(picture_ids)
    opened = Archive(archive)
    there = {record.picture_id for record in opened.records()} & wanted
    found = {picture.record.picture_id: picture.data for picture in opened.pictures(there)}
    rest = wanted - there
    for path in sorted((working / "seen").glob("*.parquet")) if rest else ():
        for row in read_seen_file(path, ["picture_id", "face"]):
            if row["picture_id"] in rest and row["face"] is not None:
                found[row["picture_id"]] = row["face"]
    return found


def questions(archive: Path, *, decided: bool = False) -> Iterator[dict[str, Any]]:
    """Items of the review queue as JSON has them: those that are open, or all."""
    for item in ReviewQueue(archive).items():
        if decided or item.decision is None:
            yield {
                "item": item.item_id,
                "kind": item.kind,
                "pictures": list(item.picture_ids),
                "reason": item.reason,
                "source": item.source,
                "choices": list(DECISIONS[item.kind]),
                "decision": item.decision,
                "decided_by": item.decided_by,
            }


def decide_item(archive: Path, item_id: str, decision: str, by: str) -> dict[str, Any]:
    """Write an answer down. Raises ArchiveBroken for no such item, ValueError for an answer that is none for it."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    item = ReviewQueue(archive).decide(item_id, decision, by, at)
    return {"item": item.item_id, "decision": item.decision, "decided_by": item.decided_by}


def write_page(archive: Path, working: Path, out: Path) -> int:
    """Write open questions with their faces as one page. Gives back how many it shows."""
    items = ReviewQueue(archive).open_items()
    shown = items[:MAX_SHOWN]
    faces = face_files(archive, working, {name for item in shown for name in item.picture_ids})
    parts = [f"<h1>{len(items):,} questions</h1>", f'<p class="soft">{escape(visible(str(archive)))}</p>']
    parts += [_question(item, faces) for item in shown]
    if len(items) > len(shown):
        parts.append(f"<p>The first {len(shown):,} are shown; decide them, and make the page again.</p>")
    write_atomic(out, whole_page("Questions", parts).encode())
    return len(shown)


def _question(item: ReviewItem, faces: dict[str, bytes]) -> str:
    figures = "".join(
        f"<figure>{_picture(faces.get(name))}<figcaption>{escape(visible(name))}</figcaption></figure>"
        for name in item.picture_ids
    )
    choices = " or ".join(f"<code>{choice}</code>" for choice in DECISIONS[item.kind])
    return (
        f"<h2>{escape(visible(item.reason))}</h2>"
        f'<p class="soft"><code>{item.item_id}</code>, asked by {escape(visible(item.source))}: {choices}</p>'
        f'<div class="faces">{figures}</div>'
    )


def _picture(face: bytes | None) -> str:
    return "" if face is None else f'<img loading="lazy" alt="" src="{thumb(face)}">'
