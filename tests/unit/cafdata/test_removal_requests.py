"""What people ask to have taken out: kept once, bounded, harmless; met by a takedown; listed with its command."""

import json
from pathlib import Path

import pytest

from cafdata import removal_requests
from cafdata.archive import Archive
from cafdata.archive_commands import requests
from cafdata.removal_requests import FILE, RemovalRequest, RemovalRequests
from cafdata.takedown import Request, takedown
from core.errors import ArchiveBroken
from tests.make_archive import drawn_picture, make_archive

AT = "2025-05-03T10:00:00+00:00"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path / "a", 2)


def ask(asked: str = "picture_id", value: str = "p00000/25", why: str = "It is me.", **more: str) -> RemovalRequest:
    return RemovalRequest(asked=asked, value=value, why=why, asked_at=AT, **more)  # type: ignore[arg-type]


def test_kept_once_and_closed(archive: Archive) -> None:
    waiting = RemovalRequests(archive.folder)
    assert waiting.all() == ()
    assert waiting.add(ask(contact="jo at example.org")) and waiting.add(ask("person_id", "person-00001"))
    assert not waiting.add(ask(contact="jo at example.org"))
    assert [one.value for one in waiting.all()] == ["p00000/25", "person-00001"]
    assert waiting.close(ask("person_id", "person-00001").request_id).asked == "person_id"
    with pytest.raises(ArchiveBroken, match="no request ffff"):
        waiting.close("ffff")
    assert len(waiting.all()) == 1


def test_no_more_than_may_wait(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal_requests, "MAX_REQUESTS", 2)
    waiting = RemovalRequests(archive.folder)
    assert waiting.add(ask(why="one")) and waiting.add(ask(why="two"))
    with pytest.raises(ArchiveBroken, match="full"):
        waiting.add(ask(why="three"))
    assert not waiting.add(ask(why="two")), "what waits already is no more"


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": "=1+1"},
        {"value": "a\u202eb"},
        {"why": "\x00"},
        {"why": ""},
        {"why": "a\nb"},
        {"why": " =cmd|' /C calc'!A0"},
        {"why": "x" * 1001},
        {"contact": "@me"},
        {"contact": "x" * 201},
        {"asked": "sha256"},
        {"asked": "source_url", "value": "javascript:alert(1)"},
    ],
)
def test_what_could_do_harm_is_no_request(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        ask(**wrong)


def test_a_takedown_drops_the_requests_that_it_meets(archive: Archive) -> None:
    waiting = RemovalRequests(archive.folder)
    for request in (
        ask("picture_id", "p00000/25"),
        ask("person_id", "person-00000"),
        ask("source_url", "https://photos.example.org/p00000/04"),
        ask("person_id", "person-00001"),
    ):
        waiting.add(request)
    report = takedown(archive, Request(person=("person-00000",)))
    assert report.num_requests == 3 and report.named_in == ()
    assert [one.value for one in waiting.all()] == ["person-00001"]


def test_a_request_by_an_address_is_met_when_no_picture_has_it(archive: Archive) -> None:
    waiting, address = RemovalRequests(archive.folder), "https://photos.example.org/together"
    archive.append(drawn_picture(person, 30, source_url=address) for person in (7, 8))
    waiting.add(ask("source_url", address))
    assert takedown(archive, Request(sha256=(drawn_picture(7, 30).record.sha256,))).num_requests == 0
    assert [one.value for one in waiting.all()] == [address]
    assert takedown(archive, Request(sha256=(drawn_picture(8, 30).record.sha256,))).num_requests == 1
    assert waiting.all() == ()


def test_a_request_by_an_address_is_narrowed_to_a_picture(archive: Archive) -> None:
    waiting = RemovalRequests(archive.folder)
    waiting.narrow({"https://a.example.org/1": "p1"})
    assert not (archive.folder / FILE).exists()
    others = [ask("person_id", "https://a.example.org/1"), ask("source_url", "https://a.example.org/2")]
    for request in (ask("source_url", "https://a.example.org/1", contact="jo at example.org"), *others):
        waiting.add(request)
    waiting.narrow({"https://a.example.org/1": "p1"})
    assert waiting.all() == (ask("picture_id", "p1", contact="jo at example.org"), *others)


def test_the_keeper_sees_each_with_its_command(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = RemovalRequests(archive.folder)
    waiting.add(ask("picture_id", "p00000/25", why="<script>alert(1)</script>"))
    waiting.add(ask("person_id", "O'Neil"))
    waiting.add(ask("picture_id", "gone"))
    assert requests(archive.folder) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    digest = next(one.sha256 for one in archive.records() if one.picture_id == "p00000/25")
    assert lines[0]["command"] == f"python -m cafdata takedown {archive.folder} --sha256 {digest}"
    assert lines[1]["command"].endswith("""--person 'O'"'"'Neil'""") and lines[2]["command"] is None
    requests(archive.folder, close=lines[1]["request"])
    assert [one.value for one in waiting.all()] == ["p00000/25", "gone"]


def test_a_damaged_list_is_said(archive: Archive) -> None:
    (archive.folder / FILE).write_text('{"version": 1, "requests": [{}]}')
    with pytest.raises(ArchiveBroken, match="damaged"):
        RemovalRequests(archive.folder).all()
