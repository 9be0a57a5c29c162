"""The short form of a loss log that goes with a model."""

import csv
import dataclasses
import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RunBroken
from core.weights import ModelInfo
from tests.models import info_of, random_estimator
from training.loss_table import MOST_ROWS, export_losses, loss_table

NAMES = ("d", "g", "years/20-29")


def rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(table.splitlines()))


def info(folder: Path) -> ModelInfo:
    return dataclasses.replace(info_of(random_estimator()), name="mine", folder=folder)


def test_a_short_log_is_kept_whole() -> None:
    reports = [{"step": 25, "faces": 400, "d": 1.25}, {"step": 50, "faces": 800, "d": 0.123456, "r1": 2.0}]
    assert loss_table(reports) == "step,faces,d,r1\n25,400,1.25,\n50,800,0.1235,2\n"
    assert loss_table([]) == "step,faces\n"


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.floats(-100, 100)), min_size=1, max_size=3 * MOST_ROWS))
def test_rows_are_means_of_stretches_that_cover_the_log(terms: list[dict[str, float]]) -> None:
    reports = [{"step": 25 * n, "faces": 400 * n, **found} for n, found in enumerate(terms, start=1)]
    table = rows(loss_table(reports))
    assert len(table) == min(len(reports), MOST_ROWS)
    assert table[-1]["step"] == str(25 * len(reports)) and table[-1]["faces"] == str(400 * len(reports))
    ends = [0, *(int(row["step"]) // 25 for row in table)]
    assert all(0 < after - before <= 1 + len(reports) // MOST_ROWS for before, after in pairwise(ends))
    for row, start, end in zip(table, ends[:-1], ends[1:], strict=True):
        for name in row.keys() - {"step", "faces"}:
            values = [found[name] for found in terms[start:end] if name in found]
            assert row[name] == (f"{sum(values) / len(values):.4g}" if values else "") or math.isclose(
                float(row[name]), sum(values) / len(values), rel_tol=1e-3, abs_tol=1e-12
            )


def test_a_long_run_takes_tens_of_kilobytes() -> None:
    report = {f"term{number}": 0.123456789 * number for number in range(35)}
    table = loss_table([{"step": 25 * n, "faces": 400 * n, **report} for n in range(4000)])
    assert len(table) < 64_000
    assert len(rows(table)) == MOST_ROWS


def test_the_table_lies_beside_the_model_and_goes_with_the_log(tmp_path: Path) -> None:
    run, models = tmp_path / "run", tmp_path / "models"
    run.mkdir()
    models.mkdir()
    (run / "losses.jsonl").write_text(json.dumps({"step": 25, "faces": 400, "d": 1.5}) + "\n")
    assert "`mine.losses.csv`" in export_losses(run, info(models))
    assert (models / "mine.losses.csv").read_text() == "step,faces,d\n25,400,1.5\n"
    (run / "losses.jsonl").write_text("half a line\n")
    with pytest.raises(RunBroken, match="line 1 is damaged"):
        export_losses(run, info(models))
    (run / "losses.jsonl").unlink()
    assert "held no loss log" in export_losses(run, info(models))
    assert list(models.iterdir()) == [], "that of another run of this name does not stay"
