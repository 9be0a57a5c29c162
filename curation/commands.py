"""What `python -m curation` does with archives and their review queues: plan, review."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import tyro


def plan(
    archive: tyro.conf.Positional[Path],
    out: Path,
    count: int = 200,
    childhood: bool = False,
    thresholds: Path | None = None,
) -> int:
    """Find out which pictures would do most for the thresholds: people missing in an age group in which few are seen.

    The file of tasks goes into a recipe: [source.wikimedia] tasks = "FILE". So only people with an item on Wikidata get
    tasks; others count among those who are seen.

    Args:
        archive: Archive folder.
        out: File for the tasks, JSON lines, most useful first.
        count: At most so many tasks.
        childhood: Look for pictures of today's adults as children too.
        thresholds: Threshold table with bands, made by python -m cafdata calibrate; cells with wide bands weigh more.
    """
    from cafdata.archive import Archive
    from core.thresholds import read_table
    from curation.coverage import coverage_of
    from curation.planning import plan as plan_tasks
    from curation.planning import write_tasks
    from curation.sources.wikimedia import is_findable

    opened = Archive(archive)
    table = None if thresholds is None else read_table(thresholds)
    today = datetime.now(UTC).date()
    tasks = plan_tasks(opened.records(), table, count, today=today, childhood=childhood, is_findable=is_findable)
    write_tasks(out, tasks)
    coverage = coverage_of(opened.records())
    num_others = sum(not is_findable(name) for name in coverage.person_ids)
    counts = {"tasks": len(tasks), "people_of_other_sources": num_others, "file": str(out)}
    print(json.dumps(counts | {"people_per_pair_of_groups": coverage.people_per_cell().tolist()}))
    return 0


def review(
    where: tyro.conf.Positional[Path],
    decide: tuple[str, str] | None = None,
    by: str | None = None,
    page: Path | None = None,
    all: bool = False,
) -> int:
    """List the questions that people have to decide, show them on a page, or decide one. The next run heeds it.

    Args:
        where: Archive folder, or the recipe that it was made by.
        decide: ITEM and DECISION, as listed.
        by: Who decides.
        page: File for a page with the faces of all open questions.
        all: List the decided ones too.
    """
    from curation.purging import withdraw_removed
    from curation.reviewing import decide_item, places_of, questions, write_page

    archive, working = places_of(where)
    withdraw_removed(archive, working)
    if decide is not None:
        if by is None:
            raise ValueError("say who decides: --by NAME")
        print(json.dumps(decide_item(archive, *decide, by), ensure_ascii=False))
        return 0
    if page is not None:
        count = write_page(archive, working, page)
        print(f"{count} questions on {page}", file=sys.stderr)
        return 0
    for question in questions(archive, decided=all):
        print(json.dumps(question, ensure_ascii=False))
    return 0


archive_commands: dict[str, Callable[..., int]] = {"plan": plan, "review": review}
