"""Frames a second of the Live tab, from camera to page: app.py, Chromium, and a camera that shows a swaying face.

Counted by the page itself, as it is shown to visitors, over a few seconds; then what one frame costs on the server:
face followed, network, put back. Each case runs in processes of its own, since the instruction sets a process may use
are fixed at its start. Everything shares this machine, the browser with its drawing on the processor too.
"""

import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASES = {"best": {}, "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}}
WARM_UP_S, NUM_LOOKS = 4, 6
START_S = 180
FLAGS = ("--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def measure_server() -> None:
    """Time frames in this process and print the milliseconds of each part."""
    from core.images import encode_jpeg
    from demo.live.mirror import Glance, Mirror, as_url, read_frame
    from demo.studio import Studio
    from tests.make_clip import moving_face

    mirror = Mirror(Studio(pack="embedded"))
    glance: Glance | None = None
    parts: list[list[float]] = [[], [], [], []]
    for number, photo in enumerate(moving_face(60, (640, 480), fps=8)):
        sent = {"frame": as_url(photo)}
        assert encode_jpeg(photo)
        at = [time.perf_counter()]
        frame = read_frame(sent)
        at.append(time.perf_counter())
        seen = mirror.look(frame, glance, number / 8)
        at.append(time.perf_counter())
        aged, glance = mirror.age(frame, seen, 70.0)
        at.append(time.perf_counter())
        as_url(aged)
        at.append(time.perf_counter())
        for part, start, end in zip(parts, at, at[1:], strict=False):
            part.append(1000 * (end - start))
    print(" ".join(f"{statistics.median(part[10:]):.1f}" for part in parts))


def rate_in_the_page(address: str, camera: Path) -> float:
    """Frames a second that the page counts; the middle of a few looks."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*FLAGS, f"--use-file-for-fake-video-capture={camera}"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.get_by_role("tab", name="Live").click()
        page.check("#live-consent input")
        page.click("#live-start")
        page.wait_for_selector("#live-camera [data-shows=aged]", timeout=60_000)
        page.wait_for_timeout(1000 * WARM_UP_S)
        rates = []
        for _ in range(NUM_LOOKS):
            page.wait_for_timeout(1000)
            rates.append(float(page.locator("#live-camera [data-rate]").first.get_attribute("data-rate") or 0))
        browser.close()
    return statistics.median(rates)


def measured(extra: dict[str, str], folder: Path) -> tuple[float, list[float]]:
    """Frames a second in the page, and milliseconds of the server's parts, with more in the environment."""
    from tests.make_clip import write_camera

    camera = folder / "camera.mjpeg"
    write_camera(camera)
    environment = {**os.environ, **extra, "GRADIO_TEMP_DIR": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    parts = subprocess.run(
        [sys.executable, "-m", "benchmarks.live", "--server"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()[-1]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--pack", "embedded"]
    with (folder / "app.log").open("wb") as log:
        app = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and app.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        rate = rate_in_the_page(f"http://127.0.0.1:{port}", camera)
    finally:
        app.terminate()
        app.wait(20)
    return rate, [float(part) for part in parts.split()]


def main() -> None:
    """Run every case and print the figures, `name value unit` last."""
    if sys.argv[1:] == ["--server"]:
        measure_server()
        return
    if shutil.which("chromium") is None:
        print("no chromium on this machine; on Debian: apt-get install chromium", file=sys.stderr)
        sys.exit(1)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}")
    lines = []
    for name, extra in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            rate, parts = measured(extra, Path(folder))
        lines.append(f"live_{name} {rate:.1f} frames/s")
        for part, took in zip(("decode", "follow", "age", "encode"), parts, strict=True):
            lines.append(f"live_{name}_{part}_a_frame {took:.1f} ms")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
