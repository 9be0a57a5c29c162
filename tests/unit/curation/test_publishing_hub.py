"""The door to the Hub, against a Hub on loopback: what is asked again, what is not, and where the token never is."""

import hashlib
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.publishing.hub import Hub, Place
from curation.publishing.refusals import HubBusy, HubRefused
from tests.hub_server import OWNER, Asked, HubServer

REPO = "org/caf"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with HubServer() as made:
        yield made


@pytest.fixture
def hub(server: HubServer) -> Hub:
    return Hub(endpoint=server.address, token=OWNER, pause_s=0.01)


def head_of(hub: Hub) -> str:
    place = hub.look(REPO)
    assert place is not None
    return place.head


def test_a_repository_is_made_private_gated_filled_tagged_and_opened(
    hub: Hub, server: HubServer, tmp_path: Path
) -> None:
    assert hub.look(REPO) is None
    hub.create(REPO)
    first = head_of(hub)
    assert hub.look(REPO) == Place(head=first, is_private=True, gated="")
    hub.gate(REPO)
    files = {"a.txt": tmp_path / "a", "x/train.parquet": tmp_path / "b"}
    files["a.txt"].write_bytes(b"small")
    files["x/train.parquet"].write_bytes(b"large")
    hub.commit(REPO, first, files, [], "Version 1", "First.")
    head = head_of(hub)
    digests = hub.digests(REPO, head)
    assert digests["a.txt"] == hashlib.sha1(b"blob 5\0small").hexdigest(), "git's id of a small file"
    assert digests["x/train.parquet"] == server.repos[REPO].view()["x/train.parquet"]
    fetched = hub.fetch(REPO, head, "x/train.parquet", tmp_path / "got")
    assert fetched is not None and fetched.read_bytes() == b"large"
    assert hub.fetch(REPO, head, "y", tmp_path / "got") is None
    hub.tag(REPO, "v1", head)
    hub.open(REPO)
    assert hub.tags(REPO) == {"v1": head}
    assert hub.look(REPO) == Place(head=head, is_private=False, gated="manual")
    hub.commit(REPO, head, {}, ["x/train.parquet"], "Version 2", "")
    assert hub.num_commits(REPO) == 3
    hub.untag(REPO, "v1")
    hub.squash(REPO, "Version 2")
    assert hub.num_commits(REPO) == 1 and hub.tags(REPO) == {} and hub.other_branches(REPO) == []
    assert hub.large_files(REPO) == {digests["x/train.parquet"]}
    hub.delete_large_files(REPO, hub.large_files(REPO))
    assert hub.large_files(REPO) == set()


def test_a_commit_on_what_is_no_longer_there_is_busy(hub: Hub, tmp_path: Path) -> None:
    hub.create(REPO)
    first = head_of(hub)
    (tmp_path / "a").write_bytes(b"1")
    hub.commit(REPO, first, {"a.txt": tmp_path / "a"}, [], "One", "")
    with pytest.raises(HubBusy, match="answered 412"):
        hub.commit(REPO, first, {"b.txt": tmp_path / "a"}, [], "Two", "")


@pytest.mark.parametrize("status", [409, 412, 429, 500, 502, 503, 504])
def test_reading_asks_again_while_the_hub_is_busy(hub: Hub, server: HubServer, status: int) -> None:
    hub.create(REPO)
    server.forget()
    server.fault = lambda asked, when: status if asked.number < 3 and when == "before" else None
    assert hub.look(REPO) is not None
    assert len(server.asked) == 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_reading_asks_again_after_a_broken_line(hub: Hub, server: HubServer, when: str) -> None:
    hub.create(REPO)
    server.forget()
    server.fault = lambda asked, now: "reset" if asked.number == 1 and now == when else None
    assert hub.look(REPO) is not None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_no_is_a_no(hub: Hub, server: HubServer, status: int) -> None:
    hub.create(REPO)
    server.forget()
    server.fault = lambda *_: status
    with pytest.raises(HubRefused, match=f"answered {status}") as caught:
        hub.tags(REPO)
    assert not isinstance(caught.value, HubBusy)
    assert len(server.asked) == 1


