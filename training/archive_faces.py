"""Faces of an archive, cut out in UTKFace framing, as an evaluation takes them."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cafdata.archive import Archive
from cafdata.pairs import faces_of_records
from cafdata.record import Picture, Record, Split
from core.ages import OLDEST_YEARS
from core.align import UTKFACE, Photo, crop
from core.detect import FacePack
from core.errors import BadImage, DataBroken
from core.images import decode_photo, resize
from training.data import FaceSet
from training.digest import files_digest
from training.memory import check_room

SEX_CODES = {"male": 0, "female": 1, None: -1}
"""As FaceSet has them; -1 where nobody said, which is in no slice by sex."""
RACE_CODES = {"white": 0, "black": 1, "asian": 2, "indian": 3, "others": 4, "other": 4}
"""As FaceSet has them, by what a record's `ethnicity` says in small letters; any other word is in no slice by race,
for it may be a part of one of these or of several."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArchiveFaces:
    """Faces with what is known of them."""

    faces: FaceSet
    records: tuple[Record, ...]
    """Of each face, in their order."""
    num_left_out: int
    """Pictures in which no face was found."""


def load_archive(
    folder: Path, size_px: int, pack: FacePack, *, split: Split | None = None, max_faces: int | None = None,
    min_age_years: int = 0,
) -> ArchiveFaces:  # fmt: skip
    """Cut out the faces of an archive's pictures; synthetic ones are left out, as outputs are held against real faces.

    A picture that is framed as UTKFace's is taken as it is. Of any other the face is cut out by its points where the
    record has those of the picture itself, else by those of the largest face that the pack finds.

    Args:
        folder: of the archive.
        size_px: side of the faces.
        pack: finds faces.
        split: only pictures of this split.
        max_faces: only so many pictures, evenly spread.
        min_age_years: leave out who may be younger.
    Raises:
        ArchiveBroken: no archive, or a damaged one.
        DataBroken: a picture that cannot be read, named, or no face at all.
    """
    archive = Archive(folder)
    chosen = [
        record.picture_id
        for record in archive.records()
        if (split is None or record.split == split)
        and record.age_min_years >= min_age_years
        and not record.is_synthetic
    ]
    if max_faces is not None and chosen:
        rows = np.linspace(0, len(chosen) - 1, min(max_faces, len(chosen))).round().astype(int)
        chosen = [chosen[row] for row in rows]
    # Once one by one, once as an array.
    check_room(len(chosen), size_px, num_copies=2, way=f"take fewer of {folder}, with --max-faces, or a part of it")
    found = []
    for number, picture in enumerate(archive.pictures(chosen) if chosen else ()):
        face = _cut_out(picture, size_px, pack)
        if face is not None:
            found.append((picture.record, face))
        if number % 500 == 0:
            print(f"read {number} of {len(chosen)} pictures of {folder}", file=sys.stderr, flush=True)  # noqa: T201
    if not found:
        which = "" if split is None else f" of the split {split}"
        raise DataBroken(
            f"no face of {min_age_years} years or more in the pictures{which} of the archive {folder}; synthetic ones "
            "do not count"
        )
    records = tuple(record for record, _ in found)
    return ArchiveFaces(
        faces=FaceSet(
            faces=np.stack([face for _, face in found]),
            ages_years=np.asarray([min(math.floor(one.age_years), OLDEST_YEARS) for one in records], dtype=np.int64),
            sexes=np.asarray([SEX_CODES[one.sex] for one in records], dtype=np.int64),
            races=races_of(records),
            persons=faces_of_records(records).persons,
        ),
        records=records,
        num_left_out=len(chosen) - len(found),
    )


def races_of(records: Sequence[Record]) -> npt.NDArray[np.int64] | None:
    """(N,) codes 0..4 of FaceSet, -1 where nobody said or said another word; None if that is so for all."""
    codes = [RACE_CODES.get((one.ethnicity or "").strip().lower(), -1) for one in records]
    return np.asarray(codes, dtype=np.int64) if max(codes, default=-1) >= 0 else None


def archive_digest(folder: Path) -> str:
    """sha256 of an archive's manifest, which names every shard and its digest."""
    return files_digest([folder / "manifest.json"])


def _cut_out(picture: Picture, size_px: int, pack: FacePack) -> Photo | None:
    """(size_px, size_px, 3) face; None where none is found."""
    record = picture.record
    try:
        photo = decode_photo(picture.data)
    except BadImage as error:
        raise DataBroken(f"picture {record.picture_id}: {error}") from error
    if record.framing == UTKFACE.name:
        return resize(photo, size_px, size_px)
    if record.framing is None and record.points is not None and record.points_convention is not None:
        return crop(photo, UTKFACE.matrix(record.points, record.points_convention, size_px), size_px)
    detected = pack.detect(photo)
    if not detected:
        return None
    return crop(photo, UTKFACE.matrix(detected[0].points, detected[0].convention, size_px), size_px)
