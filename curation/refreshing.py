"""A run done anew: what the sources have gained is added, and what was fetched before is asked for again, politely.

Servers are told what is known already and send a picture only if it changed. What a source names no longer is not asked
for, and leaves the archive; not so the pictures of somebody whom a source that reads some people out of many did not
come to this time. A refresh that was broken off goes on: its mark is there until every shard is listed anew,
and each shard's own mark until it was looked at.
"""

from collections.abc import Callable
from typing import Any, Final

from curation.candidate import Candidate
from curation.journal import Journal
from curation.listing import Gate, Remembered, candidates_of, write_shards
from curation.run_folder import RunFolder, write_json
from curation.sources.source import Ask
from curation.stage import UNFORESEEN, Reasons

Row = dict[str, Any]

NOT_OFFERED: Final = "no longer offered by its source"
"""Also where it names it, but not as one that may be used: under another licence, with another date."""


def refresh(run: RunFolder, ask: Ask, gate: Gate, report: Callable[[str], None]) -> None:
    """Read the sources again; afterwards every shard is listed as it is now and waits to be looked at.

    Raises:
        SourceBroken, FetchRefused: a source cannot be read; run it again, and it goes on.
    """
    if not run.refresh_file.exists():
        run.asked_file.unlink(missing_ok=True)  # answers of an earlier reading
    run.refresh_file.touch()
    known = {row["picture_id"]: shard for shard in run.shards() for row in run.read_listed(shard)}
    renewed: dict[int, dict[str, Candidate]] = {}
    fresh: list[Candidate] = []
    reasons = Reasons()
    people: set[str] = set()
    journal = Journal(run.asked_file)
    try:
        for found in candidates_of(run.recipe, Remembered(ask, journal), gate):
            reasons.add(found)
            if found.person_id is not None:
                people.add(found.person_id)
            if isinstance(found, Candidate):
                if found.picture_id in known:
                    renewed.setdefault(known[found.picture_id], {})[found.picture_id] = found
                else:
                    fresh.append(found)
    finally:
        journal.close()
    old = sorted(set(known.values()))
    if fresh:
        write_shards(run, max(old) + 1 if old else 0, fresh)

    def is_passed_over(row: Row) -> bool:
        return row["person_id"] not in people and any(
            source.may_pass_over(row["picture_id"]) for source in run.recipe.sources
        )

    for shard in old:
        if run.seen_file(shard).exists():
            run.stale_file(shard).touch()
        now = renewed.get(shard, {})
        rows = _with_answers(run, shard)
        run.write_rows_listed(
            shard,
            [row if row["picture_id"] not in now and is_passed_over(row) else _asked_again(row, now) for row in rows],
        )
    listing = run.listing()
    counts = {"candidates": len(known) + len(fresh), "drops": reasons.as_json(), "shards": len(run.shards())}
    write_json(run.folder / "listed.json", listing | counts)
    report(f"{len(fresh):,} new pictures, {len(known):,} known ones are asked for again")
    run.asked_file.unlink(missing_ok=True)
    run.refresh_file.unlink()


def _with_answers(run: RunFolder, shard: int) -> list[Row]:
    """The rows of a shard as listed, with what their servers said of them last; where none was looked at yet, nothing.

    What a fault of ours cost is asked for as if it were new, so that it is looked at once more.
    """
    if not run.seen_file(shard).exists():
        return run.read_listed(shard)
    answers = {
        row["picture_id"]: row["answer"] or {}
        for row in run.read_seen(shard, ["picture_id", "answer", "drop"])
        if row["drop"] is None or row["drop"]["reason"] != UNFORESEEN
    }
    names = ("etag", "last_modified")
    return [
        row | {name: answers.get(row["picture_id"], {}).get(name) for name in names} for row in run.read_listed(shard)
    ]


def _asked_again(row: Row, renewed: dict[str, Candidate]) -> Row:
    """A row with what its source says now; at another address nothing is known of the picture."""
    now = renewed.get(row["picture_id"])
    if now is None:
        return row | {"refusal": NOT_OFFERED}
    is_moved = (now.url, now.path) != (row["url"], row["path"])
    return row | now.to_row() | {"refusal": None} | ({"etag": None, "last_modified": None} if is_moved else {})
