"""Files in, files out: photos of a folder brought to target ages, each with its record.

For `portrait.jpg` the output folder receives, for every face worked on,

    portrait/20-29.png ...   the whole photo with the face at that age, marked and signed
    portrait/sheet.png       all ages beside each other
    portrait/sweep.mp4       on request: through the ages and back
    portrait/record.json     model, ages, face and matrix: enough to make the same pictures again

A photo whose record is complete and asks for the same is skipped, so an interrupted run goes on.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from core.age_reader import PresentAge
from core.aging import AgedFace, Aging, FaceAger, Target
from core.align import Photo
from core.animation import FILM_FPS, sweep, there_and_back
from core.detect import Face
from core.errors import BadImage, NoFace
from core.files import replacing, write_atomic
from core.images import encode_png, read_photo, resize
from core.marking import LABEL, TILE_PX, add_label, add_watermark, mark
from core.provenance import Made, sign_file, signed
from core.regions import Lock
from core.sheet import contact_sheet
from core.video import write_mp4
from core.watermark import KEY

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
RECORD = "record.json"
MARKS = {"label": LABEL, "watermark": KEY.decode(), "provenance": "C2PA"}
"""What every picture carries, as a record says it."""

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
        {"photo", "folder", and `present_age_words`} for each face; {"photo", "folder", "skipped": true} where
        it was done before; {"photo", "error"} for a photo that cannot be used, and goes on.
    Raises:
        ValueError: the order does not suit the model.
    """
    ager.targets(order.ages_years)
    taken: set[Path] = set()
    for path in photos:
        try:
            photo = read_photo(path)
            faces = _chosen(ager.find_faces(photo), order.face)
        except (BadImage, NoFace) as error:
            yield {"photo": str(path), "error": str(error)}
            continue
        place = _free_folder(out, path.stem, photo, taken)
        taken.add(place)
        for number, face in faces:
            folder = place / f"face{number}" if order.face == "all" else place
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


def _free_folder(out: Path, stem: str, photo: Photo, taken: set[Path]) -> Path:
    """First of `stem`, `stem-2`, ... that this run has not used and that holds no other photo's results."""
    for number in count(1):
        folder = out / (stem if number == 1 else f"{stem}-{number}")
        records = [record_in(place) for place in (folder, *folder.glob("face*"))]
        owners = {record["pixels_sha256"] for record in records if "pixels_sha256" in record}
        if folder not in taken and owners <= {pixels_sha256(photo)}:
            return folder
    raise AssertionError("count() does not end")


def record_in(folder: Path) -> dict[str, Any]:
    """Record of a folder; empty if there is none or it cannot be read, which is as if nothing had been done."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _transform_face(ager: FaceAger, photo: Photo, face: Face, order: Order, folder: Path) -> dict[str, Any]:
    asked = {**how_made(ager, photo, face, ager.targets(order.ages_years)), "video": order.video}
    before = record_in(folder)
    made_before = [folder / Path(str(name)).name for name in before.get("files", [])]
    is_done = before.get("is_complete") is True and all(file.is_file() for file in made_before)
    if is_done and all(before.get(key) == value for key, value in asked.items()):
        return {"skipped": True}
    for file in made_before:
        file.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    files = [f"{file_word(target)}.png" for target in ager.targets(order.ages_years)]
    files += ["sheet.png", *(["sweep.mp4"] if order.video else [])]
    # Written first, so that a run that is broken off leaves word of what it may have left behind.
    write_record(folder, {**asked, "files": files, "is_complete": False})
    aging = ager.transform(photo, ages_years=order.ages_years, face=face)
    for aged, name in zip(aging.results, files, strict=False):
        write_atomic(folder / name, signed(encode_png(mark(aged.photo)), name, made_of(ager, [aged.target])))
    made = made_of(ager, [aged.target for aged in aging.results])
    write_atomic(folder / "sheet.png", signed(encode_png(labelled_sheet(aging.results)), "sheet.png", made))
    if order.video:
        frames = there_and_back(list(sweep(ager, photo, face, aging.present_age)))
        with replacing(folder / "sweep.mp4") as unsigned:
            write_mp4(frames, unsigned, FILM_FPS)
            sign_file(unsigned, made_of(ager, ager.targets()), "sweep.mp4")
    write_record(folder, {**record_of(ager, photo, aging, files), "video": order.video, "is_complete": True})
    return present_age_words(aging.present_age)


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Record of a folder, in place of the one that is there."""
    write_atomic(folder / RECORD, (json.dumps(record, indent=2) + "\n").encode())


