"""Scores that were recorded elsewhere, read from CSV: all of them or, if one row is faulty, none.

Two forms. Pairs: `person_a,person_b,age_a,age_b,score`, with `group_a`, `group_b` ("20-29") where ages are not known.
Face++'s: `k,filename,confidence`, with or without a `status`, beside a mapping `filename,person_a,person_b,age_a,age_b`
that says who was held against whom.
"""

import csv
import hashlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cafdata.bootstrap import CellScores
from cafdata.readers.found import number, person_name, shown
from core.ages import TEN
from core.errors import ScoresBroken
from core.thresholds import RANGES, Scale

MAX_BYTES = 1 << 30
NUM_NAMED = 5
"""Faulty rows told of; the rest is counted."""
FACEPP_COLUMNS = ("k", "filename", "confidence")
PEOPLE = ("person_a", "person_b")
Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Recorded:
    """Scores of pairs in their cells."""

    cells: dict[tuple[int, int], CellScores]
    """(younger, older) group -> its scores."""
    num_rows: int
    """Pairs with a score."""
    num_without: int
    """Rows that say that there is no score, such as where no face was found."""
    sha256: str
    """Of the file, or of the file's and the mapping's digests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    people: tuple[str, str]
    groups: tuple[int, int]
    score: float


def read_scores(path: Path, scale: Scale, mapping: Path | None = None) -> Recorded:
    """Read recorded scores.

    Args:
        path: CSV in one of the two forms.
        scale: of the scores; one outside it is a fault.
        mapping: for Face++'s form, who was held against whom.
    Raises:
        ScoresBroken: no such file, a column is missing, or rows are faulty: each named with its reason.
        ValueError: a mapping for a file that names its people itself, or none for one that does not.
    """
    header = _header(path)
    is_facepp = "confidence" in header
    if is_facepp != (mapping is not None):
        fault = (
            "needs a mapping from file names to people" if is_facepp else "names its people, so leave out the mapping"
        )
        raise ValueError(f"{path} {fault} (--mapping)")
    known = {} if mapping is None else _mapping(mapping)
    named: list[str] = []
    num_faults = num_without = num_rows = 0
    cells: dict[tuple[int, int], _GrowingCell] = {}
    for where, row in _rows(path, _wanted(path, header)):
        try:
            if is_facepp and row.get("status", "ok") != "ok" and not row["confidence"]:
                num_without += 1
                continue
            pair = _facepp_pair(row, known, scale) if is_facepp else _pair(row, row["score"], scale)
        except ValueError as error:
            num_faults += 1
            named += [f"{where}: {error}"] if num_faults <= NUM_NAMED else []
            continue
        num_rows += 1
        younger, older = sorted(pair.groups)
        cells.setdefault((younger, older), _GrowingCell()).take(pair)
    if num_faults:
        more = f"; and {num_faults - NUM_NAMED} more" if num_faults > NUM_NAMED else ""
        raise ScoresBroken(f"Nothing was used, for {num_faults} rows are faulty: {'; '.join(named)}{more}.")
    if not num_rows:
        raise ScoresBroken(f"{path} holds no score.")
    digests = [_sha256_of(one) for one in (path, mapping) if one is not None]
    return Recorded(
        cells={place: cells[place].scores() for place in sorted(cells)},
        num_rows=num_rows,
        num_without=num_without,
        sha256=digests[0] if mapping is None else hashlib.sha256("".join(digests).encode()).hexdigest(),
    )


class _GrowingCell:
    """Pairs of one cell as they come, twelve bytes each."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._first, self._second, self._scores = array("i"), array("i"), array("f")

    def take(self, pair: _Pair) -> None:
        for column, name in zip((self._first, self._second), pair.people, strict=True):
            column.append(self._numbers.setdefault(name, len(self._numbers)))
        self._scores.append(pair.score)

    def scores(self) -> CellScores:
        first, second = (np.asarray(column, dtype=np.int32) for column in (self._first, self._second))
        scores, is_same = np.asarray(self._scores, dtype=np.float32), first == second
        return CellScores(
            different=scores[~is_same],
            first=first[~is_same],
            second=second[~is_same],
            same=scores[is_same],
            person=first[is_same],
            num_subjects=len(self._numbers),
        )


