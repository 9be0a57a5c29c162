"""python -m training evaluate. Light, so that --help answers at once; the work is in training.evaluate."""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What models are judged on, and by whom."""

    data: Path | None = None
    """Parquet file of faces in UTKFace framing instead of the eval part of the UTKFace pack."""
    real: tuple[Path, ...] = ()
    """Parquet files of more real faces for Frechet distances, instead of part 0 of the UTKFace pack."""
    photos: Path | None = None
    """Folder of whole photos instead of those beside the UTKFace pack: does anything beside the face move?"""
    judge: Path | None = None
    """ONNX age and sex classifier instead of insightface2018_gender_age_112."""
    estimator: str | None = None
    """Second judge, a model by name or file, instead of age-judge-128."""
    pack: str | None = None
    """Face pack with arcface5 points, such as insightface:buffalo_l."""
    max_faces: int | None = None
    """Use only so many faces, evenly spread."""
    strength: float = 1.0
    """Multiply the changes that a run's generator makes."""
    threads: int = 2
    """CPU threads; an evaluation that was broken off goes on only with as many."""


def evaluate(models: tuple[str, ...], /, out: Path, choice: Choice = Choice()) -> None:
    """Judge models on labelled faces they never saw: figures.json, figures.md, sheet.png.

    Several models get a folder each, and comparison.json and comparison.md. An evaluation that was broken off goes on.

    Args:
        models: Names of models, .safetensors files, or run folders.
        out: Folder for the figures.
        choice: On what, and by whom.
    """
    import torch

    from core.detect import open_pack
    from training.contender import contender_named
    from training.data import PACK
    from training.evaluate import Material, Panel, evaluate_all
    from training.judge import ESTIMATOR, AgeSexJudge, bundled_estimator, estimator_named
    from training.report import as_markdown

    torch.set_num_threads(choice.threads)
    contenders = [contender_named(model, choice.strength) for model in models]
    shared, part = PACK.parent, PACK / "utkface_train-0.parquet"
    second = estimator_named(choice.estimator) if choice.estimator else bundled_estimator()
    if second is None:
        _say(f"no estimator {ESTIMATOR} among the models: one judge, Frechet distances on the recogniser")
    first = AgeSexJudge(choice.judge or shared / "models" / "insightface2018_gender_age_112.onnx")
    beside = shared / "photos"
    material = Material(
        faces=choice.data or PACK / "utkface_eval.parquet",
        real=choice.real or ((part,) if choice.data is None and part.is_file() else ()),
        photos=choice.photos or (beside if beside.is_dir() else None),
        max_faces=choice.max_faces,
    )
    panel = Panel(
        judges=(first, *(() if second is None else (second,))),
        pack=open_pack(choice.pack or f"insightface:{shared / 'models' / 'pack_scrfd_mobilefacenet'}"),
    )
    for figures in evaluate_all(contenders, material, panel, out):
        _say(as_markdown(figures))
        sys.stdout.write(json.dumps(dataclasses.asdict(figures), allow_nan=False) + "\n")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
