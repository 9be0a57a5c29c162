"""What was removed from the archive on request goes from the working folder too, before anything else is done.

So do the questions about pictures that waited for an answer there: the archive did not have them, so its takedown could
not know their names. They get tombstones by name, and by these their tasks leave Label Studio.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cafdata.archive import Archive
from cafdata.duplicates import SAME_BITS, candidates, distance_bits
from cafdata.queue import ReviewQueue
from cafdata.tombstones import NAMES, Tombstone, Tombstones
from curation.columns import SEEN_NAMES
from curation.run_folder import RunFolder, drop_row, read_seen_file
from curation.stage import Drop

REMOVED: Final = "removed on request"
LOOKED_AT: Final = ("picture_id", "person_id", "url", "source_url", "sha256", "long_hash", "drop")


def purge(run: RunFolder, tombstones: Tombstones, report: Callable[[str], None]) -> int:
    """Forget the faces, measures and embeddings of what tombstones name. Gives back how many pictures that were.

    The row of a picture stays, as dropped and with nothing but its name, so it is not looked for again; one that was
    not fetched yet will not be.
    """
    if not tombstones.stones:
        return 0
    count = 0
    for shard in run.shards():
        if not run.is_done(shard):
            _refuse(run, shard, tombstones)
        if not run.seen_file(shard).exists():
            continue
        gone = _meant_in(run.seen_file(shard), tombstones)
        if gone:
            _withdraw(run.recipe.archive, gone)  # first: of a row that is forgotten nobody can tell what it was
            run.embeddings_file(shard).unlink(missing_ok=True)
            run.rewrite_seen(
                shard, [_forgotten(row) if row["picture_id"] in gone else row for row in run.read_seen(shard)]
            )
            count += len(gone)
    if count:
        report(f"{count:,} pictures that were removed on request are forgotten here too")
    return count


def withdraw_removed(archive: Path, working: Path) -> int:
    """Take questions about pictures that wait in a working folder, and were removed on request, out of the queue.

    Their faces go with the next run. Gives back how many questions there were.
    """
    tombstones = Tombstones.read(archive)
    if not tombstones.stones:
        return 0
    files = sorted((working / "seen").glob("*.parquet"))
    return _withdraw(archive, {name for path in files for name in _meant_in(path, tombstones)})


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
    """Picture ids in a file of `seen` of the faces that tombstones name."""
    return {row["picture_id"] for row in read_seen_file(path, LOOKED_AT) if _is_meant(row, tombstones)}


def _refuse(run: RunFolder, shard: int, tombstones: Tombstones) -> None:
    """See to it that a shard's pictures that tombstones name are not asked for."""
    rows = run.read_listed(shard)
    refused = [row | {"refusal": REMOVED} if _is_named(row, tombstones) else row for row in rows]
    if refused != rows:
        run.write_rows_listed(shard, refused)


def _is_named(row: Mapping[str, Any], tombstones: Tombstones) -> bool:
    names = {"source_url": (row["source_url"], row["url"])}
    return any(not tombstones.values[name].isdisjoint(names.get(name, (row.get(name),))) for name in NAMES)


def _is_meant(row: Mapping[str, Any], tombstones: Tombstones) -> bool:
    if row["long_hash"] is None:
        return False
    if _is_named(row, tombstones):
        return True
    near = candidates(tombstones.first_bits, row["long_hash"][:16])
    return any(distance_bits(tombstones.looks[number], row["long_hash"]) <= SAME_BITS for number in near)


def _forgotten(row: Mapping[str, Any]) -> dict[str, Any]:
    drop = Drop(stage="archive", reason=REMOVED)
    return {name: None if name in SEEN_NAMES else value for name, value in row.items()} | {"drop": drop_row(drop)}
