"""Faces with ages and sexes from Parquet, and which of them make up each batch."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from core.ages import AgeGroups
from core.errors import BadImage, DataBroken
from core.images import decode_photo, resize

PACK = Path(__file__).resolve().parents[2] / "shared" / "data"
COLUMNS = ("age", "gender", "jpeg")


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

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def digest(self) -> str:
        """sha256 over faces, ages and sexes."""
        digest = hashlib.sha256()
        for values in (self.faces, self.ages_years, self.sexes):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def spread(self, count: int) -> "FaceSet":
        """At most `count` of the faces, evenly spread over the set."""
        rows = np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int)
        return FaceSet(
            faces=self.faces[rows],
            ages_years=self.ages_years[rows],
            sexes=self.sexes[rows],
            races=None if self.races is None else self.races[rows],
        )


def default_files() -> tuple[Path, ...]:
    """Parts 0-2 of the UTKFace pack; part 3 is kept for a judge. Raises DataBroken where it is absent."""
    files = tuple(PACK / f"utkface_train-{part}.parquet" for part in range(3))
    for file in files:
        if not file.is_file():
            raise DataBroken(f"no training data: {file.name} is not in {PACK}; name your own with --data")
    return files


def load_faces(
    files: tuple[Path, ...], size_px: int, *, min_age_years: int = 0, max_faces: int | None = None
) -> FaceSet:
    """Read faces from Parquet files with the columns age (years), gender (0, 1), jpeg (bytes), and maybe race (0..4).

    Faces younger than `min_age_years` are left out. Raises DataBroken, naming file and row.
    """
    faces: list[npt.NDArray[np.uint8]] = []
    ages: list[int] = []
    sexes: list[int] = []
    races: list[int] = []
    for file in files:
        if not file.is_file():
            raise DataBroken(f"no such data file: {file}")
        table = pq.ParquetFile(file)
        missing = set(COLUMNS) - set(table.schema_arrow.names)
        if missing:
            raise DataBroken(f"{file} lacks the column(s) {', '.join(sorted(missing))}")
        row_number = -1
        columns = [*COLUMNS, *({"race"} & set(table.schema_arrow.names))]
        for batch in table.iter_batches(512, columns=columns):
            for row in batch.to_pylist():
                row_number += 1
                if max_faces is not None and len(faces) >= max_faces:
                    break
                age, sex = row["age"], row["gender"]
                if not isinstance(age, int) or not 0 <= age <= 130 or sex not in (0, 1):
                    raise DataBroken(f"{file}, row {row_number}: age {age!r}, gender {sex!r}")
                if not isinstance(row["jpeg"], bytes):
                    raise DataBroken(f"{file}, row {row_number}: jpeg holds no bytes")
                if age < min_age_years:
                    continue
                try:
                    face = decode_photo(row["jpeg"])
                except BadImage as error:
                    raise DataBroken(f"{file}, row {row_number}: {error}") from error
                faces.append(resize(face, size_px, size_px))
                ages.append(min(age, 100))
                sexes.append(sex)
                if isinstance(row.get("race"), int):
                    races.append(row["race"])
    if not faces:
        raise DataBroken(f"no face of {min_age_years} years or more in {', '.join(map(str, files))}")
    return FaceSet(
        faces=np.stack(faces),
        ages_years=np.asarray(ages),
        sexes=np.asarray(sexes),
        races=np.asarray(races) if len(races) == len(faces) else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Which faces a step sees, and what is asked of them."""

    indices: npt.NDArray[np.int64]
    """(N,) positions in the face set."""
    flips: npt.NDArray[np.bool_]
    """(N,) True: mirrored left to right."""
    targets_years: npt.NDArray[np.int64]
    """(N,) age to be made."""


