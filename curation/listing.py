"""From sources to shards of candidates: each picture once, nobody who may not be in, nothing that was removed before.

Answers of the sources' APIs are kept in a journal until all is listed, so a listing that was broken off asks nothing
twice. Within a stretch, candidates of different hosts take turns, so that few wait for one slow host.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cafdata.tombstones import Tombstones
from core.errors import SourceBroken
from curation.agelabels import label
from curation.candidate import Candidate
from curation.journal import Journal
from curation.minors import refuse_minor
from curation.recipe import Recipe
from curation.run_folder import RunFolder, write_json
from curation.sources.folder import Folder
from curation.sources.source import Ask, dropped
from curation.stage import Drop, Reasons

STRETCH_SHARDS: Final = 8
"""Candidates are put in order over so many shards at once."""


Report = Callable[[str], object]
"""Is told how far it has come, a line at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """What every candidate must pass before it is fetched, whatever its source."""

    tombstones: Tombstones
    """Of the archive."""
    today: date
    childhood: bool

    def refusal(self, candidate: Candidate) -> Drop | None:
        """Why a candidate may not be used; None if it may."""
        for name in ("person_id", "picture_id", "source_url"):
            if getattr(candidate, name) in self.tombstones.values[name]:
                return Drop(stage="source", reason="removed on request", detail=str(getattr(candidate, name)))
        if candidate.url is not None and candidate.url in self.tombstones.values["source_url"]:
            return Drop(stage="source", reason="removed on request", detail=candidate.url)
        labelled = label(candidate)
        if isinstance(labelled, Drop):
            return labelled
        ages = (labelled.age_min_years, labelled.age_max_years)
        return refuse_minor(candidate, ages, self.today, childhood=self.childhood)


class Remembered:
    """An API's answers, asked once: `ask` with a memory on the disk."""

    def __init__(self, ask: Ask, journal: Journal) -> None:
        self._ask, self._journal = ask, journal

    def __call__(self, url: str, parameters: Mapping[str, str]) -> Any:
        """As Fetcher.ask."""
        key = hashlib.sha256(json.dumps([url, sorted(parameters.items())]).encode()).hexdigest()
        known = self._journal.read(key)
        if known is not None:
            return json.loads(known)
        answer = self._ask(url, parameters)
        # An API may say with HTTP 200 that it failed; that is not to be remembered.
        if not (isinstance(answer, dict) and "error" in answer):
            self._journal.append(key, json.dumps(answer).encode())
        return answer


def candidates_of(recipe: Recipe, ask: Ask, gate: Gate) -> Iterator[Candidate | Drop]:
    """Everything that the sources of a recipe give, in order; each picture and each address once.

    Raises:
        SourceBroken: two folders hold different pictures of one name; others as the sources say.
    """
    names: set[bytes] = set()
    folders: dict[bytes, Path] = {}
    for source in recipe.sources:
        for found in source.candidates(ask):
            if isinstance(found, Drop):
                yield found
                continue
            place = found.url or found.path or ""
            texts = (f"id {found.picture_id}", f"at {place}")
            name, spot = (hashlib.sha256(text.encode()).digest()[:16] for text in texts)
            marks = {name, spot}
            if isinstance(source, Folder):
                first = folders.setdefault(name, source.folder)
                if first != source.folder and spot not in names:
                    raise SourceBroken(
                        f"{found.picture_id} is another picture in {first} than in {source.folder}; "
                        "rename one of the two folders, for pictures are named after its last name."
                    )
            if not names.isdisjoint(marks):
                twice = dropped("listed twice", f"{found.picture_id} at {place}")
                yield replace(twice, person_id=found.person_id)
                continue
            names |= marks
            refusal = gate.refusal(found)
            yield found if refusal is None else replace(refusal, person_id=found.person_id)


def list_sources(run: RunFolder, ask: Ask, gate: Gate, report: Report) -> None:
    """Write all candidates of a recipe into the shards of its working folder.

    Raises:
        SourceBroken, FetchRefused: a source cannot be read; what it said so far is not asked again.
    """
    recipe = run.recipe
    journal = Journal(run.asked_file)
    reasons = Reasons()
    people: set[str] = set()
    hosts: Counter[str] = Counter()
    shard, waiting = 0, []
    try:
        for found in candidates_of(recipe, Remembered(ask, journal), gate):
            reasons.add(found)
            if isinstance(found, Candidate):
                people.add(found.person_id)
                hosts[host_of(found)] += 1
                waiting.append(found)
            if len(waiting) == STRETCH_SHARDS * recipe.shard_pictures:
                shard = write_shards(run, shard, waiting)
                waiting = []
                report(f"listed {reasons.num_kept:,} pictures of {len(people):,} people")
        shard = write_shards(run, shard, waiting)
    finally:
        journal.close()
    for spare in [number for number in run.shards() if number >= shard]:
        run.listed_file(spare).unlink()  # of a listing that was broken off, when the sources named more
    if not reasons.num_kept:
        raise SourceBroken(f"The sources name no picture that may be used ({_told(reasons)}); check the recipe.")
    write_json(
        run.folder / "listed.json",
        {
            "candidates": reasons.num_kept,
            "people": len(people),
            "shards": shard,
            "hosts": dict(hosts.most_common(20)),
            "num_hosts": len(hosts),
            "drops": reasons.as_json(),
        },
    )
    run.asked_file.unlink(missing_ok=True)


def host_of(candidate: Candidate) -> str:
    """Who is asked for a picture."""
    return urlsplit(candidate.url).hostname or "" if candidate.url else "this machine"


def in_turn(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same candidates, hosts taking turns; those of one host in the order they came."""
    seen: Counter[str] = Counter()
    turns = []
    for number, one in enumerate(candidates):
        host = host_of(one)
        turns.append((seen[host], host, number))
        seen[host] += 1
    return [candidates[number] for _, _, number in sorted(turns)]


def write_shards(run: RunFolder, shard: int, candidates: Sequence[Candidate]) -> int:
    """Write candidates as shards from a number on; gives back the next number."""
    ordered, size = in_turn(candidates), run.recipe.shard_pictures
    for start in range(0, len(ordered), size):
        run.write_listed(shard, ordered[start : start + size])
        shard += 1
    return shard


def _told(reasons: Reasons) -> str:
    found = reasons.counts.most_common(5)
    return ", ".join(f"{count:,} {reason}" for (_, reason), count in found) or "they are empty"


def dry_run(recipe: Recipe, ask: Ask, gate: Gate) -> dict[str, Any]:
    """What a listing would give, counted; nothing is written, no picture fetched."""
    reasons = Reasons()
    people: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    for found in candidates_of(recipe, ask, gate):
        reasons.add(found)
        if isinstance(found, Candidate):
            people[found.person_id] += 1
            hosts[host_of(found)] += 1
    return {
        "candidates": reasons.num_kept,
        "people": len(people),
        "hosts": dict(hosts.most_common(20)),
        "drops": reasons.as_json(),
    }
