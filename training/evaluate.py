"""How well a generator ages faces it never saw: figures, and a contact sheet to look at.

Every eval face is brought to the typical age of every group and to its own age. Outside judges read the ages and
sexes, a recogniser compares input and output. Random splits are seeded; the same inputs give the same bits.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core import device as compute_device
from core.aging import FaceAger
from core.align import UTKFACE
from core.detect import FacePack
from core.errors import DataBroken
from core.files import write_atomic
from core.generator import Generator
from core.images import Photo, encode_png, read_photo
from core.weights import LoadedModel, ModelInfo
from training import metrics
from training.data import load_faces
from training.figures import Figures, FrechetFigures, frechet_figures, slice_figures
from training.judge import Judge
from training.judgement import judge_figures
from training.likeness import likeness_figures
from training.metrics import by_target, finite, mean
from training.observations import Observations, observe, spread
from training.report import as_markdown, sheet
from training.surroundings import surroundings_figures

MAX_REAL_OF_A_GROUP = 400
"""Real pictures of a group that Frechet distances are taken to."""
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What a generator is judged on."""

    faces: Path
    """Parquet file of labelled faces in UTKFace framing, unseen in training."""
    real: tuple[Path, ...] = ()
    """More such files, of pictures that no judge learnt from, only for Frechet distances on a judge's features."""
    photos: Path | None = None
    """Folder of whole photos, to see whether anything beside the face moves; None leaves that out."""
    max_faces: int | None = None
    """Use only so many of the faces, evenly spread."""


def evaluate(
    network: Generator, name: str, material: Material, judges: Sequence[Judge], pack: FacePack, out: Path
) -> Figures:
    """Judge a generator; writes figures.json, figures.md and sheet.png.

    Raises DataBroken for bad data, and ValueError without a judge.
    """
    if not judges:
        raise ValueError("an evaluation needs a judge")
    faces = load_faces((material.faces,), network.config.size_px, min_age_years=network.groups.first_years[0])
    if material.max_faces is not None:
        faces = faces.spread(material.max_faces)
    photos = [] if material.photos is None else _photos(material.photos)
    seen = observe(network, faces, judges, pack)
    frechet = _frechet(seen, material.real, judges, pack)
    found = Figures(
        model=name,
        weights_sha256=weights_digest(network),
        data_sha256=hashlib.sha256(material.faces.read_bytes()).hexdigest(),
        num_faces=len(faces),
        num_outputs=len(faces) * len(network.groups),
        target_groups=network.groups.names,
        judges=tuple(judge_figures(seen, judge) for judge in range(len(judges))),
        likeness=likeness_figures(seen, pack.identity),
        frechet=frechet,
        surroundings=surroundings_figures(_ager(network, name, pack), photos) if photos else None,
        own_age_psnr_db=finite(mean(seen.own_age_psnr_db)),
        present_age_mae_years=finite(mean(np.abs(seen.present_years - faces.ages_years))),
        skin_change_by_target=by_target(seen.skin_change),
        point_drift_by_target=by_target(seen.point_drift),
        num_followed=len(seen.point_drift),
        slices=slice_figures(seen),
    )
    out.mkdir(parents=True, exist_ok=True)
    written = json.dumps(dataclasses.asdict(found), indent=2, allow_nan=False)
    write_atomic(out / "figures.json", (written + "\n").encode())
    write_atomic(out / "figures.md", as_markdown(found).encode())
    write_atomic(out / "sheet.png", encode_png(sheet(seen)))
    return found


def weights_digest(network: Generator) -> str:
    """sha256 over names and float32 values of all weights; the same for a run and what is exported in fp32."""
    digest = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        digest.update(key.encode() + value.float().contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def _frechet(seen: Observations, files: tuple[Path, ...], judges: Sequence[Judge], pack: FacePack) -> FrechetFigures:
    """On the features of the first judge that shows them, else on the recogniser's embeddings of the eval faces."""
    for judge, real, made in zip(judges, seen.real, seen.made, strict=True):
        if real.features is None or made.features is None:
            continue
        features, of_group = [real.features], [seen.own_groups]
        if files:
            size_px = seen.faces.faces.shape[1]
            more = load_faces(files, size_px, min_age_years=seen.groups.first_years[0])
            numbers = metrics.groups_of(more.ages_years, seen.groups)
            places = [np.flatnonzero(numbers == group) for group in range(len(seen.groups))]
            rows = np.concatenate([some[list(spread(len(some), MAX_REAL_OF_A_GROUP))] for some in places if len(some)])
            points = np.broadcast_to(UTKFACE.template("arcface5", size_px), (len(rows), 5, 2))
            shown = judge.read(more.faces[rows], points).features
            assert shown is not None
            features.append(shown)
            of_group.append(numbers[rows])
        pair = (made.features, np.concatenate(features))
        return frechet_figures(seen, judge.name, pair, np.concatenate(of_group))
    return frechet_figures(seen, pack.identity, (seen.made_embeddings, seen.embeddings), seen.own_groups)


def _photos(folder: Path) -> list[Photo]:
    files = (
        sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES) if folder.is_dir() else []
    )
    if not files:
        raise DataBroken(f"no photos in {folder}: name a folder with JPEG, PNG or WebP files")
    return [read_photo(file) for file in files]


def _ager(network: Generator, name: str, pack: FacePack) -> FaceAger:
    """The network as the app runs it, in float32."""
    info = ModelInfo(
        name=name,
        file="",
        sha256=weights_digest(network),
        architecture="agetrans",
        config=json.loads(json.dumps(dataclasses.asdict(network.config))),
        groups=network.config.groups,
        framing="utkface",
        size_px=network.config.size_px,
        licence="",
    )
    return FaceAger(LoadedModel(info=info, network=network), pack, compute_device.choose("cpu", "float32"))
