"""The Wikimedia source against a site on loopback: whom and what it finds, what it leaves out and why."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cafdata.dates import age_between
from cafdata.tombstones import Tombstones
from core.errors import FetchRefused
from curation.candidate import Candidate
from curation.fetch import Fetched, Fetcher, FetchRules, NotModified
from curation.listing import Gate
from curation.sources.wikimedia import Wikimedia
from curation.stage import Drop
from tests.wikimedia_site import WikimediaSite, serving
from tests.wikimedia_world import FIRST_STRANGER, World

Found = list[Candidate | Drop]

ROOT = Path(__file__).resolve().parents[2]
RULES = FetchRules(contact="tests@example.org", min_delay_s=0.0, allow_loopback=True, max_tries=1)


@pytest.fixture(scope="module")
def site() -> Iterator[WikimediaSite]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(RULES) as made:
        yield made


@pytest.fixture(scope="module")
def found(site: WikimediaSite, fetcher: Fetcher) -> Found:
    """Everything, people named."""
    source = Wikimedia(people=tuple(site.world.people), **site.settings)  # type: ignore[arg-type]
    return listed(source, fetcher)


def listed(source: Wikimedia, fetcher: Fetcher, *, childhood: bool = False) -> Found:
    """What a run would list: what the source gives, past the gate that every candidate passes."""
    gate = Gate(tombstones=Tombstones(), today=datetime.now(UTC).date(), childhood=childhood)
    return [one if isinstance(one, Drop) else gate.refusal(one) or one for one in source.candidates(fetcher.ask)]


def candidates(found: Found) -> dict[str, Candidate]:
    """Of each picture what was said first."""
    named: dict[str, Candidate] = {}
    for one in found:
        if isinstance(one, Candidate):
            named.setdefault(one.picture_id, one)
    return named


def test_every_picture_meets_its_fate(site: WikimediaSite, found: Found) -> None:
    """What the source must drop is dropped, for its reason; all else is a candidate, the doubtful with doubts."""
    named = candidates(found)
    for truth in site.truth.values():
        is_listed = truth.outcome not in ("source", "unlisted")
        assert (truth.picture_id in named) == is_listed, truth
        if is_listed:
            made = named[truth.picture_id]
            is_doubtful = truth.outcome == "review" and truth.plant != "wrong person"
            assert bool(made.doubts) == is_doubtful, (truth, made.doubts)
    assert set(named) <= set(site.truth)
    expected = Counter(truth.reason for truth in site.truth.values() if truth.outcome == "source")
    expected.update(person.refusal for person in site.world.people.values() if person.refusal)
    told = Counter(one.reason for one in found if isinstance(one, Drop))
    assert all(one.stage == "source" for one in found if isinstance(one, Drop))
    # A picture of two people is met once for each of them.
    spare = told - expected
    assert not expected - told
    assert sum(spare.values()) <= 1, spare


def test_candidates_have_their_person_their_age_and_their_provenance(site: WikimediaSite, found: Found) -> None:
    pages = {f"wikimedia/M{file.page_id}": file for file in site.world.files.values()}
    for made in candidates(found).values():
        truth, file = site.truth[made.picture_id], pages[made.picture_id]
        if truth.plant != "two people":
            assert made.person_id == truth.person_id
        assert made.born is not None and made.captured is not None
        youngest, oldest = age_between(made.born, made.captured)
        if truth.plant != "two people":
            assert youngest < truth.age_years + 1
            assert oldest >= truth.age_years
            assert oldest - youngest < 2.1
        assert made.url == site.url(file)
        assert made.sex == site.world.cast.sex(site.world.people[made.person_id.removeprefix("wikidata/")].number)
        assert made.author is not None and made.author.startswith("Photographer ")
        assert made.licence in ("CC-BY-SA-4.0", "CC-BY-2.0", "CC0-1.0", "CC-BY-SA-3.0-DE", "public domain")
        assert made.licence_url is not None and made.licence_url.startswith("https://creativecommons.org/")
        assert made.source_url == f"http://127.0.0.1:{site.port}/commons/wiki/{file.page_id}"
        assert made.source_revision == str(9_000_000 + file.page_id)
        assert made.attribution is not None and made.author in made.attribution


def test_dates_come_from_the_item_where_the_file_has_none(site: WikimediaSite, found: Found) -> None:
    without = {
        f"wikimedia/M{file.page_id}" for file in site.world.files.values() if "P571" not in file.entity["statements"]
    }
    by_item = without & set(candidates(found))
    assert len(by_item) >= 5
    assert {site.truth[picture_id].plant for picture_id in by_item} == {""}


def test_the_same_answers_give_the_same_order(site: WikimediaSite, fetcher: Fetcher, found: Found) -> None:
    source = Wikimedia(people=tuple(site.world.people), **site.settings)  # type: ignore[arg-type]
    assert listed(source, fetcher) == found


def test_those_who_may_not_be_collected_are_not_asked_about(site: WikimediaSite, found: Found) -> None:
    asked = " ".join(site.requests)
    refused = [person for person in site.world.people.values() if person.refusal]
    assert len(refused) == 3
    for person in refused:
        assert f"P180%3D{person.qid}&" not in asked
    unlisted = [truth for truth in site.truth.values() if truth.outcome == "unlisted"]
    assert not {truth.picture_id for truth in unlisted} & set(candidates(found))
    for truth in unlisted:
        assert f"M{truth.picture_id[11:]}" not in asked


def test_listing_fetches_no_picture_and_says_who_asks(site: WikimediaSite) -> None:
    with Fetcher(RULES) as fetcher:
        before = dict(site.requests)
        source = Wikimedia(people=("Q1001",), **site.settings)  # type: ignore[arg-type]
        listed(source, fetcher)
        new = [target for target, count in site.requests.items() if count > before.get(target, 0)]
    assert all(target.startswith(f"127.0.0.1:{site.port}/") for target in new)
    assert site.agents == {RULES.user_agent}
    assert len(new) < 12


def test_childhood_is_a_tier_of_its_own(site: WikimediaSite, fetcher: Fetcher) -> None:
    source = Wikimedia(people=("Q1001", "Q1002"), **site.settings)  # type: ignore[arg-type]
    made = candidates(listed(source, fetcher, childhood=True))
    children = {
        truth.picture_id
        for truth in site.truth.values()
        if truth.plant == "childhood" and truth.person_id in ("wikidata/Q1001", "wikidata/Q1002")
    }
    assert len(children) >= 4
    assert children <= set(made)


def test_people_are_found_by_the_query_service(site: WikimediaSite, fetcher: Fetcher) -> None:
    source = Wikimedia(max_people=12, born_from=1925, born_to=1965, **site.settings)  # type: ignore[arg-type]
    made = candidates(listed(source, fetcher))
    people = {one.person_id for one in made.values()}
    assert 8 <= len(people) <= 12
    years = [int(one.born[:4]) for one in made.values() if one.born is not None]
    assert min(years) >= 1925
    assert max(years) <= 1965


def test_tasks_restrict_people_and_years(site: WikimediaSite, fetcher: Fetcher, found: Found, tmp_path: Path) -> None:
    everything = candidates(found)
    person = next(one.person_id for one in everything.values() if site.truth[one.picture_id].plant == "")
    own = [one for one in everything.values() if one.person_id == person and one.captured is not None]
    year = int(str(own[0].captured)[:4])
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"person_id": person, "years": [year]}))
    source = Wikimedia(tasks=path, **site.settings)  # type: ignore[arg-type]
    given = listed(source, fetcher)
    made = candidates(given)
    assert set(made) == {one.picture_id for one in own if str(one.captured)[:4] == str(year)}
    others = [one for one in given if isinstance(one, Drop) and one.reason == "from a year that is not asked for"]
    assert len(others) >= len(own) - len(made)


def test_no_more_files_of_a_person_than_wanted(site: WikimediaSite, fetcher: Fetcher) -> None:
    source = Wikimedia(people=("Q1001",), max_files=2, **site.settings)  # type: ignore[arg-type]
    given = listed(source, fetcher)
    left_out = [one for one in given if isinstance(one, Drop) and one.reason.startswith("more files of this person")]
    assert len(left_out) >= 5


def test_an_api_that_is_not_there_stops_the_source(site: WikimediaSite, fetcher: Fetcher) -> None:
    settings = site.settings | {"commons": f"http://127.0.0.1:{site.port}/elsewhere/api.php"}
    source = Wikimedia(people=("Q1001",), **settings)  # type: ignore[arg-type]
    with pytest.raises(FetchRefused, match="elsewhere"):
        listed(source, fetcher)


def test_pictures_are_there_or_refused_as_planted(site: WikimediaSite, found: Found) -> None:
    """Of each plant one picture and a dozen clean ones, through the fetcher that pictures really go through."""
    named, chosen = candidates(found), dict[str, Candidate]()
    clean = [one for one in named.values() if site.truth[one.picture_id].plant == ""]
    for one in named.values():
        chosen.setdefault(site.truth[one.picture_id].plant, one)
    wanted = [*chosen.values(), *clean[1:12]]
    with Fetcher(RULES) as fetcher:
        outcomes = fetcher.fetch_many([(str(one.url), None) for one in wanted])
    for one, outcome in zip(wanted, outcomes, strict=True):
        truth = site.truth[one.picture_id]
        if truth.outcome == "fetch":
            assert isinstance(outcome, Drop), truth
        else:
            assert isinstance(outcome, Fetched), (truth, outcome)
            assert outcome.data == site.picture(int(one.picture_id[11:]))
        assert site.times_fetched(one.picture_id) == (0 if truth.plant.startswith("robots") else 1)
    reasons = {
        site.truth[one.picture_id].plant: out.reason
        for one, out in zip(wanted, outcomes, strict=True)
        if isinstance(out, Drop)
    }
    assert set(reasons) == {"robots", "robots unreadable", "noai", "gone", "html"}
    assert max(site.most_at_once.values()) == 1


def test_a_world_follows_from_its_seed() -> None:
    one, same, other = World(num_pictures=30), World(num_pictures=30), World(seed=1, num_pictures=30)
    assert one.truth == same.truth
    assert [file.entity for file in one.files.values()] == [file.entity for file in same.files.values()]
    page_id = next(iter(one.files))
    assert one.data(page_id) == same.data(page_id)
    assert one.data(page_id) != other.data(page_id)


def test_faults_are_on_top_of_the_same_clean_files() -> None:
    clean, planted = World(num_pictures=40, faults=False), World(num_pictures=40)
    assert len(clean.files) == 40
    assert {truth.outcome for truth in clean.truth.values()} == {"kept", "source"}
    assert {number: clean.truth[number] for number in clean.truth}.items() <= planted.truth.items()
    kinds = {truth.plant for truth in planted.truth.values()}
    assert len(kinds) >= 27
    assert all(person.number < FIRST_STRANGER for person in clean.people.values())


def test_pictures_say_which_version_they_are_and_take_their_time() -> None:
    with serving(num_pictures=2, faults=False, latency_s=0.3) as site, Fetcher(RULES) as fetcher:
        url = site.url(next(iter(site.world.files.values())))
        started = time.monotonic()
        first = fetcher.fetch(url)
        assert time.monotonic() - started >= 0.3
        assert isinstance(first, Fetched)
        assert isinstance(fetcher.fetch(url, first.validators), NotModified)


def test_the_site_runs_by_itself(fetcher: Fetcher) -> None:
    command = [sys.executable, "-m", "tests.wikimedia_site", "--pictures", "3", "--hosts", "2", "--no-faults"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            said = json.loads(running.stdout.readline())
            assert said.pop("files") == 3
            source = Wikimedia(people=("Q1001",), **said)
            assert len(candidates(listed(source, fetcher))) == 3
        finally:
            running.terminate()
