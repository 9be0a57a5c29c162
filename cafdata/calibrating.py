"""From labelled pictures, or from recorded scores, to threshold tables on the disk."""

import csv
import hashlib
import io
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cafdata.calibration import About, Place, Settings, calibrate, cells_of
from cafdata.embeddings import Embedded, WorkingFolder, embed
from cafdata.gap_rates import gap_rates, gap_rates_csv
from cafdata.labelled import chosen, find, labels_of
from cafdata.operating import FIT_FROM, MIN_ABOVE, NUM_KNOTS, PARABOLA_FROM, TAIL, TradeOff
from cafdata.pairs import Faces
from cafdata.recorded import read_scores
from core.ages import TEN
from core.cells import text_cell
from core.detect import FacePack
from core.files import write_atomic
from core.thresholds import MIN_PAIRS, Scale, ThresholdTable

TRADE_OFF_FILE = "trade-off.csv"
GAPS_FILE = "gaps.csv"
TRADE_OFF_COLUMNS = ("younger", "older", "threshold", "false_accept_rate", "false_reject_rate")
NOT_KNOWN = (
    "Nobody is there twice as far as is known, so every pair of two pictures counts as a pair of two people, and the "
    "rate of genuine accepts is not measured. Some people may be there twice all the same (collections of photos "
    f"from the web hold celebrities several times), and their pairs would sit at the very top. So quantiles beyond the "
    f"highest {FIT_FROM:.1%} are not believed but carried on from those below, on which so few pairs have no weight."
)
KNOWN = "Pairs are of people known by name."
HOW = (
    f"A threshold that at least {MIN_ABOVE} pairs reach is the quantile itself. Others are fitted ({TAIL}): "
    f"{NUM_KNOTS} quantiles of the upper tail against those of a normal distribution, by a line, or from "
    f"{PARABOLA_FROM:,} pairs a parabola; "
    "the band does not cover a tail that is shaped otherwise. Bands come from drawing people again."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureOrder:
    """Pictures to calibrate on."""

    sources: tuple[Path, ...]
    """One folder or archive, or Parquet files."""
    layout: str
    """How a folder is laid out, see `cafdata.labelled`."""
    per_group: int | None
    """At most so many faces of each age group; None for all."""
    working: Path
    """Folder for embeddings while they are computed."""


def calibrate_pictures(
    order: PictureOrder, pack: FacePack, out: Path, settings: Settings, title: str, made_with: str
) -> list[Path]:
    """Calibrate a pack's recogniser on labelled pictures; a run that was broken off goes on where it was.

    Args:
        order: which pictures.
        pack: finds and embeds the faces.
        out: folder for a table of each rate, the trade-off of each cell, and how many pass per gap in years.
        settings: how to calibrate.
        title: what the pictures are, for people.
        made_with: command that makes the tables again.
    Returns:
        Files written. The embeddings are deleted then.
    Raises:
        ScoresBroken: labels or pictures that cannot be used, each named; nothing is written then.
    """
    finder = find(order.sources, order.layout)
    _, faces = labels_of(finder())
    rows = chosen(faces, order.per_group)
    weights_sha256 = hashlib.sha256(pack.recogniser_file.read_bytes()).hexdigest()
    working = WorkingFolder(order.working, weights_sha256)
    embedded = embed(finder, rows, pack, working)
    kept = Faces(
        persons=faces.persons[embedded.rows],
        groups=faces.groups[embedded.rows],
        ages_years=faces.ages_years[embedded.rows],
    )
    counts = ", ".join(f"{name}: {np.count_nonzero(kept.groups == number)}" for number, name in enumerate(TEN.names))
    left_out = f"{embedded.num_without_face} without a face that the pack finds, {embedded.num_repeated} repeated"
    notes = f"{KNOWN if kept.knows_persons else NOT_KNOWN} {HOW} Faces: {counts}; left out: {left_out}."
    about = About(
        recogniser=pack.identity,
        recogniser_sha256=weights_sha256,
        scale="cosine",
        data=title,
        data_sha256=_digest(embedded, kept),
        made_with=made_with,
        notes=notes,
    )
    cells = cells_of(kept, embedded.embeddings, settings)
    tables, trade_offs = calibrate(cells, about, settings, knows_persons=kept.knows_persons)
    written = _write(out, tables, trade_offs)
    rates = [*gap_rates(kept, embedded.embeddings, tables, max_pairs=settings.max_pairs, seed=settings.seed)]
    write_atomic(out / GAPS_FILE, gap_rates_csv(rates).encode())
    written.append(out / GAPS_FILE)
    working.discard()
    return written


def calibrate_scores(
    scores: Path, mapping: Path | None, recogniser: str, scale: Scale, out: Path, settings: Settings, made_with: str
) -> list[Path]:
    """Calibrate on recorded scores, see `cafdata.recorded`; returns the files written."""
    if not re.fullmatch(r"\w[\w.-]*", recogniser, re.ASCII):
        raise ValueError(f"name the recogniser of the scores with letters, digits, _ . and -, got {recogniser!r}")
    recorded = read_scores(scores, scale, mapping)
    if recorded.num_without:
        print(f"{recorded.num_without} rows say that there is no score", file=sys.stderr)  # noqa: T201
    about = About(
        recogniser=recogniser,
        recogniser_sha256=None,
        scale=scale,
        data=f"{recorded.num_rows} recorded scores, {text_cell(scores.name)}",
        data_sha256=recorded.sha256,
        made_with=made_with,
        notes=f"{KNOWN} {HOW}",
    )
    cells = [(place, lambda one=one: one) for place, one in recorded.cells.items()]
    tables, trade_offs = calibrate(cells, about, settings, knows_persons=True)
    return _write(out, tables, trade_offs)


def trade_off_csv(trade_offs: dict[Place, tuple[TradeOff, ...]]) -> str:
    """A row for each point of each cell, groups by name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TRADE_OFF_COLUMNS)
    for (younger, older), points in trade_offs.items():
        for point in points:
            numbers = (point.threshold, point.false_accept_rate, point.false_reject_rate)
            writer.writerow((text_cell(TEN.names[younger]), text_cell(TEN.names[older]), *numbers))
    return text.getvalue()


def _write(out: Path, tables: Sequence[ThresholdTable], trade_offs: dict[Place, tuple[TradeOff, ...]]) -> list[Path]:
    num_without = sum(cell.threshold is None for cell in tables[0].cells)
    if num_without:
        said = f"{num_without} of {len(tables[0].cells)} pairs of age groups have no threshold"
        print(f"{said}: fewer than {MIN_PAIRS} pairs of two people", file=sys.stderr)  # noqa: T201
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for table in tables:
        path = out / f"{table.recogniser}-{table.false_accept_rate:g}.json"
        table.write(path)
        written.append(path)
    if any(trade_offs.values()):
        write_atomic(out / TRADE_OFF_FILE, trade_off_csv(trade_offs).encode())
        written.append(out / TRADE_OFF_FILE)
    return written


def _digest(embedded: Embedded, faces: Faces) -> str:
    """Of the pictures looked at and of the labels of those used."""
    digest = hashlib.sha256(embedded.digest.encode())
    for array in (faces.persons, faces.groups):
        digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return digest.hexdigest()