def pixels_sha256(photo: Photo) -> str:
    """Of the decoded pixels, so that the same picture in another file is known again."""
    return hashlib.sha256(photo.tobytes()).hexdigest()


def made_with(ager: FaceAger) -> dict[str, Any]:
    """What all pictures of one `FaceAger` follow from, as values for JSON."""
    return {
        **MARKS,
        "model": ager.model.info.name,
        "model_sha256": ager.model.info.sha256,
        "licence": ager.model.info.licence,
        "face_pack": ager.pack.name,
        "age_estimator": None if ager.reader is None else ager.reader.info.name,
        "age_estimator_sha256": None if ager.reader is None else ager.reader.info.sha256,
        "precision": str(ager.compute.dtype).removeprefix("torch."),
    }


def how_made(
    ager: FaceAger, photo: Photo, face: Face, targets: Sequence[Target], locks: Collection[Lock] = ()
) -> dict[str, Any]:
    """What the pictures follow from, as values for JSON. Nothing in it is random, so there is no seed to keep."""
    return {
        **made_with(ager),
        "pixels_sha256": pixels_sha256(photo),
        "ages_years": [target.years for target in targets],
        "age_names": [target.name for target in targets],
        "noise": "off",
        "seed": None,
        "face_box": [round(float(value), 3) for value in face.box],
        "face_points": face.points.tolist(),
        "face_convention": face.convention,
        "face_warnings": list(face.warnings),
        "locks": sorted(locks),
    }


def made_of(ager: FaceAger, targets: Sequence[Target]) -> Made:
    """What a manifest tells of pictures at these ages: the model and the ages, nothing of the person."""
    info = ager.model.info
    return Made(model=info.name, model_sha256=info.sha256, ages=tuple(target.name for target in targets))


def record_of(
    ager: FaceAger, photo: Photo, aging: Aging, files: Sequence[str], locks: Collection[Lock] = ()
) -> dict[str, Any]:
    """`how_made`, and what came of it: the present age, the matrix, the names of the files; and the photo's size."""
    return {
        **how_made(ager, photo, aging.face, [aged.target for aged in aging.results], locks),
        **present_age_words(aging.present_age),
        "photo_size_px": [photo.shape[1], photo.shape[0]],
        "matrix": aging.matrix.tolist(),
        "files": list(files),
    }


def present_age_words(age: PresentAge | None) -> dict[str, Any]:
    """The present age and its 80 % interval for JSON, in years; null what is not known."""
    return {
        "present_age_years": None if age is None else age.years,
        "present_age_interval_years": None if age is None or age.interval_years is None else list(age.interval_years),
    }


def labelled_tile(aged: AgedFace) -> Photo:
    """(256, 256, 3) uint8 RGB: the portrait with its marks, at the size of sheets and strips."""
    return mark(resize(aged.portrait, TILE_PX, TILE_PX))


def labelled_sheet(results: Sequence[AgedFace]) -> Photo:
    """Contact sheet of portraits with the "AI-aged" label on each and the age below; one watermark for all of it."""
    tiles = [add_label(resize(aged.portrait, TILE_PX, TILE_PX)) for aged in results]
    return add_watermark(contact_sheet(tiles, [aged.target.name for aged in results], tile_px=TILE_PX))


def file_word(target: Target) -> str:
    """A target's name for a file name: "70+" becomes "70-plus"."""
    return target.name.replace("+", " plus").replace(" ", "-")
