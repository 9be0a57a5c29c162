"""Thresholds of one recogniser for every pair of age groups, with bands, from scores of real pairs."""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cafdata import operating
from cafdata.bootstrap import MIN_PEOPLE, CellScores, band, draw, even_people
from cafdata.operating import MIN_ABOVE, Descending, Plan, TradeOff, plan, share_passing
from cafdata.pairs import Faces, cell_pairs, scores_of, subject_folds
from core.thresholds import CELLS, MIN_PAIRS, QUANTILE_LEVELS, Cell, Method, Scale, ThresholdTable

RATES = (1e-2, 1e-3, 1e-4)
POOL_RATES = np.geomspace(0.5, 1e-7, 160)
"""Rates at which each cell says its threshold, for the one threshold of all cells."""

Place = tuple[int, int]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How to calibrate. Raises ValueError for what cannot be."""

    rates: tuple[float, ...] = RATES
    """False-accept rates, a table each."""
    num_draws: int = 1000
    """Draws of people behind the bands."""
    band_share: float = 0.99
    """Share of the draws that a band holds."""
    max_pairs: int = 1_000_000
    """Different-person pairs a cell, and same-person pairs; more are sampled evenly."""
    num_folds: int = 5
    """Folds of people for the rate on people whom a threshold was not set from."""
    seed: int = 0
    num_threads: int = 2
    """Cells worked on at once; the result does not depend on it."""

    def __post_init__(self) -> None:
        if not self.rates or not all(0 < rate < 0.5 for rate in self.rates):
            raise ValueError(f"false-accept rates lie between 0 and 0.5, got {self.rates}")
        if not 0 < self.band_share < 1:
            raise ValueError(f"a band holds a share between 0 and 1, got {self.band_share}")
        for name in ("num_draws", "max_pairs", "num_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What the tables say of themselves, see core.thresholds.ThresholdTable."""

    recogniser: str
    recogniser_sha256: str | None
    scale: Scale
    data: str
    data_sha256: str
    made_with: str
    notes: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CalibratedCell:
    """One cell at all rates."""

    cells: tuple[Cell, ...]
    """In the order of the rates."""
    trade_off: tuple[TradeOff, ...]
    """Empty with too few pairs of either kind."""
    pool_thresholds: Numbers | None
    """(160,) thresholds at POOL_RATES, never falling; None with too few pairs."""


def calibrate(
    cells: Iterable[tuple[Place, Callable[[], CellScores]]], about: About, settings: Settings, *, knows_persons: bool
) -> tuple[tuple[ThresholdTable, ...], dict[Place, tuple[TradeOff, ...]]]:
    """Tables at every rate, and the trade-off of every cell; progress goes to stderr.

    Args:
        cells: each place with what makes its scores, called when its turn comes.
        about: what the tables say of themselves.
        settings: how to go about it.
        knows_persons: False if different-person pairs may be of one person without our knowing.
    """

    def one(entry: tuple[Place, Callable[[], CellScores]]) -> tuple[Place, CalibratedCell]:
        place, scores = entry
        return place, calibrate_cell(place, scores(), settings, knows_persons=knows_persons)

    done: dict[Place, CalibratedCell] = {}
    with ThreadPoolExecutor(settings.num_threads) as pool:
        for place, cell in pool.map(one, cells):
            done[place] = cell
            print(f"calibrated {len(done)} cells, the last {cell.cells[0].name}", file=sys.stderr, flush=True)  # noqa: T201
    pools = [cell.pool_thresholds for cell in done.values() if cell.pool_thresholds is not None]
    tables = []
    for number, rate in enumerate(settings.rates):
        own = tuple(cell.cells[number] for cell in done.values())
        is_fitted = any(cell.method == "fitted" for cell in own)
        tables.append(
            ThresholdTable(
                **dataclasses.asdict(about),
                false_accept_rate=rate,
                one_size_threshold=short(one_size(pools, rate)) if pools else None,
                band_share=settings.band_share,
                tail=operating.TAIL if is_fitted else "none",
                cells=own,
            )
        )
    return tuple(tables), {place: cell.trade_off for place, cell in done.items()}


def cells_of(
    faces: Faces, embeddings: npt.NDArray[np.float32], settings: Settings
) -> Iterator[tuple[Place, Callable[[], CellScores]]]:
    """The 55 cells of faces with their embeddings, (N, D) float32 of length 1; scores are cosines."""
    if len(faces) != len(embeddings):
        raise ValueError(f"{len(faces)} faces but {len(embeddings)} embeddings")
    for place in CELLS:
        yield place, lambda place=place: _scores(place, faces, embeddings, settings)  # type: ignore[misc]


def _scores(place: Place, faces: Faces, embeddings: npt.NDArray[np.float32], settings: Settings) -> CellScores:
    limit, seed = settings.max_pairs, settings.seed
    different = cell_pairs(faces, *place, same=False, limit=limit, seed=seed)
    same = cell_pairs(faces, *place, same=True, limit=limit, seed=seed)
    persons = [faces.persons[rows] for rows in (different.first, different.second, same.first)]
    names, numbers = np.unique(np.concatenate(persons), return_inverse=True)
    first, second, person = np.split(numbers.astype(np.int32), np.cumsum([len(one) for one in persons])[:2])
    return CellScores(
        different=scores_of(embeddings, different),
        first=first,
        second=second,
        same=scores_of(embeddings, same),
        person=person,
        num_subjects=len(names),
    )


