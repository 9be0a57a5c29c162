"""A list of pictures on the web, as a table: CSV or Parquet, a row a picture.

Columns: `url` and `person` in each row; `age`, or `age_min` and `age_max` (years), or `born` and `captured` (dates);
and, where they are known, `picture_id`, `died`, `sex`, `author`, `licence`, `licence_url`, `source_url`, `attribution`.
"""

import csv
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.parquet as pq

from cafdata.dates import age_between
from cafdata.fields import OLDEST_YEARS
from cafdata.readers.found import Fault, number, person_name, sex_of, shown
from cafdata.readers.tables import Row, rows_of
from core.errors import DataBroken, SourceBroken
from curation.candidate import Candidate
from curation.sources.source import Ask, dropped
from curation.stage import Drop

NEEDED: Final = ("url", "person")
TEXTS: Final = ("author", "licence", "licence_url", "source_url", "attribution", "born", "died", "captured")
KNOWN: Final = frozenset({*NEEDED, *TEXTS, "picture_id", "age", "age_min", "age_max", "sex"})
NUM_NAMED: Final = 20
"""Faulty rows told of; the rest is counted."""
GROUP_ROWS: Final = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlList:
    """A list of addresses as a source."""

    name: ClassVar[str] = "urls"

    file: Path
    """The table, .csv or .parquet."""
    drop: bool = False
    """Leave out faulty rows and count them; otherwise one such row, and nothing is used."""

    def candidates(self, ask: Ask) -> Iterator[Candidate | Drop]:  # noqa: ARG002
        """The rows in their order.

        Raises:
            SourceBroken: no such table, an unknown column, or faulty rows, each named with its number and reason.
        """
        if not self.drop:
            refuse_faults(self.file.name, (found for found in self._findings() if isinstance(found, Fault)))
        for found in self._findings():
            yield dropped("faulty row", str(found)) if isinstance(found, Fault) else found

    def may_pass_over(self, picture_id: str) -> bool:  # noqa: ARG002
        """No: it is read to its end."""
        return False

    def _findings(self) -> Iterator[Candidate | Fault]:
        places: dict[str, str] = {}
        for found in _rows(self.file):
            if isinstance(found, Fault):
                yield found
                continue
            where, row = found
            try:
                candidate = candidate_of(row)
            except ValueError as error:
                yield Fault(where=where, reason=str(error))
                continue
            marks = (f"url {candidate.url}", f"picture_id {candidate.picture_id}")
            before = next((mark for mark in marks if mark in places), None)
            if before is not None:
                yield Fault(where=where, reason=f"it has the same {before.partition(' ')[0]} as {places[before]}")
                continue
            places.update(dict.fromkeys(marks, where))
            yield candidate


def refuse_faults(what: str, faults: Iterator[Fault]) -> None:
    """Stop at faults. Raises SourceBroken that names 20 of them and counts the rest."""
    named = [str(fault) for fault in itertools.islice(faults, NUM_NAMED)]
    if named:
        count = len(named) + sum(1 for _ in faults)
        more = f"; and {count - NUM_NAMED} more" if count > NUM_NAMED else ""
        raise SourceBroken(
            f"Nothing of {what} was used, for {count} of its entries cannot be: {'; '.join(named)}{more}. "
            "Correct them, or leave them out with drop = true."
        )


def candidate_of(row: Row) -> Candidate:
    """A row as a candidate. Raises ValueError, naming the column and what is wrong."""
    given = {name: value for name, value in row.items() if value}
    for name in NEEDED:
        if name not in given:
            raise ValueError(f"{name} is empty")
    ages = _ages(given)
    texts = {name: given[name] for name in TEXTS if name in given}
    candidate = Candidate(
        picture_id=given.get("picture_id") or f"urls/{hashlib.sha256(given['url'].encode()).hexdigest()[:24]}",
        person_id=person_name(given["person"]),
        url=given["url"],
        sex=sex_of(given["sex"]) if "sex" in given else None,
        age_min_years=None if ages is None else ages[0],
        age_max_years=None if ages is None else ages[1],
        **texts,  # type: ignore[arg-type]
    )
    if candidate.born is not None and candidate.captured is not None:
        youngest, _ = age_between(candidate.born, candidate.captured)
        if youngest > OLDEST_YEARS:
            raise ValueError(f"born {candidate.born} and captured {candidate.captured} are too far apart")
    elif ages is None:
        raise ValueError("it has no age: give age, age_min and age_max, or born and captured")
    return candidate


def _ages(given: Row) -> tuple[float, float] | None:
    """Youngest and oldest age in years; None where the row gives none."""
    bounds = ("age_min" in given, "age_max" in given)
    if "age" in given and any(bounds):
        raise ValueError("it has age beside age_min or age_max; leave one out")
    if bounds[0] != bounds[1]:
        raise ValueError("age_min and age_max come together")
    if "age" in given:
        return _years(given, "age"), _years(given, "age")
    return (_years(given, "age_min"), _years(given, "age_max")) if bounds[0] else None


def _years(given: Row, name: str) -> float:
    years = number(given[name], name)
    if not 0 <= years <= OLDEST_YEARS:
        raise ValueError(f"{name} is 0 to {OLDEST_YEARS} years, got {shown(given[name])}")
    return years


def _rows(file: Path) -> Iterator[tuple[str, Row] | Fault]:
    """Rows of a table with their places. Raises SourceBroken for what is no table of this kind."""
    if not file.is_file():
        raise SourceBroken(f"There is no list {file}; check the path.")
    kind = file.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise SourceBroken(f"{file.name} is neither .csv nor .parquet; make it one of these.")
    is_empty = True
    try:
        for found in _csv_rows(file) if kind == ".csv" else _parquet_rows(file):
            is_empty = False
            yield found
    except (DataBroken, pa.ArrowException, OSError) as error:
        raise SourceBroken(f"{file.name} cannot be read as a list: {str(error).rstrip('.')}.") from error
    if is_empty:
        raise SourceBroken(f"{file.name} holds no row.")


def _csv_rows(file: Path) -> Iterator[tuple[str, Row] | Fault]:
    rows = rows_of(file, NEEDED)
    first = next(rows, None)  # by now its text and its columns are known to be readable
    with file.open(encoding="utf-8-sig", newline="") as text:
        _check_columns(file.name, [name.strip().lower() for name in next(csv.reader(text))])
    if first is not None:
        yield first
        yield from rows


def _parquet_rows(file: Path) -> Iterator[tuple[str, Row]]:
    with pq.ParquetFile(file) as table:
        names = {name: name.strip().lower() for name in table.schema_arrow.names}
        _check_columns(file.name, list(names.values()))
        row_number = 0
        for batch in table.iter_batches(GROUP_ROWS):
            for row in batch.to_pylist():
                row_number += 1
                cells = {names[name]: "" if value is None else str(value).strip() for name, value in row.items()}
                yield f"{file.name}, row {row_number}", cells


def _check_columns(file_name: str, names: list[str]) -> None:
    missing = [name for name in NEEDED if name not in names]
    unknown = sorted(set(names) - KNOWN)
    twice = sorted({name for name in names if names.count(name) > 1})
    if missing or unknown or twice:
        fault = (
            f"lacks the column(s) {', '.join(missing)}"
            if missing
            else f"has the unknown column(s) {', '.join(shown(name) for name in unknown)}"
            if unknown
            else f"has the column(s) {', '.join(twice)} twice"
        )
        raise SourceBroken(f"{file_name} {fault}; there are {', '.join(sorted(KNOWN))}.")
