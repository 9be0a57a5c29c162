"""Sources read anew: what is asked again, with which words, and what a break leaves."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cafdata.tombstones import Tombstone, Tombstones
from core.errors import FetchRefused
from curation.candidate import Candidate
from curation.fetch import FetchRules
from curation.journal import Journal
from curation.listing import Gate
from curation.refreshing import NOT_OFFERED, refresh
from curation.run_folder import RunFolder
from curation.sources.source import Ask
from curation.stage import UNFORESEEN, Drop
from tests.make_run import Row, candidate, dropped_row, filled, made_run, seen_row

GATE = Gate(tombstones=Tombstones(), today=date(2026, 1, 1), childhood=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A source of what its API says, picture after picture."""

    name: ClassVar[str] = "asked"
    is_sample: bool = False
    """Whether it reads some people out of many."""

    def candidates(self, ask: Ask) -> Iterator[Candidate | Drop]:
        for number in range(100):
            answer = ask("https://api.example.org", {"number": str(number)})
            if answer is None:
                return
            yield Drop(**answer) if "reason" in answer else Candidate.from_row(answer)

    def may_pass_over(self, picture_id: str) -> bool:
        return self.is_sample and picture_id.startswith("made/")


def saying(found: Sequence[Candidate | Drop], broken_after: int | None = None) -> Any:
    def ask(url: str, parameters: Any) -> Any:
        number = int(parameters["number"])
        if broken_after is not None and number >= broken_after:
            raise FetchRefused(f"{url} is down.")
        one = found[number] if number < len(found) else None
        return dataclasses.asdict(one) if isinstance(one, Drop) else one and one.to_row()

    return ask


