"""What an edition says of itself, and which repositories can be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.publishing.editions import (
    CHILDHOOD,
    EDITIONS,
    METADATA,
    PICTURES,
    Change,
    Stamp,
    check_repo,
    tag_of,
    version_of,
)
from curation.publishing.refusals import HubRefused
from curation.publishing.tables import DataPart

SHA = "0123456789abcdef" * 4
STAMP = Stamp(
    edition="pictures",
    version=3,
    rows_sha256=SHA,
    words_sha256=SHA[::-1],
    num_pictures=5,
    num_people=2,
    parts=(DataPart(path=f"pictures/test-{SHA[:16]}.parquet", split="test", num_rows=5, num_bytes=9, sha256=SHA),),
    changes=(Change(version=3, day="2026-11-25", text="Pictures: 1 added; now 5."),),
)


def test_what_everyone_sees_comes_last_and_holds_no_pictures() -> None:
    assert EDITIONS[-1] is METADATA
    assert [edition.is_gated for edition in EDITIONS] == [edition.with_pictures for edition in EDITIONS]
    assert [edition.repo("org/caf") for edition in EDITIONS] == ["org/caf-childhood", "org/caf-pictures", "org/caf"]
    assert CHILDHOOD.is_gated and PICTURES.is_gated and not METADATA.is_gated


def test_a_stamp_reads_back() -> None:
    assert Stamp.decode(STAMP.encode(), "org/caf") == STAMP
    assert STAMP.is_of(SHA, SHA[::-1]) and not STAMP.is_of(SHA, SHA)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"format_version": 2},
        {"version": 0},
        {"edition": "secret"},
        {"parts": [{"path": "../../etc/passwd"}]},
        {"parts": 7},
        {"changes": [{"version": 1, "day": "yesterday", "text": "x"}]},
        {"more": 1},
    ],
)
def test_a_stamp_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(HubRefused, match=r"edition\.json of org/caf cannot be understood"):
        Stamp.decode(json.dumps(json.loads(STAMP.encode()) | change).encode(), "org/caf")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_stamp_or_refused(data: bytes) -> None:
    with pytest.raises(HubRefused):
        Stamp.decode(data, "org/caf")


@pytest.mark.parametrize("repo", ["org/caf", "Org-1/caf.v2", "a/b"])
def test_repositories(repo: str) -> None:
    check_repo(repo)


@pytest.mark.parametrize(
    "repo",
    ["caf", "a/b/c", "org/caf-pictures", "org/caf-childhood", "/x", "org/", "org/../x", "https://x/y", "org/-x", "ö/x"],
)
def test_no_repositories(repo: str) -> None:
    with pytest.raises(ValueError, match="repository"):
        check_repo(repo)


@given(st.integers(1, 10**8))
def test_tags_stand_for_versions(version: int) -> None:
    assert version_of(tag_of(version)) == version


@pytest.mark.parametrize("tag", ["v0", "v01", "1", "release", "v1.0", "v-1"])
def test_other_tags_stand_for_none(tag: str) -> None:
    assert version_of(tag) == 0
