"""What can be a candidate, and what cannot."""

import pytest

from curation.candidate import Candidate

GOOD = {"picture_id": "folder/a", "person_id": "folder/p", "url": "https://example.org/a.jpg"}


def test_it_comes_back_from_its_row() -> None:
    one = Candidate(
        **GOOD,
        born="1950",
        captured="1990-05",
        doubts=("circa",),
        licence="CC0-1.0",
        age_min_years=39,
        age_max_years=41,
    )
    assert Candidate.from_row(one.to_row() | {"shard": 3}) == one


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": None}, "either a url or a path"),
        ({"path": "/a.jpg"}, "either a url or a path"),
        ({"url": "ftp://example.org/a"}, "url is an http or https address"),
        ({"person_id": "Unknown"}, "names nobody"),
        ({"picture_id": "=1+1"}, "formula"),
        ({"born": "1950-13"}, "born: 1950-13 is no date"),
        ({"captured": "circa 1950"}, "captured: a date is written"),
        ({"age_min_years": 3.0}, "an age is an interval"),
        ({"age_min_years": 9.0, "age_max_years": 3.0}, "age_max_years is 9 to 130"),
        ({"age_min_years": -1.0, "age_max_years": 3.0}, "age_min_years is 0 to 130"),
        ({"sex": "m"}, "sex is one of"),
        ({"author": "a\u202eb"}, "unprintable"),
        ({"doubts": ("",)}, "doubts"),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Candidate(**GOOD | change)  # type: ignore[arg-type]
