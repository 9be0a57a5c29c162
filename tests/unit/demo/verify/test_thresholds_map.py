"""The map of thresholds: a table of a hundred cells, one of them pressed, its colours by rank, its gaps shown."""

import re

from demo.language import Language
from demo.verify.evidence import source_named
from demo.verify.thresholds_map import short, threshold_map

SAY = Language("en")


def cells(html: str) -> list[str]:
    return re.findall(r"<button.*?</button>", html)


def test_a_hundred_cells_and_one_stop_of_the_tab_key() -> None:
    found = cells(threshold_map(SAY, source_named("dlib_resnet_v1"), 0.001, (5, 9)))
    assert len(found) == 100
    stops = [cell for cell in found if 'tabindex="0"' in cell]
    assert len(stops) == 1 and 'data-row="5" data-column="9"' in stops[0] and 'aria-pressed="true"' in stops[0]
    told = "20–29 and 70+: threshold 0.913, band 0.903 to 0.921"
    assert f'>.91<span class="verify-unseen"> {told}</span>' in stops[0] and f'title="{told}"' in stops[0]


def test_levels_span_the_table_and_are_symmetric() -> None:
    found = cells(threshold_map(SAY, source_named("facepp-statistics"), 0.001, (0, 0)))
    levels = [float(re.findall(r"--level:([0-9.]+)", cell)[0]) for cell in found]
    assert min(levels) == 0 and max(levels) == 1
    assert all(levels[10 * row + column] == levels[10 * column + row] for row in range(10) for column in range(10))
    assert all(("deep" in cell) == (level >= 0.68) for cell, level in zip(found, levels, strict=True))


def test_pairs_without_a_threshold_are_gaps_that_say_so() -> None:
    found = cells(threshold_map(SAY, source_named("facepp-paper"), 0.001, (5, 9)))
    gaps = [cell for cell in found if ">–<" in cell]
    assert len(gaps) == 100 - 18 and all("no threshold" in cell and "--level" not in cell for cell in gaps)


def test_two_digits() -> None:
    assert short(SAY, 0.3349, is_cosine=True) == ".33" and short(SAY, -0.04, is_cosine=True) == "-.04"
    assert short(SAY, 1.0, is_cosine=True) == "1.00" and short(SAY, 71.7, is_cosine=False) == "72"
