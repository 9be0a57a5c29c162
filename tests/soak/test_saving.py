"""kill -9 at any moment while a checkpoint is written: what is found is a whole one, the last or the one before."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.soak.saver import save_on, small_state
from training.state import load_state

ROOT = Path(__file__).resolve().parents[2]


def whole_number(path: Path) -> int:
    """The number that a file of `saver.fill` is full of; fails if it is damaged or mixed."""
    seen = path.with_name("seen.safetensors")
    os.link(path, seen)  # read under a name that nobody replaces: safetensors opens a file twice
    try:
        return number_in(seen)
    finally:
        seen.unlink()


def number_in(path: Path) -> int:
    """The same of a file that stays as it is."""
    with safe_open(path, framework="pt") as opened:
        number = json.loads(opened.metadata()["counters"])["step"]
        keys = list(opened.keys())
        assert {key.partition(".")[0] for key in keys} == {"generator", "average", "discriminator", "adam"}
        for key in keys:
            assert bool((opened.get_tensor(key) == number).all()), f"{key} is not of state {number}"
    return int(number)


def test_a_kill_at_a_random_moment_leaves_a_whole_checkpoint(tmp_path: Path, is_full: bool) -> None:
    """100 kills (5 in make test), from before a save to after the next."""
    moments, path = random.Random(0), tmp_path / "state.safetensors"
    forks = [sys.executable, "-m", "tests.soak.saver", str(tmp_path)]
    last = mid_save = 0
    with (
        subprocess.Popen(
            forks, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as nursery,
        ExitStack() as at_last,
    ):
        at_last.callback(os.killpg, nursery.pid, signal.SIGKILL)  # a saver goes on for ever
        assert nursery.stdin is not None and nursery.stdout is not None
        for _ in range(100 if is_full else 5):
            nursery.stdin.write(f"{last + 1}\n")
            nursery.stdin.flush()
            saver = int(nursery.stdout.readline())
            deadline = time.monotonic() + 60
            while not path.exists() or whole_number(path) <= last:
                assert time.monotonic() < deadline, "nothing was saved"
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.1))
            os.kill(saver, signal.SIGKILL)
            assert nursery.stdout.readline() == "ended\n"
            drafts = list(tmp_path.glob(".state.safetensors.*.part"))
            mid_save += bool(drafts)
            for draft in drafts:
                draft.unlink()
            number = whole_number(path)
            assert number > last, "a checkpoint that had been there is gone"
            last = number
    assert mid_save, "not one kill fell into a save"
    state = small_state()
    load_state(state, path)
    assert state.step == last
    assert bool((next(state.generator.parameters()) == last).all())


@pytest.mark.parametrize(("syscall", "when"), [("fsync", 3), ("fsync", 4), ("rename", 2)])
def test_a_kill_at_each_call_that_makes_it_last(tmp_path: Path, is_full: bool, syscall: str, when: int) -> None:
    """In the second of two saves; the first's calls, two fsyncs and one rename, pass."""
    if not is_full:
        pytest.skip("a few seconds each: make soak")
    if shutil.which("strace") is None:
        pytest.skip("needs strace (Debian: apt-get install strace)")
    inject = f"inject={syscall}:signal=KILL:when={when}"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={syscall}", "-e", inject]
    saver = [sys.executable, "-m", "tests.soak.saver", str(tmp_path), "2"]
    done = subprocess.run([*command, *saver], cwd=ROOT, timeout=300, capture_output=True)
    assert done.returncode != 0, "it was not killed"
    is_renamed = (syscall, when) == ("fsync", 4)  # of the folder; the signal comes before the call is done
    assert whole_number(tmp_path / "state.safetensors") == (2 if is_renamed else 1)


def test_a_mixed_file_would_be_seen(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_on(small_state(), tmp_path, [1])
    path = tmp_path / "state.safetensors"
    assert whole_number(path) == 1
    tensors = load_file(path)
    tensors["average.encoder.stem.bias"] = torch.full_like(tensors["average.encoder.stem.bias"], 2)
    save_file(tensors, path, metadata={"counters": json.dumps({"step": 1})})
    with pytest.raises(AssertionError, match=r"average\.encoder\.stem\.bias"):
        whole_number(path)
