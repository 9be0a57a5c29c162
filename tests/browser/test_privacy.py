"""What a visitor's browser and the server's log are left with, and what a visitor reads when too many are here."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from playwright.sync_api import Response, expect

from core.images import encode_jpeg
from tests.browser.conftest import OpenPage
from tests.page_client import Visitor, ask, page_at, post_json
from tests.page_server import until

pytestmark = pytest.mark.browser

BUSY = "Many people are using this just now. Try again in a minute."


def test_neither_the_browser_nor_the_log_keeps_anything_of_a_photo(open_page: OpenPage, cache: Path) -> None:
    page = open_page()
    name = f"maria-{secrets.token_hex(6)}"
    pictures: list[Response] = []
    page.on("response", lambda answer: pictures.append(answer) if "/gradio_api/file=" in answer.url else None)
    file = {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": encode_jpeg(skimage.data.astronaut())}
    page.set_input_files("#photo input[type=file]", file)  # type: ignore[arg-type]
    expect(page.locator("#photo img")).to_be_visible()
    expect(page.locator("#notice")).to_contain_text("Tick the box above")
    page.check("#consent input")
    expect(page.locator("#found")).to_contain_text("One face found.")
    assert pictures and all(answer.headers["cache-control"] == "no-store" for answer in pictures)
    assert page.context.cookies() == []
    kept = page.evaluate("JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])")
    assert name not in kept and "data:image" not in kept
    assert page.evaluate("caches.keys().then(keys => keys.length)") == 0
    said = (cache / "app.log").read_bytes()
    assert name.encode() not in said and b"\xff\xd8\xff" not in said


def test_a_full_queue_is_told_in_words_and_passes(open_page: OpenPage, address: str) -> None:
    """A crowd of other addresses keeps the queue full of large photos; then it goes away."""
    page = open_page()
    served = page_at(address)
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2500, 3), dtype=np.uint8)
    large = Visitor(address, served).upload(encode_jpeg(noise))
    is_over = threading.Event()

    def crowd(number: int) -> None:
        visitor = Visitor(address, served, source=f"127.0.3.{1 + number}")
        visitor.put("photo", large)
        body = visitor.body_of(served.event("photo", "input"))
        while not is_over.wait(0.02):
            post_json(address, "/gradio_api/queue/join", body, source=visitor.source)

    with ThreadPoolExecutor(12) as others:
        for number in range(12):
            others.submit(crowd, number)
        try:
            for _ in range(40):
                page.click("#example")
                page.wait_for_timeout(250)
                if page.get_by_text(BUSY).count():
                    break
            expect(page.get_by_text(BUSY).first).to_be_visible()
            expect(page.locator("#run")).to_be_visible()
        finally:
            is_over.set()
    page.reload()
    expect(page.locator("#run")).to_be_visible()
    assert until(lambda: ask(address, "/gradio_api/queue/status").json["queue_size"] == 0, 60) < 60
    page.click("#example")
    page.check("#consent input")
    expect(page.locator("#found")).to_contain_text("One face found.")
