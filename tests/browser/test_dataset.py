"""The Dataset tab in a real browser: people, one person, time travel, counts, pairs, a way out."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser


def open_dataset(open_page: OpenPage, width: int = 1280) -> Page:
    page = open_page(width)
    page.wait_for_timeout(500)  # tabs that do not fit on a phone go into a menu, once the page has measured them
    if page.locator("#tab-dataset-button").is_visible():
        page.click("#tab-dataset-button")
    else:
        page.get_by_role("button", name="More tabs").click()
        page.locator(".overflow-dropdown button", has_text="Dataset").click()
    expect(page.locator("#dataset-people .thumbnail-item")).to_have_count(20)
    return page


def show_view(page: Page, view: str, name: str) -> None:
    button = page.locator(f"#dataset-view-{view}-button")
    if button.is_visible():
        button.click()
    else:
        page.locator("#dataset-views").get_by_role("button", name="More tabs").click()
        page.locator("#dataset-views .overflow-dropdown button", has_text=name).click()


def test_a_person_through_the_ages_and_one_age_generated_beside_the_real(open_page: OpenPage) -> None:
    page = open_dataset(open_page)
    expect(page.locator("#dataset-title")).to_contain_text("166 pictures of 20 people")
    expect(page.locator("#dataset-title")).to_contain_text("never lived")
    page.locator("#dataset-people .thumbnail-item").nth(2).click()
    expect(page.locator("#dataset-strip .thumbnail-item")).to_have_count(8)
    expect(page.locator("#dataset-facts")).to_contain_text("non-commercial research")
    page.locator("#dataset-strip .thumbnail-item").last.click()
    expect(page.locator("#dataset-facts")).to_contain_text("58")
    page.click("#dataset-go")
    expect(page.locator("#dataset-journey-note")).to_contain_text("Until then nothing is")
    expect(page.locator("#dataset-journey .thumbnail-item")).to_have_count(0)
    page.check("#dataset-consent input")
    page.click("#dataset-go")  # from 18 to 58: nobody is under age
    expect(page.locator("#dataset-journey .thumbnail-item")).to_have_count(3)
    expect(page.locator("#dataset-journey-note")).to_contain_text("Generated and real: score")
    expect(page.locator("#dataset-journey-note")).to_contain_text("% score less than generated and real do")


def test_what_is_looked_for_is_found_and_nothing_else(open_page: OpenPage) -> None:
    page = open_dataset(open_page)
    page.fill("#dataset-text textarea", "synthetic-13")
    page.keyboard.press("Enter")
    expect(page.locator("#dataset-people .thumbnail-item")).to_have_count(1)
    expect(page.locator("#dataset-found")).to_contain_text("1 people, 8 pictures; page 1 of 1")


def test_counts_and_pairs_and_nothing_filed_into_the_sample(open_page: OpenPage) -> None:
    page = open_dataset(open_page)
    show_view(page, "counts", "Counts")
    expect(page.locator(".dataset-map tbody tr")).to_have_count(20)
    show_view(page, "pairs", "Pairs")
    page.click("#dataset-pairs-start")
    expect(page.locator("#dataset-pairs-note")).to_contain_text("Until then nothing is")
    expect(page.locator("#dataset-pairs .thumbnail-item")).to_have_count(0)
    page.check("#dataset-pairs-consent input")
    page.click("#dataset-pairs-start")
    expect(page.locator("#dataset-pairs-note")).to_contain_text("pairs looked at")
    expect(page.locator("#dataset-pairs .thumbnail-item")).to_have_count(6)
    page.click("#dataset-send")
    expect(page.locator("#dataset-pairs-note")).to_contain_text("Press the pair that you mean first")
    page.locator("#dataset-pairs .thumbnail-item").first.click()
    expect(page.locator("#dataset-pairs-note")).to_contain_text("Say below what is doubtful")
    page.click("#dataset-send")
    expect(page.locator("#dataset-pairs-note")).to_contain_text("nothing was filed")


def test_a_name_that_is_none_and_a_request_without_a_keeper_get_a_sentence(open_page: OpenPage) -> None:
    page = open_dataset(open_page)
    show_view(page, "open", "Another archive")
    page.fill("#dataset-hub textarea", "../../etc")
    page.click("#dataset-open")
    expect(page.locator("#dataset-opened [role=alert]")).to_be_visible()
    show_view(page, "removal", "Take me out")
    page.fill("#dataset-value textarea", "synthetic-13/01")
    page.fill("#dataset-why textarea", "it is me")
    page.click("#dataset-ask")
    expect(page.locator("#dataset-answer [role=alert]")).to_contain_text("nothing was filed")
