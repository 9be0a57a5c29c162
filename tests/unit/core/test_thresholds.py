"""Threshold tables: what is read is checked, and no recogniser takes another's."""

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import TableMissing, TableRefused
from core.thresholds import CELLS, QUANTILE_LEVELS, Cell, ThresholdTable, bundled_tables, read_table, table_for

CELL = Cell(
    younger=2,
    older=5,
    threshold=0.4,
    low=0.38,
    high=0.43,
    method="fitted",
    num_different=5000,
    num_same=40,
    num_subjects=90,
    false_accept_rate=0.001,
    genuine_rate=0.5,
    same_quantiles=tuple(0.1 + level / 2 for level in QUANTILE_LEVELS),
)
TABLE = ThresholdTable(
    recogniser="drawn",
    recogniser_sha256="a" * 64,
    scale="cosine",
    false_accept_rate=0.001,
    one_size_threshold=0.35,
    band_share=0.95,
    tail="generalised Pareto",
    data="drawn numbers",
    data_sha256="0" * 64,
    made_with="python -m cafdata calibrate",
    notes="for tests",
    cells=(CELL, Cell(younger=0, older=0, threshold=None, method="too few pairs", num_different=29)),
)


def test_written_and_read_back(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "table.json")
    assert read_table(tmp_path / "table.json") == TABLE
    lines = (tmp_path / "table.json").read_text().splitlines()
    assert sum('"7-9"' in line and '"20-29"' in line for line in lines) == 1


def test_a_cell_is_found_in_either_order() -> None:
    assert TABLE.cell(5, 2) == TABLE.cell(2, 5) == CELL
    assert TABLE.cell(3, 5) is None
    with pytest.raises(ValueError, match=r"0\.\.9"):
        TABLE.cell(-1, 5)
    assert CELL.name == "7-9 and 20-29"


def with_cell(**changes: Any) -> dict[str, Any]:
    document = json.loads(TABLE.to_json())
    document["cells"][0].update(changes)
    return document


def without(name: str) -> dict[str, Any]:
    document = json.loads(TABLE.to_json())
    del document[name]
    return document


BROKEN: dict[str, tuple[Any, str]] = {
    "no object": ([1, 2], "no object but list"),
    "another version": ({**json.loads(TABLE.to_json()), "version": 2}, "version 2 is not 1"),
    "an unknown field": ({**json.loads(TABLE.to_json()), "margin": 1}, "unknown field margin"),
    "a missing field": (without("scale"), "lacks scale"),
    "no rate": ({**json.loads(TABLE.to_json()), "false_accept_rate": 0.7}, r"false_accept_rate is a number 0\.\.0.5"),
    "a rate in words": ({**json.loads(TABLE.to_json()), "false_accept_rate": "low"}, "got 'low'"),
    "a bad digest": ({**json.loads(TABLE.to_json()), "data_sha256": "abc"}, "64 hexadecimal digits"),
    "an empty name": ({**json.loads(TABLE.to_json()), "recogniser": " "}, "recogniser is text"),
    "an unknown scale": ({**json.loads(TABLE.to_json()), "scale": "percent"}, "scale is 'percent'"),
    "cells in no list": ({**json.loads(TABLE.to_json()), "cells": {}}, "cells is no list"),
    "a cell twice": (
        {**json.loads(TABLE.to_json()), "cells": json.loads(TABLE.to_json())["cells"][:1] * 2},
        "same gro",
    ),
    "an unknown field of a cell": (with_cell(weight=1), "unknown field weight"),
    "no such group": (with_cell(younger="7-8"), "no age group '7-8'"),
    "the older first": (with_cell(younger="30-39"), "the younger first"),
    "a threshold that is none": (with_cell(threshold=float("nan")), "threshold is a number"),
    "a threshold in words": (with_cell(threshold="0.4"), "threshold is a number"),
    "a threshold with too few pairs": (with_cell(method="too few pairs"), "threshold 0.4 with method"),
    "an unknown method": (with_cell(method="guessed"), "'guessed', not one of"),
    "a band upside down": (with_cell(low=0.5), "begins at 0.5 and ends at 0.43"),
    "a rate above one": (with_cell(genuine_rate=1.2), r"genuine_rate is a number 0\.\.1"),
    "half a pair": (with_cell(num_same=0.5), "num_same is a count"),
    "quantiles that fall": (with_cell(same_quantiles=list(reversed(CELL.same_quantiles or ()))), "rising scores"),
    "too few quantiles": (with_cell(same_quantiles=[0.1]), "rising scores"),
    "quantiles in words": (with_cell(same_quantiles=["a"]), "same_quantiles is a number"),
}


@pytest.mark.parametrize(("document", "fault"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_table_is_refused_in_one_sentence(document: Any, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps(document))
    with pytest.raises(TableRefused, match=fault) as refusal:
        read_table(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_no_json_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text(TABLE.to_json()[:300])
    with pytest.raises(TableRefused, match=r"half\.json"):
        read_table(tmp_path / "half.json")
    (tmp_path / "huge.json").write_bytes(b" " * (5 << 20))
    with pytest.raises(TableRefused, match="more than"):
        read_table(tmp_path / "huge.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(TableRefused, match=r"deep\.json"):
        read_table(tmp_path / "deep.json")
    with pytest.raises(TableMissing, match="no threshold table"):
        read_table(tmp_path / "none.json")


def test_another_recognisers_table_never_stands_in() -> None:
    table = table_for("facepp", None, 0.001)
    assert (table.recogniser, table.false_accept_rate) == ("facepp", 0.001)
    with pytest.raises(TableMissing, match="recogniser buffalo_l with these weights; make one: python -m cafdata"):
        table_for("buffalo_l", "b" * 64, 0.001)
    with pytest.raises(TableMissing, match="recogniser facepp with these weights"):
        table_for("facepp", "b" * 64, 0.001)
    with pytest.raises(TableMissing, match=r"rates 0\.01, 0\.001, 0\.0001, none for 0\.05|none for 0\.05"):
        table_for("facepp", None, 0.05)


@pytest.mark.parametrize("table", bundled_tables(), ids=lambda one: f"{one.recogniser}-{one.false_accept_rate}")
def test_bundled_tables_say_what_they_are(table: ThresholdTable) -> None:
    places = [(cell.younger, cell.older) for cell in table.cells]
    if table.false_accept_rate is None:
        assert table.recogniser == "facepp" and places == [
            (min(5, one), max(5, one)) for one in (0, 1, 2, 3, 4, 6, 7, 8, 9)
        ]
        return
    assert places == list(CELLS) and table.one_size_threshold is not None
    assert all(cell.threshold is not None for cell in table.cells)
    if table.recogniser not in ("facepp", "arcface"):
        assert table.recogniser_sha256 is not None and table.band_share is not None
        assert all(cell.genuine_rate is None and cell.num_different >= 30 for cell in table.cells)
        assert all(cell.low is not None and cell.high is not None for cell in table.cells)


def test_thresholds_rise_as_the_rate_falls() -> None:
    tables = [table for table in bundled_tables() if table.false_accept_rate is not None]
    for name in {table.recogniser for table in tables}:
        own = sorted((t for t in tables if t.recogniser == name), key=lambda t: -(t.false_accept_rate or 0))
        assert [table.false_accept_rate for table in own] == [0.01, 0.001, 0.0001]
        for loose, strict in itertools.pairwise(own):
            pairs = zip(loose.cells, strict.cells, strict=True)
            assert all((one.threshold or 0) < (other.threshold or 0) for one, other in pairs)


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TABLE.recogniser = "another"  # type: ignore[misc]
