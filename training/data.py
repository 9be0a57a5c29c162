"""Faces with ages and sexes, and which of them make up each batch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.ages import AgeGroups
from core.errors import DataBroken
from training.memory import check_room
from training.parquet import FaceFile, decode_face, open_files

PACK = Path(__file__).resolve().parents[2] / "shared" / "data"

Cells = list[list[npt.NDArray[np.int64]]]
"""For each age group, the positions of its faces by sex; a sex that has none is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceSet:
    """Labelled faces in memory."""

    faces: npt.NDArray[np.uint8]
    """(N, S, S, 3) uint8 RGB."""
    ages_years: npt.NDArray[np.int64]
    """(N,) years, 0..100."""
    sexes: npt.NDArray[np.int64]
    """(N,) 0 male, 1 female."""
    races: npt.NDArray[np.int64] | None = None
    """(N,) UTKFace's codes 0..4: White, Black, Asian, Indian, Others; None where the files carry none."""
    persons: npt.NDArray[np.int64] | None = None
    """(N,) who each is, the same number the same person; None where nobody said."""

    def __len__(self) -> int:
        return len(self.faces)

    def spread(self, count: int) -> "FaceSet":
        """At most `count` of the faces, evenly spread over the set."""
        return self.rows(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int))

    def rows(self, rows: npt.NDArray[np.int64] | slice) -> "FaceSet":
        """The faces at those positions, in that order; those of a slice are not copied."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: one[rows] for name, one in held.items() if one is not None})

    @property
    def digest(self) -> str:
        """SHA-256 over pixels, ages and sexes as they are held: the same wherever the files lie."""
        found = hashlib.sha256(str(self.faces.shape).encode())
        for array in (self.faces, self.ages_years, self.sexes):
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()


def default_files() -> tuple[Path, ...]:
    """Parts 0-2 of the UTKFace pack; part 3 is kept for a judge. Raises DataBroken where it is absent."""
    files = tuple(PACK / f"utkface_train-{part}.parquet" for part in range(3))
    for file in files:
        if not file.is_file():
            raise DataBroken(f"no training data: {file.name} is not in {PACK}; name your own with --data")
    return files


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one face lies, its picture not read yet."""

    file: FaceFile
    row: int
    """In the file."""
    age_years: int
    """Years, 0..100."""


def find_places(files: tuple[str | Path, ...], *, min_age_years: int = 0, max_faces: int | None = None) -> list[Place]:
    """Faces of Parquet files (training.parquet says which columns) by their labels, at most the first `max_faces`.

    To choose from, or to count, before any picture is read. Those younger than `min_age_years` are left out.
    Raises DataBroken, naming file and row.
    """
    found: list[Place] = []
    parts = ((file, row_group) for file in open_files(files) for row_group in range(file.num_row_groups))
    for file, row_group in parts:
        ages = file.labels(row_group)[:, 0].tolist()
        rows = enumerate(ages, file.first_rows[row_group])
        found += [Place(file=file, row=row, age_years=age) for row, age in rows if age >= min_age_years]
        if max_faces is not None and len(found) >= max_faces:
            break
    found = found[:max_faces]
    if not found:
        raise DataBroken(f"no face of {min_age_years} years or more in {', '.join(map(str, files))}")
    return found


def decoded(places: Sequence[Place], size_px: int, num_processes: int = 1) -> FaceSet:
    """The faces at those places, in that order; races are kept if every face has one.

    One row group's pictures are in memory at a time, as they are stored.

    Args:
        num_processes: that do the same on this machine at the same time.
    Raises:
        DataBroken: a picture that cannot be read, naming file and row; or more faces than memory holds.
        ValueError: no places.
    """
    if not places:
        raise ValueError("no faces were asked for; ask for one or more")
    check_room(len(places), size_px, num_processes)
    faces = np.empty((len(places), size_px, size_px, 3), np.uint8)
    labels: list[tuple[int, int, int | None]] = [(0, 0, None)] * len(places)
    of_group: dict[tuple[int, int], list[int]] = {}
    for number, place in enumerate(places):
        of_group.setdefault((id(place.file), place.file.row_group_of(place.row)), []).append(number)
    for (_, row_group), numbers in of_group.items():
        file = places[numbers[0]].file
        rows = file.rows(row_group, 0)
        for number in numbers:
            row = rows[places[number].row - file.first_rows[row_group]]
            faces[number] = decode_face(row, size_px)
            labels[number] = (row.age_years, row.sex, row.race)
    ages, sexes, races = zip(*labels, strict=True)
    return FaceSet(
        faces=faces,
        ages_years=np.asarray(ages, dtype=np.int64),
        sexes=np.asarray(sexes, dtype=np.int64),
        races=None if None in races else np.asarray(races, dtype=np.int64),
    )


