"""A recipe from end to end: list, fetch and look, decide, seal, report. Each part goes on from where it was."""

import hashlib
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from cafdata.shards import file_digest
from cafdata.tombstones import Tombstones
from core.errors import CurationBroken, FetchRefused
from core.thresholds import ThresholdTable, read_table, require_recogniser, table_for
from curation.collecting import collect, embed_missing
from curation.deciding import Decision, decide, errors_of
from curation.fetch import Fetcher
from curation.listing import Gate, dry_run, list_sources
from curation.places import follow
from curation.purging import purge
from curation.recipe import Recipe
from curation.refreshing import refresh
from curation.report import FILE as REPORT_FILE
from curation.report import write_report
from curation.run_folder import RunFolder, drop_of, read_json, write_json
from curation.sealing import Sealed, seal
from curation.sources.source import Ask
from curation.stage import Reasons

log = logging.getLogger(__name__)

OUTCOME_FILE: Final = "outcome.json"


def run_recipe(recipe: Recipe, *, anew: bool = False) -> dict[str, Any]:
    """Bring the archive to what the recipe says. To be repeated after a break; a finished one costs a moment.

    Args:
        anew: read the sources again: new pictures are added, those fetched before are asked for again and fetched if
            they changed, passing failures get another try.
    Returns:
        What became of all pictures, as JSON has it.
    Raises:
        CurationBroken, SourceBroken, FetchRefused, ArchiveBroken: what is done stays done.
    """
    run = RunFolder(recipe)
    run.folder.mkdir(parents=True, exist_ok=True)
    with run.writing():
        run.open()
        follow(run)
        _forget(run)  # first: it finds out by which other names the sources have somebody who was removed
        gate, table = _gate(recipe), thresholds_of(run)
        errors_of(recipe.estimator)
        with _asking(recipe) as ask:
            if not run.is_listed:
                log.info("listing what the sources have")
                list_sources(run, ask, gate, log.info)
            elif anew or run.refresh_file.exists():
                log.info("reading the sources again")
                refresh(run, ask, gate, log.info)
        run.listing()  # whether it is damaged
        run.asked_file.unlink(missing_ok=True)  # a run that was killed may not have come to this
        _forget(run)
        collect(run)
        _forget(run)  # also what was asked to go meanwhile, or turned out to look like it
        state = state_of(run)
        before = _outcome_before(run)
        if before.pop("state", None) == state:
            run.discard_embeddings()
            log.info("nothing is new since the archive was last brought up to date")
            return before
        embed_missing(run)
        log.info("comparing pictures, people and ages")
        decision = decide(run, table)
        sealed = seal(run, decision.kept, decision.dropped, decision.questions, log.info)
        outcome = outcome_of(run, decision, sealed)
        write_report(run, decision, outcome)
        # The queue has new questions now, which are part of the state.
        write_json(run.folder / OUTCOME_FILE, outcome | {"state": state_of(run)})
        run.discard_embeddings()
        log.info("report: %s", run.folder / REPORT_FILE)
        return outcome


def _forget(run: RunFolder) -> None:
    """Forget what was removed on request, in the report too."""
    if purge(run, Tombstones.read(run.recipe.archive), log.info):
        (run.folder / REPORT_FILE).unlink(missing_ok=True)


def _outcome_before(run: RunFolder) -> dict[str, Any]:
    """What the last run said; nothing if there was none.

    Raises:
        CurationBroken: the file is damaged.
    """
    path = run.folder / OUTCOME_FILE
    if not path.exists():
        return {}
    try:
        return read_json(path)
    except CurationBroken:
        raise CurationBroken(f"{path} is damaged; delete it and run the recipe again") from None


def outcome_of(run: RunFolder, decision: Decision, sealed: Sealed) -> dict[str, Any]:
    """Counts of everything, as JSON has it."""
    reasons = Reasons()
    for drop in decision.dropped.values():
        reasons.add(drop)
    listing = run.listing()
    return {
        "archive": str(run.recipe.archive),
        "recipe": run.recipe.digest,
        "listed": listing["candidates"] + sum(sum(found.values()) for found in listing["drops"].values()),
        "candidates": listing["candidates"],
        "kept": len(decision.kept),
        "held_for_review": len(decision.held),
        "dropped_while_listing": listing["drops"],
        "dropped": reasons.as_json(),
        "people": len({one.person_id for one in decision.kept.values()}),
        "added": sealed.added,
        "there_already": sealed.there_already,
        "replaced": sealed.replaced,
        "withdrawn": sealed.withdrawn,
        "left_out": len(sealed.left_out),
        "questions": sealed.questions,
    }


