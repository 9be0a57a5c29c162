"""Recorded scores through the rectified figures: ours and Face++'s."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import ScoresBroken, TableMissing
from core.published import FACEPP
from training.recorded_scores import evaluate_scores, table_named

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def facepp(tmp_path: Path) -> tuple[Path, Path]:
    """Forty faces of 20-29 made 0-2 and 50-69, scored as real people would be, one row without a face."""
    random = np.random.default_rng(0)
    scores, mapping = ["k,filename,confidence,status"], ["filename,person_a,person_b,age_a,age_b"]
    for number in range(40):
        for age, group in ((1, 0), (60, 8)):
            score = random.normal(FACEPP.same_mean[5, group], FACEPP.same_std[5, group])
            scores.append(f"{number},{age}/{number}.png,{score:.3f},ok")
            mapping.append(f"{age}/{number}.png,p{number},p{number},{age},25")
    scores.append("40,1/none.png,,no face")
    mapping.append("1/none.png,p40,p40,1,25")
    (tmp_path / "scores.csv").write_text("\n".join(scores) + "\n")
    (tmp_path / "mapping.csv").write_text("\n".join(mapping) + "\n")
    return tmp_path / "scores.csv", tmp_path / "mapping.csv"


def test_the_papers_table_from_facepps_own_file(facepp: tuple[Path, Path], tmp_path: Path) -> None:
    scores, mapping = facepp
    found = evaluate_scores(scores, table_named("facepp-paper"), mapping, tmp_path / "out")
    assert (found.num_outputs, found.num_different, found.num_without) == (80, 0, 1)
    rows = {row.name: row for row in found.rectified.from_twenties}
    assert {name: row.threshold for name, row in rows.items()} == {"0-2": 61.8, "50-69": 65.2}
    # Real pairs pass these about one time in ten, and nine times in ten.
    assert rows["0-2"].rectified_rate == pytest.approx(0.0955, abs=0.15)
    assert rows["50-69"].rectified_rate == pytest.approx(0.93, abs=0.1)
    assert [row.name for row in found.rectified.cells] == ["0-2 and 20-29", "20-29 and 50-69"]
    assert [one.role for one in found.inputs] == ["scores", "mapping"]
    written = json.loads((tmp_path / "out" / "figures.json").read_text(), parse_constant=pytest.fail)
    assert written["rectified"]["table"]["sha256"] == found.rectified.table.sha256
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Scores of facepp in scores.csv" in page
    assert "<svg" in page
    text = (tmp_path / "out" / "figures.md").read_text()
    assert "80 scores of an input and its output; left out: 0 of two people, 1 rows without a score." in text


def test_pairs_of_two_people_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("person_a,person_b,age_a,age_b,score\na,a,25,60,0.5\na,b,25,60,0.1\nc,c,5,12,0.4\n")
    found = evaluate_scores(path, table_named("arcface-statistics-0.001"), None, tmp_path / "out")
    assert (found.num_outputs, found.num_different) == (2, 1)
    assert [row.num_outputs for row in found.rectified.cells] == [1, 1]
    path.write_text("person_a,person_b,age_a,age_b,score\na,b,25,60,0.1\n")
    with pytest.raises(ScoresBroken, match="only of different people"):
        evaluate_scores(path, table_named("arcface-statistics-0.001"), None, tmp_path / "out")


def test_tables_are_found_by_name_or_path(tmp_path: Path) -> None:
    with pytest.raises(TableMissing, match="nobody"):
        table_named("nobody")
    table_named("facepp-paper").write(tmp_path / "own.json")
    assert table_named(str(tmp_path / "own.json")) == table_named("facepp-paper")


def test_the_command(facepp: tuple[Path, Path], tmp_path: Path) -> None:
    scores, mapping = facepp
    command = [sys.executable, "-m", "training", "evaluate-scores", str(scores), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *more], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    done = run("--table", "facepp-paper", "--mapping", str(mapping))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["num_outputs"] == 80
    wrong = run("--table", "nobody", "--mapping", str(mapping))
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("error: There is no threshold table")
