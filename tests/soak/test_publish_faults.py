"""Publishing and taking down, killed or failed before and after each request to the Hub.

Whoever reads finds, in each repository, what was there before or what is to be there, never a mix; and the same
command run again ends where an unbroken one does, with not a commit more.
"""

import copy
import random
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cafdata.archive import Archive
from tests.hub_server import OWNER, Asked, HubServer, Repo
from tests.make_release import grown_picture, make_release
from tests.publisher import Publisher

FAULTS = ("kill", "reset", 409, 412, 429, 500, 503)
A_LOOK = 5
"""Points of each scenario in make test, of several hundred; a second or two each."""
View = dict[str, dict[str, str | None] | None]


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with HubServer() as made:
        yield made


@pytest.fixture(scope="module")
def publisher(server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    made = Publisher(server.address, tmp_path_factory.mktemp("home"))
    yield made
    made.close()


@dataclass
class Scenario:
    """A command, the Hub before it, and what an unbroken run of it makes of both."""

    words: tuple[str, ...]
    archive: Path
    before: dict[str, Repo]
    after: dict[str, Repo]
    asked: list[Asked]


def see(repos: dict[str, Repo]) -> View:
    """What a stranger who is let through gates finds on main of each repository; None where they find nothing."""
    return {name: None if repo.private else repo.view() for name, repo in repos.items()}


def outcome(repos: dict[str, Repo]) -> dict[str, Any]:
    """All that is to be the same after a break: files, visibility, commits, what the tags name, what is kept."""
    return {
        name: {
            "view": repo.view(),
            "seen": (repo.private, repo.gated),
            "titles": [repo.commits[sha].title for sha in repo.history()],
            "tags": {tag: repo.view(tag) for tag in repo.tags},
            "at main": sorted(tag for tag, sha in repo.tags.items() if sha == repo.head),
        }
        for name, repo in repos.items()
    }


def played(server: HubServer, publisher: Publisher, archive: Path, before: dict[str, Repo], *words: str) -> Scenario:
    """The scenario, run unbroken on a copy of the archive."""
    server.forget()
    server.repos = copy.deepcopy(before)
    work = archive.with_name("unbroken")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(archive, work)
    code, wrote = publisher.run(*(str(work) if word == "ARCHIVE" else word for word in words), token=OWNER)
    assert code == 0, wrote
    return Scenario(words, archive, before, copy.deepcopy(server.repos), server.asked)


@pytest.fixture(scope="module")
def scenarios(server: HubServer, publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scenario]:
    place = tmp_path_factory.mktemp("archives")
    pictures = [grown_picture(person, age) for person, age in ((0, 25), (0, 48), (1, 37), (2, 48))]
    archive = make_release(place / "a", pictures)
    publish = ("publish", "ARCHIVE", "--repo", "org/caf", "--public")
    first = played(server, publisher, archive.folder, {}, *publish)
    shutil.copytree(archive.folder, place / "b")
    changed = Archive(place / "b")
    splits = {record.person_id: record.split for record in changed.records()}
    changed.append([grown_picture(1, 25, split=splits["person-00001"])])
    changed.remove(["p00002/48"])
    second = played(server, publisher, changed.folder, first.after, *publish)
    takedown = ("takedown", "ARCHIVE", "--person", "person-00001", "--hub", "org/caf")
    third = played(server, publisher, changed.folder, second.after, *takedown)
    return {"first version": first, "next version": second, "takedown": third}


def points(scenario: Scenario, is_full: bool) -> list[tuple[int, str, int | str]]:
    """Request number, "before" or "after", and what goes wrong there: all, or the worst and some drawn evenly."""
    numbers = [asked.number for asked in scenario.asked]
    every = [(number, when, how) for number in numbers for when in ("before", "after") for how in FAULTS]
    # A server that says 409, 412 or 429 has not done what it was asked for; one that says 500 or 503 may have.
    every = [(number, when, how) for number, when, how in every if when == "before" or how not in (409, 412, 429)]
    if is_full:
        return every
    commits = [asked.number for asked in scenario.asked if "/commit/" in asked.path]
    worst: list[tuple[int, str, int | str]] = [(commits[0], "after", "kill"), (commits[-1], "after", "reset")]
    return worst + random.Random(7).sample(every, A_LOOK - len(worst))


@pytest.mark.parametrize("name", ["first version", "next version", "takedown"])
def test_old_or_new_and_finished_by_the_same_command(
    server: HubServer, publisher: Publisher, scenarios: dict[str, Scenario], tmp_path: Path, is_full: bool, name: str
) -> None:
    scenario = scenarios[name]
    before, after = see(scenario.before), see(scenario.after)
    for point, (number, when, how) in enumerate(points(scenario, is_full)):
        where = f"{how} {when} request {number}, {scenario.asked[number - 1].path}"
        archive = tmp_path / "a"
        shutil.rmtree(archive, ignore_errors=True)
        shutil.copytree(scenario.archive, archive)
        server.forget()
        server.repos = copy.deepcopy(scenario.before)
        mixed: list[str] = []

        def fault(
            asked: Asked, now: str, number: int = number, when: str = when, how: int | str = how, mixed: Any = mixed
        ) -> int | str | None:
            for repo, view in see(server.repos).items():
                if view not in (before.get(repo), after.get(repo), None):
                    mixed.append(f"{repo} at request {asked.number}: {sorted(view or ())}")
            if (asked.number, now) != (number, when):
                return None
            if how == "kill":
                publisher.kill()
                return "reset"
            return how

        server.fault = fault
        words = [str(archive) if word == "ARCHIVE" else word for word in scenario.words]
        code, wrote = publisher.run(*words, token=OWNER)
        assert "Traceback" not in wrote, f"{where}: {wrote}"
        assert code == (-signal.SIGKILL if how == "kill" else 0), f"{where}: {wrote}"
        assert not mixed, f"{where}: {mixed}"
        for repo, view in see(server.repos).items():
            assert view in (before.get(repo), after.get(repo), None), f"{where}: {repo} is a mix"
        server.forget()
        code, wrote = publisher.run(*words, token=OWNER)
        assert code == 0, f"{where}, again: {wrote}"
        assert outcome(server.repos) == outcome(scenario.after), where
        if name == "takedown":
            large = [{repo: {*one.large} for repo, one in repos.items()} for repos in (server.repos, scenario.after)]
            assert large[0] == large[1], where
        if point % 5 == 0:
            heads = {repo: one.head for repo, one in server.repos.items()}
            code, wrote = publisher.run(*words, token=OWNER)
            assert code == 0 and heads == {repo: one.head for repo, one in server.repos.items()}, f"{where}, once more"


def test_a_hub_that_stays_away_is_one_line_and_the_archive_is_as_it_was(
    server: HubServer, publisher: Publisher, scenarios: dict[str, Scenario], tmp_path: Path
) -> None:
    archive = tmp_path / "a"
    shutil.copytree(scenarios["next version"].archive, archive)
    files = {path.name: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    server.forget()
    server.fault = lambda *_: 403
    code, wrote = publisher.run("publish", str(archive), "--repo", "org/caf", token=OWNER)
    assert code == 1
    errors = [line for line in wrote.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "answered 403" in errors[0] and "may HF_TOKEN write there?" in errors[0]
    server.forget()
    found = {path.name: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    assert {name: found[name] for name in files if name != "lock"} == {n: d for n, d in files.items() if n != "lock"}
    assert found.keys() - files.keys() <= {"lock", "publishing.lock"}
