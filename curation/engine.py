"""How steps are run over rows: by Daft on this machine, or by Daft on a Ray cluster. The only module that knows.

A step is a function on a batch of rows. Each of its workers is a process of its own, made once, and batches stream from
step to step, so pictures are fetched while others are looked at, and no more of them are in memory than are under way.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa

from core.errors import CurationBroken

log = logging.getLogger(__name__)

Rows = list[dict[str, Any]]
Work = Callable[[Rows], Rows]
"""Takes rows and gives back as many, in the same order."""

QUIET: Final = {
    "DAFT_ANALYTICS_ENABLED": "0",
    "DAFT_PROGRESS_BAR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Neither library reports home, draws over our progress, or warns of what it will do one day."""
ROOT: Final = str(Path(__file__).resolve().parents[1])
"""Where worker processes find this project's packages, whatever folder the command was given in."""
MAX_FAULT: Final = 200
WATCH_EVERY_S: Final = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineRules:
    """Where the work is done. Nothing here changes what comes out."""

    kind: Literal["native", "ray"] = "native"
    """"native": this machine. "ray": a Ray cluster, or one that is started on this machine."""
    address: str | None = None
    """Of the Ray cluster, such as ray://head:10001; None starts one here that ends with the run."""
    workers: int = 2
    """Processes that look at pictures."""
    gpus: float = 0.0
    """Graphics processors that each of them takes; a part of one is allowed."""
    threads: int = 1
    """Threads that each of them may compute with."""

    def __post_init__(self) -> None:
        if self.kind not in ("native", "ray"):
            raise ValueError(f'kind is "native" or "ray", got {self.kind!r}')
        if self.address is not None and self.kind != "ray":
            raise ValueError(f'address {self.address} is for kind "ray", got {self.kind!r}')
        if not 1 <= self.workers <= 10_000:
            raise ValueError(f"workers is 1 to 10,000, got {self.workers}")
        if not 0 <= self.gpus <= 64:
            raise ValueError(f"gpus is 0 to 64, got {self.gpus}")
        if not 1 <= self.threads <= 256:
            raise ValueError(f"threads is 1 to 256, got {self.threads}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step: what is done to a batch of rows, in how many processes."""

    name: str
    make: Callable[[], Work]
    """Called once in each process; it and what it closes over must be picklable."""
    takes: tuple[str, ...]
    """Columns that the rows handed to it have."""
    gives: pa.DataType
    """Type of the column `name` that it adds: a struct, a field for each key of the rows given back."""
    spends: tuple[str, ...] = ()
    """Columns that nobody needs afterwards."""
    batch_rows: int = 16
    workers: int = 1
    gpus: float = 0.0
    threads: int = 1


def run(rules: EngineRules, files: Sequence[Path], steps: Sequence[Step]) -> Iterator[Rows]:
    """Run steps over the rows of Parquet files. Yields rows as they are done, in no order.

    Args:
        files: read one after the other; all of the same columns.
    Raises:
        CurationBroken: the cluster cannot be reached, or a worker process died.
    """
    _prepare_environment()
    import daft
    from daft.exceptions import DaftCoreException

    _start(rules)
    frame = daft.read_parquet([str(path) for path in files])
    for step in steps:
        column = _worker(rules, step)(*(frame[name] for name in step.takes))
        frame = frame.with_column(step.name, column)
        if step.spends:
            frame = frame.exclude(*step.spends)
    try:
        for batch in frame.to_arrow_iter():
            yield batch.to_pylist()
    except (DaftCoreException, RuntimeError) as error:
        raise CurationBroken(f"the work broke off ({_shown(error)}); run the same command again to go on") from error


def _prepare_environment() -> None:
    """What Daft, Ray and their worker processes read from the environment."""
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    path = os.environ.get("PYTHONPATH", "")
    if ROOT not in path.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join([ROOT, *filter(None, [path])])


def _start(rules: EngineRules) -> None:
    """Choose the runner, and connect to a cluster where one is asked for."""
    import daft

    if rules.kind == "native":
        if daft.get_or_infer_runner_type() != "native":
            daft.set_runner_native()
        return
    import ray

    if not ray.is_initialized():
        try:
            if rules.address is None:
                # A few processors more than there are: fetching and Daft's own parts mostly wait.
                ray.init(
                    num_cpus=rules.workers + 2, include_dashboard=False, log_to_driver=False, logging_level="ERROR"
                )
            else:
                ray.init(rules.address, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise CurationBroken(
                f"the Ray cluster at {rules.address} cannot be reached ({_shown(error)}); check its address"
            ) from error
    daft.set_runner_ray(noop_if_initialized=True)


def _worker(rules: EngineRules, step: Step) -> Callable[..., Any]:
    """A step as a class of Daft's, whose instances live in worker processes."""
    import daft

    takes = step.takes
    # Daft on Ray gives each worker processors of its own; a part of one is enough for those that wait.
    share = 0.1 if rules.kind == "ray" and step.workers == 1 and step.threads == 1 else None

    @daft.cls(max_concurrency=step.workers, gpus=step.gpus, cpus=share, use_process=True, name_override=step.name)
    class Worker:
        def __init__(self, step: Step) -> None:
            _end_with_parent()
            _bound_threads(step.threads)
            self.work = step.make()
            self.names = [field.name for field in step.gives]

        @daft.method.batch(  # type: ignore[untyped-decorator]
            return_dtype=daft.DataType.from_arrow_type(step.gives), batch_size=step.batch_rows
        )
        def over(self, *columns: Any) -> list[Mapping[str, Any]]:
            values = [column.to_pylist() for column in columns]
            rows = [dict(zip(takes, row, strict=True)) for row in zip(*values, strict=True)]
            return [{name: made.get(name) for name in self.names} for made in self.work(rows)]

    worker: Callable[..., Any] = Worker(step).over
    return worker


def _end_with_parent() -> None:
    """End this worker process when the one that started it is gone, in the midst of a batch too."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _bound_threads(count: int) -> None:
    """Bound the threads of a worker process, so that workers do not crowd each other out."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ[name] = str(count)


def _shown(error: BaseException) -> str:
    """The last line that an error says, without what its worker wrote before."""
    lines = [line.strip() for line in str(error).partition(", stdout: ")[0].splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:MAX_FAULT]