def _facepp_pair(row: Row, known: Mapping[str, Row], scale: Scale) -> _Pair:
    if row["filename"] not in known:
        raise ValueError(f"the mapping does not name {shown(row['filename'])!r}")
    return _pair(known[row["filename"]], row["confidence"], scale)


def _pair(row: Row, score: str, scale: Scale) -> _Pair:
    people = (_person(row, "person_a"), _person(row, "person_b"))
    return _Pair(people=people, groups=(_group(row, "a"), _group(row, "b")), score=_score(score, scale))


def _person(row: Row, column: str) -> str:
    try:
        return person_name(row[column])
    except ValueError as error:
        raise ValueError(f"{column}: {error}") from None


def _group(row: Row, side: str) -> int:
    """Group of one side, by age or by the group's name; both, where both are there, must agree."""
    age, name = row.get(f"age_{side}", ""), row.get(f"group_{side}", "")
    by_age = TEN.index_of(number(age, f"age_{side}")) if age else None
    # A name is written with an apostrophe where a spreadsheet would take "7-9" for a date.
    by_name = TEN.index_of_name(name.removeprefix("'")) if name else None
    if by_age is None and by_name is None:
        raise ValueError(f"neither age_{side} nor group_{side} is given")
    if by_age is not None and by_name is not None and by_age != by_name:
        raise ValueError(f"age_{side} {age} is not in group_{side} {name}")
    return by_age if by_age is not None else by_name  # type: ignore[return-value]


def _score(text: str, scale: Scale) -> float:
    low, high = RANGES[scale]
    value = number(text, "score")
    if not low <= value <= high:
        raise ValueError(f"score {shown(text)} lies outside {low:g}..{high:g}")
    return value


def _mapping(path: Path) -> dict[str, Row]:
    """File name -> people and ages. Raises ScoresBroken, naming the row, for a name that stands there twice."""
    header = _header(path)
    if "filename" not in header:
        raise ScoresBroken(f"{path} lacks the column filename.")
    _require(path, header, PEOPLE)
    known: dict[str, Row] = {}
    for where, row in _rows(path, header):
        if row["filename"] in known:
            raise ScoresBroken(f"{where}: {shown(row['filename'])!r} stands in the mapping twice.")
        known[row["filename"]] = row
    return known


def _wanted(path: Path, header: list[str]) -> list[str]:
    if "confidence" in header:
        _require(path, header, FACEPP_COLUMNS)
    else:
        _require(path, header, (*PEOPLE, "score"))
    return header


def _require(path: Path, header: list[str], columns: tuple[str, ...]) -> None:
    if missing := [name for name in columns if name not in header]:
        raise ScoresBroken(f"{path} lacks the column(s) {', '.join(missing)}; its first line must name the columns.")


def _header(path: Path) -> list[str]:
    if not path.is_file():
        raise ScoresBroken(f"There is no file {path}; check the path.")
    if path.stat().st_size > MAX_BYTES:
        raise ScoresBroken(f"{path} has more than {MAX_BYTES >> 20} MiB; split it.")
    first = next(iter(_lines(path)), [])
    if len(set(first)) != len(first):
        raise ScoresBroken(f"{path} names a column twice: {shown(','.join(first))}.")
    return first


def _rows(path: Path, header: list[str]) -> Iterator[tuple[str, Row]]:
    """Rows after the header, each with its place. Raises ScoresBroken for one of another length."""
    for row_number, cells in enumerate(_lines(path)):
        if row_number == 0 or not cells:
            continue
        where = f"{path.name}, row {row_number}"
        if len(cells) != len(header):
            raise ScoresBroken(f"{where}: {len(cells)} cells under {len(header)} columns.")
        yield where, dict(zip(header, cells, strict=True))


def _lines(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for cells in csv.reader(file, strict=True):
                yield [cell.strip() for cell in cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScoresBroken(f"{path} is no CSV in UTF-8: {error}.") from error


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