def try_recipe(recipe: Recipe) -> dict[str, Any]:
    """What a run would list: the sources are read, no picture is fetched, nothing is written."""
    with _asking(recipe) as ask:
        return dry_run(recipe, ask, _gate(recipe))


def thresholds_of(run: RunFolder) -> ThresholdTable:
    """The threshold table of a recipe's recogniser, which is the one that the run was begun with.

    Raises:
        TableMissing, TableRefused: there is none for it; nothing was fetched yet.
        CurationBroken: the run was begun with another recogniser, or the estimator's errors are not known.
    """
    from core.detect import open_pack

    recipe, said = run.recipe, run.folder / "recogniser.json"
    pack = open_pack(recipe.pack)
    recogniser = {"pack": pack.name, "name": pack.identity, "sha256": file_digest(pack.recogniser_file)}
    if not said.exists():
        write_json(said, recogniser)
    elif (before := read_json(said)) != recogniser:
        raise CurationBroken(
            f"{run.folder} was begun with the pack {before.get('pack')}, now it is {pack.name}; "
            f'name it in the recipe (pack = "{before.get("pack")}"), or another working folder'
        )
    if recipe.checks.thresholds is None:
        return table_for(pack.identity, recogniser["sha256"], recipe.checks.false_accept_rate)
    table = read_table(recipe.checks.thresholds)
    wanted = recipe.checks.false_accept_rate
    if table.false_accept_rate is not None and not math.isclose(table.false_accept_rate, wanted, rel_tol=1e-6):
        raise CurationBroken(
            f"{recipe.checks.thresholds} is for false accepts at {table.false_accept_rate:g}, the recipe asks for "
            f"{wanted:g}; say false_accept_rate = {table.false_accept_rate:g} beside thresholds, or name another table"
        )
    require_recogniser(table, pack.identity, recogniser["sha256"])
    return table


def state_of(run: RunFolder) -> str:
    """Digest of everything that the archive follows from: what was found, answered, removed, and the own thresholds."""
    digest = hashlib.sha256()
    for shard in run.shards():
        digest.update(file_digest(run.seen_file(shard)).encode())
    files = [run.recipe.archive / name for name in ("manifest.json", "queue.json", "tombstones.json")]
    if run.recipe.checks.thresholds is not None:
        files.append(run.recipe.checks.thresholds)
    for path in files:
        digest.update(file_digest(path).encode() if path.exists() else b"none")
    return digest.hexdigest()


def status_of(recipe: Recipe) -> dict[str, Any]:
    """How far a run has come. Can be asked while it runs. Raises CurationBroken if there is none."""
    run = RunFolder(recipe)
    read_json(run.folder / "recipe.json")
    shards = run.shards()
    done = [shard for shard in shards if run.is_done(shard)]
    reasons = Reasons()
    for shard in done:
        for row in run.read_seen(shard, ["drop"]):
            reasons.add(None if row["drop"] is None else drop_of(row["drop"]))
    return {
        "archive": str(recipe.archive),
        "working": str(recipe.working),
        "is_listed": run.is_listed,
        "pictures": sum(run.num_listed(shard) for shard in shards),
        "looked_at": sum(run.num_listed(shard) for shard in done),
        "shards": len(shards),
        "shards_done": len(done),
        "faces": reasons.num_kept,
        "dropped": reasons.as_json(),
        "is_sealed": len(done) == len(shards) and _outcome_before(run).get("state") == state_of(run),
    }


def _gate(recipe: Recipe) -> Gate:
    today = datetime.now(UTC).date()
    return Gate(tombstones=Tombstones.read(recipe.archive), today=today, childhood=recipe.checks.childhood)


@contextmanager
def _asking(recipe: Recipe) -> Iterator[Ask]:
    """Lend the way to ask APIs; a recipe without addresses has none."""
    if recipe.fetch is None:
        yield _nobody_to_ask
        return
    with Fetcher(recipe.fetch) as fetcher:
        yield fetcher.ask


def _nobody_to_ask(url: str, parameters: Mapping[str, str]) -> Any:  # noqa: ARG001
    raise FetchRefused(f"{url} was to be asked, but the recipe has no [fetch]; add it with a contact.")
