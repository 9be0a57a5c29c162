"""python -m training facepp as a user runs it: killed, stopped, asked for consent, and never telling its keys."""

import csv
import json
import os
import pty
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.facepp_server import KEY, SECRET, FaceppServer, age_of, serving
from tests.unit.training.test_facepp import picture

ROOT = Path(__file__).resolve().parents[2]
NUM_KILLS, NUM_FACES = (25, 120) if os.environ.get("SOAK") == "full" else (2, 12)


@pytest.fixture
def server() -> Iterator[FaceppServer]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    for number in range(NUM_FACES):
        (folder / f"{number:03}.png").write_bytes(picture(60 + number))
    return folder


def command(*arguments: str | Path, endpoint: str) -> list[str]:
    quick = ["--endpoint", endpoint, "--rate", "100", "--first-wait-s", "0.01"]
    return [sys.executable, "-m", "training", "facepp", *map(str, arguments), *quick]


def start(line: list[str], **changed: str | None) -> subprocess.Popen[str]:
    environment = {**os.environ, "FACEPP_KEY": KEY, "FACEPP_SECRET": SECRET, "OMP_NUM_THREADS": "1", **changed}
    return subprocess.Popen(
        line,
        cwd=ROOT,
        env={name: value for name, value in environment.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ages(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["age"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def expected(faces: Path) -> list[str]:
    """The ages that the server sees."""
    return [str(age_of(np.asarray(Image.open(path).convert("L"), dtype=float))) for path in sorted(faces.iterdir())]


def test_killed_at_any_moment_it_pays_twice_for_nothing_but_the_call_in_flight(
    server: FaceppServer, faces: Path, expected: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "ages.csv"
    line = command("age", faces, "--out", out, "--yes", endpoint=server.endpoint)
    luck = random.Random()
    server.delay_s = 0.02
    for _ in range(NUM_KILLS):
        running = start(line)
        server.wait_for(len(server.seen) + luck.randint(1, 3))
        time.sleep(luck.uniform(0.0, 0.04))
        running.kill()
        running.communicate()
    done = start(line)
    summary = json.loads(done.communicate()[0])
    assert done.returncode == 0
    assert ages(out) == expected
    known = summary["calls_charged_at_most"]
    assert server.num_charged <= len(server.seen) <= known <= NUM_FACES + NUM_KILLS


def test_ctrl_c_lets_the_call_in_flight_end_and_says_how_to_go_on(
    server: FaceppServer, faces: Path, expected: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "ages.csv"
    server.delay_s = 0.3
    running = start(command("age", faces, "--out", out, "--yes", endpoint=server.endpoint))
    server.wait_for(2)
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=20)
    assert (running.returncode, output) == (130, "")
    assert errors.splitlines()[-1] == "stopped; what is answered is kept, and the same command goes on from there"
    assert "Traceback" not in errors
    assert len(server.seen) == server.num_charged == 2
    assert ages(out) == [*expected[:2], *[""] * (NUM_FACES - 2)]


@pytest.mark.parametrize(("answer", "charged"), [(b"y\n", 2), (b"\n", 0)])
def test_on_a_terminal_consent_is_asked_for(server: FaceppServer, tmp_path: Path, answer: bytes, charged: int) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(picture(60 + 10 * number))
    keyboard, terminal = pty.openpty()
    try:
        running = subprocess.Popen(
            command("age", tmp_path, "--out", tmp_path / "ages.csv", endpoint=server.endpoint),
            cwd=ROOT,
            env={**os.environ, "FACEPP_KEY": KEY, "FACEPP_SECRET": SECRET},
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.write(keyboard, answer)
        _, errors = running.communicate(timeout=20)
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert "calls to be paid for: 2, before: 0" in errors and "Pay? [y/N]" in errors
    assert server.num_charged == charged
    assert running.returncode == (0 if charged else 1)
    assert charged or errors.splitlines()[-1] == "error: not agreed, so nothing was sent"


@contextmanager
def watched_command_lines() -> Iterator[set[str]]:
    """Command lines of all processes, looked at again and again."""
    seen: set[str] = set()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_text(errors="replace"))
                except OSError:  # it has ended meanwhile
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


def test_keys_are_told_to_nobody_whatever_happens(server: FaceppServer, faces: Path, tmp_path: Path) -> None:
    """Every command and failure at once; then everything that was said and written is searched."""
    with serving() as gone:
        pass
    server.every_fault = "echo"
    with serving() as good, serving() as broken:
        broken.every_fault = "gateway"
        few = ["--tries", "2", "--yes", "--record"]

        def line(name: str, endpoint: str, *more: str | Path) -> list[str]:
            files = ["--out", tmp_path / f"{name}.csv", *few, tmp_path / f"{name}.record"]
            arguments = more or ("age", faces)
            return command(*arguments, *files, endpoint=endpoint)

        runs = {
            "good": (line("good", good.endpoint), {}, 0, ""),
            "pairs": (line("pairs", good.endpoint, "verify", faces, faces), {}, 0, ""),
            "echo": (line("echo", server.endpoint), {}, 1, ""),
            "gone": (line("gone", gone.endpoint), {}, 1, "3 questions in a row had no answer (ConnectError"),
            "broken": (line("broken", broken.endpoint), {}, 1, "3 questions in a row had no answer (HTTP 502"),
            "wrong": (line("wrong", good.endpoint), {"FACEPP_KEY": f"{KEY}x"}, 1, "AUTHENTICATION_ERROR; check FACEPP"),
            "none": (line("none", good.endpoint), {"FACEPP_SECRET": None}, 1, "FACEPP_SECRET is not set"),
            "odd": (line("odd", good.endpoint), {"FACEPP_SECRET": f"{SECRET}\n\x01"}, 1, "FACEPP_SECRET holds letters"),
            "http": (line("http", "http://example.org"), {}, 1, "would send the keys unencrypted"),
        }
        with watched_command_lines() as command_lines:
            started = {name: start(run[0], **run[1]) for name, run in runs.items()}
            said = {name: process.communicate(timeout=60) for name, process in started.items()}
    for name, (_, _, code, sentence) in runs.items():
        errors = said[name][1]
        assert started[name].returncode == code, (name, errors)
        assert sentence in errors.splitlines()[-1], (name, errors)
        assert "Traceback" not in errors
    assert json.loads(said["good"][0])["ok"] == NUM_FACES
    assert (tmp_path / "echo.csv").read_text().count("api_error: BAD_ARGUMENTS:*** and ***") == NUM_FACES
    everything = "".join(sum(said.values(), ())) + "".join(command_lines)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    names = {path.name for path in written}
    assert names >= {f"{name}.{end}" for name in ("good", "echo") for end in ("csv", "record", "journal.jsonl")}
    everything += "".join(path.read_text() for path in written)
    assert any("facepp" in one for one in command_lines), "they were looked at while it ran"
    assert KEY not in everything
    assert SECRET not in everything
