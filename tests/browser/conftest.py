"""The app as visitors meet it: `app.py` in its own process, Debian's Chromium in front of it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
START_S = 180
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the app under test keeps uploads and results."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def address(cache: Path) -> Iterator[str]:
    """Address of a running app with the bundled default model and the embedded pack."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--pack", "embedded"]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(cache), "HF_HUB_OFFLINE": "1"}
    with (cache / "app.log").open("wb") as log:
        app = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(app, port, cache / "app.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        app.terminate()
        app.wait(20)


def wait_for(app: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert app.poll() is None, f"app.py ended: {log.read_text()}"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    pytest.fail(f"app.py was not there after {START_S} s: {log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, until the module ends: while it runs, so does an event loop, and others start loops of their own."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine; on Debian: apt-get install chromium")
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(address: str, browser: Browser) -> Iterator[OpenPage]:
    """Opens pages, each a visitor of its own; fails if one asked another host for anything or erred."""
    wrong: list[str] = []
    contexts = []

    def open_one(width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: wrong.append(f"error in the page: {error}"))
        page.on("request", lambda request: note_foreign(request.url))
        page.goto(address)
        expect(page.locator("#run")).to_be_visible()
        return page

    def note_foreign(url: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            wrong.append(f"asked elsewhere: {url}")

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []
