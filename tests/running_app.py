"""app.py in a process of its own, on a free port."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_S = 180


@dataclass(frozen=True, slots=True)
class RunningApp:
    """A process that answers."""

    address: str
    """Such as http://127.0.0.1:1234."""
    log: Path
    """What it writes to stdout and stderr."""
    process: subprocess.Popen[bytes]
    ready_s: float
    """From its start until it took a connection."""


def free_port() -> int:
    """A port that nothing listens on, below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("0.0.0.0", port)):
            return port


@contextmanager
def running_app(
    folder: Path,
    *,
    cwd: Path = ROOT,
    python: Path = Path(sys.executable),
    environment: Mapping[str, str] | None = None,
    options: tuple[str, ...] = ("--pack", "embedded"),
) -> Iterator[RunningApp]:
    """Start app.py, wait until its port answers, end it.

    Args:
        folder: for its cache and its log.
        environment: all of it; by default this process's.
    """
    port = free_port()
    log = folder / "app.log"
    settings = {**(os.environ if environment is None else environment)}
    settings |= {"GRADIO_TEMP_DIR": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    settings["GRADIO_SERVER_PORT"] = str(port)
    began_s = time.monotonic()
    with log.open("wb") as written:
        process = subprocess.Popen(
            [str(python), "app.py", *options],
            cwd=cwd,
            env=settings,
            stdout=written,
            stderr=written,
        )
    try:
        while True:
            assert process.poll() is None, f"app.py ended: {log.read_text()}"
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert time.monotonic() - began_s < START_S, f"app.py was not there after {START_S} s: {log.read_text()}"
            time.sleep(0.1)
        yield RunningApp(f"http://127.0.0.1:{port}", log, process, time.monotonic() - began_s)
    finally:
        process.terminate()
        process.wait(20)
