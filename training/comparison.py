"""Several models on the same faces: one table, a column a model, of the figures that sum up each."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.files import write_atomic
from training.bars import bars
from training.figures import Figures
from training.metrics import Figure, finite, mean
from training.sections import UNKNOWN, Section, number, share, table, to_markdown


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One figure of every model."""

    name: str
    values: tuple[Figure, ...]
    """A model each; None was not measured."""
    is_share: bool = False
    """A share 0..1, shown in percent."""
    places: int = 1
    """Decimal places shown."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What an evaluation of several models comes to."""

    models: tuple[str, ...]
    weights_sha256: tuple[str, ...]
    data_sha256: str
    num_faces: tuple[int, ...]
    """Models of other groups may leave out the youngest faces."""
    target_groups: tuple[tuple[str, ...], ...]
    bars_reached: tuple[str, ...]
    """Of those measured, such as "7 of 9"."""
    rows: tuple[Row, ...]


def compare(found: Sequence[Figures]) -> Comparison:
    """Put figures side by side. Raises ValueError unless all are of the same data and judges."""
    if len({figures.data_sha256 for figures in found}) != 1:
        raise ValueError("figures of other faces cannot be compared")
    judges = {tuple(judge.judge for judge in figures.judges) for figures in found}
    if len(judges) != 1:
        raise ValueError(f"figures of other judges cannot be compared: {sorted(judges)}")
    return Comparison(
        models=tuple(figures.model for figures in found),
        weights_sha256=tuple(figures.weights_sha256 for figures in found),
        data_sha256=found[0].data_sha256,
        num_faces=tuple(figures.num_faces for figures in found),
        target_groups=tuple(figures.target_groups for figures in found),
        bars_reached=tuple(map(_bars_reached, found)),
        rows=(*_judge_rows(found), *_pass_rows(found), *_other_rows(found)),
    )


def comparison_section(found: Comparison) -> Section:
    """The comparison for people."""
    rows = [
        ("faces", *map(str, found.num_faces)),
        ("target groups", *(", ".join(names) for names in found.target_groups)),
        ("weights sha256", *(sha256[:16] for sha256 in found.weights_sha256)),
        ("bars reached, of those measured", *found.bars_reached),
    ]
    rows += [
        (row.name, *(share(v) if row.is_share else number(v, row.places) for v in row.values)) for row in found.rows
    ]
    return Section(
        title="Models side by side",
        blocks=(
            f"Of the same faces (data sha256 {found.data_sha256[:16]}) and judges; {UNKNOWN} was not measured.",
            table(("", *found.models), rows),
        ),
    )


def write_comparison(found: Comparison, out: Path) -> None:
    """Write comparison.json and comparison.md."""
    written = json.dumps(dataclasses.asdict(found), indent=2, allow_nan=False)
    write_atomic(out / "comparison.json", (written + "\n").encode())
    write_atomic(out / "comparison.md", to_markdown((comparison_section(found),)).encode())


def _judge_rows(found: Sequence[Figures]) -> list[Row]:
    rows = []
    for number_, judge in enumerate(found[0].judges):
        of = [figures.judges[number_] for figures in found]
        rows += [
            Row(
                name=f"mean error: mean size of the differences of group means, years ({judge.judge})",
                values=tuple(one.mean_error_years for one in of),
            ),
            Row(
                name=f"mean distance of each picture from its target, years ({judge.judge})",
                values=tuple(one.picture_error_years for one in of),
            ),
            Row(
                name=f"worst difference of group means, years ({judge.judge})",
                values=tuple(_worst(one.difference_years) for one in of),
            ),
            Row(
                name=f"within one group of the target, over real ({judge.judge})",
                values=tuple(one.within_one_group_ratio for one in of),
                is_share=True,
            ),
            Row(
                name=f"the same over gaps of three groups and more ({judge.judge})",
                values=tuple(one.far_within_one_group_ratio for one in of),
                is_share=True,
            ),
            Row(
                name=f"sex kept, targets from 15 years up ({judge.judge})",
                values=tuple(one.sex_kept for one in of),
                is_share=True,
            ),
        ]
    return rows


def _pass_rows(found: Sequence[Figures]) -> list[Row]:
    """Means over the target groups, each counting the same."""
    targets = [figures.rectified.targets if figures.rectified else () for figures in found]
    real = [[row.real for row in rows] for rows in targets]
    return [
        Row(
            name="pass one threshold for all ages, mean over target groups",
            values=tuple(_mean(row.compared_rates[0] for row in rows) for rows in targets),
            is_share=True,
        ),
        Row(
            name="pass the rectified thresholds, mean over target groups",
            values=tuple(_mean(row.compared_rates[1] for row in rows) for rows in targets),
            is_share=True,
        ),
        Row(
            name="real pairs of the same gaps that pass them",
            values=tuple(_mean(one.genuine_rate if one else None for one in some) for some in real),
            is_share=True,
        ),
        Row(
            name="distance to the scores of real pairs: towards too alike",
            values=tuple(_mean(one.distance_more if one else None for one in some) for some in real),
            places=3,
        ),
        Row(
            name="towards too strange",
            values=tuple(_mean(one.distance_less if one else None for one in some) for some in real),
            places=3,
        ),
    ]


def _mean(figures: Iterable[Figure]) -> Figure:
    """None where one of them was not measured, or there are none."""
    values = list(figures)
    known = [value for value in values if value is not None]
    return finite(mean(known)) if len(known) == len(values) else None


def _other_rows(found: Sequence[Figures]) -> list[Row]:
    beside = [figures.surroundings for figures in found]
    return [
        Row(name="mean cosine to the input", values=tuple(one.likeness.cosine for one in found), places=3),
        Row(
            name="above the different-person bound, targets from 10 years up",
            values=tuple(one.likeness.above_bound for one in found),
            is_share=True,
        ),
        Row(name="own-age reconstruction, dB", values=tuple(one.own_age_psnr_db for one in found)),
        Row(name="beside the face after paste-back, dB", values=tuple(one.psnr_db if one else None for one in beside)),
        Row(name="present age, years off", values=tuple(one.present_age_mae_years for one in found)),
    ]


def _worst(differences: Sequence[Figure]) -> Figure:
    known = [abs(value) for value in differences if value is not None]
    return max(known) if known else None


def _bars_reached(figures: Figures) -> str:
    verdicts = [bar.is_reached for bar in bars(figures) if bar.is_reached is not None]
    return f"{sum(verdicts)} of {len(verdicts)}"
