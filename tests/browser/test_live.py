"""The Live tab in a real browser, whose camera shows the astronaut moving to and fro."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.images import decode_photo
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.make_clip import write_camera

pytestmark = pytest.mark.browser

OpenCamera = Callable[..., Page]
MIN_RATE = 0.5
"""Pictures a second that even a machine busy with other tests shows; benchmarks/live.py measures."""


@pytest.fixture(scope="module")
def filmed(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera is a film."""
    assert browser.is_connected()  # skips without Chromium
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    write_camera(path)
    opened = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-video-capture={path}"]
    )
    yield opened
    opened.close()


@pytest.fixture
def open_camera(filmed: Browser, address: str) -> Iterator[OpenCamera]:
    contexts = []

    def open_one(width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        context = filmed.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.get_by_role("tab", name="Live").click()
        expect(page.locator("#live-start")).to_be_visible()
        return page

    yield open_one
    for context in contexts:
        context.close()


def start(page: Page) -> None:
    page.check("#live-consent input")
    page.click("#live-start")
    expect(page.locator("#live-camera [data-shows]")).to_have_attribute("data-shows", "aged")


def running_cameras(page: Page) -> int:
    return int(page.evaluate("document.querySelector('#live-camera video').srcObject ? 1 : 0"))


def test_from_the_camera_to_a_saved_strip(open_camera: OpenCamera) -> None:
    page = open_camera()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.locator("#live-start")).to_be_disabled()
    start(page)
    expect(page.locator("#live-camera [data-part=note]")).to_contain_text("It reads as about")
    page.wait_for_function(f"document.querySelector('#live-camera [data-rate]').dataset.rate > {MIN_RATE}")
    shown = page.locator("#live-camera img").get_attribute("src") or ""
    assert shown.startswith("data:image/jpeg;base64,")
    assert not any("/file=" in url for url in asked), "no frame is ever a file"
    page.locator("#live-years input[type=range]").focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        "before => document.querySelector('#live-camera img').src !== before", arg=shown, polling=100
    )

    page.click("#live-freeze")
    expect(page.locator("#live-strip .thumbnail-item")).to_have_count(10)
    expect(page.locator("#live-saving")).to_be_visible()
    assert running_cameras(page) == 0
    page.locator("#live-strip .thumbnail-item").last.click()
    expect(page.locator("#live-save-png")).to_be_enabled()
    with page.expect_download() as saving:
        page.click("#live-save-png")
    assert saving.value.suggested_filename == "agetrans_70-plus.png"
    assert decode_photo(Path(saving.value.path()).read_bytes()).shape == (480, 640, 3)
    with page.expect_download() as saving:
        page.click("#live-save-zip")
    with zipfile.ZipFile(io.BytesIO(Path(saving.value.path()).read_bytes())) as archive:
        assert len([name for name in archive.namelist() if "_age_" in name]) == 10


def test_stopping_or_taking_consent_back_frees_the_camera(open_camera: OpenCamera) -> None:
    page = open_camera()
    start(page)
    page.click("#live-stop")
    expect(page.locator("#live-start")).to_be_visible()
    assert running_cameras(page) == 0
    page.click("#live-start")
    expect(page.locator("#live-camera [data-shows]")).to_have_attribute("data-shows", "aged")
    page.uncheck("#live-consent input")
    expect(page.locator("#live-start")).to_be_disabled()
    assert running_cameras(page) == 0
    start(page)
    page.click("#live-freeze")
    expect(page.locator("#live-saving")).to_be_visible()
    page.uncheck("#live-consent input")
    expect(page.locator("#live-strip")).to_be_hidden()
    expect(page.locator("#live-camera img")).to_be_hidden()
    start(page)
    page.get_by_role("tab", name="Transform").click()
    page.wait_for_function("!document.querySelector('#live-camera video').srcObject")


SLOW = """() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.cameras = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await new Promise((go) => setTimeout(go, 1000));
    const camera = await open(wanted);
    window.cameras.push(camera);
    return camera;
  };
}"""
"""As for a visitor who first has to allow the camera."""
NUM_LIVE = "cameras.flatMap((one) => one.getTracks()).filter((track) => track.readyState === 'live').length"


def test_a_camera_that_is_slow_to_open_is_opened_once_and_not_against_consent(open_camera: OpenCamera) -> None:
    page = open_camera()
    page.evaluate(SLOW)
    page.check("#live-consent input")
    page.dblclick("#live-start")
    expect(page.locator("#live-camera [data-shows]")).to_have_attribute("data-shows", "aged")
    page.click("#live-stop")
    expect(page.locator("#live-start")).to_be_visible()
    assert (page.evaluate("cameras.length"), page.evaluate(NUM_LIVE)) == (1, 0)
    page.click("#live-start")
    page.uncheck("#live-consent input")
    page.wait_for_function("cameras.length === 2")
    page.wait_for_function(f"{NUM_LIVE} === 0")
    expect(page.locator("#live-camera [data-shows]")).to_have_attribute("data-shows", "nothing")


def test_without_a_face_the_camera_is_shown_as_it_is(browser: Browser, address: str) -> None:
    """The fake camera of the other tests shows a green field with a pie."""
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("tab", name="Live").click()
    page.check("#live-consent input")
    page.click("#live-start")
    expect(page.locator("#live-camera [data-part=note]")).to_contain_text("No face in view")
    expect(page.locator("#live-camera video")).to_be_visible()
    expect(page.locator("#live-camera img")).to_be_hidden()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(open_camera: OpenCamera, scheme: str) -> None:
    page = open_camera(390, 844, scheme)
    start(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_browser_that_refuses_the_camera_is_told_what_to_do(address: str, browser: Browser) -> None:
    assert browser.is_connected()
    flags = [flag for flag in FLAGS if "media-stream" not in flag]
    with_none = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
    page = with_none.new_page()
    page.goto(address)
    page.get_by_role("tab", name="Live").click()
    page.check("#live-consent input")
    page.click("#live-start")
    expect(page.locator("#live-camera [data-part=note]")).to_contain_text("camera")
    expect(page.locator("#live-camera .is-trouble")).to_be_visible()
    with_none.close()
