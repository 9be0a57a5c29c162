"""What was removed from the archive on request goes from the working folder too, before anything else is done."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from cafdata.duplicates import SAME_BITS, candidates, distance_bits
from cafdata.tombstones import Tombstones
from curation.columns import SEEN_NAMES
from curation.run_folder import RunFolder, drop_row
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
        gone = {row["picture_id"] for row in run.read_seen(shard, LOOKED_AT) if _is_meant(row, tombstones)}
        if gone:
            run.embeddings_file(shard).unlink(missing_ok=True)
            run.rewrite_seen(
                shard, [_forgotten(row) if row["picture_id"] in gone else row for row in run.read_seen(shard)]
            )
            count += len(gone)
    if count:
        report(f"{count:,} pictures that were removed on request are forgotten here too")
    return count


def _refuse(run: RunFolder, shard: int, tombstones: Tombstones) -> None:
    """See to it that a shard's pictures that tombstones name are not asked for."""
    rows = run.read_listed(shard)
    refused = [row | {"refusal": REMOVED} if _is_named(row, tombstones) else row for row in rows]
    if refused != rows:
        run.write_rows_listed(shard, refused)


def _is_named(row: Mapping[str, Any], tombstones: Tombstones) -> bool:
    names = {"source_url": (row["source_url"], row["url"])}
    return any(
        not tombstones.values[name].isdisjoint(names.get(name, (row.get(name),)))
        for name in ("person_id", "source_url", "sha256", "picture_id")
    )


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
