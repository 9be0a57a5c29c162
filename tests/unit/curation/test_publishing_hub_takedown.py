"""Gone from every edition, version and blob on a Hub on loopback; nobody else's pictures; and it stays gone."""

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cafdata.archive import Archive
from cafdata.record import Picture
from cafdata.takedown import Request, takedown
from cafdata.tombstones import Tombstones
from curation.publishing.hub import Hub
from curation.publishing.hub_takedown import Cleared, take_down_on_hub
from curation.publishing.publish import Order, publish
from curation.publishing.refusals import HubRefused, ReleaseRefused
from tests.hub_server import OWNER, HubServer, Repo
from tests.make_archive import saved_again
from tests.make_release import grown_picture, make_release

TODAY = date(2026, 11, 25)
GONE = "person-00001"
AGES = (9, 25, 48)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [grown_picture(person, age) for person in range(4) for age in AGES]
    return make_release(tmp_path_factory.mktemp("made") / "a", pictures).folder


@pytest.fixture
def archive(made: Path, tmp_path: Path) -> Archive:
    return Archive(shutil.copytree(made, tmp_path / "a"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with HubServer() as made:
        yield made


@pytest.fixture
def hub(server: HubServer) -> Hub:
    return Hub(endpoint=server.address, token=OWNER, pause_s=0.0)


def put_up(archive: Archive, hub: Hub, *, public: bool = True) -> None:
    publish(archive, Order(repo="org/caf", public=public, childhood=True), hub, TODAY, [].append)


def take_down(archive: Archive, hub: Hub) -> dict[str, Cleared]:
    return {one.repository: one for one in take_down_on_hub(archive, "org/caf", hub, TODAY, [].append)}


def held(repo: Repo, folder: Path) -> dict[str, bytes | None]:
    """Picture id -> bytes, None without picture, of every row in every large file that the Hub keeps."""
    rows: dict[str, bytes | None] = {}
    folder.mkdir(exist_ok=True)
    for sha256, data in repo.large.items():
        if data.startswith(b"PAR1"):
            (folder / sha256).write_bytes(data)
            for row in pq.read_table(folder / sha256).to_pylist():
                rows[row["picture_id"]] = (row.get("image") or {}).get("bytes")
    return rows


def test_gone_from_every_edition_version_and_blob(
    archive: Archive, hub: Hub, server: HubServer, tmp_path: Path
) -> None:
    put_up(archive, hub)
    archive.append([grown_picture(0, 37, split=next(archive.records()).split)])
    put_up(archive, hub)
    pictures = [picture.data for picture in archive.pictures() if picture.record.person_id == GONE]
    assert any(name.startswith("p00001") for name in held(server.repos["org/caf"], tmp_path / "held"))
    blobs = b"".join(blob for repo in server.repos.values() for blob in repo.large.values())
    assert all(data[-300:-50] in blobs for data in pictures)
    takedown(archive, Request(person=(GONE,)))
    cleared = take_down(archive, hub)
    assert cleared["org/caf-childhood"].pictures == ("p00001/09",)
    assert cleared["org/caf-pictures"].pictures == cleared["org/caf"].pictures == ("p00001/25", "p00001/48")
    for name, repo in server.repos.items():
        rows = held(repo, tmp_path / "held")
        assert rows and not any(picture_id.startswith("p00001") for picture_id in rows)
        assert len(repo.commits) == 1 and repo.tags == {f"v{cleared[name].version}": repo.head}
        assert None not in repo.view().values(), "the version that is there has lost a file"
        small = [entry.data or b"" for commit in repo.commits.values() for entry in commit.tree.values()]
        kept = b"".join([*repo.large.values(), *small])
        assert not any(data[-300:-50] in kept for data in pictures)
        assert GONE.encode() not in kept
        assert b"1 removed" in kept or b"2 removed" in kept
        assert repo.gated == ("manual" if name != "org/caf" else False) and not repo.private


def test_a_second_takedown_changes_nothing(archive: Archive, hub: Hub, server: HubServer) -> None:
    put_up(archive, hub)
    takedown(archive, Request(person=(GONE,)))
    take_down(archive, hub)
    server.forget()
    again = take_down(archive, hub)
    assert all(one.pictures == () and one.large_files == 0 for one in again.values())
    assert {asked.method for asked in server.asked} <= {"GET", "HEAD"}


def test_publishing_after_a_takedown_makes_no_commit_and_brings_nothing_back(
    archive: Archive, hub: Hub, server: HubServer, tmp_path: Path
) -> None:
    put_up(archive, hub)
    originals = [picture for picture in archive.pictures() if picture.record.person_id == GONE]
    takedown(archive, Request(person=(GONE,)))
    take_down(archive, hub)
    commits = {name: set(repo.commits) for name, repo in server.repos.items()}
    put_up(archive, hub)
    assert {name: set(repo.commits) for name, repo in server.repos.items()} == commits
    for run in range(4):
        again = [copy_of(picture, f"again-{run}", 95 - 12 * run) for picture in originals]
        assert archive.append([*originals, *again]).num_added == 0
    put_up(archive, hub)
    for repo in server.repos.values():
        assert not any(name.startswith(("p00001", "again")) for name in held(repo, tmp_path / "held"))


def copy_of(picture: Picture, name: str, quality: int) -> Picture:
    """The same picture saved again, as of somebody else."""
    data = saved_again(picture.data, quality)
    record = dataclasses.replace(
        picture.record,
        picture_id=f"{name}/{picture.record.picture_id[-2:]}",
        person_id=name,
        source_url=f"https://elsewhere.example.org/{name}",
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return Picture(record=record, data=data)


def test_copies_that_only_the_hub_still_has_go_too(
    archive: Archive, hub: Hub, server: HubServer, tmp_path: Path
) -> None:
    original = next(picture for picture in archive.pictures() if picture.record.picture_id == "p00001/25")
    archive.append([copy_of(original, "copy", 70)])
    put_up(archive, hub)
    archive.remove(["copy/25"])
    takedown(archive, Request(sha256=(original.record.sha256,)))
    cleared = take_down(archive, hub)
    assert cleared["org/caf-pictures"].pictures == cleared["org/caf"].pictures == ("copy/25", "p00001/25")
    assert not {"copy/25", "p00001/25"} & {*held(server.repos["org/caf"], tmp_path / "held")}
    stones = Tombstones.read(archive.folder)
    assert "copy/25" in stones.values["picture_id"]


def test_no_gate_holds_up_a_takedown(archive: Archive, hub: Hub, server: HubServer, tmp_path: Path) -> None:
    put_up(archive, hub)
    (archive.folder / "README.md").unlink()
    server.repos["org/caf-pictures"].gated = False
    takedown(archive, Request(person=(GONE,)))
    with pytest.raises(ReleaseRefused):
        put_up(archive, hub)
    take_down(archive, hub)
    for repo in server.repos.values():
        assert not any(name.startswith("p00001") for name in held(repo, tmp_path / "held"))


def test_an_edition_that_was_never_finished_holds_up_none_of_the_others(
    archive: Archive, hub: Hub, server: HubServer, tmp_path: Path
) -> None:
    publish(archive, Order(repo="org/caf"), hub, TODAY, [].append)
    hub.create("org/caf-childhood")
    takedown(archive, Request(person=(GONE,)))
    assert {*take_down(archive, hub)} == {"org/caf-pictures", "org/caf"}
    for repo in server.repos.values():
        assert not any(name.startswith("p00001") for name in held(repo, tmp_path / "held"))


def test_everybody_may_go(archive: Archive, hub: Hub, server: HubServer, tmp_path: Path) -> None:
    put_up(archive, hub)
    takedown(archive, Request(person=tuple(f"person-0000{number}" for number in range(4))))
    take_down(archive, hub)
    for repo in server.repos.values():
        assert held(repo, tmp_path / "held") == {}
        assert {path for path in repo.view() if path.endswith(".parquet")} == set()


def test_nothing_published_is_said(archive: Archive, hub: Hub, server: HubServer) -> None:
    with pytest.raises(HubRefused, match="shows nothing that was published as org/caf"):
        take_down(archive, hub)
    hub.create("org/caf")
    with pytest.raises(HubRefused, match="shows nothing that was published as org/caf"):
        take_down(archive, hub)
    paper = archive.folder / "README.md"
    hub.commit("org/caf", server.repos["org/caf"].head, {"theirs.md": paper}, [], "Something else", "")
    with pytest.raises(HubRefused, match="org/caf holds nothing that this program published"):
        take_down(archive, hub)
    with pytest.raises(ValueError, match="a repository is written ORG/NAME"):
        take_down_on_hub(archive, "caf", hub, TODAY, [].append)
    assert server.repos["org/caf"].private
