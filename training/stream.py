"""Batches from Parquet files that are larger than memory, on this machine or on the Hugging Face Hub.

A process holds a *window* of a few row groups, decoded, and draws `steps_per_window` balanced batches from it; the next
window is read and decoded meanwhile. An epoch goes through every row group once, in an order that seed and epoch fix,
and the processes share its row groups out among themselves. Which window a step falls into follows from the step
number alone, so that is all a run must keep to be resumed.

In memory are two windows of decoded faces, 2 * row_groups_per_window * rows * 3 * size_px^2 bytes (8 row groups of 512
at 128 px: 0.4 GB), and the files of the pictures of the one that is being decoded.
"""

import hashlib
import math
import threading
import weakref
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing.pool import AsyncResult, ThreadPool
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from core.ages import AgeGroups
from core.errors import DataBroken
from core.images import DEFAULT_LIMITS, Photo
from core.isolation import WorkerPool
from training.data import Cells, FaceSet, LabelledBatch, cells_of, draw_batch, gather
from training.parquet import FaceFile, LabelledRow, decode_face, open_files

BATCHES, ORDER = 1, 2
"""First number of the seeds of batches and of epoch orders, so that the two never share one."""
CLOSED = "this source of faces is closed; it gives no more batches"

Window = tuple[FaceSet, Cells]


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamConfig:
    """How faces are streamed."""

    size_px: int
    """Side of the faces."""
    batch_size: int
    """Faces a step of one process."""
    row_groups_per_window: int = 8
    """Row groups held at a time, about: an epoch is cut into windows of equal size."""
    steps_per_window: int = 256
    """Batches drawn from a window before the next; faces of the window / batch_size shows each about once."""
    num_workers: int = 2
    """Pictures decoded at a time, each in a process of its own."""

    def __post_init__(self) -> None:
        for name in ("size_px", "batch_size", "row_groups_per_window", "steps_per_window", "num_workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class FacesFromShards:
    """A FaceSource that streams. Use as a context manager, or call `close`.

    Batches are as balanced as the window allows: age groups and sexes that it holds no face of are left out of its
    batches, so files whose rows are in no order of age serve best. Batches depend on the number of processes.
    """

    def __init__(
        self,
        places: tuple[str | Path, ...],
        groups: AgeGroups,
        config: StreamConfig,
        *,
        seed: int,
        own_age_share: float,
        rank: int = 0,
        num_processes: int = 1,
    ) -> None:
        """Open the files (`training.parquet.open_files` says what a place may be) and read their footers.

        Raises:
            DataBroken: a file is missing or none of faces, or there are fewer row groups than processes.
        """
        if not 0 <= rank < num_processes:
            raise ValueError(f"ranks are 0..{num_processes - 1}, got {rank}")
        self.groups, self.config = groups, config
        self.seed, self.own_age_share, self.rank, self.num_processes = seed, own_age_share, rank, num_processes
        self.files = open_files(places)
        self.row_groups = [(file, number) for file in self.files for number in range(file.num_row_groups)]
        share = len(self.row_groups) // num_processes
        if not share:
            raise DataBroken(
                f"{len(self.row_groups)} row group(s) in {', '.join(map(str, places))} cannot be shared out among "
                f"{num_processes} process(es); write the files anew with smaller row groups"
            )
        self.windows_per_epoch = math.ceil(share / config.row_groups_per_window)
        self._windows: dict[int, AsyncResult[Window]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._decoder = WorkerPool(config.num_workers)
        # One thread loads windows, one reads ahead within a window, the others wait for the decoding processes.
        self._loader, self._reader, self._waiters = ThreadPool(1), ThreadPool(1), ThreadPool(config.num_workers)
        weakref.finalize(self, self._decoder.close)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over name, size and footer of every file, in order.

        A footer holds the size, place and value range of every column of every row group, so that files written anew
        or re-encoded differ, while a copy on the Hub is the same as one here. Pictures are not read for it.
        """
        found = hashlib.sha256()
        for file in self.files:
            found.update(f"{Path(file.path).name} {file.size_bytes} {file.footer_sha256}\n".encode())
        return found.hexdigest()

    @property
    def most_faces(self) -> int:
        """Rows of a window of this source, at most."""
        mine = math.ceil(len(self.row_groups) / self.num_processes)
        held = math.ceil(mine / self.windows_per_epoch)
        return sum(sorted(file.num_rows(row_group) for file, row_group in self.row_groups)[-held:])

    def row_groups_of(self, window: int) -> list[int]:
        """Numbers of the row groups in this process's window, in the order they are read."""
        epoch, number = divmod(window, self.windows_per_epoch)
        order = np.random.default_rng((ORDER, self.seed, epoch)).permutation(len(self.row_groups))
        mine = order[self.rank :: self.num_processes]
        found: list[int] = np.array_split(mine, self.windows_per_epoch)[number].tolist()
        return found

    def batch(self, step: int) -> LabelledBatch:
        """This process's batch number `step`.

        Raises:
            DataBroken: something in the step's window cannot be read; names file and row or row group.
            ValueError: closed.
        """
        faces, cells = self._window(step // self.config.steps_per_window)
        random = np.random.default_rng((BATCHES, self.seed, step, self.rank))
        drawn = draw_batch(cells, faces.ages_years, self.config.batch_size, self.own_age_share, random)
        return gather(faces, drawn)

    def one_of_each(self) -> npt.NDArray[np.uint8]:
        """(groups, S, S, 3) uint8 RGB: a face of each age group, of alternate sex where the first row groups allow.

        Reads the labels of row groups from the first on until every group is found.

        Raises:
            DataBroken: no row group holds a face of some age group.
        """
        # of each age group: file and row group, place in it, sex
        found: dict[int, tuple[tuple[FaceFile, int], int, int]] = {}
        for file, row_group in self.row_groups:
            for place, (age, sex) in enumerate(file.labels(row_group).tolist()):
                if age < self._min_age_years:
                    continue
                group = self.groups.index_of(age)
                if group not in found or (sex == group % 2 and found[group][2] != sex):
                    found[group] = ((file, row_group), place, sex)
            if len(found) == len(self.groups):
                break
        for number, name in enumerate(self.groups.names):
            if number not in found:
                raise DataBroken(f"the data holds no face of the age group {name}")
        faces: dict[int, Photo] = {}
        for part in dict.fromkeys(part for part, _, _ in found.values()):
            rows = part[0].rows(part[1], 0)
            faces |= {group: self._decoded(rows[place]) for group, (of, place, _) in found.items() if of == part}
        return np.stack([faces[group] for group in range(len(self.groups))])

    def close(self) -> None:
        """Stop the threads and the decoding processes; what is being read at the moment is not waited for."""
        self._closed.set()
        for pool in (self._loader, self._reader, self._waiters):
            pool.close()
        self._waiters.join()
        self._decoder.close()

    def __enter__(self) -> "FacesFromShards":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _min_age_years(self) -> int:
        return 0 if self.groups.open_start else self.groups.first_years[0]

    def _window(self, number: int) -> Window:
        """That window; the next one is begun, others are given up."""
        if self._closed.is_set():
            raise ValueError(CLOSED)
        with self._lock:
            for other in [held for held in self._windows if held not in (number, number + 1)]:
                del self._windows[other]
            for wanted in (number, number + 1):
                if wanted not in self._windows:
                    self._windows[wanted] = self._loader.apply_async(self._load, (wanted,))
            window = self._windows[number]
        return window.get()

    def _load(self, window: int) -> Window:
        """Read and decode a window's row groups."""
        parts = [self.row_groups[number] for number in self.row_groups_of(window)]
        size_px = self.config.size_px
        faces: npt.NDArray[np.uint8] = np.empty(
            (sum(file.num_rows(row_group) for file, row_group in parts), size_px, size_px, 3), dtype=np.uint8
        )
        labels: list[tuple[int, int]] = []
        for rows in self._reader.imap(self._rows, parts):
            for face, row in zip(self._waiters.imap(self._decoded, rows), rows, strict=True):
                faces[len(labels)] = face
                labels.append((row.age_years, row.sex))
        if not labels:
            names = ", ".join(f"{file.name} row group {row_group}" for file, row_group in parts)
            raise DataBroken(f"no face of {self._min_age_years} years or more in {names}; mix the rows of the files")
        ages, sexes = np.asarray(labels, dtype=np.int64).T
        found = FaceSet(faces=faces[: len(labels)], ages_years=ages, sexes=sexes)
        return found, [of_group for of_group in cells_of(found, self.groups) if of_group]

    def _rows(self, part: tuple[FaceFile, int]) -> list[LabelledRow]:
        if self._closed.is_set():
            raise ValueError(CLOSED)
        file, row_group = part
        return file.rows(row_group, self._min_age_years)

    def _decoded(self, row: LabelledRow) -> Photo:
        if self._closed.is_set():
            raise ValueError(CLOSED)
        return decode_face(row, self.config.size_px, partial(self._decoder.decode, limits=DEFAULT_LIMITS))
