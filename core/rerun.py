"""The pictures of a record made again: the same model, face, ages and regions, and so the same pixels."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from core import device as compute_device
from core.age_reader import PresentAge
from core.aging import FaceAger
from core.align import Photo
from core.detect import Face, open_pack
from core.errors import BadImage, RecordRefused, WeightsRefused
from core.files import write_atomic
from core.images import encode_png, resize
from core.marking import mark
from core.provenance import signed
from core.transform import file_word, labelled_sheet, made_of, pixels_sha256
from core.weights import load

MAX_AGES = 1000
NEEDED = ("model", "model_sha256", "precision", "pixels_sha256", "ages_years", "face_box", "face_points",
          "face_convention", "present_age_years", "locks")  # fmt: skip


def read_record(path: Path) -> dict[str, Any]:
    """A record.json with all that the pictures follow from. Raises RecordRefused for anything else."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordRefused(f"{path} cannot be read; give the record.json beside the pictures.") from error
    missing = [name for name in NEEDED if name not in record] if isinstance(record, dict) else list(NEEDED)
    if missing:
        raise RecordRefused(f"{path} does not say {missing[0]}, so its pictures cannot be made again.")
    checked: dict[str, Any] = record
    return checked


def as_worked_on(photo: Photo, record: dict[str, Any]) -> Photo:
    """A photo as large as the record tells, made smaller as the page does; any other as it is."""
    size = record.get("photo_size_px")
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int for side in size):
        return photo
    height_px, width_px = photo.shape[:2]
    is_smaller = 0 < size[0] <= width_px and 0 < size[1] <= height_px and size != [width_px, height_px]
    return resize(photo, size[0], size[1]) if is_smaller else photo


def rerun(record_path: Path, photo: Photo, out: Path, *, pack: str = "embedded", device: str = "auto") -> list[Path]:
    """Make the pictures of a record again.

    No face is looked for and no age is read: both are in the record. The pixels are the same on the same kind of
    processor; another may round differently, by a level or two.

    Args:
        record_path: the record.json.
        photo: (H, W, 3) uint8 RGB: the photo that it was made from; one that was made smaller first, as it came.
        out: folder for the pictures and the sheet; made if it is not there.
        pack: any face pack; it is not asked.
        device: as for `core.device.choose`.
    Raises:
        RecordRefused: no such record, or one that cannot be.
        BadImage: another photo.
        WeightsRefused: the model of that name has other weights.
    """
    record = read_record(record_path)
    photo = as_worked_on(photo, record)
    if pixels_sha256(photo) != record["pixels_sha256"]:
        refusal = f"This is not the photo that {record_path} was made from: its pixels differ."
        if "photo_size_px" not in record:
            refusal += " Or it is, and the page had made it smaller first: this record does not tell to which size."
        raise BadImage(refusal)
    model = load(record["model"])
    if model.info.sha256 != record["model_sha256"]:
        raise WeightsRefused(f"The model {model.info.name} here has other weights than {record_path} was made with.")
    ager = FaceAger(model, open_pack(pack), compute_device.choose(device, record["precision"]))
    try:
        face = Face(
            box=tuple(float(edge) for edge in record["face_box"]),  # type: ignore[arg-type]
            points=np.asarray(record["face_points"], dtype=np.float64).reshape(5, 2),
            convention=record["face_convention"],
            score=1.0,
        )
        years = [float(one) for one in record["ages_years"]][:MAX_AGES]
        age = record["present_age_years"]
        present = None if age is None else PresentAge(years=float(age))
        groups = ager.groups
        # Groups are named, ages are told in years: a record of all groups is one of their typical ages.
        is_groups = record.get("age_names") == [groups.names[groups.index_of(one)] for one in years]
        asked: dict[str, Any] = (
            {"groups": [groups.index_of(one) for one in years]} if is_groups else {"ages_years": years}
        )
        aging = ager.transform(photo, face=face, present_age=present, locks=tuple(record["locks"]), **asked)
    except (TypeError, ValueError) as error:
        raise RecordRefused(f"{record_path} says what cannot be: {error}.") from error
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for aged in aging.results:
        made.append(out / f"{file_word(aged.target)}.png")
        write_atomic(made[-1], signed(encode_png(mark(aged.photo)), ".png", made_of(ager, [aged.target])))
    made.append(out / "sheet.png")
    told = made_of(ager, [aged.target for aged in aging.results])
    write_atomic(made[-1], signed(encode_png(labelled_sheet(aging.results)), ".png", told))
    return made
