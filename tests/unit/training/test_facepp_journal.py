"""The journal: what was paid for is known after any crash."""

import json
import resource
from pathlib import Path

import pytest

from core.errors import DataBroken, FaceppRefused
from training.facepp_journal import open_journal, read_journal, write_recording
from training.facepp_outcome import Outcome

ENDPOINT = "https://api-cn.faceplusplus.com"
ONE = Outcome(key="detect:aa", status="ok", value=31, details={"request_id": "1", "faces": 1})
TWO = Outcome(key="detect:bb", status="api_error", error="INVALID_IMAGE_SIZE:image_file")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of one question answered after a refusal, one refused for good, and one whose answer is lost."""
    path = tmp_path / "ages.journal.jsonl"
    with open_journal(path, ENDPOINT) as journal:
        journal.sent(ONE.key)
        journal.free(ONE.key, "CONCURRENCY_LIMIT_EXCEEDED")
        journal.sent(ONE.key)
        journal.lost(ONE.key, "INTERNAL_ERROR")
        journal.sent(ONE.key)
        journal.settle(ONE)
        journal.sent(TWO.key)
        journal.free(TWO.key, TWO.error)
        journal.settle(TWO)
        journal.sent("detect:cc")
    return path


def test_a_journal_tells_what_is_answered_what_was_charged_and_what_is_open(path: Path) -> None:
    with open_journal(path, ENDPOINT) as journal:
        assert journal.contents.outcomes == {ONE.key: ONE, TWO.key: TWO}
        assert journal.contents.num_charged == 3, "the lost, the answered and the open request"
        assert journal.contents.open_keys == ["detect:cc"]


def test_a_journal_cut_off_anywhere_is_taken_as_far_as_it_goes(path: Path) -> None:
    data = path.read_bytes()
    for length in range(0, len(data), 17):
        path.write_bytes(data[:length])
        with open_journal(path, ENDPOINT) as journal:
            whole = data[: data[:length].rfind(b"\n") + 1]
            assert set(journal.contents.outcomes) == {k for k in (ONE.key, TWO.key) if outcome_in(whole, k)}
            journal.settle(ONE)
        assert path.read_bytes().startswith(whole)
        assert read_journal(path).outcomes[ONE.key] == ONE


def outcome_in(data: bytes, key: str) -> bool:
    events = [json.loads(line) for line in data.splitlines()]
    return any(event["event"] == "outcome" and event["key"] == key for event in events)


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        "{}",
        '{"event": "paid"}',
        '{"event": "sent"}',
        '{"event": "outcome", "key": "k", "status": "ok", "value": null}',
        '{"event": "outcome", "key": "k", "status": "ok", "value": 3, "price": 1}',
        '{"event": "journal", "version": 2, "endpoint": "x"}',
        "\0\0\0",
    ],
)
def test_a_line_that_is_none_is_named_by_its_number(path: Path, line: str) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], line, *lines[2:]]) + "\n")
    with pytest.raises(DataBroken, match="line 3 of "), open_journal(path, ENDPOINT):
        pass


def test_another_file_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"event": "sent", "key": "detect:aa"}\n')
    with pytest.raises(DataBroken, match="does not begin"):
        read_journal(path)
    with pytest.raises(DataBroken, match="nowhere"):
        read_journal(tmp_path / "nowhere")


def test_answers_of_two_endpoints_are_kept_apart(path: Path) -> None:
    with pytest.raises(ValueError, match="give another --out"), open_journal(path, "https://api-us.faceplusplus.com"):
        pass


def test_a_journal_without_an_answer_goes_over_to_another_endpoint(tmp_path: Path) -> None:
    """Keys of another region are refused at the first call; the same --out then has to do with the right region."""
    path = tmp_path / "ages.journal.jsonl"
    with open_journal(path, "https://api-us.faceplusplus.com") as journal:
        journal.sent(ONE.key)
        journal.free(ONE.key, "AUTHENTICATION_ERROR")
        journal.settle(Outcome(key=TWO.key, status="gave_up", error="ConnectError"))
    with open_journal(path, ENDPOINT) as journal:
        journal.sent(ONE.key)
        journal.settle(ONE)
    contents = read_journal(path)
    assert contents.endpoint == ENDPOINT and contents.outcomes[ONE.key] == ONE
    with pytest.raises(ValueError, match="holds answers of"), open_journal(path, "https://api-us.faceplusplus.com"):
        pass


def test_two_runs_do_not_pay_for_the_same(path: Path) -> None:
    with (
        open_journal(path, ENDPOINT),
        pytest.raises(FaceppRefused, match="another run"),
        open_journal(path, ENDPOINT),
    ):
        pass


def test_a_full_disk_leaves_whole_lines(path: Path) -> None:
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_journal(path, ENDPOINT) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
        try:
            with pytest.raises(OSError, match="large"):
                journal.sent("detect:dd")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before


def test_a_recording_is_read_as_a_journal_is(tmp_path: Path) -> None:
    path = tmp_path / "ages.recording"
    write_recording(path, ENDPOINT, [ONE, TWO])
    contents = read_journal(path)
    assert contents.outcomes == {ONE.key: ONE, TWO.key: TWO}
    assert (contents.endpoint, contents.num_charged) == (ENDPOINT, 0)
