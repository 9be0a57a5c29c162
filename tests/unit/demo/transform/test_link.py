"""Links: what they say comes back, and what they should not say is passed over."""

import pytest

from core.ages import FOUR, TEN
from demo.transform import link
from demo.transform.link import Setting


def test_what_a_link_says_comes_back() -> None:
    said = Setting(model="a model & more", mode="10", age="70+", view="whole")
    assert link.read(said.query()) == said
    assert link.read("") == Setting()


@pytest.mark.parametrize("query", ["?view=<script>", "?view=", "?" + "a=b&" * 400, "?%ff=%00", "nothing"])
def test_nonsense_says_nothing(query: str) -> None:
    assert link.read(query) == Setting()


@pytest.mark.parametrize(
    ("age", "target"),
    [("70+", ("group", 9)), ("33", ("age", 33.0)), ("91", None), ("-5", None), ("old", None), (None, None)],
)
def test_an_age_is_one_that_the_model_knows(age: str | None, target: tuple[str, float] | None) -> None:
    assert link.target_of(age, TEN, 90) == target
    if target is not None:
        assert link.age_of(target, TEN) == age
    assert link.target_of("5", FOUR, 70) is None
