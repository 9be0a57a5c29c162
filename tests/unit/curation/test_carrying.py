"""What takes the place of what, and what is said of labels that go."""

import dataclasses

import pytest

from cafdata.record import AgeLabel
from curation.carrying import target_of, told_of_losses
from tests.make_archive import drawn_picture

COPIES = {"a": "b", "b": "c", "x": "y", "y": "x", "s": "s"}


@pytest.mark.parametrize(
    ("name", "target"), [("a", "c"), ("b", "c"), ("c", None), ("x", "y"), ("y", "x"), ("s", None), ("other", None)]
)
def test_copies_of_copies_lead_to_the_one_that_is_kept(name: str, target: str | None) -> None:
    """Also where two name each other, as an archive with both may make them."""
    assert target_of(name, COPIES) == target


def test_labels_that_go_are_told_of() -> None:
    label = AgeLabel(annotator="a", verdict="age", age_years=3, labelled_at="2024-05-03T10:00:00+00:00")
    plain, first, second = (drawn_picture(number, 30).record for number in range(3))
    first, second = (dataclasses.replace(one, labels=(label, label)) for one in (first, second))
    assert told_of_losses([plain]) is None
    told = told_of_losses([plain, second, first])
    assert told is not None
    assert f": 4 ({first.picture_id}, {second.picture_id})" in told
