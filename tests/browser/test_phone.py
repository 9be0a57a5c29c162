"""The page on a phone: every tab at a glance, nothing too small for a finger, nothing wider than the screen."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import tour
from tests.browser.conftest import ROOT, OpenPage

pytestmark = pytest.mark.browser

WIDTH = 390
MIN_PX = 40
"""Lowest thing to press; the cells of the threshold map are as high, and as narrow as ten in a row have to be."""
LOW = """(lowest) => [...document.querySelectorAll("button, a, select, summary, label:has(input), input, textarea")]
  .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.closest(".visually-hidden, .unseen"))
  .filter((one) => !(one.tagName === "INPUT" && (one.type === "file" || one.closest("label"))))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([one, box]) => box.width > 0 && box.height > 0)
  .filter(([one, box]) => box.height < lowest || (box.width < lowest && !one.closest("#verify-map")))
  .map(([one, box]) => `${one.tagName} ${one.id || one.innerText || one.ariaLabel} in `
    + `${one.closest("[id]").id}: ${Math.round(box.width)} x ${Math.round(box.height)}`)"""
TABS_IN_VIEW = """() => [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab]")]
  .filter((one) => one.getBoundingClientRect().left >= 0 && one.getBoundingClientRect().right <= innerWidth + 1)
  .map((one) => one.dataset.tabId)"""
SHOWS: tuple[Callable[[Page], None], ...] = (
    tour.show_ages,
    tour.show_verdicts,
    tour.show_thresholds,
    tour.show_person,
    tour.show_counts,
    tour.show_pairs,
)


@pytest.mark.parametrize("width", [WIDTH, 360])
def test_all_tabs_are_there_at_a_glance(open_page: OpenPage, width: int) -> None:
    page = open_page(width, 844)
    expect(page.get_by_role("button", name="More tabs")).to_have_count(0)
    assert page.evaluate(TABS_IN_VIEW) == list(tour.TABS)
    for name in reversed(tour.TABS):
        tour.open_tab(page, name)
    tour.open_tab(page, "dataset")
    expect(page.locator("#dataset-view-removal-button")).to_be_in_viewport()


def test_where_words_are_long_the_row_of_tabs_moves_and_the_page_does_not(open_page: OpenPage, address: str) -> None:
    page = open_page(320, 640)
    for language in ("de", "fr", "es"):
        page.goto(f"{address}/{language}")
        expect(page.locator("#tabs > .tab-wrapper [role=tab]")).to_have_count(len(tour.TABS))
        tour.open_tab(page, "dataset")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_what_is_pressed_is_as_large_as_a_finger(open_page: OpenPage) -> None:
    page = open_page(WIDTH, 844)
    found = {}
    for name in tour.TABS:
        tour.open_tab(page, name)
        found[name] = page.evaluate(LOW, MIN_PX)
    for show in SHOWS:
        show(page)
        found[show.__name__] = page.evaluate(LOW, MIN_PX)
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH, show.__name__
    assert {name: small for name, small in found.items() if small} == {}


def test_no_rule_for_phones_is_lost_in_gradio() -> None:
    """Of a rule in @media Gradio keeps what it can split at commas and put its own classes before."""
    lost = []
    for sheet in sorted((ROOT / "demo").rglob("*.css")):
        for block in re.findall(r"@media [^{]*\{\n(.*?)\n\}", sheet.read_text(encoding="utf-8"), re.DOTALL):
            selectors = re.findall(r"(?:^|\})\s*([^{}]+?)\s*\{", block)
            assert selectors
            lost += [one for one in selectors if re.search(r"\([^)]*,|\.gradio-container|\.main\b", one)]
    assert lost == []