FIRST = [candidate(1, 20), candidate(1, 35), candidate(2, 30), candidate(2, 44), candidate(3, 50), candidate(3, 60)]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Six pictures in two shards; the fourth was not found."""
    rows: list[Row] = [seen_row(one) for one in FIRST]
    rows[3] = dropped_row(FIRST[3], "not found")
    made = made_run(tmp_path, sources=(Asked(),), fetch=FetchRules(contact="tests@example.org"))
    return filled(made, rows)


def listed(run: RunFolder) -> dict[str, Row]:
    return {row["picture_id"]: row for shard in run.shards() for row in run.read_listed(shard)}


def test_what_was_fetched_is_asked_for_with_what_its_server_said(run: RunFolder) -> None:
    refresh(run, saying(FIRST), GATE, print)
    rows = listed(run)
    assert [rows[one.picture_id]["etag"] for one in FIRST] == [
        None if number == 3 else f'"{one.picture_id}"' for number, one in enumerate(FIRST)
    ]
    assert not any(run.is_done(shard) for shard in run.shards())
    assert all(row["refusal"] is None for row in rows.values())
    assert not run.refresh_file.exists() and not (run.folder / "asked.journal").exists()


def test_what_a_fault_of_ours_cost_is_looked_at_once_more(run: RunFolder) -> None:
    rows = [row | {"answer": {"etag": '"known"'}} for row in run.read_seen(0)]
    rows[0]["drop"] = {"stage": "age", "reason": UNFORESEEN, "detail": "KeyError", "is_passing": False}
    rows[1]["drop"] = {"stage": "faces", "reason": "no face", "detail": "", "is_passing": False}
    run.write_seen(0, rows)
    refresh(run, saying(FIRST), GATE, print)
    assert [row["etag"] for row in run.read_listed(0)][:2] == [None, '"known"']


def test_what_is_new_gets_shards_of_its_own(run: RunFolder) -> None:
    new = candidate(4, 40)
    refresh(run, saying([new, *FIRST]), GATE, print)
    assert [row["picture_id"] for row in run.read_listed(2)] == [new.picture_id]
    assert [row["picture_id"] for row in run.read_listed(0)] == [one.picture_id for one in FIRST[:4]]
    assert (run.listing()["candidates"], run.listing()["shards"]) == (7, 3)


def test_facts_follow_the_source_and_a_moved_picture_is_unknown(run: RunFolder) -> None:
    now = [
        candidate(1, 20, licence="CC-BY-4.0"),
        candidate(1, 35, url="https://elsewhere.example.org/a.jpg"),
        *FIRST[2:],
    ]
    refresh(run, saying(now), GATE, print)
    rows = listed(run)
    assert rows["made/1-20"]["licence"] == "CC-BY-4.0" and rows["made/1-20"]["etag"] is not None
    assert rows["made/1-35"]["url"] == "https://elsewhere.example.org/a.jpg" and rows["made/1-35"]["etag"] is None


def test_what_is_offered_no_longer_is_not_asked_for_and_may_come_back(run: RunFolder) -> None:
    """Not named, or named as something that may not be used."""
    now = [candidate(1, 20, captured="1968"), *FIRST[2:]]
    refresh(run, saying(now), GATE, print)
    assert {name for name, row in listed(run).items() if row["refusal"] == NOT_OFFERED} == {"made/1-20", "made/1-35"}
    refresh(run, saying(FIRST), GATE, print)
    assert all(row["refusal"] is None for row in listed(run).values())


def test_who_was_not_read_this_time_is_asked_for_as_before(tmp_path: Path) -> None:
    """Of a source that reads some people out of many: person 1 was overtaken, of person 2 nothing is offered now."""
    run = made_run(tmp_path, sources=(Asked(is_sample=True),), fetch=FetchRules(contact="tests@example.org"))
    filled(run, [seen_row(one) for one in FIRST])
    now: list[Candidate | Drop] = [
        Drop(stage="source", reason="too few Wikipedia articles", person_id="person-2"),
        FIRST[4],
    ]
    refresh(run, saying(now), GATE, print)
    rows = listed(run)
    assert {name for name, row in rows.items() if row["refusal"]} == {"made/2-30", "made/2-44", "made/3-60"}
    assert rows["made/1-20"]["etag"] == '"made/1-20"'


def test_shards_that_were_not_looked_at_yet_follow_the_sources_too(run: RunFolder) -> None:
    """The first run was killed before it came to the second shard."""
    run.seen_file(1).unlink()
    run.embeddings_file(1).unlink()
    now = [*FIRST[:4], candidate(3, 50, licence="CC-BY-4.0", url="https://elsewhere.example.org/a.jpg")]
    refresh(run, saying(now), GATE, print)
    rows = listed(run)
    assert (rows["made/3-50"]["licence"], rows["made/3-50"]["url"]) == ("CC-BY-4.0", now[-1].url)
    assert rows["made/3-60"]["refusal"] == NOT_OFFERED
    assert not run.stale_file(1).exists()


def test_what_was_removed_is_not_asked_for(run: RunFolder) -> None:
    stone = Tombstone(marked="person_id", value="person-2", at="2026-01-02T03:04:05+00:00")
    gate = Gate(tombstones=Tombstones([stone]), today=GATE.today, childhood=False)
    refresh(run, saying(FIRST), gate, print)
    assert {name for name, row in listed(run).items() if row["refusal"]} == {"made/2-30", "made/2-44"}


def test_a_refresh_that_broke_off_goes_on_and_ends_the_same(run: RunFolder, tmp_path: Path) -> None:
    now = [*FIRST[1:], candidate(4, 40), candidate(5, 41)]
    with pytest.raises(FetchRefused):
        refresh(run, saying(now, broken_after=4), GATE, print)
    assert run.refresh_file.exists()
    refresh(run, saying(now), GATE, print)
    other = filled(
        made_run(tmp_path / "other", sources=(Asked(),), fetch=FetchRules(contact="tests@example.org")),
        [dropped_row(one, "not found") if number == 3 else seen_row(one) for number, one in enumerate(FIRST)],
    )
    refresh(other, saying(now), GATE, print)
    assert listed(run) == listed(other)
    assert run.listing() == other.listing()


def test_answers_left_by_an_earlier_reading_are_not_taken_for_new_ones(run: RunFolder) -> None:
    """A run was killed between the end of its listing and the end of its journal."""
    journal = Journal(run.folder / "asked.journal")
    from curation.listing import Remembered

    remembered = Remembered(saying(FIRST), journal)
    for number in range(7):
        remembered("https://api.example.org", {"number": str(number)})
    journal.close()
    refresh(run, saying([*FIRST, candidate(4, 40)]), GATE, print)
    assert "made/4-40" in listed(run)
