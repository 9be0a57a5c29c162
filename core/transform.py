"""Files in, files out: photos of a folder brought to target ages, each with its record.

For `portrait.jpg` the output folder receives, for every face worked on,

    portrait/20-29.png ...   the whole photo with the face at that age, labelled
    portrait/sheet.png       all ages beside each other
    portrait/sweep.mp4       on request: through the ages and back
    portrait/record.json     model, ages, face and matrix: enough to make the same pictures again

A photo whose record is complete and asks for the same is skipped, so an interrupted run goes on.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from core.aging import AgedFace, Aging, FaceAger, Target
from core.align import Photo
from core.detect import Face
from core.errors import BadImage, NoFace
from core.files import write_atomic
from core.images import encode_png, read_photo, resize
from core.marking import LABEL, add_label
from core.sheet import caption_bar, contact_sheet
from core.video import write_mp4

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
SWEEP_STEPS_PER_GROUP = 10
SWEEP_FPS = 10
TILE_PX = 256

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be made of every photo."""

    ages_years: tuple[float, ...] | None = None
    """Target ages; None for all groups of the model."""
    face: str = "largest"
    """Which face: "largest", "all", or its number, 0 the largest."""
    video: bool = False
    """Also the sweep through the ages and back, as MP4."""

    def __post_init__(self) -> None:
        if self.face not in ("largest", "all") and not self.face.isdecimal():
            raise ValueError(f'face must be "largest", "all" or a number from 0, got {self.face!r}')
        if self.ages_years is not None and not self.ages_years:
            raise ValueError("name at least one age, such as --ages 5,25,63")


def photos_in(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as the pictures right inside them, sorted. Raises BadImage for neither."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES)
            if not inside:
                raise BadImage(f"There is no picture in the folder {path}.")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise BadImage(f"There is no file or folder {path}.")
    return found


def transform_photos(ager: FaceAger, photos: Iterable[Path], order: Order, out: Path) -> Iterator[dict[str, Any]]:
    """Work through photos one by one; yields what became of each, in their order.

    Yields:
        {"photo", "folder", "present_age_years"} for each face; {"photo", "folder", "skipped": true} where
        it was done before; {"photo", "error"} for a photo that cannot be used, and goes on.
    Raises:
        ValueError: the order does not suit the model.
    """
    ager.targets(order.ages_years)
    taken: set[str] = set()
    for path in photos:
        name = path.stem if path.stem not in taken else path.name
        taken.add(name)
        try:
            photo = read_photo(path)
            faces = _chosen(ager.find_faces(photo), order.face)
        except (BadImage, NoFace) as error:
            yield {"photo": str(path), "error": str(error)}
            continue
        for number, face in faces:
            folder = out / name / f"face{number}" if order.face == "all" else out / name
            yield {"photo": str(path), "folder": str(folder), **_transform_face(ager, photo, face, order, folder)}


def _chosen(faces: list[Face], which: str) -> list[tuple[int, Face]]:
    numbered = list(enumerate(faces))
    if which == "largest":
        return numbered[:1]
    if which == "all":
        return numbered
    if int(which) >= len(faces):
        raise NoFace(f"There is no face {which} in this photo: it has {len(faces)}, numbered from 0, largest first.")
    return [numbered[int(which)]]


def _transform_face(ager: FaceAger, photo: Photo, face: Face, order: Order, folder: Path) -> dict[str, Any]:
    asked = {**how_made(ager, photo, face, ager.targets(order.ages_years)), "video": order.video}
    record_path = folder / "record.json"
    if record_path.is_file():
        before = json.loads(record_path.read_text(encoding="utf-8"))
        if all(before.get(key) == value for key, value in asked.items()):
            return {"skipped": True}
        record_path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    aging = ager.transform(photo, ages_years=order.ages_years, face=face)
    files = []
    for aged in aging.results:
        files.append(f"{file_word(aged.target)}.png")
        write_atomic(folder / files[-1], encode_png(add_label(aged.photo)))
    write_atomic(folder / "sheet.png", encode_png(labelled_sheet(aging.results)))
    if order.video:
        write_mp4(_sweep(ager, photo, face, aging.present_age_years), folder / "sweep.mp4", SWEEP_FPS)
    files += ["sheet.png", *(["sweep.mp4"] if order.video else [])]
    record = {**record_of(ager, photo, aging, files), "video": order.video}
    write_atomic(record_path, (json.dumps(record, indent=2) + "\n").encode())
    return {"present_age_years": aging.present_age_years}


def how_made(ager: FaceAger, photo: Photo, face: Face, targets: Sequence[Target]) -> dict[str, Any]:
    """What the pictures follow from, as values for JSON. Nothing in it is random, so there is no seed to keep."""
    return {
        "label": LABEL,
        "model": ager.model.info.name,
        "model_sha256": ager.model.info.sha256,
        "licence": ager.model.info.licence,
        "face_pack": ager.pack.name,
        "precision": str(ager.compute.dtype).removeprefix("torch."),
        "photo_sha256": hashlib.sha256(photo.tobytes()).hexdigest(),
        "ages_years": [target.years for target in targets],
        "noise": "off",
        "face_box": [round(float(value), 3) for value in face.box],
        "face_warnings": list(face.warnings),
    }


def record_of(ager: FaceAger, photo: Photo, aging: Aging, files: Sequence[str]) -> dict[str, Any]:
    """`how_made`, and what came of it: the present age in years, the matrix, the names of the files."""
    return {
        **how_made(ager, photo, aging.face, [aged.target for aged in aging.results]),
        "present_age_years": aging.present_age_years,
        "matrix": aging.matrix.tolist(),
        "files": list(files),
    }


def labelled_tile(aged: AgedFace) -> Photo:
    """(256, 256, 3) uint8 RGB: the portrait with the "AI-aged" label on it, at the size of sheets and strips."""
    return add_label(resize(aged.portrait, TILE_PX, TILE_PX))


def labelled_sheet(results: Sequence[AgedFace]) -> Photo:
    """Contact sheet of portraits with the "AI-aged" label on each and the age below."""
    tiles = [labelled_tile(aged) for aged in results]
    return contact_sheet(tiles, [aged.target.name for aged in results], tile_px=TILE_PX)


def _sweep(ager: FaceAger, photo: Photo, face: Face, present_age_years: float | None) -> Iterator[Photo]:
    """Portraits through all groups and back, ten steps from one typical age to the next."""
    groups = ager.groups
    ages: list[float] = [groups.typical_years[0]]
    for start, end in pairwise(groups.typical_years):
        ages += list(np.linspace(start, end, SWEEP_STEPS_PER_GROUP + 1)[1:])
    frames: list[Photo] = []
    for aged in ager.stream(photo, ages_years=ages, face=face, present_age_years=present_age_years):
        group = groups.names[groups.index_of(aged.target.years)]
        frames.append(caption_bar(add_label(aged.portrait), f"{aged.target.years:.0f} years (group {group})"))
        yield frames[-1]
    yield from reversed(frames[:-1])


def file_word(target: Target) -> str:
    """A target's name for a file name: "70+" becomes "70-plus"."""
    return target.name.replace("+", " plus").replace(" ", "-")
