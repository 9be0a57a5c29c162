"""A run's averaged estimator as a model to hand on: calibrated, judged on faces it never saw, with a card."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from core import device as compute_device
from core.errors import RunBroken
from core.estimator import INTERVAL_SHARE, Estimator, EstimatorConfig
from core.files import write_atomic
from core.weights import ModelInfo, add_model
from training.calibration import EstimatorFigures, Slice, calibrate, judge_estimator, probabilities
from training.data import default_files, load_faces
from training.estimator import STATE_FILE, check_faces, held_out_rows
from training.sections import number, share
from training.state import read_tensors, under
from training.terms import ModelTerms


def export_estimator(run: Path, terms: ModelTerms, models: Path, data: Path) -> EstimatorFigures:
    """Add a run's averaged estimator to a model folder, calibrated on the faces held out of its training.

    Args:
        run: folder of `training.estimator.train_estimator`.
        data: Parquet file of faces to judge it on; none of them may have been in its training.
    Raises:
        RunBroken: no such run, its checkpoint is damaged, or its training data are other faces now.
        DataBroken: its training data or `data` cannot be read.
    """
    network, config, counters = load_estimator(run)
    compute = compute_device.choose("cpu", "float32")
    faces = load_faces(tuple(config["data"]) or default_files(), network.config.size_px, max_faces=config["max_faces"])
    check_faces(run, faces, counters)
    held_out = faces.rows(held_out_rows(len(faces), config["held_out_share"], config["seed"]))
    calibrate(network, probabilities(network, held_out, compute), held_out.ages_years)
    figures = judge_estimator(network, load_faces((data,), network.config.size_px), compute)
    info = add_model(network, terms.name, models, licence=terms.licence)
    written = {"figures": dataclasses.asdict(figures), "training": config | {"data": _names(config["data"])}}
    write_atomic(models / f"{terms.name}.json", (json.dumps(written, indent=2, allow_nan=False) + "\n").encode())
    write_atomic(
        models / f"{terms.name}.md", card(info, terms, figures, counters["step"] * config["batch_size"]).encode()
    )
    return figures


def load_estimator(run: Path) -> tuple[Estimator, dict[str, Any], dict[str, Any]]:
    """The averaged network of a run, its configuration, and what its checkpoint counts. Raises RunBroken without."""
    try:
        config: dict[str, Any] = json.loads((run / "config.json").read_text(encoding="utf-8"))
        shape: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in config["network"].items()
        }
        network = Estimator(EstimatorConfig(**shape))
        tensors, counters = read_tensors(run / STATE_FILE)
        network.load_state_dict(under(tensors, "average."))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RunBroken(f"{run} is no run of an estimator with a checkpoint: {error}") from error
    return network.eval().requires_grad_(False), config, counters


def card(info: ModelInfo, terms: ModelTerms, figures: EstimatorFigures, num_faces: int) -> str:
    """Model card as Markdown: what it is, terms, figures, limits."""
    notes = f"\n- **Notes**: {terms.notes}" if terms.notes else ""
    return f"""# {info.name}

- **Terms**: {info.licence}
- **What it does**: reads the age of a {info.size_px} px face crop in UTKFace framing, in years, with an interval that
  holds {INTERVAL_SHARE:.0%} of people.
- **Trained on**: {terms.trained_on}
- **Training**: {num_faces} pictures; mean-variance loss (Pan et al. 2018); moving average of the weights; bias and
  interval set on faces held out of training; stored as float16 (figures measured in float32).{notes}
- **Reproduce**: `python -m training train-estimator --out RUN`, then `python -m training export-estimator RUN ...`.

## Errors on {figures.num_faces} faces it never saw

| figure | |
|---|---|
| mean absolute error | {figures.mae_years:.2f} years |
| the same, ages 0-14 | {number(figures.mae_children_years, 2)} years |
| labels within the {INTERVAL_SHARE:.0%} interval | {figures.coverage:.1%} |
| median width of the interval | {figures.interval_width_years:.1f} years |
| minors (under 18) read as adults | {share(figures.minors_read_as_adults)} |
| adults read as minors | {share(figures.adults_read_as_minors)} |

{_table("age group", figures.by_group)}

{_table("sex", figures.by_sex)}

{_table("race, by the data's own labels", figures.by_race)}

## Limits

- The labels are themselves estimates: two labels of one picture differ by four years on average.
- Old people are read too young, and some teenagers as adults: never decide by this whether somebody is of age.
- A face turned far to the side, covered, made up or badly lit is read worse than the interval says.
- Slices with few faces say little.
"""


def _table(what: str, slices: dict[str, Slice]) -> str:
    rows = [f"| {name} | {one.count} | {one.mae_years:.2f} | {one.bias_years:+.2f} |" for name, one in slices.items()]
    return "\n".join([f"| {what} | faces | mean absolute error | bias |", "|---|---|---|---|", *rows])


def _names(files: list[str]) -> list[str]:
    return [Path(file).name for file in files]
