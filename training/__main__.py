"""Command line of training: python -m training train --preset NAME --out RUN."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import tyro

from core.errors import CafError
from training.evaluate_command import choose_strengths, evaluate, evaluate_scores
from training.facepp_command import facepp_age, facepp_verify


def train(
    preset: str = "tiny",
    out: Path = Path("runs/tiny"),
    data: tuple[str, ...] = (),
    minutes: float | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    threads: int = 2,
    start_from: Path | None = None,
    reader: str | None = None,
    recogniser: str | None = None,
    identity_floor: float | None = None,
    stream: bool = False,
    learning_rate: float | None = None,
    average_half_life: float | None = None,
    weight: dict[str, float] | None = None,
    jitter: float | None = None,
    precision: Literal["auto", "float32", "bfloat16"] | None = None,
    row_groups_per_window: int | None = None,
    steps_per_window: int | None = None,
    workers: int | None = None,
) -> None:
    """Train a generator, or go on with the run in --out. Several processes: torchrun or accelerate launch.

    Args:
        preset: Which configuration: tiny; utk128-10 or -4; larger, with --start-from: grown192-10, grown256-10,
            grown512-10, grown1024-10 or -4; with gains of the photo's detail: detailed128-10, detailed192-10,
            detailed256-10 or -4; or the published recipe: reference-morph-256, reference-cacd-256,
            reference-ffhq-128-4 to reference-ffhq-1024-10.
        out: Run folder; a run already there is resumed.
        data: Parquet files of faces instead of the preset's: paths, patterns, hf:// addresses.
        minutes: Stop after so many minutes of this sitting.
        steps: Stop after so many steps in all; with --start-from the warm-up of the preset counts as done.
        batch_size: Faces a step and process.
        seed: Fixes weights and batches.
        threads: CPU threads; a resumed run is bit-identical only with as many as before.
        start_from: Run folder, or .safetensors file of an exported model, whose networks to start from.
        reader: Age estimator, by name or file, that reads outputs; "none" for the encoder of the average.
        recogniser: ArcFace-style ONNX file of the identity band; "none" to leave the band out.
        identity_floor: Cosine between input and output, to the recogniser, that the band asks for at least, for targets
            from 10 years up, in our recipe. Each recogniser has its own scale: with --recogniser it is 0, which leaves
            the band as real pictures are, unless it is given.
        stream: Read faces as they are needed instead of holding all in memory.
        learning_rate: Adam's, for both networks; a run that starts from a good model wants less than the preset's.
        average_half_life: Faces after which an old weight counts half in the averaged generator.
        weight: Terms of our objective and how much they count instead, such as --weight hue 0 mirror 5.
        jitter: How much otherwise our recipe frames and lights faces each time they come: 0 not at all, 1 fully.
        precision: What the networks compute in: auto is the faster one here, and what a resumed run began with.
        row_groups_per_window: With --stream, the files' row groups that are held decoded at a time.
        steps_per_window: With --stream, batches drawn from them before the next ones.
        workers: With --stream, processes that decode pictures, for each process that trains.
    """
    from training.config import preset as find_preset
    from training.config import reweighted
    from training.loop import train as run_training
    from training.options import with_options

    options: dict[str, Any] = {
        "data": data,
        "minutes": minutes,
        "num_steps": steps,
        "batch_size": batch_size,
        "seed": seed,
        "num_threads": threads,
        "start_from": start_from,
        "reader": reader,
        "recogniser": recogniser,
        "identity_floor": identity_floor,
        "stream": stream,
        "learning_rate": learning_rate,
        "ema_half_life_faces": average_half_life,
        "jitter": jitter,
        "precision": precision,
        "row_groups_per_window": row_groups_per_window,
        "steps_per_window": steps_per_window,
        "num_workers": workers,
    }
    config = with_options(find_preset(preset), options)
    config = reweighted(config, weight or {})
    state = run_training(config, out)
    summary = {"run": str(out), "step": state.step, "faces": state.faces, "seconds": round(state.seconds, 1)}
    print(json.dumps(summary))


def train_estimator(
    out: Path,
    data: tuple[str, ...] = (),
    faces: int = 400_000,
    start_from: str | None = None,
    seed: int = 0,
    threads: int = 2,
    max_faces: int | None = None,
) -> None:
    """Train an age estimator, or go on with the run in --out.

    Args:
        out: Run folder; a run already there is resumed.
        data: Parquet files of faces instead of parts 0-2 of the UTKFace pack.
        faces: How many are seen in all, each every time it is; the learning rate falls to zero over them.
        start_from: Estimator, by name or file, whose weights to start from.
        seed: Fixes weights and order.
        threads: CPU threads.
        max_faces: Use only the first so many faces of the data.
    """
    from training.estimator import EstimatorTraining
    from training.estimator import train_estimator as run_training

    config = EstimatorTraining(
        data=data, num_faces=faces, start_from=start_from, seed=seed, num_threads=threads, max_faces=max_faces
    )
    state = run_training(config, out)
    print(json.dumps({"run": str(out), "step": state.step, "of": state.num_steps}))


def export_estimator(
    run: tyro.conf.Positional[Path],
    name: str,
    licence: str,
    trained_on: str,
    notes: str = "",
    models: Path = Path("models"),
    data: Path | None = None,
) -> None:
    """Make a run's averaged estimator a model: calibrated, judged, with a card.

    Args:
        run: Run folder of train-estimator.
        name: Name of the model.
        licence: Terms of the weights, one line.
        trained_on: What data, for the card.
        notes: What else a reader of the card should know.
        models: Model folder.
        data: Parquet file of faces to judge it on, instead of the eval part of the UTKFace pack.
    """
    from training.data import PACK
    from training.estimator_export import export_estimator as run_export
    from training.terms import ModelTerms

    terms = ModelTerms(name=name, licence=licence, trained_on=trained_on, notes=notes)
    figures = run_export(run, terms, models, data or PACK / "utkface_eval.parquet")
    print(json.dumps(dataclasses.asdict(figures)))


def export(
    run: tyro.conf.Positional[Path],
    name: str,
    licence: str,
    trained_on: str,
    strength: tuple[float, ...] = (1.0,),
    framing: str | None = None,
    notes: str = "",
    models: Path = Path("models"),
    photo: Path | None = None,
) -> None:
    """Make a run's averaged generator a model: safetensors, manifest entry, card with a picture.

    Args:
        run: Run folder; one of our recipe is evaluated into RUN/figures first.
        name: Name of the model.
        licence: Terms of the weights, one line.
        trained_on: What data, for the card.
        strength: Multiply the changes that our generator makes, by one number or by one for each age group; the run
            must have been evaluated with it.
        framing: For a run of a reference preset: how its faces are framed, utkface, ffhq or reference.
        notes: What else a reader of the card should know of the training.
        models: Model folder.
        photo: Photo whose largest face opens the card's picture; composites of the bundled sample follow.
    """
    from training.export import Showcase
    from training.export import export as run_export
    from training.reference_export import export_reference
    from training.state import trains_reference
    from training.terms import ModelTerms

    terms = ModelTerms(name=name, licence=licence, trained_on=trained_on, notes=notes)
    if trains_reference(run):
        if framing is None or strength != (1.0,):
            raise ValueError("a run of a reference preset is exported with --framing and without --strength")
        info = export_reference(run, terms, models, framing)
    elif framing is not None:
        raise ValueError("--framing is for runs of reference presets; our recipe's faces are in UTKFace framing")
    else:
        info = run_export(run, terms, models, Showcase(photo=photo), strength)
    print(json.dumps(dataclasses.asdict(info), default=str))


def plot(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
) -> None:
    """Draw the curves of one or more runs over each other, from their losses.jsonl.

    Args:
        runs: Run folders.
        out: The picture: .png, .svg or .html.
    """
    from training.plot import plot as run_plot

    run_plot(runs, out)
    print(json.dumps({"runs": [str(run) for run in runs], "out": str(out)}))


def onnx(model: tyro.conf.Positional[str], out: Path) -> None:
    """Write a model as an ONNX file, for programs without torch. It is compared with the network first.

    Args:
        model: Name of a model, or its .safetensors file.
        out: The file to write.
    """
    from training.onnx_export import export_onnx

    print(json.dumps(dataclasses.asdict(export_onnx(model, out)), default=str))


def facepp(
    code: Annotated[int, tyro.conf.subcommand("age", constructor=facepp_age)]
    | Annotated[int, tyro.conf.subcommand("verify", constructor=facepp_verify)],
) -> None:
    """Have pictures judged by the Face++ service, which costs money."""
    sys.exit(code)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn a known error into one line on stderr and exit 1, Ctrl-C into one and exit 130."""
    try:
        yield
    except (CafError, ValueError, OSError) as error:
        _end(f"error: {error}", 1)
    except KeyboardInterrupt:
        _end("interrupted; files are as they were last written", 130)
    except RuntimeError as error:
        from torch import OutOfMemoryError

        if not isinstance(error, OutOfMemoryError):
            raise
        _end("error: the device has too little memory for this; give a smaller --batch-size or a smaller preset", 1)


def _end(line: str, code: int) -> NoReturn:
    print(line, file=sys.stderr)
    sys.exit(code)


def main() -> None:
    """Parse and run."""
    with one_sentence():
        tyro.extras.subcommand_cli_from_dict(
            {
                "train": train,
                "evaluate": evaluate,
                "evaluate-scores": evaluate_scores,
                "choose-strengths": choose_strengths,
                "export": export,
                "plot": plot,
                "onnx": onnx,
                "train-estimator": train_estimator,
                "export-estimator": export_estimator,
                "facepp": facepp,
            },
            prog="python -m training",
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )


if __name__ == "__main__":
    main()
