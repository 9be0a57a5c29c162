"""The Verify tab in a real browser: two photos to two verdicts, the strip, the explorer by mouse and keyboard."""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from playwright.sync_api import Page, expect

from core.images import encode_jpeg
from core.published import FACEPP
from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser

ASTRONAUT: npt.NDArray[np.uint8] = skimage.data.astronaut()
WIDTH = "document.documentElement.scrollWidth"


def open_tab(page: Page) -> None:
    page.wait_for_timeout(500)  # tabs that do not fit on a phone go into a menu, once the page has measured them
    if page.locator("#tab-verify-button").is_visible():
        page.click("#tab-verify-button")
    else:
        page.get_by_role("button", name="More tabs").click()
        page.locator(".overflow-dropdown button", has_text="Verify").click()
    expect(page.locator("#verify-compare")).to_be_visible()


def give(page: Page, number: int, data: bytes) -> None:
    file = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": data}
    page.set_input_files(f"#verify-photo-{number} input[type=file]", file)  # type: ignore[arg-type]


def make_pair(page: Page) -> None:
    """The astronaut, and herself at 70+."""
    page.click("#verify-example")
    expect(page.locator("#verify-notice-1")).to_contain_text("Tick the box above")
    expect(page.locator("#verify-make")).to_be_disabled()
    page.check("#verify-consent-1 input")
    expect(page.locator("#verify-found-1")).to_contain_text("One face found.")
    page.click("#verify-make")
    expect(page.locator("#verify-found-2")).to_contain_text("Made from the first photo")
    expect(page.locator("#verify-consent-2")).to_be_hidden()


def compare(page: Page) -> None:
    expect(page.locator("#verify-compare")).to_be_enabled()
    page.click("#verify-compare")
    expect(page.locator("#verify-result")).to_be_visible()


def exact(page: Page, selector: str) -> float:
    value = page.locator(selector).get_attribute("value")
    assert value is not None
    return float(value)


def test_the_astronaut_against_herself_and_every_age(open_page: OpenPage) -> None:
    page = open_page()
    open_tab(page)
    make_pair(page)
    compare(page)
    one_size, rectified = page.locator("#verify-one-size"), page.locator("#verify-rectified")
    expect(rectified).to_contain_text("Same person")
    expect(one_size).to_contain_text(re.compile("Same person|Not the same"))
    expect(page.locator("#verify-outcome .verify-frame")).to_have_attribute("aria-label", re.compile("20–29 and 70"))
    score = exact(page, "#verify-score")
    assert 0.9 < score < 0.99

    page.fill("#verify-years-1 input", "41")
    page.locator("#verify-years-1 input").blur()
    expect(page.locator("#verify-result")).to_contain_text("41 and 77")
    page.get_by_label("1 in 10,000").first.check()
    expect(page.locator("#verify-result")).to_contain_text("one pair in 10,000")
    assert exact(page, "#verify-score") == score  # the faces were not looked at again

    page.click("#verify-run")
    expect(page.locator("#verify-strip-table tbody tr")).to_have_count(10)
    expect(page.locator("#verify-strip-table")).to_contain_text("70+")
    page.uncheck("#verify-consent-1 input")
    for gone in ("#verify-result", "#verify-strip-table"):
        expect(page.locator(gone)).to_have_count(0)
    expect(page.locator("#verify-consent-2")).to_be_visible()
    expect(page.locator("#verify-compare")).to_be_disabled()


def test_two_photos_of_ones_own(open_page: OpenPage, cache: Path) -> None:
    page = open_page()
    open_tab(page)
    plain, canary = encode_jpeg(ASTRONAUT), b"CANARY-VERIFY-50.0875N"
    give(page, 1, plain[:2] + b"\xff\xfe" + (len(canary) + 2).to_bytes(2, "big") + canary + plain[2:])
    page.check("#verify-consent-1 input")
    expect(page.locator("#verify-found-1")).to_contain_text("One face found.")
    give(page, 2, encode_jpeg(np.concatenate([ASTRONAUT, ASTRONAUT[:, ::-1]], axis=1)))
    expect(page.locator("#verify-notice-2")).to_contain_text("Tick the box above")
    expect(page.locator("#verify-compare")).to_be_disabled()
    page.check("#verify-consent-2 input")
    expect(page.locator("#verify-found-2")).to_contain_text("2 faces found")
    page.locator("#verify-faces-2 .thumbnail-item").nth(1).click()
    compare(page)
    assert exact(page, "#verify-score") > 0.9
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert files and [path for path in files if canary in path.read_bytes()] == []

    give(page, 2, b"no picture")
    expect(page.locator("#verify-notice-2 [role=alert]")).to_contain_text("not a picture")
    expect(page.locator("#verify-result")).to_have_count(0)


def choose(page: Page, elem_id: str, option: str) -> None:
    page.click(f"#{elem_id} input")
    page.get_by_role("option", name=option).click()


def test_the_explorer_by_mouse_by_keyboard_and_by_its_lists(open_page: OpenPage) -> None:
    page = open_page()
    open_tab(page)
    page.get_by_role("tab", name="Threshold explorer").click()
    expect(page.locator("#verify-explored")).to_have_text("20–29 and 70+")
    page.get_by_role("button", name="0–2 and 20–29: threshold").first.click()
    expect(page.locator("#verify-explored")).to_have_text("0–2 and 20–29")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#verify-map button:focus")).to_have_attribute("data-column", "6")
    page.keyboard.press("Enter")
    expect(page.locator("#verify-explored")).to_have_text("0–2 and 30–39")
    expect(page.locator("#verify-map button[aria-pressed=true]")).to_have_count(1)
    expect(page.locator("#verify-group-2 input")).to_have_value("30–39")

    choose(page, "verify-source", "Face++, the paper’s statistics")
    expect(page.locator("#verify-facts figure")).to_contain_text("means and deviations")
    choose(page, "verify-group-1", "50–69")
    expect(page.locator("#verify-explored")).to_have_text("30–39 and 50–69")
    shown = exact(page, "tr[data-source=facepp-statistics] data >> nth=1")
    mean, std = FACEPP.different_mean[6, 8], FACEPP.different_std[6, 8]
    assert shown == pytest.approx(FACEPP.genuine_rate(float(mean + 3.0902323061678132 * std), 6, 8), abs=1e-6)

    choose(page, "verify-source", "MobileFaceNet")
    choose(page, "verify-group-1", "20–29")
    expect(page.locator("#verify-made")).to_contain_text("Of 50 faces of 20–29")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(open_page: OpenPage, scheme: str) -> None:
    page = open_page(390, 844, scheme)
    open_tab(page)
    make_pair(page)
    compare(page)
    assert page.evaluate(WIDTH) <= 390
    colours = page.evaluate("[...document.querySelectorAll('.verify-word')].map((one) => getComputedStyle(one).color)")
    levels = [sum(int(level) for level in re.findall(r"\d+", colour)[:3]) for colour in colours]
    assert len(levels) == 2 and all((level > 380) == (scheme == "dark") for level in levels)
    page.get_by_role("tab", name="Threshold explorer").click()
    expect(page.locator("#verify-map button")).to_have_count(100)
    assert page.evaluate(WIDTH) <= 390
    widths = page.evaluate("[...document.querySelectorAll('#verify-facts > *, #verify-map table')]"
                           ".map((one) => one.getBoundingClientRect().right)")  # fmt: skip
    assert max(widths) <= 390
