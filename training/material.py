"""What generators are judged on and by whom, read from where it lies."""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cafdata.pairs import faces_of_records
from cafdata.record import Split
from core.ages import TEN
from core.detect import Face, FacePack
from core.errors import DataBroken
from core.images import Photo, read_photo
from core.thresholds import ThresholdTable, require_recogniser
from training.archive_faces import archive_digest, load_archive
from training.data import FaceSet, decoded, find_places
from training.digest import files_digest
from training.figures import Input
from training.frechet import RealPictures
from training.judge import Judge
from training.observations import Observations, find_points, spread
from training.real_scores import RealScores, known_scores, measured_scores
from training.rectified import RectifiedFigures, Scored, rectified_figures

Embeddings = npt.NDArray[np.float32]
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What generators are judged on."""

    faces: Path
    """Parquet file of labelled faces in UTKFace framing, unseen in training; or the folder of an archive."""
    split: Split | None = None
    """Of an archive's faces only those of this split."""
    real: tuple[Path, ...] = ()
    """More Parquet files, of pictures that no judge learnt from, only for Frechet distances on a judge's features."""
    pairs: Path | None = None
    """Archive whose pairs of one person outputs are held against; None: what the table knows, or was published."""
    photos: Path | None = None
    """Folder of whole photos, to see whether anything beside the face moves; None leaves that out."""
    max_faces: int | None = None
    """Use only so many of the faces, evenly spread."""

    def load(self, size_px: int, min_age_years: int, pack: FacePack) -> FaceSet:
        """The faces. Raises DataBroken or ArchiveBroken."""
        if self.faces.is_dir():
            return load_archive(
                self.faces, size_px, pack, split=self.split, max_faces=self.max_faces, min_age_years=min_age_years
            ).faces
        if self.split is not None:
            raise ValueError(f"{self.faces} is a file, and only archives have a split {self.split}")
        places = find_places((self.faces,), min_age_years=min_age_years)
        count = len(places) if self.max_faces is None else self.max_faces
        return decoded([places[number] for number in spread(len(places), count)], size_px)

    def load_photos(self) -> list[Photo]:
        """The whole photos. Raises DataBroken for a folder without any."""
        files = self._photo_files()
        if self.photos is not None and not files:
            raise DataBroken(f"no photos in {self.photos}: name a folder with JPEG, PNG or WebP files")
        return [read_photo(file) for file in files]

    def inputs(self) -> tuple[Input, ...]:
        """What all this is, by its digests; the faces first."""
        of_archives = [("faces", self.faces)] if self.faces.is_dir() else []
        of_archives += [("real pairs", self.pairs)] if self.pairs is not None else []
        files = [] if self.faces.is_dir() else [("faces", [self.faces])]
        files += [("real faces", [file]) for file in self.real]
        files += [("photos", self._photo_files())] if self.photos is not None else []
        found = [Input(role=role, name=path.resolve().name, sha256=archive_digest(path)) for role, path in of_archives]
        if self.split is not None:
            found[0] = dataclasses.replace(found[0], name=f"{found[0].name}, split {self.split}")
        found += [
            Input(role=role, name=some[0].name if len(some) == 1 else f"{len(some)} files", sha256=files_digest(some))
            for role, some in files
        ]
        return tuple(sorted(found, key=lambda one: one.role != "faces"))

    def _photo_files(self) -> list[Path]:
        if self.photos is None or not self.photos.is_dir():
            return []
        return sorted(path for path in self.photos.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Panel:
    """Who judges."""

    judges: tuple[Judge, ...]
    """Of age and sex, at least one."""
    pack: FacePack
    """Finds points, and compares input and output."""
    table: ThresholdTable | None = None
    """Thresholds of the pack's recogniser, for cosines."""
    why_no_table: str = "No threshold table was given."
    """The reason where there is none."""

    def __post_init__(self) -> None:
        if not self.judges:
            raise ValueError("an evaluation needs a judge")
        if self.table is not None:
            require_recogniser(self.table, self.pack.identity, self.recogniser_sha256)

    @property
    def recogniser_sha256(self) -> str:
        """Of the file with the recogniser's weights."""
        return files_digest([self.pack.recogniser_file])

    def inputs(self) -> tuple[Input, ...]:
        """Who all these are, by the digests of their weights."""
        recogniser = Input(role="recogniser", name=self.pack.identity, sha256=self.recogniser_sha256)
        return (*(Input(role="judge", name=one.name, sha256=one.sha256) for one in self.judges), recogniser)


class Yardsticks:
    """What outputs are held against; read once, however many models of a size are judged."""

    def __init__(self, material: Material, panel: Panel) -> None:
        self.material, self.panel = material, panel
        self.pictures = RealPictures(material.real, panel.judges)
        self._scores: dict[int, RealScores] = {}

    def rectified(self, seen: Observations) -> RectifiedFigures | None:
        """Verification by the panel's table; None without one. Target groups are taken by their typical ages."""
        table = self.panel.table
        if table is None:
            return None
        ten = [TEN.index_of(years) for years in seen.groups.typical_years]
        own = [TEN.index_of(years) for years in seen.faces.ages_years.tolist()]
        scored = Scored(
            scores=seen.cosines.ravel(),
            own_groups=np.repeat(np.asarray(own), len(ten)),
            target_groups=np.tile(np.asarray(ten), len(own)),
        )
        return rectified_figures(scored, table, self._real_scores(table, seen.faces.faces.shape[1]))

    def _real_scores(self, table: ThresholdTable, size_px: int) -> RealScores:
        if self.material.pairs is None:
            return known_scores(table)
        if size_px not in self._scores:
            found = load_archive(self.material.pairs, size_px, self.panel.pack)
            embeddings = embed_all(found.faces, self.panel.pack)
            self._scores[size_px] = measured_scores(
                faces_of_records(found.records), embeddings, self.material.pairs.name
            )
        return self._scores[size_px]


def embed_all(faces: FaceSet, pack: FacePack) -> Embeddings:
    """(N, D) float32 of length 1: faces in UTKFace framing, by their own points, as outputs are read too."""
    size_px = faces.faces.shape[1]
    box = (0, 0, size_px, size_px)
    points, _ = find_points(faces.faces, pack)
    return np.stack(
        [
            pack.embed(face, Face(box=box, points=five, convention=pack.convention, score=1.0))
            for face, five in zip(faces.faces, points, strict=True)
        ]
    )