class BalancedSampler:
    """Batches in which every age group and, within it, both sexes come equally often.

    Batch k depends on the seed and k alone, so a resumed run sees what it would have seen.
    """

    def __init__(self, faces: FaceSet, groups: AgeGroups, batch_size: int, seed: int, own_age_share: float):
        group_of = np.asarray([groups.index_of(int(age)) for age in faces.ages_years])
        self.ages_years = faces.ages_years
        self.batch_size, self.seed, self.own_age_share = batch_size, seed, own_age_share
        self.cells: list[list[npt.NDArray[np.int64]]] = []
        for group in range(len(groups)):
            cells = [np.flatnonzero((group_of == group) & (faces.sexes == sex)) for sex in (0, 1)]
            present = [cell for cell in cells if len(cell)]
            if not present:
                raise DataBroken(f"the data holds no face of the age group {groups.names[group]}")
            self.cells.append(present)

    def draw(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """(batch_size,) positions, groups as equal as the batch size allows, in random order."""
        order = random.permutation(len(self.cells))
        picks = []
        for slot in range(self.batch_size):
            cells = self.cells[order[slot % len(order)]]
            cell = cells[random.integers(len(cells))]
            picks.append(cell[random.integers(len(cell))])
        return random.permutation(np.asarray(picks))

    def batch(self, step: int) -> Batch:
        """Batch number `step`."""
        random = np.random.default_rng((self.seed, step))
        indices = self.draw(random)
        targets = self.ages_years[self.draw(random)]
        own = random.random(self.batch_size) < self.own_age_share
        return Batch(
            indices=indices,
            flips=random.random(self.batch_size) < 0.5,
            targets_years=np.where(own, self.ages_years[indices], targets),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledBatch:
    """The faces of a step with their labels, and what is asked of them."""

    faces: npt.NDArray[np.uint8]
    """(N, S, S, 3) uint8 RGB."""
    ages_years: npt.NDArray[np.int64]
    """(N,) years."""
    sexes: npt.NDArray[np.int64]
    """(N,) 0 male, 1 female."""
    flips: npt.NDArray[np.bool_]
    """(N,) True: to be mirrored left to right."""
    targets_years: npt.NDArray[np.int64]
    """(N,) age to be made."""


class FaceSource(Protocol):
    """Where a run's batches come from. Each depends on the seed and the step alone, so resuming needs no more."""

    def batch(self, step: int) -> LabelledBatch:
        """Batch number `step` of this process."""

    def one_of_each(self) -> npt.NDArray[np.uint8]:
        """(groups, S, S, 3) uint8 RGB: a face of each age group, for sample grids."""

    @property
    def digest(self) -> str:
        """sha256 of what the data is."""


class FacesInMemory:
    """Balanced batches from faces held in memory.

    With several processes a batch of num_processes * batch_size faces is drawn, and each takes its own part, so that
    two processes see together what one with twice the batch would.
    """

    def __init__(
        self, faces: FaceSet, groups: AgeGroups, *, batch_size: int, seed: int, own_age_share: float,
        rank: int = 0, num_processes: int = 1,
    ) -> None:
        self.faces = faces
        self.sampler = BalancedSampler(faces, groups, batch_size * num_processes, seed, own_age_share)
        self.part = slice(rank * batch_size, (rank + 1) * batch_size)

    def batch(self, step: int) -> LabelledBatch:
        """Batch number `step` of this process."""
        drawn = self.sampler.batch(step)
        rows = drawn.indices[self.part]
        return LabelledBatch(
            faces=self.faces.faces[rows],
            ages_years=self.faces.ages_years[rows],
            sexes=self.faces.sexes[rows],
            flips=drawn.flips[self.part],
            targets_years=drawn.targets_years[self.part],
        )

    def one_of_each(self) -> npt.NDArray[np.uint8]:
        """(groups, S, S, 3) uint8 RGB: the first face of each group, sexes in turn."""
        rows = [int(cells[number % len(cells)][0]) for number, cells in enumerate(self.sampler.cells)]
        return self.faces.faces[rows]

    @property
    def digest(self) -> str:
        """sha256 over faces, ages and sexes."""
        return self.faces.digest
