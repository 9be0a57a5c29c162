"""The Video tab in a real browser: from a file to an aged one, stopping, what is refused, a phone."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from core.clips import Clip
from tests.browser.conftest import OpenPage
from tests.make_clip import clip, loudness_at, moving_face

pytestmark = pytest.mark.browser

CANARY = "CANARY-50.0875N-14.4214E"


@pytest.fixture(scope="module")
def short() -> bytes:
    return clip(moving_face(12), sound_s=1.2, tags={"title": CANARY, "location": CANARY})


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return opened(open_page())


def opened(page: Page) -> Page:
    page.get_by_role("tab", name="Video").click()
    expect(page.locator("#video-run")).to_be_visible()
    return page


def give(page: Page, data: bytes, name: str = "clip.mp4") -> None:
    file = {"name": name, "mimeType": "video/mp4", "buffer": data}
    page.set_input_files("#video-file input[type=file]", file)  # type: ignore[arg-type]


def test_from_a_clip_to_an_aged_one(page: Page, short: bytes, cache: Path) -> None:
    give(page, short)
    expect(page.locator("#video-notice")).to_contain_text("Tick the box above")
    expect(page.locator("#video-found")).to_be_hidden()
    expect(page.locator("#video-run")).to_be_disabled()
    assert (
        page.locator("#video-players video").evaluate("async (one) => { await one.play(); return one.videoWidth; }")
        == 320
    )
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert any(path.name == "video.mp4" for path in files)
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []

    page.check("#video-consent input")
    expect(page.locator("#video-found")).to_contain_text("One face found.")
    expect(page.locator("#video-found")).to_contain_text("12 pictures")
    page.click("#video-run")
    expect(page.locator("#video-save")).to_be_visible()
    expect(page.locator("#video-verdict")).to_contain_text("Flicker")
    expect(page.locator("#video-players video")).to_have_count(2)
    with page.expect_download() as saving:
        page.click("#video-save")
    assert saving.value.suggested_filename == "agetrans_age_70.mp4"
    made = Clip(Path(saving.value.path()).read_bytes())
    before, after = list(Clip(short).frames()), list(made.frames())
    assert len(after) == len(before)
    apart = np.mean([other.photo.astype(int) - one.photo for one, other in zip(before, after, strict=True)], axis=0)
    assert np.abs(apart[70:160, 115:205]).mean() > 1.5 * np.abs(apart[:50, :80]).mean(), "the face is aged"
    sound = made.sound()
    assert sound is not None and loudness_at(sound.samples) > 0.95


def test_stopping_really_stops(page: Page) -> None:
    give(page, clip(moving_face(100, (640, 480), fps=20), fps=20, bit_rate=4_000_000))
    page.check("#video-consent input")
    expect(page.locator("#video-run")).to_be_enabled()
    page.click("#video-run")
    expect(page.locator("#video-progress progress")).to_be_visible()
    page.click("#video-cancel")
    expect(page.locator("#video-progress")).to_contain_text("Stopped")
    expect(page.locator("#video-run")).to_be_visible()
    deadline = time.monotonic() + 20
    while any(b"core.clips" in command for command in commands()):
        assert time.monotonic() < deadline, "a decoder still runs"
        time.sleep(0.2)
    expect(page.locator("#video-save")).to_be_hidden()


def commands() -> Iterator[bytes]:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield entry.read_bytes()
        except OSError:
            continue


def test_what_cannot_be_used_is_answered_with_a_sentence(page: Page, short: bytes) -> None:
    for data, sentence in (
        (b"not a video at all", "This file is not a video"),
        (short[: len(short) // 3], "This video is"),
        (clip(moving_face(46, fps=2), fps=2), "longer than 20 seconds"),
    ):
        give(page, data)
        expect(page.locator("#video-notice [role=alert]")).to_contain_text(sentence)
        expect(page.locator("#video-run")).to_be_disabled()
    page.check("#video-consent input")
    give(page, clip([np.full((240, 320, 3), 128, np.uint8)] * 5))
    expect(page.locator("#video-notice [role=alert]")).to_contain_text("No face was found in this video")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_example_without_scrolling_sideways(open_page: OpenPage, scheme: str) -> None:
    page = opened(open_page(390, 844, scheme))
    page.click("#video-example")
    expect(page.locator("#video-players video")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
