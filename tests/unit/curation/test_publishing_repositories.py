"""A repository on a Hub on loopback: tags that are taken, parts that are lost, a history that is forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.publishing.editions import METADATA, PICTURES, Change, Stamp
from curation.publishing.hub import Hub
from curation.publishing.refusals import HubRefused
from curation.publishing.repositories import Repository
from curation.publishing.staging import PAPERS
from curation.publishing.tables import DataPart, write_part
from tests.hub_server import OWNER, HubServer
from tests.make_release import grown_picture


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with HubServer() as made:
        yield made


@pytest.fixture
def repository(server: HubServer, tmp_path: Path) -> Repository:
    hub = Hub(endpoint=server.address, token=OWNER, pause_s=0.0)
    return Repository(hub=hub, edition=METADATA, base="org/caf", working=tmp_path / "working")


def stamp_of(version: int, parts: tuple[DataPart, ...]) -> Stamp:
    return Stamp(
        edition="metadata",
        version=version,
        rows_sha256=f"{version:064x}",
        words_sha256="0" * 64,
        num_pictures=1,
        num_people=1,
        parts=parts,
        changes=(Change(version=version, day="2026-11-25", text="Changed."),),
    )


def put_up(repository: Repository, folder: Path, version: int) -> Stamp:
    """A version of one row, that of one picture."""
    place, _ = repository.ready(may_be_public=False)
    (folder / "metadata").mkdir(parents=True)
    row = grown_picture(version, 25, split="train").record.to_row()
    stamp = stamp_of(version, tuple(write_part([row], folder / "metadata", "train", with_pictures=False)))
    for name in PAPERS:
        (folder / name).write_bytes(stamp.encode() if name == "edition.json" else b"---\na: 1\n---\n%d\n" % version)
    assert repository.replace(place, stamp, folder, list)
    repository.tag(version)
    return stamp


def test_a_version_takes_the_place_of_the_one_before(repository: Repository, server: HubServer, tmp_path: Path) -> None:
    one = put_up(repository, tmp_path / "1", 1)
    two = put_up(repository, tmp_path / "2", 2)
    repo = server.repos["org/caf"]
    assert one.parts[0].path not in repo.view() and two.parts[0].path in repo.view()
    assert one.parts[0].path in repo.view("v1")
    assert repository.newest_tag() == 2
    assert repository.stamp(repository.place()) == two
    assert ".gitattributes" in repo.view(), "what is not ours stays"
    place = repository.place()
    assert not repository.replace(place, two, tmp_path / "2", list), "the same version was committed twice"


def test_a_tag_that_is_taken_is_not_moved(repository: Repository, server: HubServer, tmp_path: Path) -> None:
    put_up(repository, tmp_path / "1", 1)
    repo = server.repos["org/caf"]
    repo.tags["v2"] = repo.history()[-1]
    with pytest.raises(HubRefused, match="the tag v2 of org/caf is on another commit than main"):
        repository.tag(2)


def test_lost_or_swapped_parts_are_found(repository: Repository, server: HubServer, tmp_path: Path) -> None:
    stamp = put_up(repository, tmp_path / "1", 1)
    repo = server.repos["org/caf"]
    tree = repo.commits[repo.head].tree
    del tree[stamp.parts[0].path]
    with pytest.raises(HubRefused, match="does not have metadata/train-"):
        repository.check(repository.place(), stamp)


def test_history_is_forgotten_with_its_blobs(repository: Repository, server: HubServer, tmp_path: Path) -> None:
    one = put_up(repository, tmp_path / "1", 1)
    two = put_up(repository, tmp_path / "2", 2)
    repo = server.repos["org/caf"]
    before = repo.view()
    assert repository.forget_history(two) > 0
    assert repo.view() == before
    assert len(repo.commits) == 1 and repo.tags == {"v2": repo.head}
    assert one.parts[0].sha256 not in repo.large and two.parts[0].sha256 in repo.large
    server.forget()
    assert repository.forget_history(two) == 0
    assert {asked.method for asked in server.asked} == {"GET"}


def test_an_edition_in_the_place_of_another_is_refused(
    repository: Repository, server: HubServer, tmp_path: Path
) -> None:
    put_up(repository, tmp_path / "1", 1)
    server.repos["org/caf-pictures"] = server.repos["org/caf"]
    other = Repository(hub=repository.hub, edition=PICTURES, base="org/caf", working=tmp_path / "other")
    with pytest.raises(HubRefused, match="org/caf-pictures holds the edition metadata, not pictures"):
        other.ready(may_be_public=False)


def test_a_repository_that_is_gone_is_said(repository: Repository, server: HubServer, tmp_path: Path) -> None:
    put_up(repository, tmp_path / "1", 1)
    server.repos.clear()
    with pytest.raises(HubRefused, match="org/caf is not there any more"):
        repository.place()
