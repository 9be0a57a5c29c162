"""Answers kept in a file that only grows, whatever cuts it off."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.journal import Journal


def test_what_was_appended_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    first = Journal(tmp_path / "a.journal")
    first.append("one", b"1")
    first.append("two", b"")
    first.append("one", b"newer")
    first.close()
    again = Journal(tmp_path / "a.journal")
    assert (again.read("one"), again.read("two"), again.read("three")) == (b"newer", b"", None)
    assert "two" in again
    assert len(again) == 2


@given(cut=st.integers(min_value=0, max_value=400), junk=st.binary(max_size=60))
def test_a_torn_end_is_cut_off_and_all_before_it_counts(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.journal"
    journal = Journal(path)
    values = {f"key {number}": bytes([number]) * (number * 7) for number in range(8)}
    ends = {}
    for key, value in values.items():
        journal.append(key, value)
        ends[key] = path.stat().st_size
    journal.close()
    whole = path.read_bytes()
    kept = max(0, len(whole) - cut)
    path.write_bytes(whole[:kept] + junk)
    again = Journal(path)
    there = {key for key in values if key in again}
    assert there == {key for key in values if ends[key] <= kept}
    assert all(again.read(key) == values[key] for key in there)
    again.append("after", b"x")
    again.close()
    assert Journal(path).read("after") == b"x"


def test_a_flipped_bit_ends_what_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    journal = Journal(path)
    for number in range(3):
        journal.append(str(number), b"v" * 50)
    journal.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    again = Journal(path)
    assert "0" in again
    assert "1" not in again and "2" not in again


def test_threads_share_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.journal")

    def write(number: int) -> None:
        for turn in range(20):
            journal.append(f"{number} {turn}", os.urandom(number + 1))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert len(Journal(tmp_path / "a.journal")) == 160


def test_a_key_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most 65536 bytes, got 65537"):
        Journal(tmp_path / "a.journal").append("x" * 65537, b"")
