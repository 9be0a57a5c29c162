"""Training that is killed, told to stop, fed broken weights or left without disk: nothing is lost, and it says why."""

import hashlib
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.drawn import face_parquet

ROOT = Path(__file__).resolve().parents[2]
STATE = "state.safetensors"
FOR_EVER = 1_000_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_parquet(tmp_path_factory.mktemp("data") / "faces.parquet")


def command(out: Path, data: Path, steps: int, seed: int = 0) -> list[str]:
    head = [sys.executable, "-m", "training", "train", "--preset", "tiny", "--threads", "2", "--seed", str(seed)]
    return [*head, "--out", str(out), "--data", str(data), "--steps", str(steps)]


def train(out: Path, data: Path, steps: int, seed: int = 0) -> None:
    done = subprocess.run(command(out, data, steps, seed), cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def counters(out: Path) -> dict[str, float]:
    with safe_open(out / STATE, framework="pt") as opened:
        found: dict[str, float] = json.loads(opened.metadata()["counters"])
    return found


def digest(out: Path) -> dict[str, str]:
    """sha256 of each network, of both optimisers and of all else that is remembered, and the counters but for time."""
    tensors = load_file(out / STATE)
    sums = {key.partition(".")[0]: hashlib.sha256() for key in tensors}
    for key in sorted(tensors):
        sums[key.partition(".")[0]].update(key.encode() + tensors[key].numpy().tobytes())
    counted = {key: value for key, value in counters(out).items() if key != "seconds"}
    return {name: total.hexdigest() for name, total in sums.items()} | {"counters": str(counted)}


def reported(out: Path) -> list[int]:
    """Steps of the reports in a run's log, which there is only from the first report on."""
    log = out / "losses.jsonl"
    return [json.loads(line)["step"] for line in log.read_text().splitlines()] if log.exists() else []


def until_a_new_checkpoint(process: "subprocess.Popen[bytes]", out: Path, before: float) -> None:
    deadline = time.monotonic() + 240
    while not (out / STATE).exists() or counters(out)["step"] <= before:
        assert process.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline, "no checkpoint within four minutes"
        time.sleep(0.01)


def one_line(stderr: str) -> str:
    """The reason a run stopped for, which must be one line and no trace."""
    assert "Traceback" not in stderr, stderr[-3000:]
    last = stderr.strip().splitlines()[-1]
    assert last.startswith("error: "), stderr[-3000:]
    return last


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_runs_end_bit_for_bit_where_an_unbroken_one_does(
    tmp_path: Path, data: Path, is_full: bool, seed: int
) -> None:
    """20 kills over three seeds (one kill in make test), at any moment after a checkpoint: in steps, in saves."""
    if seed and not is_full:
        pytest.skip("one seed is enough for a look: make soak")
    num_kills = (7, 7, 6)[seed] if is_full else 1
    moments, broken = random.Random(seed), tmp_path / "broken"
    step = 0.0
    for _ in range(num_kills):
        process = subprocess.Popen(command(broken, data, FOR_EVER, seed), cwd=ROOT, stderr=subprocess.DEVNULL)
        until_a_new_checkpoint(process, broken, step)
        time.sleep(moments.uniform(0, 2.5))
        process.kill()
        assert process.wait(timeout=10) == -signal.SIGKILL
        step = counters(broken)["step"]
    final = int(step) + 5
    train(broken, data, final, seed)
    train(tmp_path / "unbroken", data, final, seed)
    assert digest(broken) == digest(tmp_path / "unbroken")
    assert reported(broken) == list(range(25, final + 1, 25)), "each report is there once"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A run of twelve steps: two after the warm-up."""
    out = tmp_path_factory.mktemp("good") / "run"
    train(out, data, 12)
    return out


POISONS = [
    (key, value)
    for value in (float("nan"), float("inf"))
    for key in (
        "generator.encoder.stem.weight",
        "generator.decoder.head.bias",
        "discriminator.age_head.bias",
        "discriminator.projection.realness.weight",
        "discriminator.maps.0.bias",
    )
]


@pytest.mark.parametrize(
    ("number", "poison"), list(enumerate(POISONS)), ids=[f"{key}={value}" for key, value in POISONS]
)
def test_a_loss_that_is_no_number_stops_the_run(
    tmp_path: Path, data: Path, good: Path, is_full: bool, number: int, poison: tuple[str, float]
) -> None:
    """At ten steps (one in make test)."""
    if number and not is_full:
        pytest.skip("one is enough for a look: make soak")
    out = tmp_path / "run"
    shutil.copytree(good, out)
    if number:
        train(out, data, 12 + number)
    tensors, kept = load_file(out / STATE), counters(out)
    tensors[poison[0]].view(-1)[0] = poison[1]
    save_file(tensors, out / STATE, metadata={"counters": json.dumps(kept)})
    before = (out / STATE).read_bytes()
    done = subprocess.run(command(out, data, 60), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "became" in one_line(done.stderr) or "finite" in one_line(done.stderr)
    assert (out / STATE).read_bytes() == before, "the checkpoint is not written over with what is broken"


@pytest.mark.parametrize("number", range(9))
def test_files_that_may_not_grow_stop_the_run_and_the_last_checkpoint_stays(
    tmp_path: Path, data: Path, good: Path, is_full: bool, number: int
) -> None:
    """A limit on file size, from a tenth of the checkpoint to nine tenths (one in make test)."""
    if number and not is_full:
        pytest.skip("one is enough for a look: make soak")
    out = tmp_path / "run"
    shutil.copytree(good, out)
    before = (out / STATE).read_bytes()
    limit = len(before) * (9 - number) // 10

    def forbid() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        command(out, data, 16), cwd=ROOT, capture_output=True, text=True, timeout=300, preexec_fn=forbid
    )
    assert done.returncode == 1
    assert "File too large" in one_line(done.stderr)
    assert (out / STATE).read_bytes() == before
    assert not list(out.glob(".*.part"))
    train(out, data, 16)
    assert counters(out)["step"] == 16


@pytest.fixture
def small_disk(tmp_path: Path, good: Path, is_full: bool) -> Iterator[Path]:
    """A disk that holds a checkpoint, but not a second one."""
    if not is_full:
        pytest.skip("needs a disk of its own: make soak")
    disk = tmp_path / "disk"
    disk.mkdir()
    size = (good / STATE).stat().st_size * 3 // 2 + 300_000
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"may not mount a disk: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_stops_the_run_and_the_last_checkpoint_stays(small_disk: Path, data: Path, good: Path) -> None:
    out = small_disk / "run"
    shutil.copytree(good, out)
    before = (out / STATE).read_bytes()
    done = subprocess.run(command(out, data, 16), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "No space left" in one_line(done.stderr)
    assert (out / STATE).read_bytes() == before


def test_sigterm_saves_and_ends_within_ten_seconds(tmp_path: Path, data: Path, is_full: bool) -> None:
    """Ten times, at any moment, in one run."""
    if not is_full:
        pytest.skip("tests/integration/test_training.py does it once; ten times: make soak")
    moments, out = random.Random(0), tmp_path / "run"
    step = 0.0
    for _ in range(10):
        process = subprocess.Popen(command(out, data, FOR_EVER), cwd=ROOT, stderr=subprocess.DEVNULL)
        until_a_new_checkpoint(process, out, step)
        time.sleep(moments.uniform(0, 2.5))
        told = time.monotonic()
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - told < 10
        assert counters(out)["step"] >= max(reported(out), default=0), "what was reported was saved"
        assert counters(out)["step"] > step
        step = counters(out)["step"]
    assert all(bool(value.isfinite().all()) for value in load_file(out / STATE).values())
