"""Publishing to a Hub on loopback: private first, two repositories, one commit each, nothing twice, nothing astray."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cafdata.archive import Archive
from cafdata.front_matter import split_readme
from cafdata.record import AgeLabel
from cafdata.takedown import Request, takedown
from core.errors import ArchiveBroken
from curation.publishing.hub import Hub
from curation.publishing.publish import Order, PublishReport, annotator_names, publish, version_to_be
from curation.publishing.refusals import HubRefused, ReleaseRefused
from tests.hub_server import LETS_IN, OWNER, Asked, Entry, HubServer, Repo
from tests.make_release import finish_card, grown_picture, make_release

TODAY = date(2026, 11, 25)
AT = "2026-05-03T10:00:00+00:00"
PAPERS = {".gitattributes", "README.md", "croissant.json", "coverage.png", "edition.json"}
PEOPLE = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = [grown_picture(person, age) for person in range(PEOPLE) for age in (25, 48)]
    return make_release(tmp_path_factory.mktemp("made") / "a", pictures).folder


@pytest.fixture
def archive(made: Path, tmp_path: Path) -> Archive:
    return Archive(shutil.copytree(made, tmp_path / "a"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with HubServer() as made:
        yield made


Publish = Callable[..., PublishReport]


@pytest.fixture
def put_up(server: HubServer, archive: Archive) -> Publish:
    hub = Hub(endpoint=server.address, token=OWNER, pause_s=0.01)

    def run(**options: bool) -> PublishReport:
        return publish(archive, Order(repo="org/caf", **options), hub, TODAY, [].append)

    return run


def text(repo: Repo, path: str, revision: str = "main") -> str:
    data = repo.content(repo.commits[repo.find(revision) or ""].tree[path])
    assert data is not None
    return data.decode()


def test_the_first_version_is_private_gated_whole_and_tagged(
    put_up: Publish, server: HubServer, archive: Archive
) -> None:
    report = put_up()
    assert (report.version, report.commits, report.pictures, report.left_out) == (1, 2, 10, {})
    assert report.repositories == ("org/caf-pictures", "org/caf")
    for name, edition in (("org/caf", "metadata"), ("org/caf-pictures", "pictures")):
        repo = server.repos[name]
        assert repo.private and len(repo.history()) == 2 and repo.tags == {"v1": repo.head}
        paths = set(repo.view())
        assert {path for path in paths if not path.startswith(f"{edition}/")} == PAPERS
        assert None not in repo.view().values()
        head, body = split_readme(text(repo, "README.md"))
        named = [path for files in head["configs"][0]["data_files"] for path in files["path"]]
        assert set(named) == paths - PAPERS
        assert "First version: 10 pictures of 5 people." in body
    assert server.repos["org/caf-pictures"].gated == "manual" and not server.repos["org/caf"].gated
    assert not list(archive.folder.parent.glob(".*.publishing")), "the working folder is still there"


def test_the_same_again_makes_no_commit_and_asks_for_no_change(put_up: Publish, server: HubServer) -> None:
    put_up()
    views = {name: repo.view() for name, repo in server.repos.items()}
    server.forget()
    report = put_up()
    assert (report.version, report.commits, report.changes) == (1, 0, "")
    assert {asked.method for asked in server.asked} <= {"GET", "HEAD"}
    assert {name: repo.view() for name, repo in server.repos.items()} == views


def test_the_next_version_says_what_changed_and_sends_only_that(
    put_up: Publish, server: HubServer, archive: Archive
) -> None:
    put_up()
    old = {name: repo.view() for name, repo in server.repos.items()}
    archive.append([grown_picture(3, 37, split=next(r.split for r in archive.records() if r.person_id[-1] == "3"))])
    archive.remove(["p00000/25"])
    server.forget()
    report = put_up()
    assert (report.version, report.commits) == (2, 2)
    assert report.changes == "Pictures: 1 added, 1 removed; now 10 pictures of 5 people."
    for name, repo in server.repos.items():
        assert repo.view("v1") == old[name], "the old version is no longer what it was"
        assert repo.tags == {"v1": repo.tags["v1"], "v2": repo.head}
        readme = text(repo, "README.md")
        assert readme.index("Version 2, 2026-11-25") < readme.index("Version 1, 2026-11-25")
    unchanged = {sha for view in old.values() for sha in view.values()} & {
        sha for repo in server.repos.values() for sha in repo.view().values()
    }
    sent = {asked.path.rpartition("/")[2] for asked in server.asked if asked.path.startswith("/large/")}
    assert sent and not sent & unchanged


def test_new_words_in_the_card_are_a_version_without_new_rows(
    put_up: Publish, server: HubServer, archive: Archive
) -> None:
    put_up()
    readme = archive.folder / "README.md"
    readme.write_text(readme.read_text().replace("Written: how to cite this data set.", "Cite nobody."))
    server.forget()
    report = put_up()
    assert report.version == 2
    assert report.changes == "The card was changed; 10 pictures of 5 people as before."
    assert not any(asked.path.startswith("/large/") for asked in server.asked)
    assert "Cite nobody." in text(server.repos["org/caf"], "README.md")


def test_planted_files_do_not_go_up(put_up: Publish, server: HubServer, archive: Archive) -> None:
    for name in (".env", "id_rsa", ".DS_Store", "embeddings.npy", "shards/.env", "notes.txt"):
        (archive.folder / name).write_text("planted-canary")
    (archive.folder / "shards" / "away.parquet").symlink_to("/etc/hostname")
    (archive.folder / "link").symlink_to("/etc")
    put_up()
    for repo in server.repos.values():
        assert all(path in PAPERS or path.endswith(".parquet") for path in repo.view())
        assert not any("away" in path or "link" in path for path in repo.view())
    assert not any(b"planted-canary" in body for body in server.bodies)


def test_no_embeddings_and_no_pictures_for_everyone(
    put_up: Publish, server: HubServer, archive: Archive, tmp_path: Path
) -> None:
    put_up()
    columns: dict[str, set[str]] = {}
    for name, repo in server.repos.items():
        for sha256, data in repo.large.items():
            if data.startswith(b"PAR1"):
                (tmp_path / sha256).write_bytes(data)
                columns.setdefault(name, set()).update(pq.read_schema(tmp_path / sha256).names)
    assert columns["org/caf-pictures"] - columns["org/caf"] == {"image"}
    assert not any("embedding" in column for names in columns.values() for column in names)
    metadata = b"".join(server.repos["org/caf"].large.values())
    assert not any(picture.data[-300:-50] in metadata for picture in archive.pictures())


def test_public_is_only_what_was_asked_for_and_pictures_keep_their_gate(
    put_up: Publish, server: HubServer, tmp_path: Path
) -> None:
    put_up(public=True)
    metadata, pictures = server.repos["org/caf"], server.repos["org/caf-pictures"]
    assert (metadata.private, pictures.private, pictures.gated) == (False, False, "manual")
    opened = [server.asked[n].path for n, body in enumerate(server.bodies) if b'"visibility": "public"' in body]
    opened += [server.asked[n].path for n, body in enumerate(server.bodies) if b'"visibility":"public"' in body]
    commits = [asked.number for asked in server.asked if "/commit/" in asked.path]
    first_opened = min(asked.number for asked in server.asked if asked.path in opened and asked.number > max(commits))
    assert len(opened) == 2 and first_opened > max(commits)
    stranger = Hub(endpoint=server.address, token="hf_stranger", pause_s=0.0)
    reader = Hub(endpoint=server.address, token=LETS_IN, pause_s=0.0)
    part = next(path for path in pictures.view() if path.startswith("pictures/"))
    with pytest.raises(HubRefused):
        stranger.fetch("org/caf-pictures", pictures.head, part, tmp_path)
    assert reader.fetch("org/caf-pictures", pictures.head, part, tmp_path) is not None
    assert stranger.fetch("org/caf", metadata.head, "README.md", tmp_path) is not None
    with pytest.raises(HubRefused, match=r"is public, but --public was not given"):
        put_up()
    assert put_up(public=True).commits == 0


def make_public(server: HubServer) -> None:
    server.makes_public = True


def keep_ungated(server: HubServer) -> None:
    server.keeps_open = True


def already_public(server: HubServer) -> None:
    repo = Repo(private=False)
    repo.add({}, "initial commit", None)
    server.repos["org/caf-pictures"] = repo


def of_somebody_else(server: HubServer) -> None:
    repo = Repo(private=True, gated="manual")
    repo.add({"weights.bin": Entry(b"x", "0" * 64, 1)}, "initial commit", None)
    server.repos["org/caf-pictures"] = repo


def opened_meanwhile(server: HubServer) -> None:
    def fault(asked: Asked, when: str) -> None:
        if asked.path == "/api/datasets/org/caf/refs" and when == "after":
            server.repos["org/caf-pictures"].private = False

    server.fault = fault


@pytest.mark.parametrize(
    ("spoil", "public", "words"),
    [
        (make_public, False, "is public, but --public was not given"),
        (make_public, True, "is public, but its first version goes up in private"),
        (keep_ungated, False, "asked to gate org/caf-pictures, said yes, and it is not so"),
        (already_public, True, "is public, but its first version goes up in private"),
        (of_somebody_else, False, r"holds weights\.bin, and no edition\.json"),
        (opened_meanwhile, False, "became public in the meantime"),
    ],
)
def test_who_sees_more_than_was_asked_for_gets_nothing(
    put_up: Publish, server: HubServer, spoil: Callable[[HubServer], None], public: bool, words: str
) -> None:
    spoil(server)
    with pytest.raises(HubRefused, match=words):
        put_up(public=public)
    assert not any("/commit/" in asked.path or asked.path.startswith("/large/") for asked in server.asked)
    assert not any(repo.large or len(repo.commits) > 1 for repo in server.repos.values())


def test_a_gate_that_was_opened_stops_the_next_version(put_up: Publish, server: HubServer, archive: Archive) -> None:
    put_up(public=True)
    archive.remove(["p00000/25"])
    finish_card(archive)
    for gated in (False, "auto"):
        server.repos["org/caf-pictures"].gated = gated
        with pytest.raises(HubRefused, match="holds pictures and is"):
            put_up(public=True)
    assert len(server.repos["org/caf"].commits) == 2


def test_what_does_not_pass_the_gates_never_reaches_the_hub(
    put_up: Publish, server: HubServer, archive: Archive
) -> None:
    archive.append([grown_picture(9, 37 + n, licence="CC-BY-NC-4.0", split="train") for n in range(8)])
    with pytest.raises(ReleaseRefused, match=r"8 faults: p00009/37: .*; and 3 more") as caught:
        put_up()
    assert {fault.gate for fault in caught.value.faults} == {"licence"}
    assert server.asked == []


def test_a_takedown_while_it_is_published_stops_it(put_up: Publish, server: HubServer, archive: Archive) -> None:
    def fault(asked: Asked, when: str) -> None:
        if asked.path.endswith("/refs") and when == "before":
            server.fault = None
            takedown(archive, Request(person=("person-00000",)))

    server.fault = fault
    with pytest.raises(ReleaseRefused, match="something was removed from the archive meanwhile"):
        put_up()
    assert put_up().pictures == 8


def test_another_publisher_is_not_overwritten(put_up: Publish, server: HubServer, archive: Archive) -> None:
    put_up()
    archive.remove(["p00000/25"])

    def fault(asked: Asked, when: str) -> None:
        if "/commit/" in asked.path and when == "before":
            server.fault = None
            repo = server.repos["org/caf-pictures"]
            repo.add(repo.commits[repo.head].tree, "Somebody else", repo.head)

    server.fault = fault
    with pytest.raises(HubRefused, match="was changed by somebody else in the meantime"):
        put_up()
    assert put_up().version == 2


def test_only_one_publishes_an_archive_at_a_time(put_up: Publish, server: HubServer) -> None:
    seen: list[str] = []

    def fault(_: object, when: str) -> None:
        if not seen and when == "before":
            seen.append("tried")
            with pytest.raises(ArchiveBroken, match="written by another process"):
                put_up()

    server.fault = fault
    assert put_up().version == 1 and seen


def test_childhood_is_a_repository_of_its_own(put_up: Publish, server: HubServer, archive: Archive) -> None:
    splits = {record.person_id: record.split for record in archive.records()}
    archive.append([grown_picture(person, 9, split=splits[f"person-0000{person}"]) for person in range(2)])
    assert put_up().left_out == {"childhood": 2}
    assert "org/caf-childhood" not in server.repos
    report = put_up(childhood=True)
    assert (report.version, report.commits, report.childhood_pictures) == (1, 1, 2)
    childhood = server.repos["org/caf-childhood"]
    assert childhood.private and childhood.gated == "manual"
    assert all(repo.tags == {"v1": repo.head} for repo in server.repos.values())
    metadata = b"".join(server.repos["org/caf"].large.values())
    assert b"p00000/09" not in metadata and b"p00000/25" in metadata


def test_annotators_get_numbers_by_who_came_first() -> None:
    def by(name: str, day: int) -> AgeLabel:
        return AgeLabel(annotator=name, verdict="age", age_years=25, labelled_at=f"2026-05-{day:02d}T10:00:00+00:00")

    rows = [
        grown_picture(0, 25, labels=(by("ada", 9), by("bob", 2))).record,
        grown_picture(0, 37, labels=(by("ada", 1),)).record,
    ]
    assert annotator_names(iter(rows)) == {"ada": "annotator 1", "bob": "annotator 2"}


@pytest.mark.parametrize(
    ("targets", "version"),
    [
        ([(0, False), (0, False)], 1),
        ([(3, True), (3, True)], 3),
        ([(3, False), (3, False)], 4),
        ([(4, True), (3, False)], 4),
        ([(3, True), (3, False)], 4),
        ([(5, False), (4, False)], 6),
        ([(0, False), (3, True), (3, True)], 3),
        ([(2, False), (3, True), (2, False)], 3),
        ([(4, True), (3, True)], 4),
    ],
)
def test_a_broken_off_version_is_finished_and_a_new_one_is_new(targets: list[tuple[int, bool]], version: int) -> None:
    assert version_to_be(targets) == version


@pytest.mark.parametrize("repo", ["caf", "org/caf-pictures", ""])
def test_orders_name_a_repository(repo: str) -> None:
    with pytest.raises(ValueError, match="repository"):
        Order(repo=repo)
