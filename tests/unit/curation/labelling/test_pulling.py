"""Labels are only ever added, and the same answers add nothing the second time."""

from hypothesis import given
from hypothesis import strategies as st

from cafdata.record import AgeLabel
from curation.labelling.pulling import with_new

LABELS = st.lists(
    st.builds(
        lambda who, age, day: AgeLabel(
            annotator=who, verdict="age", age_years=float(age), labelled_at=f"2024-05-{day:02d}T10:00:00+00:00"
        ),
        st.sampled_from(["annotator-1", "annotator-2"]),
        st.integers(20, 22),
        st.integers(1, 6),
    ),
    max_size=8,
)


@given(LABELS, LABELS)
def test_nothing_goes_and_nothing_comes_twice(held: list[AgeLabel], new: list[AgeLabel]) -> None:
    merged = with_new(held, new)
    assert merged[: len(held)] == tuple(held)
    assert with_new(merged, new) == merged
    assert set(merged) <= {*held, *new}


def test_a_changed_mind_is_a_further_label() -> None:
    def label(age_years: float, day: int) -> AgeLabel:
        at = f"2024-05-{day:02d}T10:00:00+00:00"
        return AgeLabel(annotator="annotator-1", verdict="age", age_years=age_years, labelled_at=at)

    first, saved_again, changed, back = label(30, 1), label(30, 2), label(40, 3), label(30, 4)
    assert with_new([first], [saved_again]) == (first,)
    assert with_new([first], [changed]) == (first, changed)
    assert with_new([first, changed], [back]) == (first, changed, back)
