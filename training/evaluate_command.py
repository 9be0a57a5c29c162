"""python -m training evaluate | evaluate-scores | choose-strengths. Light, so that --help answers at once."""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.detect import FacePack
    from core.thresholds import ThresholdTable
    from training.judge import Judge


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What models are judged on, and by whom."""

    data: Path | None = None
    """Parquet file of faces in UTKFace framing, or an archive, instead of the eval part of the UTKFace pack."""
    split: Literal["train", "validation", "test"] | None = None
    """Of an archive's faces only those of this split."""
    archive: Path | None = None
    """Archive whose pairs of one person outputs are held against; where --data is not given also the faces."""
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
    table: Path | None = None
    """Threshold table of the pack's recogniser, made by python -m cafdata calibrate, instead of a bundled one."""
    rate: float = 1e-3
    """False-accept rate of the bundled table."""
    max_faces: int | None = None
    """Use only so many faces, evenly spread."""
    strength: tuple[float, ...] = (1.0,)
    """Multiply the changes that a run's generator makes: one number, or one for each age group. Exported models keep
    their own."""
    threads: int = 2
    """CPU threads; an evaluation that was broken off goes on only with as many."""


def evaluate(models: tuple[str, ...], /, out: Path, choice: Choice = Choice()) -> None:
    """Judge models on labelled faces they never saw: figures.json, figures.md, sheet.png, a sheet for each
    target group in sheets/, report.html.

    Several models get a folder each, and comparison.json and comparison.md. An evaluation that was broken off goes on.

    Args:
        models: Names of models, .safetensors files, or run folders.
        out: Folder for the figures.
        choice: On what, and by whom.
    """

    from core.detect import open_pack
    from training.contender import contender_named
    from training.data import PACK
    from training.evaluate import evaluate_all
    from training.material import Material, Panel
    from training.report import as_markdown

    if choice.strength != (1.0,) and models and not any(Path(model).is_dir() for model in models):
        raise ValueError(
            f"--strength multiplies what a run makes, and {models[0]} is no run folder: an exported model has its "
            "strengths within; leave it out, or name the run"
        )
    _use_threads(choice.threads)
    contenders = [contender_named(model, choice.strength) for model in models]
    shared, part = PACK.parent, PACK / "utkface_train-0.parquet"
    beside = shared / "photos"
    material = Material(
        faces=choice.data or choice.archive or PACK / "utkface_eval.parquet",
        split=choice.split,
        real=choice.real or ((part,) if choice.data is choice.archive is None and part.is_file() else ()),
        pairs=choice.archive,
        photos=choice.photos or (beside if beside.is_dir() else None),
        max_faces=choice.max_faces,
    )
    pack = open_pack(choice.pack or f"insightface:{shared / 'models' / 'pack_scrfd_mobilefacenet'}")
    table, why = _table(choice, pack)
    panel = Panel(judges=_judges(choice.judge, choice.estimator), pack=pack, table=table, why_no_table=why)
    for figures in evaluate_all(contenders, material, panel, out):
        _say(as_markdown(figures))
        sys.stdout.write(json.dumps(dataclasses.asdict(figures), allow_nan=False) + "\n")


def evaluate_scores(scores: Path, /, table: str, out: Path, mapping: Path | None = None) -> None:
    """Hold recorded scores against thresholds by age gap: figures.json, figures.md, report.html.

    Args:
        scores: CSV with person_a,person_b,age_a,age_b,score (or group_a,group_b), or Face++'s k,filename,confidence.
        table: Name of a bundled threshold table, such as facepp-paper, or path of a table; of the same recogniser.
        out: Folder for the figures.
        mapping: For Face++'s form a CSV filename,person_a,person_b,age_a,age_b.
    """
    from training.recorded_scores import as_markdown, table_named
    from training.recorded_scores import evaluate_scores as run_evaluation

    figures = run_evaluation(scores, table_named(table), mapping, out)
    _say(as_markdown(figures))
    sys.stdout.write(json.dumps(dataclasses.asdict(figures), allow_nan=False) + "\n")


def choose_strengths(
    run: Path,
    /,
    out: Path,
    tried: tuple[float, ...] = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2),
    data: Path | None = None,
    real: tuple[Path, ...] = (),
    per_group: int = 40,
    threads: int = 2,
) -> None:
    """Find how strong a run's changes should be, for each age group: strengths.json, strengths.md.

    The weakest that makes outputs look their age to both judges and passes for real pictures by Frechet distance.

    They are tried on faces that are neither trained nor evaluated on; a trial that was broken off goes on. The line
    printed last holds what to give to --strength of evaluate and export.

    Args:
        run: Run folder.
        out: Folder for what was found.
        tried: Strengths of all changes to try.
        data: Parquet file of faces in UTKFace framing, instead of part 3 of the UTKFace pack.
        real: Parquet files of more real faces for Frechet distances, instead of part 0 of the pack.
        per_group: Faces of each age group.
        threads: CPU threads; a trial that was broken off goes on only with as many.
    """

    from core.detect import open_pack
    from training.data import PACK, decoded, find_places
    from training.frechet import RealPictures
    from training.material import Panel
    from training.state import load_average
    from training.strengths import balanced, choose, try_strengths, write_choice

    _use_threads(threads)
    network, models = load_average(run), PACK.parent / "models"
    places = find_places((data or PACK / "utkface_train-3.parquet",), min_age_years=network.groups.first_years[0])
    faces = decoded(balanced(places, network.groups, per_group), network.config.size_px)
    pack = open_pack(f"insightface:{models / 'pack_scrfd_mobilefacenet'}")
    panel = Panel(judges=_judges(), pack=pack)
    more = real or ((PACK / "utkface_train-0.parquet",) if data is None else ())
    pictures = RealPictures(more, panel.judges)
    found = try_strengths(run, tried, faces, panel, pictures, out)
    chosen = choose(found)
    _say(write_choice(found, chosen, network.groups, out))
    sys.stdout.write(json.dumps({"strength": chosen}) + "\n")


def _judges(judge: Path | None = None, estimator: str | None = None) -> "tuple[Judge, ...]":
    """The ONNX judge and the estimator that were named, else the usual ones; of these the latter may be missing."""
    from training.data import PACK
    from training.judge import ESTIMATOR, AgeSexJudge, bundled_estimator, estimator_named

    first = AgeSexJudge(judge or PACK.parent / "models" / "insightface2018_gender_age_112.onnx")
    second = estimator_named(estimator) if estimator else bundled_estimator()
    if second is None:
        _say(f"no estimator {ESTIMATOR} among the models: one judge, Frechet distances on the recogniser")
        return (first,)
    return (first, second)


def _table(choice: Choice, pack: "FacePack") -> tuple["ThresholdTable | None", str]:
    """The table that was named, else the bundled one; without either None and the reason."""
    from core.errors import TableMissing
    from core.thresholds import read_table, table_for
    from training.digest import files_digest

    if choice.table is not None:
        return read_table(choice.table), ""
    try:
        return table_for(pack.identity, files_digest([pack.recogniser_file]), choice.rate), ""
    except TableMissing as error:
        _say(f"no rectified figures: {error}")
        return None, str(error)


def _use_threads(count: int) -> None:
    import torch

    if count < 1:
        raise ValueError(f"--threads must be at least 1, got {count}")
    torch.set_num_threads(count)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
