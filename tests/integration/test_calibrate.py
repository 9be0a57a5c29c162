"""python -m cafdata calibrate and published, python -m core verify, as a user runs them."""

import csv
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.thresholds import bundled_tables, read_table

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def people(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of people: forty real faces, ten in each of four groups, as forty people."""
    folder = tmp_path_factory.mktemp("people")
    table = pq.read_table(shared / "data" / "utkface_eval.parquet", columns=["age", "jpeg", "group10"])
    counts: dict[str, int] = {}
    for number, row in enumerate(table.to_pylist()):
        group = row["group10"]
        if counts.get(group, 0) < 10 and len(set(counts) | {group}) <= 4:
            counts[group] = counts.get(group, 0) + 1
            person = folder / f"person-{number}"
            person.mkdir()
            (person / f"photo_{row['age']}.jpg").write_bytes(row["jpeg"])
    assert sum(counts.values()) == 40
    return folder


def test_a_folder_of_people_to_tables(people: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("cafdata", "calibrate", people, "--out", out, "--pack", "embedded", "--draws", "20", "--title", "forty")
    assert done.returncode == 0, done.stderr
    files = [Path(json.loads(line)["file"]) for line in done.stdout.splitlines()]
    names = [f"dlib_resnet_v1-{rate}.json" for rate in ("0.01", "0.001", "0.0001")]
    assert [path.name for path in files] == [*names, "gaps.csv"]
    gaps = [*csv.DictReader((out / "gaps.csv").open())]
    assert {row["at_false_accept_rate"] for row in gaps} == {"0.01", "0.001", "0.0001"}
    assert sum(int(row["num_different"]) for row in gaps) == 3 * 40 * 39 // 2, "every pair at every rate"
    assert {(row["num_same"], row["same_passing_rectified"]) for row in gaps} == {("0", "")}
    table = read_table(files[1])
    assert table.data == "forty" and "every pair of two pictures counts as a pair of two people" in table.notes
    with_threshold = [cell for cell in table.cells if cell.threshold is not None]
    assert len(with_threshold) == 10 and all(cell.method == "fitted" for cell in with_threshold)
    assert all(0.8 < (cell.threshold or 0) < 1.1 and cell.genuine_rate is None for cell in with_threshold)
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in files)  # no embedding stays
    assert "calibrated 55 cells" in done.stderr


def test_killed_and_gone_on_with(people: Path, tmp_path: Path) -> None:
    """Killed while it embeds, the same command ends with the same tables; nothing but embeddings is there before."""
    out, working = tmp_path / "out", tmp_path / "working"
    arguments = ["calibrate", people, "--out", out, "--working", working, "--pack", "embedded", "--draws", "5"]
    command = [sys.executable, "-m", "cafdata", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    while not working.is_dir() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    assert run("cafdata", *arguments).returncode == 0
    whole = tmp_path / "whole"
    assert run("cafdata", "calibrate", people, "--out", whole, "--pack", "embedded", "--draws", "5").returncode == 0
    assert not working.exists()
    for path in whole.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()


def test_labels_that_cannot_be_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "x_-5.jpg").write_bytes(b"never looked at")
    done = run("cafdata", "calibrate", tmp_path, "--out", tmp_path / "out", "--pack", "embedded")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: Nothing was used") and "anna/x_-5.jpg: age '-5'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_recorded_scores_to_tables(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [f"p{one},p{other},25,30,{generator.uniform(0, 60):.3f}" for one in range(30) for other in range(one)]
    rows += [f"p{one},p{one},25,30,{generator.uniform(50, 100):.3f}" for one in range(30) for _ in range(2)]
    (tmp_path / "scores.csv").write_text("person_a,person_b,age_a,age_b,score\n" + "\n".join(rows) + "\n")
    out = tmp_path / "out"
    done = run("cafdata", "calibrate", "--scores", tmp_path / "scores.csv", "--recogniser", "facepp", "--out", out)
    assert done.returncode == 0, done.stderr
    cell = read_table(out / "facepp-0.01.json").cells[0]
    assert (cell.num_different, cell.num_same) == (435, 60) and (cell.genuine_rate or 0) > 0.7
    lines = (out / "trade-off.csv").read_text().splitlines()
    assert lines[0].startswith("younger,older,threshold") and lines[1].startswith("20-29,30-39,")
    made_with = shlex.split(read_table(out / "facepp-0.01.json").made_with)
    again = run(*made_with[2:-1], tmp_path / "again")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again" / "facepp-0.01.json").read_bytes() == (out / "facepp-0.01.json").read_bytes()
    both = run("cafdata", "calibrate", tmp_path, "--scores", tmp_path / "scores.csv", "--out", out)
    assert both.returncode == 1 and "either pictures or --scores" in both.stderr


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--scores", "s.csv", "--recogniser", "x", "--per-group", "5"], "--per-group: only with pictures"),
        (["--scores", "s.csv", "--recogniser", "x", "--layout", "caf"], "--layout: only with pictures"),
        (["pictures", "--recogniser", "x"], "--recogniser: only with recorded --scores"),
    ],
)
def test_options_that_would_do_nothing_are_refused(arguments: list[str], fault: str, tmp_path: Path) -> None:
    done = run("cafdata", "calibrate", *arguments, "--out", tmp_path / "out")
    assert done.returncode == 1 and fault in done.stderr and not (tmp_path / "out").exists()


def test_every_published_cell_is_printed_with_what_it_implies(tmp_path: Path) -> None:
    done = run("cafdata", "published", "--out", tmp_path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 9 + 6 * 55
    for row in rows:
        is_beyond = row["threshold"] > 100  # of Face++'s scale: nothing passes
        assert [rate > 0 for rate in (row["false_accept_rate"], row["genuine_rate"])] == [not is_beyond] * 2
    paper = [row for row in rows if row["table"] == "facepp-paper.json"]
    assert paper[0]["cell"] == "0-2 and 20-29" and paper[0]["false_accept_rate"] == pytest.approx(0.0055, abs=5e-5)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (ROOT / "core" / "thresholds" / path.name).read_bytes()


def test_verify_says_both_verdicts(people: Path) -> None:
    one, other = (next(folder.iterdir()) for folder in sorted(people.iterdir())[:2])
    done = run("core", "verify", one, one, "--ages", "25", "28", "--pack", "embedded")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["score"] == pytest.approx(1) and seen["passes_rectified"] and seen["passes_one_size"]
    assert "probably the same person" in seen["sentence"] and seen["gap_years"] == 3
    read = json.loads(run("core", "verify", one, other, "--pack", "embedded").stdout)
    assert read["passes_rectified"] is False and all(0 <= age <= 100 for age in read["ages_years"])


def test_a_recogniser_without_a_table_is_said(people: Path, tmp_path: Path) -> None:
    photo = str(next(next(people.iterdir()).iterdir()))
    (table,) = (
        one for one in bundled_tables() if one.recogniser == "mobilefacenet_112" and one.false_accept_rate == 0.001
    )
    table.write(tmp_path / "other.json")
    done = run(
        "core", "verify", photo, photo, "--ages", "5", "6", "--pack", "embedded", "--table", tmp_path / "other.json"
    )
    assert done.returncode == 1 and "for the recogniser mobilefacenet_112, not for this dlib_resnet_v1" in done.stderr
    rate = run("core", "verify", photo, photo, "--ages", "5", "6", "--pack", "embedded", "--rate", "0.2")
    assert rate.returncode == 1 and "none for 0.2" in rate.stderr


def test_bundled_tables_are_for_the_packs_that_are_there(shared: Path) -> None:
    from core.detect import open_pack

    folder = shared / "models" / "pack_scrfd_mobilefacenet"
    for pack in (open_pack("embedded"), open_pack(f"insightface:{folder}")):
        digest = hashlib.sha256(pack.recogniser_file.read_bytes()).hexdigest()
        own = [one for one in bundled_tables() if one.recogniser == pack.identity]
        assert len(own) == 3 and all(one.recogniser_sha256 == digest for one in own)
