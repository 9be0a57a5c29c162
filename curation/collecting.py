"""Fetching and looking, shard by shard: what the engine brings back is written when a shard is whole.

A shard that is written is never done again. One that a kill cut off is done again from its journal, so nothing that was
fetched is fetched anew; its file comes out byte for byte as it would have.
"""

from collections.abc import Mapping
from typing import Any, Final

from core.errors import CurationBroken
from curation import engine
from curation.columns import LISTED_NAMES, OUTCOME_NAMES
from curation.engine import Rows
from curation.progress import Progress
from curation.run_folder import RunFolder, drop_of
from curation.steps import embed_step, steps_of

KEPT: Final = object()
"""What the progress is told of a picture that goes on."""


def collect(run: RunFolder) -> None:
    """Fetch and look at every picture of the shards that are not done.

    Raises:
        CurationBroken: the work broke off; shards that are written stay written.
    """
    shards = run.shards()
    todo = [shard for shard in shards if not run.is_done(shard)]
    sizes = {shard: run.num_listed(shard) for shard in shards}
    progress = Progress(sum(sizes.values()), sum(sizes[shard] for shard in shards if shard not in todo), "pictures")
    for shard in shards:
        if run.is_done(shard):
            # A run was killed before it came to this; the next refresh would take the answers for new ones.
            run.journal_file(shard).unlink(missing_ok=True)
        else:
            _ask_as_new(run, shard)
    if not todo:
        return
    steps = steps_of(run.recipe, run.fetched)
    files = [run.listed_file(shard) for shard in todo]
    waiting: dict[int, Rows] = {shard: [] for shard in todo}
    for rows in engine.run(run.recipe.engine, files, steps):
        for row in rows:
            made = outcome_of(row)
            progress.add(KEPT if made["drop"] is None else drop_of(made["drop"]))
            waiting[row["shard"]].append(made)
            if len(waiting[row["shard"]]) == sizes[row["shard"]]:
                run.write_seen(row["shard"], merged(run, row["shard"], waiting.pop(row["shard"])))
    progress.tell()
    if waiting:
        raise CurationBroken(f"{len(waiting)} shards came back incomplete; run the same command again to go on")


def _ask_as_new(run: RunFolder, shard: int) -> None:
    """Forget what servers said of the pictures of a shard whose file in `seen` is gone: "unchanged" would be no answer.

    Raises:
        CurationBroken: the shard's list is damaged.
    """
    rows = run.read_listed(shard)
    known = [row for row in rows if row["etag"] is not None or row["last_modified"] is not None]
    if known and not run.seen_file(shard).exists():
        run.journal_file(shard).unlink(missing_ok=True)
        run.write_rows_listed(shard, [row | {"etag": None, "last_modified": None} for row in rows])


def outcome_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the engine as one of `seen`: what was listed, beside what was found."""
    listed = {name: row[name] for name in LISTED_NAMES}
    looked = row["looked"]
    return listed | {name: value for name, value in looked.items() if name not in listed}


def merged(run: RunFolder, shard: int, rows: Rows) -> Rows:
    """The rows of a shard, with what was found before where a server says that a picture is unchanged, or nothing now.

    A server that is down for a while takes no picture away.
    """
    if not run.seen_file(shard).exists():
        return rows
    before = {row["picture_id"]: row for row in run.read_seen(shard)}
    embedded: dict[str, Any] = {}
    if run.embeddings_file(shard).exists():
        embedded = dict(zip(*run.read_embeddings(shard), strict=True))
    result = []
    for row in rows:
        known = before[row["picture_id"]]
        is_passing = row["drop"] is not None and row["drop"]["is_passing"]
        if row["is_unchanged"] or (is_passing and known["face"] is not None):
            found = {name: known[name] for name in OUTCOME_NAMES if name not in LISTED_NAMES}
            row = row | found | {"embedding": embedded.get(row["picture_id"])}
        result.append(row)
    return result


def embed_missing(run: RunFolder) -> None:
    """Embed the faces of shards whose embeddings were deleted, from what is kept of them."""
    missing = [shard for shard in run.shards() if not run.embeddings_file(shard).exists()]
    if not missing:
        return
    for shard in missing:
        for _ in run.read_seen(shard):  # whether it is damaged
            pass
    found: dict[int, dict[str, Any]] = {shard: {} for shard in missing}
    progress = Progress(sum(run.num_listed(shard) for shard in missing), 0, "pictures embedded again")
    for rows in engine.run(run.recipe.engine, [run.seen_file(shard) for shard in missing], [embed_step(run.recipe)]):
        for row in rows:
            progress.add(KEPT)
            if row["embedded"]["embedding"] is not None:
                found[row["shard"]][row["picture_id"]] = row["embedded"]["embedding"]
    for shard in missing:
        names = [row["picture_id"] for row in run.read_seen(shard, ["picture_id"]) if row["picture_id"] in found[shard]]
        run.write_embeddings(shard, names, [found[shard][name] for name in names])