def calibrate_cell(place: Place, scores: CellScores, settings: Settings, *, knows_persons: bool) -> CalibratedCell:
    """Everything that is said of one cell."""
    num_different, num_same = len(scores.different), len(scores.same)
    counts: dict[str, Any] = {"num_different": num_different, "num_same": num_same, "num_subjects": scores.num_subjects}
    younger, older = place
    if num_different < MIN_PAIRS:
        cell = Cell(younger=younger, older=older, threshold=None, method="too few pairs", **counts)
        return CalibratedCell(cells=(cell,) * len(settings.rates), trade_off=(), pool_thresholds=None)
    planned = plan(num_different, settings.rates, knows_persons=knows_persons)
    falling = Descending(scores.different)
    thresholds = _thresholds(planned, falling, num_different)
    draws = draw(scores, planned, settings.num_draws, settings.seed)
    has_band = even_people(scores.first, scores.second) >= MIN_PEOPLE
    low, high = band(draws.thresholds, settings.band_share)
    held_out = held_out_rates(scores, settings, knows_persons=knows_persons)
    of_same = same_figures(scores)
    cells = []
    for number, rate in enumerate(settings.rates):
        method: Method = "fitted" if planned.is_fitted[number] else "empirical"
        threshold = short(float(thresholds[number]))
        cells.append(
            Cell(
                younger=younger,
                older=older,
                threshold=threshold,
                low=short(min(float(low[number]), threshold)) if has_band else None,
                high=short(max(float(high[number]), threshold)) if has_band else None,
                method=method,
                false_accept_rate=rate if planned.is_fitted[number] else share_passing(scores.different, threshold),
                held_out_rate=held_out[number],
                **_genuine(scores, draws.genuine_rates[:, number], threshold, settings.band_share),
                **of_same,
                **counts,
            )
        )
    has_both = num_same >= MIN_PAIRS
    return CalibratedCell(
        cells=tuple(cells),
        trade_off=operating.trade_off(scores.different, scores.same) if has_both else (),
        pool_thresholds=_pool_thresholds(falling, num_different, knows_persons=knows_persons),
    )


def held_out_rates(scores: CellScores, settings: Settings, *, knows_persons: bool) -> tuple[float | None, ...]:
    """For each rate, the share of different-person pairs that pass a threshold set without either person.

    People are in folds; each fold's pairs are held against the threshold of the pairs among all the others. None
    where too few pairs lie within the folds for so low a rate to show.
    """
    folds = subject_folds([str(number) for number in range(scores.num_subjects)], settings.num_folds, settings.seed)
    first, second = folds[scores.first], folds[scores.second]
    passing, num_tested = np.zeros(len(settings.rates)), 0
    for fold in range(settings.num_folds):
        tested = scores.different[(first == fold) & (second == fold)]
        others = scores.different[(first != fold) & (second != fold)]
        if len(others) < MIN_PAIRS or not len(tested):
            continue
        planned = plan(len(others), settings.rates, knows_persons=knows_persons)
        thresholds = _thresholds(planned, Descending(others), len(others))
        passing += [np.count_nonzero(tested >= threshold) for threshold in thresholds]
        num_tested += len(tested)
    return tuple(
        float(count / num_tested) if num_tested * rate >= MIN_ABOVE else None
        for count, rate in zip(passing, settings.rates, strict=True)
    )


def same_figures(scores: CellScores) -> dict[str, Any]:
    """What a cell says of its same-person pairs at any rate; nothing with too few."""
    if len(scores.same) < MIN_PAIRS:
        return {}
    quantiles = np.quantile(scores.same, QUANTILE_LEVELS)
    return {
        "equal_error_rate": operating.equal_error(scores.different, scores.same)[1],
        "same_quantiles": tuple(short(float(value)) for value in np.maximum.accumulate(quantiles)),
    }


def one_size(pools: Sequence[Numbers], rate: float) -> float:
    """The threshold that different-person pairs pass at a rate if each of the cells has as many of them.

    Args:
        pools: for each cell its (160,) thresholds at POOL_RATES.
        rate: false-accept rate.
    """
    low, high = min(float(pool[0]) for pool in pools), max(float(pool[-1]) for pool in pools)
    exponents = np.log(POOL_RATES)
    for _ in range(60):
        middle = (low + high) / 2
        shares = [np.exp(np.interp(middle, pool, exponents)) for pool in pools]
        low, high = (middle, high) if np.mean(shares) > rate else (low, middle)
    return high


def short(value: float) -> float:
    """The shortest decimal number that is the same in float32."""
    return float(str(np.float32(value)))


def _genuine(scores: CellScores, draws: Numbers, threshold: float, band_share: float) -> dict[str, Any]:
    if len(scores.same) < MIN_PAIRS:
        return {}
    rate = share_passing(scores.same, threshold)
    if min(even_people(scores.person), even_people(scores.first, scores.second)) < MIN_PEOPLE:
        return {"genuine_rate": rate}
    low, high = band(draws[:, None], band_share)
    ends = {"genuine_low": min(float(low[0]), rate), "genuine_high": max(float(high[0]), rate)}
    return {"genuine_rate": rate, **ends}


def _thresholds(planned: Plan, falling: Descending, num_pairs: int) -> Numbers:
    counts = np.arange(1, num_pairs + 1, dtype=np.float64)
    return planned.thresholds(falling.quantiles(counts, num_pairs, planned.shares))


def _pool_thresholds(falling: Descending, num_pairs: int, *, knows_persons: bool) -> Numbers:
    planned = plan(num_pairs, tuple(POOL_RATES.tolist()), knows_persons=knows_persons)
    return np.maximum.accumulate(_thresholds(planned, falling, num_pairs))
