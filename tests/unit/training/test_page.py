"""The page of an evaluation: one file, escaped, with a chart a subject."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from core.images import encode_jpeg
from tests.judged import figures_of_a_perfect_generator, rectified_by_hand
from training.charts import INK, ages_chart, cosines_chart, passing_chart
from training.figures import Figures
from training.page import Shown, page
from training.sections import Section

VOID = {"meta", "img", "br", "path", "use", "line", "rect"}
JPEG = encode_jpeg(np.zeros((8, 8, 3), np.uint8))


class Checker(HTMLParser):
    """Collects tags and text, and whether every element is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]
        if tag not in VOID | {"html", "body"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID | {"html", "body"}:
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    return checker


@pytest.fixture
def figures() -> Figures:
    return dataclasses.replace(figures_of_a_perfect_generator(), rectified=rectified_by_hand(), why_not_rectified=None)


def test_one_model_has_tables_charts_and_faces_in_one_file(figures: Figures) -> None:
    text = page([Shown(figures=figures, sheet_jpeg=JPEG)])
    found = checked(text)
    assert found.tags.count("svg") == 3
    assert found.tags.count("img") == 1
    assert "Rectified verification (arcface)" in found.text
    assert figures.rectified is not None
    assert figures.rectified.table.sha256 in found.text
    outside = [link for link in found.links if not link.startswith(("data:", "#"))]
    assert outside == [], "nothing is fetched"
    assert "<strong>not reached</strong>" in text
    assert "script" not in found.tags
    assert page([Shown(figures=figures, sheet_jpeg=JPEG)]) == text


def test_names_cannot_break_out(figures: Figures) -> None:
    hostile = dataclasses.replace(figures, model='<script>alert("&")</script>')
    found = checked(page([Shown(figures=hostile, sheet_jpeg=JPEG), Shown(figures=figures, sheet_jpeg=JPEG)]))
    assert "script" not in found.tags
    assert '<script>alert("&")</script> on 4 faces' in found.text


def test_several_models_begin_with_their_comparison(figures: Figures) -> None:
    other = dataclasses.replace(figures, model="other", rectified=None, why_not_rectified="No table.")
    found = checked(page([Shown(figures=one, sheet_jpeg=JPEG) for one in (figures, other)]))
    assert found.links[:2] == ["#model0", "#model1"]
    assert found.text.index("Models side by side") < found.text.index("Mean judged age by target")
    assert found.tags.count("svg") == 5, "without thresholds there is no chart of who passes"
    assert "Not measured. No table." in found.text


def test_charts_take_the_colour_of_the_page(figures: Figures) -> None:
    assert figures.rectified is not None
    drawn = {
        "ages": ages_chart(figures),
        "cosines": cosines_chart(figures),
        "passing": passing_chart(figures.rectified.from_twenties),
    }
    for svg in drawn.values():
        assert svg.startswith("<svg")
        assert "currentColor" in svg
        assert INK not in svg
        assert not re.search(r"(fill|stroke): ?(#000000|black|#ffffff)", svg), "invisible by day or by night"
    assert "real faces (hand)" in drawn["ages"]
    assert "real pairs, rectified" in drawn["passing"]
    assert all(f">{name}<" in drawn["ages"] for name in figures.target_groups)


def test_sections_of_text_only() -> None:
    from training.page import sections_html

    (text,) = sections_html([Section(title="A & B", blocks=("1 < 2, **so** it is",))])
    assert text == "<h2>A &amp; B</h2><p>1 &lt; 2, <strong>so</strong> it is</p>"
