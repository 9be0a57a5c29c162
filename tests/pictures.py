"""The pictures of docs/page.md and docs/verification.md, made anew from the page as it is: every tab, and a phone.

python -m tests.pictures                   # into docs/
python -m tests.pictures --out somewhere

Seen are the astronaut, a NASA picture in the public domain, and the people of cafdata/sample, who never lived.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests import tour
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.make_clip import write_camera
from tests.running_app import ROOT, running_app

MAX_COLOURS = 128
MARGIN_PX = 16
WAIT_MS = 120_000
SETTLED_MS = 1500
"""Until what moves has come to rest."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: what is shown, and from where to where the page is in it."""

    name: str
    show: Callable[[Page], None]
    top: str
    """The element at its upper edge."""
    bottom: str
    """The element at its lower edge."""
    is_phone: bool = False


SHOTS = (
    Shot("transform", tour.show_ages, "#tabs", "#compare"),
    Shot("live", tour.show_mirror, "#tabs", "#live-saving"),
    Shot("video", tour.show_film, "#tabs", "#video-side"),
    Shot("verify", tour.show_verdicts, "#verify-outcome", ".verify-plot"),
    Shot("verification", tour.show_thresholds, "#tabs", "#verify-groups"),
    Shot("dataset", tour.show_person, "#dataset-person", "#dataset-journey-note"),
    Shot("phone", tour.show_ages, "#header", "#compare", is_phone=True),
)


def take(page: Page, shot: Shot) -> bytes:
    """PNG of the page's part, with few colours: faces stay faces, and the file a quarter."""
    shot.show(page)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.wait_for_timeout(SETTLED_MS)
    top, bottom = (page.locator(one).first.bounding_box() for one in (shot.top, shot.bottom))
    assert top is not None and bottom is not None
    y = max(0, top["y"] - MARGIN_PX)
    clip = {
        "x": 0,
        "y": y,
        "width": page.evaluate("innerWidth"),
        "height": bottom["y"] + bottom["height"] + MARGIN_PX - y,
    }
    whole = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))).convert("RGB")  # type: ignore[arg-type]
    target = io.BytesIO()
    whole.quantize(MAX_COLOURS, kmeans=2, dither=Image.Dither.NONE).save(target, "png", optimize=True)
    return target.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description="Make the pictures of docs/ anew.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder; docs/ by default")
    parser.add_argument("--only", nargs="*", default=[shot.name for shot in SHOTS], help="some of them, by name")
    chosen = parser.parse_args()
    expect.set_options(timeout=WAIT_MS)
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder)) as app, sync_playwright() as playwright:
        camera = Path(folder) / "camera.mjpeg"
        write_camera(camera)
        flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        for shot in SHOTS:
            if shot.name not in chosen.only:
                continue
            size = {"width": 390, "height": 844} if shot.is_phone else {"width": 1180, "height": 900}
            page = browser.new_page(
                viewport=size,  # type: ignore[arg-type]
                is_mobile=shot.is_phone,
                has_touch=shot.is_phone,
            )
            page.goto(app.address)
            expect(page.locator("#run")).to_be_visible()
            data = take(page, shot)
            (chosen.out / f"{shot.name}.png").write_bytes(data)
            sys.stdout.write(f"{shot.name}.png {len(data) // 1000} kB\n")
            sys.stdout.flush()
            page.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
