"""Fetching and looking as functions on batches of rows: what is written down, and what is not asked for again."""

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from cafdata import lock
from core.identity import cosine
from core.images import encode_jpeg
from curation.engine import Rows
from curation.faces import FaceRules
from curation.fetch import FetchRules
from curation.journal import Journal
from curation.steps import EmbedStep, FetchStep, LookStep, decoded, encoded, read_file, steps_of
from tests.make_run import made_run
from tests.wikimedia_site import WikimediaSite, serving

RULES = FetchRules(contact="tests@example.org", min_delay_s=0.0, allow_loopback=True, max_tries=1, timeout_s=5.0)


@pytest.fixture(scope="module")
def site() -> Iterator[WikimediaSite]:
    with serving(num_pictures=8, faults=False, num_hosts=2) as running:
        running.prepare()
        yield running


def row(url: str | None, *, shard: int = 0, **changes: Any) -> dict[str, Any]:
    given = {"shard": shard, "picture_id": str(url), "url": url, "path": None}
    return given | {"etag": None, "last_modified": None, "refusal": None} | changes


def rows_of(site: WikimediaSite) -> Rows:
    return [row(site.url(file), shard=number % 2) for number, file in enumerate(site.world.files.values())]


@contextmanager
def fetching(folder: Path, rules: FetchRules | None = RULES) -> Iterator[Any]:
    """The first step, as one process has it."""
    work = FetchStep(rules=rules, folder=folder)()
    yield work
    for journal in work.__self__.journals.values():
        journal.close()
    work.__self__.held.close()


def test_what_was_fetched_is_not_asked_for_again(site: WikimediaSite, tmp_path: Path) -> None:
    """Not even by a process that knows nothing but the journals."""
    rows = rows_of(site)
    before = site.requests.copy()
    with fetching(tmp_path) as work:
        first = work(rows)
    asked = site.requests - before
    with fetching(tmp_path) as work:
        assert work(rows) == first
    assert site.requests - before == asked
    pictures = [site.picture(page) for page in site.world.files]
    assert [one["data"] for one in first] == pictures
    assert [one["answer"]["url"] for one in first] == [one["url"] for one in rows]
    assert {path.name for path in tmp_path.glob("*.journal")} == {"000000.journal", "000001.journal"}


def test_a_torn_journal_costs_its_last_answer(site: WikimediaSite, tmp_path: Path) -> None:
    rows = [one | {"shard": 0} for one in rows_of(site)]
    with fetching(tmp_path) as work:
        first = work(rows)
    path = tmp_path / "000000.journal"
    path.write_bytes(path.read_bytes()[:-5])
    before = site.sent.copy()
    with fetching(tmp_path) as work:
        assert work(rows) == first
    assert (site.sent - before).total() == 1


def test_a_server_s_no_is_written_down_and_a_broken_line_is_not(site: WikimediaSite, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/a.jpg"
    absent = site.url(next(iter(site.world.files.values()))) + ".absent"
    with fetching(tmp_path) as work:
        made = work([row(absent), row(nobody)])
    assert [one["drop"]["is_passing"] for one in made] == [False, True]
    journal = Journal(tmp_path / "000000.journal")
    assert absent in journal and nobody not in journal
    journal.close()


def test_an_unchanged_picture_is_not_sent_again(site: WikimediaSite, tmp_path: Path) -> None:
    rows = rows_of(site)[:2]
    with fetching(tmp_path / ".") as work:
        first = work(rows)
    (tmp_path / "again").mkdir()
    before = site.sent.copy()
    with fetching(tmp_path / "again") as work:
        made = work([one | {"etag": answer["answer"]["etag"]} for one, answer in zip(rows, first, strict=True)])
    assert site.sent == before
    assert all(one["is_unchanged"] and one["data"] is None and one["drop"] is None for one in made)


def test_what_is_refused_is_neither_asked_for_nor_read(site: WikimediaSite, tmp_path: Path) -> None:
    rows = rows_of(site)[:1]
    with fetching(tmp_path) as work:
        work(rows)
        before = site.requests.copy()
        [made] = work([rows[0] | {"refusal": "removed on request"}])
        [local] = work([row(None, path=str(tmp_path / "000000.journal"), refusal="gone")])
    assert site.requests == before
    assert (made["data"], made["drop"]["stage"], made["drop"]["reason"]) == (None, "source", "removed on request")
    assert (local["data"], local["drop"]["reason"]) == (None, "gone")


def test_journals_have_one_writer(tmp_path: Path) -> None:
    """The next process waits until the one before is gone, dead or alive."""
    ready: list[float] = []

    def later() -> None:
        with fetching(tmp_path, None):
            ready.append(time.monotonic())

    with lock.writing(tmp_path):
        waiting = threading.Thread(target=later)
        waiting.start()
        time.sleep(0.3)
        assert not ready
    waiting.join(10)
    assert ready


def test_many_shards_keep_few_files_open(site: WikimediaSite, tmp_path: Path) -> None:
    """A batch of more shards than may be open loses none of its answers."""
    rows = [one | {"shard": shard} for shard in range(20) for one in rows_of(site)[:1]]
    with fetching(tmp_path) as work:
        made = work(rows)
        assert len(work.__self__.journals) == 16
        before = site.requests.copy()
        assert work(rows) == made
        assert site.requests == before


def test_local_files_are_read_with_their_digest_for_a_tag(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"picture")
    made = read_file(path)
    assert made["data"] == b"picture" and made["drop"] is None
    assert read_file(path, made["answer"]["etag"]) == made | {"data": None, "is_unchanged": True}
    path.write_bytes(b"another")
    assert read_file(path, made["answer"]["etag"])["data"] == b"another"
    assert read_file(tmp_path / "absent.jpg")["drop"]["reason"] == "file cannot be read"
    assert read_file(tmp_path)["drop"]["reason"] == "file cannot be read"
    with path.open("wb") as file:
        file.truncate((32 << 20) + 1)
    assert read_file(path)["drop"]["reason"] == "too large"


TEXT = st.none() | st.text(max_size=20)
ROWS = st.fixed_dictionaries(
    {
        "data": st.none() | st.binary(max_size=60),
        "answer": st.none() | st.fixed_dictionaries({"url": TEXT, "etag": TEXT}),
        "drop": st.none() | st.fixed_dictionaries({"reason": TEXT, "is_passing": st.booleans()}),
        "is_unchanged": st.booleans(),
    }
)


@given(ROWS)
def test_journals_give_back_what_was_put_in(made: dict[str, Any]) -> None:
    assert decoded(encoded(made)) == made


@pytest.fixture(scope="module")
def photo() -> bytes:
    return encode_jpeg(astronaut(), 90)


def fetched(data: bytes | None, **changes: Any) -> dict[str, Any]:
    return {"fetched": {"data": data, "answer": None, "drop": None, "is_unchanged": False} | changes}


def test_looking_passes_on_what_has_no_bytes_and_embeds_the_same_again(photo: bytes) -> None:
    """A face that is embedded from what is kept of it has the embedding that it had when it was looked at."""
    drop = {"stage": "fetch", "reason": "gone", "detail": "", "is_passing": False}
    look = LookStep(pack="embedded", estimator="age-estimator-128", faces=FaceRules(), threads=1)()
    made = look([fetched(None, drop=drop), fetched(photo), fetched(b"no picture"), fetched(None, is_unchanged=True)])
    assert made[0]["drop"] == drop and "face" not in made[0]
    assert made[1]["drop"] is None and made[1]["num_faces"] == 1
    assert made[2]["drop"]["reason"] == "no usable picture"
    assert made[3]["is_unchanged"]
    embed = EmbedStep(pack="embedded", threads=1)()
    [again, none] = embed([made[1], {"face": None}])
    assert none == {"embedding": None}
    assert again["embedding"] == made[1]["embedding"]
    assert cosine(np.asarray(again["embedding"], np.float32), np.asarray(made[1]["embedding"], np.float32)) > 0.999


def test_the_steps_of_a_recipe_pass_through_a_pickle(tmp_path: Path) -> None:
    import pickle

    run = made_run(tmp_path, fetch=RULES)
    target = io.BytesIO()
    pickle.dump(steps_of(run.recipe, run.fetched), target)
    again = pickle.loads(target.getvalue())  # noqa: S301
    assert [step.name for step in again] == ["fetched", "looked"]
    assert again[0].make == FetchStep(rules=RULES, folder=run.fetched)
