"""Recorded scores in both forms; one faulty row and nothing is used."""

import tracemalloc
from pathlib import Path

import pytest

from cafdata.calibrating import calibrate_scores, trade_off_csv
from cafdata.calibration import Settings
from cafdata.operating import TradeOff
from cafdata.recorded import read_scores
from core.errors import ScoresBroken
from core.thresholds import read_table

PAIRS = """person_a,person_b,age_a,age_b,score
anna,anna,25,60,71.5
anna,ben,25,61,33
ben,anna,61,25,30.25
ben,cleo,5,2,80
"""


def written(folder: Path, text: str, name: str = "scores.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_pairs_in_their_cells(tmp_path: Path) -> None:
    found = read_scores(written(tmp_path, PAIRS), "0..100")
    assert list(found.cells) == [(0, 1), (5, 8)] and (found.num_rows, found.num_without) == (4, 0)
    cell = found.cells[5, 8]
    assert cell.same.tolist() == [71.5] and cell.different.tolist() == [33, 30.25] and cell.num_subjects == 2
    assert cell.first.tolist() == [0, 1] and cell.second.tolist() == [1, 0] and cell.person.tolist() == [0]
    assert len(found.sha256) == 64


def test_groups_instead_of_ages(tmp_path: Path) -> None:
    text = "person_a,group_a,person_b,group_b,age_b,score\na,7-9,b,50-69,,10\nb,'7-9,a,50-69,51,20\n"
    assert list(read_scores(written(tmp_path, text), "0..100").cells) == [(2, 8)]


def test_faceplusplus_with_a_mapping(tmp_path: Path) -> None:
    """Rows without a confidence, where the service found no face, are counted; the header may have a status."""
    scores = "k,filename,confidence,status\n0,a.jpg,71.2,ok\n1,b.jpg,,no_face\n2,c.jpg,10.5,ok\n"
    mapping = "filename,person_a,person_b,age_a,age_b\na.jpg,x,x,20,80\nb.jpg,x,y,20,81\nc.jpg,x,y,20,82\n"
    found = read_scores(written(tmp_path, scores), "0..100", written(tmp_path, mapping, "who.csv"))
    assert (found.num_rows, found.num_without) == (2, 1)
    assert found.cells[5, 9].same.tolist() == pytest.approx([71.2])
    assert found.cells[5, 9].different.tolist() == [10.5]


FAULTY = {
    "no number": ("a,b,25,30,abc", "row 5: score 'abc' is no number"),
    "not a number": ("a,b,25,30,nan", "row 5: score 'nan' is no number"),
    "a number of Python's": ("a,b,25,30,5_0", "row 5: score '5_0' is no number"),
    "digits of another script": ("a,b,25,30,\u0665\u0660", "row 5: score .* is no number"),
    "off the scale": ("a,b,25,30,100.5", r"row 5: score 100.5 lies outside 0\.\.100"),
    "a negative age": ("a,b,-5,30,50", "row 5: age -5.0 is not between 0 and 130"),
    "an age of ages": ("a,b,1e9,30,50", "row 5: age 1000000000.0 is not between 0 and 130"),
    "an age in words": ("a,b,abc,30,50", "row 5: age_a 'abc' is no number"),
    "no age": ("a,b,,30,50", "row 5: neither age_a nor group_a is given"),
    "nobody": ("unknown,b,25,30,50", "row 5: person_a: person 'unknown' names nobody"),
    "a formula": ("=cmd|x,b,25,30,50", "row 5: person_a: person begins with '='"),
    "a null row": ("a,b,25,30,null", "row 5: score 'null' is no number"),
    "too few cells": ("a,b,25", "row 5: 3 cells under 5 columns"),
}


@pytest.mark.parametrize(("row", "fault"), FAULTY.values(), ids=FAULTY.keys())
def test_one_faulty_row_is_named_and_nothing_used(row: str, fault: str, tmp_path: Path) -> None:
    path, out = written(tmp_path, PAIRS + row + "\n"), tmp_path / "out"
    with pytest.raises(ScoresBroken, match=fault) as refusal:
        calibrate_scores(path, None, "drawn", "0..100", out, Settings(), "a test")
    assert "\n" not in str(refusal.value) and not out.exists()


def test_a_row_takes_little_memory(tmp_path: Path) -> None:
    """Scores come in millions: what is kept of a pair is two numbers of people and a score."""
    path = written(tmp_path, PAIRS + "anna,ben,25,30,50.25\n" * 20_000)
    tracemalloc.start()
    found = read_scores(path, "0..100")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.num_rows > 20_000 and most < 60 * 20_000


def test_many_faulty_rows_are_counted(tmp_path: Path) -> None:
    text = PAIRS + "a,b,25,30,x\n" * 9
    with pytest.raises(ScoresBroken, match=r"9 rows are faulty: scores\.csv, row 5: .* row 9: .*; and 4 more\.$"):
        read_scores(written(tmp_path, text), "0..100")


BROKEN = {
    "no header": ("a,b,25,30,50\n", "lacks the column"),
    "a column twice": ("score,score\n", "names a column twice"),
    "a missing column": ("person_a,person_b,age_a,age_b\n", r"lacks the column\(s\) score"),
    "nothing below": ("person_a,person_b,age_a,age_b,score\n", "holds no score"),
    "an open quote": ('person_a,person_b,age_a,age_b,score\n"a,b\n', "no CSV in UTF-8"),
    "nothing": ("", "lacks the column"),
}


@pytest.mark.parametrize(("text", "fault"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ScoresBroken, match=fault):
        read_scores(written(tmp_path, text), "0..100")


def test_a_mapping_that_does_not_fit(tmp_path: Path) -> None:
    scores = written(tmp_path, "k,filename,confidence\n0,a.jpg,71\n")
    with pytest.raises(ValueError, match="needs a mapping"):
        read_scores(scores, "0..100")
    with pytest.raises(ValueError, match="leave out the mapping"):
        read_scores(written(tmp_path, PAIRS, "pairs.csv"), "0..100", scores)
    head = "filename,person_a,person_b,age_a,age_b\n"
    with pytest.raises(ScoresBroken, match=r"row 1: the mapping does not name 'a\.jpg'"):
        read_scores(scores, "0..100", written(tmp_path, head + "b.jpg,x,y,1,2\n", "who.csv"))
    with pytest.raises(ScoresBroken, match=r"who\.csv, row 2: 'a\.jpg' stands in the mapping twice"):
        read_scores(scores, "0..100", written(tmp_path, head + "a.jpg,x,y,1,2\n" * 2, "who.csv"))
    with pytest.raises(ScoresBroken, match="lacks the column filename"):
        read_scores(scores, "0..100", written(tmp_path, "person_a,person_b\n", "who.csv"))
    with pytest.raises(ScoresBroken, match="no file"):
        read_scores(tmp_path / "none.csv", "0..100")


def test_tables_of_recorded_scores(tmp_path: Path) -> None:
    """Forty people, all 780 pairs of them, in one cell: at 0.02 the 15th highest score."""
    pairs = [(one, other) for one in range(40) for other in range(one)]
    rows = [f"p{one},p{other},25,26,{number * 37 % 780 / 8}" for number, (one, other) in enumerate(pairs)]
    text = "person_a,person_b,age_a,age_b,score\n" + "\n".join(rows) + "\n"
    settings = Settings(rates=(0.02,), num_draws=20)
    files = calibrate_scores(written(tmp_path, text), None, "drawn", "0..100", tmp_path / "out", settings, "a test")
    assert [path.name for path in files] == ["drawn-0.02.json"]
    table = read_table(files[0])
    assert table.cells[0].threshold == 765 / 8 and table.cells[0].false_accept_rate == 15 / 780
    assert table.scale == "0..100" and table.recogniser_sha256 is None
    with pytest.raises(ValueError, match="name the recogniser"):
        calibrate_scores(tmp_path / "scores.csv", None, "../x", "0..100", tmp_path / "out", settings, "a test")


def test_cells_with_too_few_pairs_are_counted_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calibrate_scores(written(tmp_path, PAIRS), None, "drawn", "0..100", tmp_path / "out", Settings(), "a test")
    assert "2 of 2 pairs of age groups have no threshold: fewer than 30 pairs of two people" in capsys.readouterr().err


def test_the_trade_off_as_csv_computes_nothing() -> None:
    point = TradeOff(threshold=-0.5, false_accept_rate=0.1, false_reject_rate=0.2)
    lines = trade_off_csv({(2, 9): (point,), (0, 0): ()}).splitlines()
    assert lines == ["younger,older,threshold,false_accept_rate,false_reject_rate", "7-9,70+,-0.5,0.1,0.2"]
