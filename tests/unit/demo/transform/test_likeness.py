"""What the strip says of likeness: which ages are dimmed and by what measure."""

import re

from core.aging import Target
from core.budget import Likeness, Yardstick
from demo.language import Language
from demo.transform import words

SAY = Language("en")


def one(name: str, score: float, limit: float | None, yardstick: Yardstick) -> Likeness:
    return Likeness(target=Target(years=5, name=name), score=score, limit=limit, yardstick=yardstick)


def test_ages_outside_the_band_are_dimmed_in_their_place_and_named() -> None:
    told = words.likeness(
        SAY, [one("0-2", 0.2, 0.3, "people"), one("3-6", 0.4, 0.3, "people"), one("70+", 0.1, 0.3, "people")]
    )
    assert re.findall(r"nth-child\((\d)\)", told) == ["1", "3"]
    assert "Dimmed: 0-2, 70+." in told and "95 of 100 real people" in told
    assert "strangers in 1,000" in words.likeness(SAY, [one("0-2", 0.2, 0.3, "strangers")])


def test_without_scores_nothing_is_dimmed_and_that_is_said() -> None:
    told = words.likeness(SAY, [one("0-2", 0.2, None, "none")])
    assert "not known" in told and "style" not in told
    assert "style" not in words.likeness(SAY, [one("0-2", 0.5, 0.3, "people")])
    assert words.likeness(SAY, []) == ""
