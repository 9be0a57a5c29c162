"""From sources to shards: what is taken, in which order, and what a listing that broke off leaves."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cafdata.tombstones import Tombstone, Tombstones
from core.errors import FetchRefused, SourceBroken
from curation.candidate import Candidate
from curation.fetch import FetchRules
from curation.journal import Journal
from curation.listing import Gate, Remembered, candidates_of, dry_run, host_of, in_turn, list_sources
from curation.recipe import Recipe
from curation.sources.folder import Folder
from curation.sources.source import Ask
from curation.stage import Drop
from tests.make_run import candidate, made_run

TODAY = date(2026, 1, 1)
AT = "2026-01-02T03:04:05+00:00"
RULES = FetchRules(contact="tests@example.org")


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A source of what it is given, which asks an API once a page of two."""

    name: ClassVar[str] = "given"
    found: tuple[Candidate | Drop, ...]

    def candidates(self, ask: Ask) -> Iterator[Candidate | Drop]:
        for start in range(0, len(self.found), 2):
            ask("https://api.example.org", {"page": str(start)})
            yield from self.found[start : start + 2]

    def may_pass_over(self, picture_id: str) -> bool:  # noqa: ARG002
        return False


def answering(asked: list[str], broken_after: int | None = None) -> Callable[[str, Mapping[str, str]], Any]:
    """An API that counts its questions and goes down after so many."""

    def ask(url: str, parameters: Mapping[str, str]) -> Any:
        if broken_after is not None and len(asked) >= broken_after:
            raise FetchRefused(f"{url} is down.")
        asked.append(parameters["page"])
        return {"page": parameters["page"]}

    return ask


def gate(*stones: Tombstone, childhood: bool = False) -> Gate:
    return Gate(tombstones=Tombstones(stones), today=TODAY, childhood=childhood)


def source(found: Sequence[Candidate | Drop]) -> tuple[Given, ...]:
    return (Given(found=tuple(found)),)


def test_what_is_refused_says_whom_it_would_have_shown(tmp_path: Path) -> None:
    found = [candidate(1, 20), candidate(1, 20), candidate(2, 9)]
    recipe = made_run(tmp_path, sources=source(found), fetch=RULES).recipe
    drops = [one for one in candidates_of(recipe, answering([]), gate()) if isinstance(one, Drop)]
    assert [(one.reason, one.person_id) for one in drops] == [
        ("listed twice", "person-1"),
        ("taken in childhood", "person-2"),
    ]


PEOPLE = [candidate(person, age) for person in range(3) for age in (20, 35, 50)]


@pytest.mark.parametrize(
    ("marked", "value"),
    [("person_id", "person-1"), ("picture_id", "made/1-20"), ("source_url", "https://photos.example.org/1/20"),
     ("source_url", "https://photos.example.org/1/20.jpg")],
)  # fmt: skip
def test_what_was_removed_is_not_listed(marked: Any, value: str) -> None:
    refusal = gate(Tombstone(marked=marked, value=value, at=AT)).refusal(candidate(1, 20))
    assert refusal is not None and refusal.reason == "removed on request" and refusal.detail == value
    assert gate(Tombstone(marked=marked, value=value, at=AT)).refusal(candidate(2, 30)) is None


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (candidate(1, 20, captured="1959"), "photo from before the birth"),
        (candidate(1, 20, captured=None), "no age"),
        (candidate(1, 8), "taken in childhood"),
        (candidate(1, 8, born="2015", captured="2023"), "may be under 18 today"),
    ],
)
def test_who_may_not_be_in_is_not_fetched(one: Candidate, reason: str) -> None:
    refusal = gate().refusal(one)
    assert refusal is not None and refusal.reason == reason


def test_childhood_is_a_choice_and_minors_of_today_are_none() -> None:
    assert gate(childhood=True).refusal(candidate(1, 8)) is None
    assert gate(childhood=True).refusal(candidate(1, 8, born="2015", captured="2023")) is not None


def test_each_picture_and_each_address_is_listed_once(tmp_path: Path) -> None:
    twice = [PEOPLE[0], PEOPLE[1], PEOPLE[0], candidate(9, 40, url=PEOPLE[1].url), Drop(stage="source", reason="odd")]
    run = made_run(tmp_path, sources=source(twice), fetch=RULES)
    found = list(candidates_of(run.recipe, answering([]), gate()))
    assert found[:2] == PEOPLE[:2]
    assert [one.reason for one in found[2:] if isinstance(one, Drop)] == ["listed twice", "listed twice", "odd"]


