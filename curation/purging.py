"""What was removed from the archive on request goes from the working folder too, before anything else is done.

So do the questions about pictures that waited for an answer there: the archive did not have them, so its takedown could
not know their names. They get tombstones by name, and by these their tasks leave Label Studio. Whom sources have under
several names, as was answered, the archive has under one; the takedown is done for the others here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from cafdata.archive import Archive
from cafdata.duplicates import SAME_BITS, candidates, distance_bits
from cafdata.queue import SAME_PERSON, ReviewQueue
from cafdata.takedown import Request, takedown
from cafdata.tombstones import NAMES, Tombstone, Tombstones
from curation.answers import Answers
from curation.carrying import read_waiting, write_waiting
from curation.run_folder import RunFolder, drop_row, read_seen_file
from curation.stage import Drop

REMOVED: Final = "removed on request"
FORGOTTEN: Final = Drop(stage="archive", reason=REMOVED)
NEEDED: Final = ("shard", "position", "picture_id")
"""What is left of a picture: its name is marked in the archive, so it is refused by that."""
LOOKED_AT: Final = ("picture_id", "person_id", "url", "source_url", "sha256", "long_hash", "drop")


def purge(run: RunFolder, tombstones: Tombstones, report: Callable[[str], None]) -> int:
    """Forget what tombstones name: faces, measures, embeddings, and whom pictures without a face were to show.

    Gives back how many pictures that were.

    The row of a picture stays, where it is listed and where it was seen, as dropped and with nothing but its name, so
    it is not looked for again; one that was not fetched yet will not be.
    """
    if not tombstones.stones:
        return 0
    seen_files = [run.seen_file(shard) for shard in run.shards() if run.seen_file(shard).exists()]
    tombstones = _with_other_names(run.recipe.archive, seen_files, tombstones)
    _forget_waiting(run, tombstones)
    count = 0
    for shard in run.shards():
        _refuse(run, shard, partial(_is_named, tombstones=tombstones))
        if not run.seen_file(shard).exists():
            continue
        gone = _meant_in(run.seen_file(shard), tombstones)
        if gone:
            _withdraw(run.recipe.archive, gone)  # first: of a row that is forgotten nobody can tell what it was
            run.embeddings_file(shard).unlink(missing_ok=True)
            count += len(gone)
        if forgotten := gone | _half_forgotten(run.seen_file(shard)):
            # First: it is done again as long as `seen` still says whom they show.
            _refuse(run, shard, partial(_is_one_of, picture_ids=forgotten))
            run.rewrite_seen(
                shard, [_forgotten(row) if row["picture_id"] in forgotten else row for row in run.read_seen(shard)]
            )
    if count:
        report(f"{count:,} pictures that were removed on request are forgotten here too")
    return count


def _forget_waiting(run: RunFolder, tombstones: Tombstones) -> None:
    """Nothing of what tombstones name is handed on to the pictures that take its place."""
    waiting = read_waiting(run)
    left = {
        name: [one for one in records if not _is_named(one.to_row() | {"url": None}, tombstones)]
        for name, records in waiting.items()
    }
    if left != waiting:
        write_waiting(run, {name: records for name, records in left.items() if records})


def withdraw_removed(archive: Path, working: Path) -> int:
    """Take questions about pictures that wait in a working folder, and were removed on request, out of the queue.

    Their faces go with the next run. Gives back how many questions there were.
    """
    tombstones = Tombstones.read(archive)
    if not tombstones.stones:
        return 0
    files = sorted((working / "seen").glob("*.parquet"))
    tombstones = _with_other_names(archive, files, tombstones)
    return _withdraw(archive, {name for path in files for name in _meant_in(path, tombstones)})


def _with_other_names(archive: Path, seen_files: Iterable[Path], tombstones: Tombstones) -> Tombstones:
    """The tombstones, and those of the other names of people among them, who are taken down by these too.

    To be done before any row of `seen` is forgotten: by what it says of whom a picture shows the names are found.
    """
    people = tombstones.values["person_id"]
    items = [item for item in ReviewQueue(archive).items() if item.decision is not None] if people else []
    asked_about = {name for item in items if item.decision == SAME_PERSON for name in item.picture_ids}
    if not asked_about:
        return tombstones
    person_of = {
        row["picture_id"]: row["person_id"]
        for path in seen_files
        for row in read_seen_file(path, ("picture_id", "person_id"))
        if row["picture_id"] in asked_about and row["person_id"] is not None
    }
    homes = Answers(items).people(person_of)
    removed = {homes[name] for name in people & homes.keys()}
    others = sorted(name for name, home in homes.items() if home in removed and name not in people)
    if not others:
        return tombstones
    takedown(Archive(archive), Request(person=tuple(others)))
    return Tombstones.read(archive)


def _withdraw(archive: Path, picture_ids: Collection[str]) -> int:
    """Mark pictures as removed by name, and drop the questions about them; both only where there is an archive."""
    if not picture_ids or not (archive / "manifest.json").exists():
        return 0
    unmarked = {*picture_ids} - Tombstones.read(archive).values["picture_id"]
    if unmarked:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        Archive(archive).mark(Tombstone(marked="picture_id", value=name, at=at) for name in sorted(unmarked))
    return ReviewQueue(archive).drop(picture_ids)


def _meant_in(path: Path, tombstones: Tombstones) -> set[str]:
    """Picture ids in a file of `seen` of what tombstones name and was not forgotten yet."""
    return {row["picture_id"] for row in read_seen_file(path, LOOKED_AT) if _is_meant(row, tombstones)}


def _half_forgotten(path: Path) -> set[str]:
    """Picture ids in a file of `seen` of which earlier runs forgot the face, but not whom it shows and where it lay."""
    rows = read_seen_file(path, ("picture_id", "person_id", "drop"))
    return {
        row["picture_id"]
        for row in rows
        if row["person_id"] is not None and row["drop"] is not None and row["drop"] == drop_row(FORGOTTEN)
    }


def _refuse(run: RunFolder, shard: int, is_gone: Callable[[Mapping[str, Any]], bool]) -> None:
    """Leave of pictures in a shard's list nothing but their names, and that they are not to be asked for."""
    rows = run.read_listed(shard)
    refused = [
        dict.fromkeys(row) | {name: row[name] for name in NEEDED} | {"refusal": REMOVED} if is_gone(row) else row
        for row in rows
    ]
    if refused != rows:
        run.write_rows_listed(shard, refused)


def _is_one_of(row: Mapping[str, Any], picture_ids: Collection[str]) -> bool:
    return row["picture_id"] in picture_ids


def _is_named(row: Mapping[str, Any], tombstones: Tombstones) -> bool:
    names = {"source_url": (row["source_url"], row["url"])}
    return any(not tombstones.values[name].isdisjoint(names.get(name, (row.get(name),))) for name in NAMES)


def _is_meant(row: Mapping[str, Any], tombstones: Tombstones) -> bool:
    if row["person_id"] is None or row["drop"] == drop_row(FORGOTTEN):
        return False
    if _is_named(row, tombstones):
        return True
    if row["long_hash"] is None:  # it has no face
        return False
    near = candidates(tombstones.first_bits, row["long_hash"][:16])
    return any(distance_bits(tombstones.looks[number], row["long_hash"]) <= SAME_BITS for number in near)


def _forgotten(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in NEEDED} | {"drop": drop_row(FORGOTTEN)}