def test_a_hub_that_stays_busy_or_away_is_said_in_one_sentence(hub: Hub, server: HubServer) -> None:
    server.fault = lambda *_: 503
    with pytest.raises(HubBusy, match="asked to show org/caf and answered 503"):
        hub.look(REPO)
    assert len(server.asked) == 5
    away = Hub(endpoint="http://127.0.0.1:9", token=OWNER, pause_s=0.0)
    with pytest.raises(HubBusy, match="could not be asked to show org/caf"):
        away.look(REPO)


def test_a_change_is_seen_not_made_twice_when_its_answer_is_lost(hub: Hub, server: HubServer) -> None:
    server.fault = lambda asked, when: "reset" if asked.path.endswith("create") and when == "after" else None
    place = hub.settle(lambda: hub.look(REPO), lambda: hub.create(REPO), "make it")
    assert place.is_private
    assert sum(asked.path.endswith("create") for asked in server.asked) == 1


def test_a_change_that_is_promised_and_not_made_is_refused(hub: Hub, server: HubServer) -> None:
    hub.create(REPO)
    server.keeps_open = True

    def gated() -> Place | None:
        place = hub.look(REPO)
        return place if place is not None and place.gated else None

    with pytest.raises(HubRefused, match="asked to gate it, said yes, and it is not so") as caught:
        hub.settle(gated, lambda: hub.gate(REPO), "gate it")
    assert not isinstance(caught.value, HubBusy)


def test_an_unknown_visibility_counts_as_public(hub: Hub, server: HubServer) -> None:
    hub.create(REPO)
    server.repos[REPO].private = None  # type: ignore[assignment]
    place = hub.look(REPO)
    assert place is not None and not place.is_private


def test_the_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(HubRefused, match="set HF_TOKEN"):
        Hub.from_environment()
    monkeypatch.setenv("HF_TOKEN", " hf_x ")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1/")
    hub = Hub.from_environment()
    assert (hub.endpoint, hub.token) == ("http://127.0.0.1:1", "hf_x")
    monkeypatch.delenv("HF_ENDPOINT")
    assert Hub.from_environment().endpoint == "https://huggingface.co"


@pytest.mark.parametrize(
    "endpoint",
    ["http://hub.example.org", "http://10.0.0.7:8080", "http://127.0.0.1.example.org", "ftp://127.0.0.1", "hub"],
)
def test_the_token_goes_nowhere_unencrypted(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(ValueError, match="HF_ENDPOINT") as caught:
        Hub.from_environment()
    assert "hf_x" not in str(caught.value)


CANARY = "hf_canary_0123456789"


def test_the_token_is_in_no_repr_no_message_and_no_cause(server: HubServer) -> None:
    hub = Hub(endpoint=server.address, token=CANARY, pause_s=0.0)
    assert CANARY not in repr(hub) and CANARY not in f"{hub}"
    server.said = f"your token {CANARY} is wrong"

    def fail_with(status: int) -> None:
        server.fault = lambda *_: status

    for status in (400, 401, 403, 404, 409, 412, 422, 429, 500, 503):
        fail_with(status)
        for ask in (lambda: hub.tags(REPO), lambda: hub.create(REPO), lambda: hub.tag(REPO, "v1", "0" * 40)):
            with pytest.raises(HubRefused) as caught:
                ask()
            shown = "".join(traceback.format_exception(caught.value))
            assert CANARY not in shown and "(token)" in shown
            assert caught.value.__cause__ is None and caught.value.__suppress_context__
            assert CANARY.encode() not in pickle.dumps(caught.value.args)


def test_large_files_are_sent_without_the_token(hub: Hub, server: HubServer, tmp_path: Path) -> None:
    hub.create(REPO)
    (tmp_path / "a").write_bytes(b"large")
    hub.commit(REPO, head_of(hub), {"x/a.parquet": tmp_path / "a"}, [], "One", "")
    sent = [header for path, header in server.headers if path.startswith("/large/")]
    assert sent == [""]
    assert isinstance(server.asked[0], Asked)
