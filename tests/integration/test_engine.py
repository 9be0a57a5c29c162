"""Steps over rows: by Daft here, by Daft on a Ray cluster that is started here, and plainly; all come to the same."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import CurationBroken
from curation import engine
from curation.engine import EngineRules, Rows, Step

ROOT = Path(__file__).resolve().parents[2]


class Doubling:
    """Makes what doubles the words of a batch, and says in which process."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def __call__(self) -> Callable[[Rows], Rows]:
        def work(rows: Rows) -> Rows:
            if self.fault == "raise":
                raise ValueError("this batch is too much")
            if self.fault == "die":
                os.kill(os.getpid(), 9)
            return [{"data": row["word"].encode() * 2, "none": None, "process": os.getpid()} for row in rows]

        return work


def measure() -> Callable[[Rows], Rows]:
    return lambda rows: [{"length": len(row["doubled"]["data"]), "parts": [1.5, None]} for row in rows]


def steps(fault: str = "") -> list[Step]:
    doubled = pa.struct([("data", pa.binary()), ("none", pa.string()), ("process", pa.int64())])
    measured = pa.struct([("length", pa.int64()), ("parts", pa.list_(pa.float32()))])
    return [
        Step(name="doubled", make=Doubling(fault), takes=("word",), gives=doubled, batch_rows=16),
        Step(name="measured", make=measure, takes=("doubled",), gives=measured, spends=("doubled",), batch_rows=4,
             workers=2),
    ]  # fmt: skip


def run_plainly(files: list[Path], steps: list[Step]) -> Iterator[Rows]:
    """What `engine.run` does, without Daft, in this process, one batch after the other."""
    work = [step.make() for step in steps]
    for path in files:
        rows = pq.read_table(path).to_pylist()
        size = max(step.batch_rows for step in steps)
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            for step, function in zip(steps, work, strict=True):
                for row, made in zip(batch, function(batch), strict=True):
                    row[step.name] = made
                    for name in step.spends:
                        del row[name]
            yield batch


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for shard in range(4):
        words = [f"{shard} " + "w" * position for position in range(50)]
        paths.append(tmp_path / f"{shard}.parquet")
        pq.write_table(pa.table({"shard": [shard] * 50, "word": words}), paths[-1])
    return paths


def ordered(batches: Any) -> Rows:
    return sorted((row for batch in batches for row in batch), key=lambda row: row["word"])


@pytest.mark.parametrize("kind", ["native", "ray"])
def test_each_runner_gives_what_the_plain_loop_gives(kind: str, files: list[Path], tmp_path: Path) -> None:
    """In a process of its own, as Daft can be set to one runner only; begun in another folder than the project's."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.integration.test_engine import EngineRules, engine, ordered, run_plainly, steps\n"
        "files = [Path(name) for name in sys.argv[2:]]\n"
        "made = ordered(engine.run(EngineRules(kind=sys.argv[1]), files, steps()))\n"
        "assert made == ordered(run_plainly(files, steps())), made[:3]\n"
        "print(len(made), 'rows the same')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, kind, *map(str, files)],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "200 rows the same" in done.stdout, done.stdout + done.stderr[-2000:]


def test_a_step_that_fails_ends_the_run_in_one_sentence(files: list[Path]) -> None:
    with pytest.raises(CurationBroken, match=r"the work broke off \(.*this batch is too much\); run the same command"):
        list(engine.run(EngineRules(), files, steps("raise")))


def test_a_worker_that_dies_ends_the_run_in_one_sentence(files: list[Path]) -> None:
    with pytest.raises(CurationBroken, match="the work broke off") as caught:
        list(engine.run(EngineRules(), files, steps("die")))
    assert len(str(caught.value)) < 300


def test_workers_do_not_outlive_a_killed_run(files: list[Path], tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.integration.test_engine import EngineRules, engine, steps\n"
        "for batch in engine.run(EngineRules(), [Path(name) for name in sys.argv[1:]], steps()):\n"
        "    print('going', flush=True)\n"
        "    time.sleep(60)\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, files)],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "going\n"
    workers = children(running.pid)
    assert workers
    running.kill()
    running.wait()
    deadline = time.monotonic() + 20
    while left := [one for one in workers if Path(f"/proc/{one}/stat").exists()]:
        assert time.monotonic() < deadline, f"processes {left} outlived their run"
        time.sleep(0.1)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for path in found for one in path.read_text().split()]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "spark"}, '"native" or "ray"'),
        ({"address": "ray://a:1"}, 'for kind "ray"'),
        ({"workers": 0}, "workers is 1 to"),
        ({"gpus": -1.0}, "gpus is 0 to"),
        ({"threads": 0}, "threads is 1 to"),
    ],
)
def test_rules_that_cannot_be(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EngineRules(**given)


def test_opencv_keeps_to_the_threads_of_its_worker() -> None:
    """It reads what is allowed when it is first loaded, so in a process of its own."""
    program = "from curation import engine; engine._bound_threads(1); import cv2; print(cv2.getNumThreads())"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "1\n", done.stderr
