"""The app with a model of random weights, in a process that is watched: its memory, descriptors, connections."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage.data
import torch

from core.generator import Generator, GeneratorConfig
from core.images import encode_jpeg, resize
from core.weights import add_model
from tests.page_client import Ending, Page, Visitor, page_at
from tests.running_app import RunningApp, running_app

MIB = 1 << 20

WATCH = """
import os, sys
if os.environ.get("WATCHED_TO"):
    written = open(os.environ["WATCHED_TO"], "a", buffering=1)
    def watch(event, args):
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
            written.write(f"{event} {args[1:] if event == 'socket.connect' else args[:1]}\\n")
    sys.addaudithook(watch)
"""
"""As sitecustomize.py: notes whom the server's process asks for or connects to."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A running app and where to look."""

    app: RunningApp
    page: Page
    cache: Path
    """Its own folder for uploads and results."""
    connections: Path
    """A line for each host that its process asked for or connected to."""

    @property
    def address(self) -> str:
        return self.app.address

    @property
    def pid(self) -> int:
        return self.app.process.pid

    @property
    def rss_bytes(self) -> int:
        return self._status_bytes("VmRSS")

    @property
    def peak_bytes(self) -> int:
        """Since `forget_peak`."""
        return self._status_bytes("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    @property
    def num_descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    @property
    def said(self) -> bytes:
        """Everything it wrote to stdout and stderr."""
        return self.app.log.read_bytes()

    def _status_bytes(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

    def children(self) -> list[int]:
        """Processes that it started and that are still there."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()] + [
            int(pid)
            for task in Path(f"/proc/{self.pid}/task").iterdir()
            if task.name != str(self.pid)
            for pid in (task / "children").read_text().split()
        ]


def tiny_models(folder: Path) -> Path:
    """A model folder with one model of ten groups whose weights are drawn at random."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config = GeneratorConfig(size_px=64, channels=(8, 12), encoder_blocks=(0, 1), decoder_blocks=(1, 1), code_width=16)
    add_model(Generator(config), "tiny-10", folder, licence="none")
    return folder


def also_list(folder: Path, name: str, data: bytes) -> None:
    """Put a file into a model folder's list under its right digest, as whoever could write there would."""
    path = folder / "manifest.json"
    written = json.loads(path.read_text())
    entry = written["models"][0] | {"name": name, "file": f"{name}.safetensors"}
    entry["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / entry["file"]).write_bytes(data)
    written["models"] = [one for one in written["models"] if one["name"] != name] + [entry]
    path.write_text(json.dumps(written))


@contextmanager
def watched_app(folder: Path, models: Path, **settings: str) -> Iterator[Watched]:
    """Start the app on a model folder; `settings` go into its environment."""
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    connections = folder / "connections.txt"
    connections.touch()
    environment = {
        **os.environ,
        "AGETRANS_MODELS": str(models),
        "PYTHONPATH": str(folder / "watch"),
        "WATCHED_TO": str(connections),
        "OMP_NUM_THREADS": "1",
        **settings,
    }
    with running_app(folder, environment=environment) as app:
        page = page_at(app.address)
        cache = next((folder / "cache").glob("agetrans-*"))
        yield Watched(app, page, cache, connections)


def coloured_face(number: int, size_px: int = 224) -> tuple[bytes, tuple[int, int, int]]:
    """A face under a band of a colour that no other number below 343 has; as JPEG, and the colour."""
    colour = (40 + 30 * (number % 7), 40 + 30 * (number // 7 % 7), 40 + 30 * (number // 49 % 7))
    face = resize(skimage.data.astronaut()[0:300, 80:380], size_px, size_px)
    band: npt.NDArray[np.uint8] = np.empty((size_px // 4, size_px, 3), np.uint8)
    band[:] = colour
    return encode_jpeg(np.concatenate([band, face]), 92), colour


def sit(visitor: Visitor, data: bytes, name: str = "photo.jpg") -> list[Ending]:
    """Give a photo with every consent that could be asked for; how its events ended. Raises Refused."""
    visitor.put("photo", visitor.upload(data, name))
    visitor.put("consent", True)
    ends = visitor.fire("photo", "input")
    visitor.put("guardian", True)  # a model of random weights may read any age
    return ends


def until(is_so: Callable[[], bool], timeout_s: float) -> float:
    """Wait for a condition; gives back how long that took, infinity where it did not come."""
    started = time.monotonic()
    while time.monotonic() - started < timeout_s:
        if is_so():
            return time.monotonic() - started
        time.sleep(0.05)
    return float("inf")
