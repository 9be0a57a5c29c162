"""The page's tabs, brought to what they show once something was made: the astronaut, and people who never lived."""

from playwright.sync_api import Page, expect

TABS = ("transform", "live", "video", "verify", "dataset")


def open_tab(page: Page, name: str) -> None:
    page.locator(f"#tab-{name}-button").first.click()
    expect(page.locator(f"#tab-{name}")).to_be_visible()


def show_ages(page: Page) -> None:
    """Transform: the strip, and one age of it beside today."""
    open_tab(page, "transform")
    page.click("#example")
    expect(page.locator("#photo img")).to_be_visible()
    page.check("#consent input")
    expect(page.locator("#found")).to_contain_text("One face found.")
    page.click("#run")
    expect(page.locator("#strip .thumbnail-item")).to_have_count(10)
    expect(page.locator("#result")).to_be_visible()
    page.locator("#strip .thumbnail-item").last.click()
    expect(page.locator("#showing")).to_contain_text("70+")


def show_card(page: Page) -> None:
    """Transform: what the model's makers say of it, laid open."""
    open_tab(page, "transform")
    page.click("#options > button")
    page.click("#card-box > button")
    expect(page.locator("#card")).to_contain_text("non-commercial research")
    expect(page.locator("#card")).to_have_attribute("tabindex", "0")
    expect(page.locator("#card img")).to_have_count(0)


def show_mirror(page: Page) -> None:
    """Live: the camera's picture aged, then frozen, with its strip; one age of it pressed."""
    open_tab(page, "live")
    page.check("#live-consent input")
    page.click("#live-start")
    expect(page.locator("#live-camera [data-shows]")).to_have_attribute("data-shows", "aged")
    page.click("#live-freeze")
    expect(page.locator("#live-strip .thumbnail-item")).to_have_count(10)
    page.locator("#live-strip .thumbnail-item").last.click()
    expect(page.locator("#live-save-png")).to_be_enabled()


def show_film(page: Page) -> None:
    """Video: the clip as it came and aged, side by side."""
    open_tab(page, "video")
    page.click("#video-example")
    expect(page.locator("#video-players video")).to_have_count(1)
    page.check("#video-consent input")
    expect(page.locator("#video-found")).to_contain_text("One face found.")
    page.click("#video-run")
    expect(page.locator("#video-save")).to_be_visible()
    expect(page.locator("#video-players video")).to_have_count(2)


def show_verdicts(page: Page) -> None:
    """Verify: the astronaut against herself at 70+, and against every age."""
    open_tab(page, "verify")
    page.click("#verify-example")
    expect(page.locator("#verify-photo-1 img")).to_be_visible()
    page.check("#verify-consent-1 input")
    expect(page.locator("#verify-found-1")).to_contain_text("One face found.")
    page.click("#verify-make")
    expect(page.locator("#verify-found-2")).to_contain_text("Made from the first photo")
    page.click("#verify-compare")
    expect(page.locator("#verify-result")).to_be_visible()
    page.click("#verify-run")
    expect(page.locator("#verify-strip-table tbody tr")).to_have_count(10)


def show_thresholds(page: Page) -> None:
    """Verify: the map of thresholds and what is known of two groups."""
    open_tab(page, "verify")
    page.get_by_role("tab", name="Threshold explorer").click()
    expect(page.locator("#verify-map button")).to_have_count(100)


def show_person(page: Page) -> None:
    """Dataset: one person through the ages, an age generated beside the real one."""
    open_tab(page, "dataset")
    page.click("#dataset-view-people-button")
    page.locator("#dataset-people .thumbnail-item").nth(2).click()
    expect(page.locator("#dataset-strip .thumbnail-item")).to_have_count(8)
    page.locator("#dataset-strip .thumbnail-item").last.click()
    expect(page.locator("#dataset-facts")).to_contain_text("58")
    page.check("#dataset-consent input")
    page.click("#dataset-go")
    expect(page.locator("#dataset-journey .thumbnail-item")).to_have_count(3)
    expect(page.locator("#dataset-journey-note")).to_contain_text("score less than")


def show_counts(page: Page) -> None:
    """Dataset: who has pictures at which age."""
    open_tab(page, "dataset")
    page.click("#dataset-view-counts-button")
    expect(page.locator(".dataset-map tbody tr")).to_have_count(20)


def show_pairs(page: Page) -> None:
    """Dataset: pairs with both verdicts, one of them pressed."""
    open_tab(page, "dataset")
    page.click("#dataset-view-pairs-button")
    page.check("#dataset-pairs-consent input")
    page.click("#dataset-pairs-start")
    expect(page.locator("#dataset-pairs-note")).to_contain_text("pairs looked at")
    expect(page.locator("#dataset-pairs .thumbnail-item")).to_have_count(6)
    page.locator("#dataset-pairs .thumbnail-item").first.click()
    expect(page.locator("#dataset-pairs-note")).to_contain_text("Say below what is doubtful")
