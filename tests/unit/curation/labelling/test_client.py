"""The door: where the token may go, what is repeated and what never, and that no sentence holds a secret."""

import json
import traceback
from collections.abc import Callable, Iterator

import pytest

from curation.labelling.client import Access, LabellingRefused, LabelStudio, Unsure, access_from_environment
from tests.label_stub import LabelStub, serving

TOKEN = "c0ffee" + "0" * 34


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LabelStub]:
    monkeypatch.setattr("curation.labelling.client.PAUSE_S", 0.01)
    with serving() as answering:
        yield answering


@pytest.fixture
def client(stub: LabelStub) -> Iterator[LabelStudio]:
    with LabelStudio(Access(url=stub.url, token=TOKEN)) as opened:
        yield opened


def test_the_environment_is_the_only_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", TOKEN)
    with pytest.raises(LabellingRefused, match="LABEL_STUDIO_URL is not set"):
        access_from_environment()
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://localhost:8080/")
    assert access_from_environment().url == "http://localhost:8080"


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("http://labels.example.org", TOKEN),
        ("ftp://127.0.0.1", TOKEN),
        ("http://me:secret@127.0.0.1", TOKEN),
        ("http://127.0.0.1", ""),
        ("http://127.0.0.1", f"{TOKEN} x"),
        ("http://127.0.0.1", f"{TOKEN}\n"),
        ("labels", TOKEN),
        ("http://127.0.0.1:80a0", TOKEN),
        ("http://127.0.0.1:99999", TOKEN),
        ("http://[::1", TOKEN),
        ("https://me:secret@labels.example.org:x", TOKEN),
        ("https://1.2.3.999", TOKEN),
    ],
)
def test_the_token_goes_nowhere_it_should_not(url: str, token: str) -> None:
    with pytest.raises(ValueError, match="LABEL_STUDIO") as caught:
        Access(url=url, token=token)
    assert not token or token.strip() not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_reads_are_tried_again_and_changes_are_not(client: LabelStudio, stub: LabelStub) -> None:
    stub.answers = [(503, b""), None, (200, b'{"release": "1.23.2"}')]
    assert client.version() == "1.23.2"
    for answer in (None, (502, b"<html>"), (504, b"")):
        stub.answers, stub.seen = [answer], []
        with pytest.raises(Unsure, match="run the same again"):
            client.import_tasks(1, [{"data": {}}])
        assert len(stub.seen) == 1


def test_no_sentence_and_no_trace_holds_the_token_or_a_picture(client: LabelStudio, stub: LabelStub) -> None:
    picture = "data:image/jpeg;base64," + "A" * 5000
    body = json.dumps({"detail": "no", "validation_errors": {"tasks": [TOKEN + picture]}}).encode()
    for status in (400, 401, 403, 404, 413):
        stub.answers = [(status, body)]
        with pytest.raises(LabellingRefused) as caught:
            client.import_tasks(1, [{"data": {}}])
        shown = "".join(traceback.format_exception(caught.value))
        assert TOKEN not in shown
        assert len(str(caught.value)) < 500
        assert ("check LABEL_STUDIO_TOKEN" in str(caught.value)) == (status == 401)
    assert TOKEN not in repr(client.access)
    assert TOKEN not in repr(client)


def test_nobody_there_is_said_plainly() -> None:
    with LabelStudio(Access(url="http://127.0.0.1:9", token=TOKEN)) as client:
        with pytest.raises(LabellingRefused, match="cannot be reached") as caught:
            client.create_project({})
        assert not isinstance(caught.value, Unsure)


@pytest.mark.parametrize(
    "body",
    [b"<!doctype html><title>another site</title>", b"[]", b"{}", b'{"results": 3}', b'{"results": [1], "tasks": [1]}',
     b'[{"url": 1}, 7]', b'{"tasks": [{"id": 1}], "total": "many"}', b"", b"3"],
)  # fmt: skip
def test_another_site_than_label_studio_is_said_plainly(client: LabelStudio, stub: LabelStub, body: bytes) -> None:
    stub.answers = [(200, body)]
    asked: list[Callable[[], object]] = [
        client.projects,
        lambda: list(client.tasks(1)),
        lambda: client.create_project({}),
    ]
    for ask in asked:
        with pytest.raises(LabellingRefused, match="none of Label Studio's; check LABEL_STUDIO_URL"):
            ask()


@pytest.mark.parametrize("body", [b"<html>", b'{"detail": 3}', b"[3]", b'[{"id": "x"}]'])
def test_people_models_and_tokens_are_read_with_the_same_care(stub: LabelStub, body: bytes) -> None:
    stub.answers = [(200, body)]
    for token in (TOKEN, "head.body.tail"):
        with LabelStudio(Access(url=stub.url, token=token)) as client:
            for ask in (client.user_ids, lambda one=client: one.connect_backend(1, "http://127.0.0.1:1", "x")):
                with pytest.raises(LabellingRefused, match="none of Label Studio's"):
                    ask()


def test_a_personal_access_token_is_exchanged(stub: LabelStub) -> None:
    access = Access(url=stub.url, token="head.body.tail")
    stub.answers = [(200, b'{"access": "short-lived"}'), (200, b'{"release": "1"}'), (200, b'{"release": "1"}')]
    with LabelStudio(access) as client:
        client.version()
        client.version()
    assert [header for _, _, header in stub.seen] == ["", "Bearer short-lived", "Bearer short-lived"]


def test_no_numbers_take_nothing_out(client: LabelStudio, stub: LabelStub) -> None:
    """An empty list would be the whole project to the server."""
    client.delete_tasks(1, [])
    assert stub.seen == []
    stub.answers = [(200, b"{}")]
    client.delete_tasks(1, {8, 7})
    assert json.loads(stub.bodies[0])["selectedItems"] == {"all": False, "included": [7, 8]}
