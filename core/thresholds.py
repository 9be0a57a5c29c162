"""The table of thresholds of one recogniser: from which score on two faces of two age groups pass for one person.

A table holds for the recogniser it was made with and for no other, and for one rate of false accepts. It is a
JSON file; those in the folder `thresholds` beside this module come with the program.
"""

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.ages import TEN
from core.detect import FacePack
from core.errors import TableMissing, TableRefused
from core.files import write_atomic

VERSION = 1
MIN_PAIRS = 30
"""With fewer pairs nothing is said."""
QUANTILE_LEVELS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Shares of real same-person pairs at which a cell says how much they score at most."""
BUNDLED = Path(__file__).resolve().parent / "thresholds"
MAX_BYTES = 4 << 20
CELLS = tuple((younger, older) for older in range(len(TEN)) for younger in range(older + 1))
"""The 55 pairs of groups, (younger, older)."""

Method = Literal["empirical", "fitted", "published", "too few pairs"]
Scale = Literal["cosine", "0..100"]
RANGES: dict[str, tuple[float, float]] = {"cosine": (-1.0, 1.0), "0..100": (0.0, 100.0)}
"""Least and greatest score of each scale. A threshold may lie above: then nothing passes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One pair of age groups. Scores are on the table's scale, rates and shares 0..1."""

    younger: int
    """Number of the younger group in core.ages.TEN."""
    older: int
    """Number of the older group, or the same."""
    threshold: float | None
    """A score from here on passes. None with too few pairs."""
    low: float | None = None
    """Lower end of the threshold's band; None where none was computed, or too few people bear the pairs."""
    high: float | None = None
    """Upper end."""
    method: Method
    """ "empirical" is the quantile itself, "fitted" that of a fitted tail (the table's `tail`), "published" a
    number somebody else published."""
    num_different: int = 0
    """Pairs of two people behind it; 0 for published numbers, which do not say."""
    num_same: int = 0
    """Pairs of one person behind the figures below."""
    num_subjects: int = 0
    """People in those pairs."""
    false_accept_rate: float | None = None
    """Share of different-person pairs that pass the threshold; where the tail was fitted, by the fit."""
    held_out_rate: float | None = None
    """The same where threshold and pairs come from different people; None where that was not measured."""
    genuine_rate: float | None = None
    """Share of real same-person pairs that pass; None: not measured."""
    genuine_low: float | None = None
    """Lower end of its band; None as for the threshold's."""
    genuine_high: float | None = None
    """Upper end."""
    equal_error_rate: float | None = None
    """Where as many of the one kind pass as of the other fail; None: not measured."""
    same_quantiles: tuple[float, ...] | None = None
    """Scores of real same-person pairs at QUANTILE_LEVELS; None: not measured."""

    def __post_init__(self) -> None:
        where = f"cell {self.younger}, {self.older}"
        if not 0 <= self.younger <= self.older < len(TEN):
            raise ValueError(f"{where}: the groups are 0..{len(TEN) - 1}, the younger first")
        if self.method not in get_args(Method):
            raise ValueError(f"{where}: method is {self.method!r}, not one of {', '.join(get_args(Method))}")
        if (self.threshold is None) != (self.method == "too few pairs"):
            raise ValueError(f"{where}: threshold {self.threshold} with method {self.method!r}")
        for name in ("threshold", "low", "high"):
            _check_number(f"{where}: {name}", getattr(self, name), -1000, 1000)
        for name in RATES:
            _check_number(f"{where}: {name}", getattr(self, name), 0, 1)
        for name in ("num_different", "num_same", "num_subjects"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{where}: {name} is a count, got {value!r}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"{where}: the band begins at {self.low} and ends at {self.high}")
        quantiles = self.same_quantiles
        if quantiles is not None and (len(quantiles) != len(QUANTILE_LEVELS) or list(quantiles) != sorted(quantiles)):
            raise ValueError(f"{where}: same_quantiles are {len(QUANTILE_LEVELS)} rising scores, got {quantiles}")

    @property
    def name(self) -> str:
        """For people: "20-29 and 50-69"."""
        return f"{TEN.names[self.younger]} and {TEN.names[self.older]}"