def test_a_listing_that_broke_off_asks_nothing_twice(tmp_path: Path) -> None:
    """And what it has in the end is what one that did not break off has."""
    runs = [made_run(tmp_path / name, sources=source(PEOPLE), fetch=RULES) for name in ("whole", "broken")]
    asked: list[str] = []
    with pytest.raises(FetchRefused):
        list_sources(runs[1], answering(asked, 3), gate(), print)
    assert not runs[1].is_listed and len(asked) == 3
    for run in runs:
        list_sources(run, answering(asked), gate(), print)
    assert Counter(asked) == {str(page): 2 for page in (0, 2, 4, 6, 8)}
    assert [run.listed_file(shard).read_bytes() for run in runs[:1] for shard in run.shards()] == [
        runs[1].listed_file(shard).read_bytes() for shard in runs[1].shards()
    ]
    assert runs[0].listing() == runs[1].listing()
    assert (runs[0].listing()["candidates"], runs[0].shards()) == (9, [0, 1, 2])
    assert not (runs[1].folder / "asked.journal").exists()


def test_shards_of_a_longer_listing_that_broke_off_go(tmp_path: Path) -> None:
    run = made_run(tmp_path, sources=source(PEOPLE), fetch=RULES)
    run.write_listed(7, [candidate(99, 30)])
    list_sources(run, answering([]), gate(), print)
    assert run.shards() == [0, 1, 2]


def test_sources_without_anything_usable_are_named(tmp_path: Path) -> None:
    found = [candidate(1, 8), candidate(1, 9), Drop(stage="source", reason="no licence")]
    run = made_run(tmp_path, sources=source(found), fetch=RULES)
    with pytest.raises(SourceBroken, match=r"no picture that may be used \(2 taken in childhood, 1 no licence\)"):
        list_sources(run, answering([]), gate(), print)
    assert not run.is_listed


def test_an_api_s_error_is_not_remembered(tmp_path: Path) -> None:
    answers: list[Any] = [{"error": "busy"}, {"fine": 1}, {"never": 1}]
    journal = Journal(tmp_path / "a.journal")
    ask = Remembered(lambda url, parameters: answers.pop(0), journal)  # noqa: ARG005
    assert ask("u", {"a": "1", "b": "2"}) == {"error": "busy"}
    assert ask("u", {"a": "1", "b": "2"}) == {"fine": 1}
    assert ask("u", {"b": "2", "a": "1"}) == {"fine": 1}
    assert ask("u", {"a": "2", "b": "1"}) == {"never": 1}
    journal.close()


@given(st.lists(st.integers(min_value=0, max_value=4), max_size=40))
def test_hosts_take_turns(hosts: list[int]) -> None:
    given = [
        candidate(number, 30, url=f"https://host{host}.example.org/{number}.jpg") for number, host in enumerate(hosts)
    ]
    made = in_turn(given)
    assert sorted(made, key=lambda one: one.picture_id) == sorted(given, key=lambda one: one.picture_id)
    for host in set(hosts):
        own = [one for one in given if host_of(one) == f"host{host}.example.org"]
        assert [one for one in made if one in own] == own
    # A host waits while others have fewer behind them.
    done: Counter[str] = Counter()
    for one in made:
        done[host_of(one)] += 1
        left = {
            host_of(other) for other in made if done[host_of(other)] < sum(host_of(x) == host_of(other) for x in made)
        }
        assert all(done[host_of(one)] - done[other] <= 1 for other in left)


def test_a_dry_run_counts_what_a_listing_would(tmp_path: Path) -> None:
    run = made_run(tmp_path, sources=source([*PEOPLE, candidate(1, 8)]), fetch=RULES)
    before = sorted(path for path in tmp_path.rglob("*"))
    told = dry_run(run.recipe, answering([]), gate())
    assert sorted(path for path in tmp_path.rglob("*")) == before
    list_sources(run, answering([]), gate(), print)
    listing = run.listing()
    assert {name: listing[name] for name in told} == told
    assert (told["candidates"], told["people"]) == (9, 3)
    assert told["drops"] == {"source": {"taken in childhood": 1}}


def test_a_local_picture_has_no_host() -> None:
    assert host_of(candidate(1, 20, url=None, path="/a.jpg", source_url=None)) == "this machine"


def test_pictures_of_one_name_in_two_folders_are_refused(tmp_path: Path) -> None:
    """Both are named after the last name of their folder; the same folder twice is no harm."""
    folders = [tmp_path / year / "faces" for year in ("2019", "2020")]
    for folder, age in zip(folders, (20, 30), strict=True):
        (folder / "anna").mkdir(parents=True)
        (folder / "anna" / f"{age}.jpg").touch()

    def listed(*chosen: Path) -> list[Candidate | Drop]:
        recipe = Recipe(
            archive=tmp_path / "a", working=tmp_path / "w", sources=tuple(Folder(folder=one) for one in chosen)
        )
        return list(candidates_of(recipe, answering([]), gate()))

    assert [one.picture_id for one in listed(*folders) if isinstance(one, Candidate)] == [
        "faces/anna/20.jpg",
        "faces/anna/30.jpg",
    ]
    assert [one.reason for one in listed(folders[0], folders[0]) if isinstance(one, Drop)] == ["listed twice"]
    (folders[1] / "anna" / "20.jpg").touch()
    with pytest.raises(SourceBroken, match=r"2019/faces than in .*2020/faces; rename one"):
        listed(*folders)