def load_faces(
    files: tuple[str | Path, ...], size_px: int, *, min_age_years: int = 0, max_faces: int | None = None
) -> FaceSet:
    """The faces of Parquet files, in memory; as `find_places` and `decoded`."""
    return decoded(find_places(files, min_age_years=min_age_years, max_faces=max_faces), size_px)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Which faces a step sees, and what is asked of them."""

    indices: npt.NDArray[np.int64]
    """(N,) positions in the face set."""
    flips: npt.NDArray[np.bool_]
    """(N,) True: mirrored left to right."""
    targets_years: npt.NDArray[np.int64]
    """(N,) age to be made."""


def cells_of(faces: FaceSet, groups: AgeGroups) -> Cells:
    """The positions of the faces of each age group by sex; empty for a group that has none."""
    group_of = np.asarray([groups.index_of(int(age)) for age in faces.ages_years])
    cells = [
        [np.flatnonzero((group_of == group) & (faces.sexes == sex)) for sex in (0, 1)] for group in range(len(groups))
    ]
    return [[cell for cell in of_group if len(cell)] for of_group in cells]


def draw_balanced(cells: Cells, count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """(count,) positions, groups as equal as the count allows and sexes equally likely, in random order."""
    order = random.permutation(len(cells))
    picks = []
    for slot in range(count):
        of_group = cells[order[slot % len(order)]]
        cell = of_group[random.integers(len(of_group))]
        picks.append(cell[random.integers(len(cell))])
    return random.permutation(np.asarray(picks))


def draw_batch(
    cells: Cells,
    ages_years: npt.NDArray[np.int64],
    count: int,
    own_age_share: float,
    random: np.random.Generator,
) -> Batch:
    """A balanced batch whose targets are drawn as its faces are, but for a share that is to keep its own age."""
    indices = draw_balanced(cells, count, random)
    targets = ages_years[draw_balanced(cells, count, random)]
    own = random.random(count) < own_age_share
    return Batch(
        indices=indices,
        flips=random.random(count) < 0.5,
        targets_years=np.where(own, ages_years[indices], targets),
    )


class BalancedSampler:
    """Batches in which every age group and, within it, both sexes come equally often.

    Batch k depends on the seed and k alone, so a resumed run sees what it would have seen.
    """

    def __init__(self, faces: FaceSet, groups: AgeGroups, batch_size: int, seed: int, own_age_share: float):
        self.ages_years = faces.ages_years
        self.batch_size, self.seed, self.own_age_share = batch_size, seed, own_age_share
        self.cells = cells_of(faces, groups)
        for name, of_group in zip(groups.names, self.cells, strict=True):
            if not of_group:
                raise DataBroken(f"the data holds no face of the age group {name}")

    def batch(self, step: int) -> Batch:
        """Batch number `step`."""
        random = np.random.default_rng((self.seed, step))
        return draw_batch(self.cells, self.ages_years, self.batch_size, self.own_age_share, random)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledBatch:
    """N faces, their labels, and what is asked of them."""

    faces: npt.NDArray[np.uint8]
    """(N, S, S, 3) uint8 RGB, not mirrored yet."""
    ages_years: npt.NDArray[np.int64]
    """(N,) years, 0..100."""
    sexes: npt.NDArray[np.int64]
    """(N,) 0 male, 1 female."""
    flips: npt.NDArray[np.bool_]
    """(N,) True: to be mirrored left to right."""
    targets_years: npt.NDArray[np.int64]
    """(N,) age to be made."""


class FaceSource(Protocol):
    """Where a run's batches come from."""

    @property
    def digest(self) -> str:
        """SHA-256 in hex of what the data is; the same for every rank."""

    def batch(self, step: int) -> LabelledBatch:
        """Batch number `step`; depends on the seed and the step alone, so the step number is all a run must keep."""

    def one_of_each(self) -> npt.NDArray[np.uint8]:
        """(groups, S, S, 3) uint8 RGB: a face of each age group, sexes in turn where the data allows."""


def gather(faces: FaceSet, batch: Batch, rows: slice = slice(None)) -> LabelledBatch:
    """The faces of a batch, or of some of its rows."""
    indices = batch.indices[rows]
    return LabelledBatch(
        faces=faces.faces[indices],
        ages_years=faces.ages_years[indices],
        sexes=faces.sexes[indices],
        flips=batch.flips[rows],
        targets_years=batch.targets_years[rows],
    )


class FacesInMemory:
    """A FaceSource of faces held in memory.

    All processes together draw one batch of num_processes * batch_size faces and each takes its slice of it, so two
    processes see exactly what one with twice the batch size sees.
    """

    def __init__(
        self,
        faces: FaceSet,
        groups: AgeGroups,
        *,
        batch_size: int,
        seed: int,
        own_age_share: float,
        rank: int = 0,
        num_processes: int = 1,
    ) -> None:
        """Take every batch's slice number `rank`. Raises DataBroken if an age group has no face."""
        if not 0 <= rank < num_processes:
            raise ValueError(f"ranks are 0..{num_processes - 1}, got {rank}")
        self.faces = faces
        self.sampler = BalancedSampler(faces, groups, batch_size * num_processes, seed, own_age_share)
        self.rows = slice(rank * batch_size, (rank + 1) * batch_size)

    @cached_property
    def digest(self) -> str:
        """The FaceSet's."""
        return self.faces.digest

    def batch(self, step: int) -> LabelledBatch:
        """This process's slice of batch number `step`."""
        return gather(self.faces, self.sampler.batch(step), self.rows)

    def one_of_each(self) -> npt.NDArray[np.uint8]:
        """(groups, S, S, 3) uint8 RGB: the first face of each group, sexes in turn."""
        cells = self.sampler.cells
        return self.faces.faces[[int(of_group[number % len(of_group)][0]) for number, of_group in enumerate(cells)]]