RATES = ("false_accept_rate", "held_out_rate", "genuine_rate", "genuine_low", "genuine_high", "equal_error_rate")
CELL_FIELDS = tuple(field.name for field in dataclasses.fields(Cell))


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdTable:
    """Thresholds of one recogniser at one rate of false accepts. Raises ValueError for what cannot be."""

    version: int = VERSION
    recogniser: str
    """As FacePack.identity says it: "mobilefacenet_112", "facepp"."""
    recogniser_sha256: str | None
    """Of its weights' file, 64 hexadecimal digits; None for a service, or statistics that say none."""
    scale: Scale
    """Cosines of embeddings, or scores 0..100."""
    false_accept_rate: float | None
    """The rate asked for, above 0, below 0.5; None where the rule behind the thresholds is not known."""
    one_size_threshold: float | None
    """The one threshold for all cells at that rate, each cell weighing the same; None: not known."""
    band_share: float | None = None
    """Of how many repetitions the bands hold the threshold, such as 0.95; None: no bands."""
    tail: str
    """How thresholds were fitted, where they were: "gaussian", "generalised Pareto", "none"."""
    data: str
    """What it was made from, for people."""
    data_sha256: str
    """Digest of what it was made from, 64 hexadecimal digits."""
    made_with: str
    """Command that makes it again."""
    notes: str
    """What to know before relying on it."""
    cells: tuple[Cell, ...]
    """At most one of each pair of groups; a pair that is not here has no threshold."""

    def __post_init__(self) -> None:
        if self.version != VERSION or isinstance(self.version, bool):
            raise ValueError(f"version {self.version!r} is not {VERSION}, the only one that this program reads")
        for name in ("recogniser", "tail", "data", "made_with", "notes"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise ValueError(f"{name} is text with something in it, got {getattr(self, name)!r}")
        for name in ("recogniser_sha256", "data_sha256"):
            value = getattr(self, name)
            if not _is_digest(value) and not (value is None and name == "recogniser_sha256"):
                raise ValueError(f"{name} is 64 hexadecimal digits, got {value!r}")
        if self.scale not in get_args(Scale):
            raise ValueError(f"scale is {self.scale!r}, not one of {', '.join(get_args(Scale))}")
        _check_number("false_accept_rate", self.false_accept_rate, 0, 0.5, is_open=True)
        _check_number("one_size_threshold", self.one_size_threshold, -1000, 1000)
        _check_number("band_share", self.band_share, 0, 1, is_open=True)
        places = [(cell.younger, cell.older) for cell in self.cells]
        if len(set(places)) != len(places):
            raise ValueError(f"two cells are of the same groups: {sorted(places)}")

    def cell(self, group_a: int, group_b: int) -> Cell | None:
        """The cell of two groups of the ten, in either order; None where the table has none."""
        younger, older = sorted((group_a, group_b))
        if not 0 <= younger <= older < len(TEN):
            raise ValueError(f"the groups are 0..{len(TEN) - 1}, got {group_a} and {group_b}")
        return next((one for one in self.cells if (one.younger, one.older) == (younger, older)), None)

    def to_json(self) -> str:
        """As `read_table` reads it: a line a cell."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "cells"}
        head = json.dumps(fields, indent=1)[:-2]
        cells = ",\n".join(f"  {json.dumps(_cell_row(cell))}" for cell in self.cells)
        return f'{head},\n "cells": [\n{cells}\n ]\n}}\n'

    def write(self, path: Path) -> None:
        """Write to a file, replacing what was there."""
        write_atomic(path, self.to_json().encode())


def read_table(path: Path) -> ThresholdTable:
    """Read a table and check everything in it.

    Raises:
        TableMissing: no such file.
        TableRefused: no JSON, an unknown version or field, a missing one, or a value that cannot be.
    """
    if not path.is_file():
        raise TableMissing(f"There is no threshold table {path}.")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        document = json.loads(data)
        _check_names("the table", document, [field.name for field in dataclasses.fields(ThresholdTable)])
        if document["version"] != VERSION:
            raise ValueError(f"version {document['version']!r} is not {VERSION}, the only one that this program reads")
        if not isinstance(document["cells"], list):
            raise ValueError("cells is no list")
        return ThresholdTable(**{**document, "cells": tuple(_cell(row) for row in document["cells"])})
    except (ValueError, TypeError, RecursionError) as error:
        raise TableRefused(f"{path} is no threshold table that can be used: {error}.") from error


def bundled_tables() -> list[ThresholdTable]:
    """The tables that come with the program, by file name."""
    return [read_table(path) for path in sorted(BUNDLED.glob("*.json"))]


def table_for(recogniser: str, sha256: str | None, false_accept_rate: float) -> ThresholdTable:
    """The bundled table of a recogniser at a rate.

    Args:
        recogniser: its name, as in a table.
        sha256: of its weights' file; None for a recogniser without one.
        false_accept_rate: as in the table, such as 0.001.
    Raises:
        TableMissing: there is none for it; another recogniser's never stands in.
    """
    tables = [one for one in bundled_tables() if one.false_accept_rate is not None]
    same = [one for one in tables if one.recogniser == recogniser and one.recogniser_sha256 == sha256]
    for one in same:
        if one.false_accept_rate is not None and math.isclose(one.false_accept_rate, false_accept_rate, rel_tol=1e-6):
            return one
    remedy = "make one: python -m cafdata calibrate FOLDER --pack PACK --out FOLDER, and name it with --table"
    if same:
        rates = ", ".join(str(one.false_accept_rate) for one in same)
        raise TableMissing(f"{recogniser} has thresholds for rates {rates}, none for {false_accept_rate}; {remedy}.")
    raise TableMissing(f"There are no thresholds for the recogniser {recogniser} with these weights; {remedy}.")


def table_of(pack: FacePack, false_accept_rate: float) -> ThresholdTable:
    """The bundled table of a pack's recogniser at a rate. Raises TableMissing as `table_for`."""
    return table_for(pack.identity, digest_of(pack), false_accept_rate)


def digest_of(pack: FacePack) -> str:
    """SHA-256 of the weights of a pack's recogniser."""
    return hashlib.sha256(pack.recogniser_file.read_bytes()).hexdigest()


def require_recogniser(table: ThresholdTable, recogniser: str, sha256: str | None) -> None:
    """Raises TableMissing unless a table is for the recogniser of that name and these weights."""
    if (table.recogniser, table.recogniser_sha256) != (recogniser, sha256):
        same = "other weights of that name" if table.recogniser == recogniser else f"the recogniser {table.recogniser}"
        raise TableMissing(f"This table is for {same}, not for this {recogniser}, and thresholds do not carry over.")


def _cell_row(cell: Cell) -> dict[str, Any]:
    """A cell for JSON: groups by name, and only what is known."""
    row = {name: getattr(cell, name) for name in CELL_FIELDS[2:] if getattr(cell, name) is not None}
    return {"younger": TEN.names[cell.younger], "older": TEN.names[cell.older], **row}


def _cell(row: Any) -> Cell:
    _check_names("a cell", row, CELL_FIELDS, optional=CELL_FIELDS[2:])
    groups = {name: TEN.index_of_name(row[name]) for name in ("younger", "older")}
    quantiles = row.get("same_quantiles")
    if quantiles is not None:
        for value in quantiles:
            _check_number("same_quantiles", value, -1000, 1000)
    values = {**dict.fromkeys(("threshold", "method")), **row, **groups}
    return Cell(**{**values, "same_quantiles": None if quantiles is None else tuple(quantiles)})


def _check_names(what: str, document: Any, names: Any, optional: Any = ()) -> None:
    """Raises ValueError unless a JSON object has the fields named, but for the optional ones, and no other."""
    if not isinstance(document, dict):
        raise ValueError(f"{what} is no object but {type(document).__name__}")
    if unknown := sorted(set(document) - set(names)):
        raise ValueError(f"{what} has the unknown field {', '.join(unknown)}")
    if missing := sorted(set(names) - set(optional) - set(document)):
        raise ValueError(f"{what} lacks {', '.join(missing)}")


def _check_number(name: str, value: object, low: float, high: float, *, is_open: bool = False) -> None:
    """Raises ValueError unless the value is None or a number from low to high (between them, if open)."""
    if value is None:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (is_open and value in (low, high)):  # type: ignore[operator]
        raise ValueError(f"{name} is a number {low}..{high}, got {value!r}")


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
