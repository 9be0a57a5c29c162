"""Scores that were recorded elsewhere, such as Face++'s, through the same rectified figures as our own."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from cafdata.recorded import Recorded, read_scores
from core.errors import ScoresBroken
from core.files import write_atomic
from core.published import SOURCE_GROUP
from core.thresholds import BUNDLED, ThresholdTable, read_table
from training.charts import passing_chart
from training.digest import files_digest
from training.figures import Input
from training.metrics import Floats, Numbers
from training.page import chart_html, document, sections_html
from training.real_scores import known_scores
from training.rectified import RectifiedFigures, Scored, rectified_figures
from training.rectified_report import rectified_section
from training.sections import Section, table, to_markdown


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ScoreFigures:
    """What recorded scores come to."""

    inputs: tuple[Input, ...]
    """The file of scores and, where there is one, the mapping."""
    num_outputs: int
    """Scores of an input and its output: rows that name one person twice."""
    num_different: int
    """Rows of two people; they count in nothing here."""
    num_without: int
    """Rows that say that there is no score."""
    rectified: RectifiedFigures
    """`targets` is empty: which of two groups was made of the other the file does not say, but for 20-29, which are
    taken for the inputs as in the paper."""


def evaluate_scores(scores: Path, used: ThresholdTable, mapping: Path | None, out: Path) -> ScoreFigures:
    """Figures of a file of scores; writes figures.json, figures.md and report.html.

    Args:
        scores: CSV in one of the forms of cafdata.recorded.
        used: thresholds of the recogniser that gave the scores; that it is that one, nobody can check here.
        mapping: for Face++'s form, who was held against whom at which ages.
        out: folder for the figures.
    Raises:
        ScoresBroken: the file, or a row of it, cannot be used, or no row is of an input and its output.
    """
    recorded = read_scores(scores, used.scale, mapping)
    scored = scored_outputs(recorded)
    if not len(scored.scores):
        raise ScoresBroken(f"{scores} holds no score of one person at two ages, only of different people.")
    files = [("scores", scores), *([("mapping", mapping)] if mapping is not None else [])]
    found = ScoreFigures(
        inputs=tuple(Input(role=role, name=path.name, sha256=files_digest([path])) for role, path in files),
        num_outputs=len(scored.scores),
        num_different=recorded.num_rows - len(scored.scores),
        num_without=recorded.num_without,
        rectified=dataclasses.replace(rectified_figures(scored, used, known_scores(used)), targets=()),
    )
    out.mkdir(parents=True, exist_ok=True)
    written = json.dumps(dataclasses.asdict(found), indent=2, allow_nan=False)
    write_atomic(out / "figures.json", (written + "\n").encode())
    write_atomic(out / "figures.md", as_markdown(found).encode())
    write_atomic(out / "report.html", page(found).encode())
    return found


def table_named(name: str) -> ThresholdTable:
    """A bundled table by the name of its file, such as "facepp-paper", or any by its path.

    Raises:
        TableMissing, TableRefused: as `core.thresholds.read_table`.
    """
    return read_table(Path(name) if name.endswith(".json") else BUNDLED / f"{name}.json")


def scored_outputs(recorded: Recorded) -> Scored:
    """The same-person scores with their groups; of a pair with 20-29 that one is the input."""
    scores: list[Floats] = [np.zeros(0)]
    own: list[Numbers] = [np.zeros(0, np.int64)]
    targets: list[Numbers] = [np.zeros(0, np.int64)]
    for (younger, older), cell in recorded.cells.items():
        first, second = (older, younger) if older == SOURCE_GROUP else (younger, older)
        scores.append(cell.same.astype(np.float64))
        own.append(np.full(len(cell.same), first))
        targets.append(np.full(len(cell.same), second))
    return Scored(scores=np.concatenate(scores), own_groups=np.concatenate(own), target_groups=np.concatenate(targets))


def sections(found: ScoreFigures) -> tuple[Section, ...]:
    """For people."""
    counted = (
        f"{found.num_outputs} scores of an input and its output; left out: {found.num_different} of two people, "
        f"{found.num_without} rows without a score."
    )
    used = found.rectified.table
    rows = [(one.role, one.name, one.sha256) for one in found.inputs]
    rows.append(("thresholds", f"{used.recogniser}, version {used.version}", used.sha256))
    return (
        Section(title="", blocks=(counted,)),
        rectified_section(found.rectified),
        Section(title="What the figures depend on", blocks=(table(("", "name", "sha256"), rows),)),
    )


def as_markdown(found: ScoreFigures) -> str:
    """The figures as a page."""
    return f"# {_title(found)}\n\n{to_markdown(sections(found))}"


def page(found: ScoreFigures) -> str:
    """The same as HTML, with a chart."""
    rows = found.rectified.from_twenties or found.rectified.cells
    chart = chart_html(passing_chart(rows), "Share that passes verification; real pairs dashed.")
    head, *others = sections_html(sections(found))
    return document(_title(found), [head, f'<div class="charts">{chart}</div>', *others])


def _title(found: ScoreFigures) -> str:
    return f"Scores of {found.rectified.table.recogniser} in {found.inputs[0].name}"
