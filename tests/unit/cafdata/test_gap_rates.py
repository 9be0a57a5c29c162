"""Rates per gap in years against a plain loop over pairs, and what they show of people who change with the years."""

import csv
import io
import itertools

import numpy as np
import numpy.typing as npt
import pytest

from cafdata.calibration import About, Settings, calibrate, cells_of
from cafdata.gap_rates import MAX_PAIRS, GapRates, gap_rates, gap_rates_csv
from cafdata.pairs import GAP_EDGES_YEARS, Faces, faces_of
from core.thresholds import MIN_PAIRS, ThresholdTable

RATES = (0.05, 0.01)


def drawn(num_people: int, each: int) -> tuple[Faces, npt.NDArray[np.float32]]:
    """People whose embeddings drift with the years, among strangers who are the more alike the younger both are."""
    generator = np.random.default_rng(3)
    ages = generator.uniform(0, 89, (num_people, each)).round(1)
    child, self_, drift = np.eye(24)[0], generator.normal(size=(num_people, 1, 24)), generator.normal(size=(1, 1, 24))
    young = np.exp(-ages / 12)[..., None]
    vectors = self_ + 2.5 * young * child + 0.03 * (ages[..., None] - 40) * drift * np.sign(self_)
    vectors += 0.2 * generator.normal(size=vectors.shape)
    vectors = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).reshape(-1, 24).astype(np.float32)
    names = [f"p{person}" for person in range(num_people) for _ in range(each)]
    return faces_of(names, ages.ravel(), ages.ravel()), vectors


@pytest.fixture(scope="module")
def people() -> tuple[Faces, npt.NDArray[np.float32]]:
    return drawn(50, 6)


@pytest.fixture(scope="module")
def tables(people: tuple[Faces, npt.NDArray[np.float32]]) -> tuple[ThresholdTable, ...]:
    settings = Settings(rates=RATES, num_draws=3)
    about = About(
        recogniser="drawn",
        recogniser_sha256=None,
        scale="cosine",
        data="drawn",
        data_sha256="0" * 64,
        made_with="nothing",
        notes="drawn",
    )
    return calibrate(cells_of(*people, settings), about, settings, knows_persons=True)[0]


@pytest.fixture(scope="module")
def rows(people: tuple[Faces, npt.NDArray[np.float32]], tables: tuple[ThresholdTable, ...]) -> list[GapRates]:
    return [*gap_rates(*people, tables, max_pairs=10**6, seed=0)]


def test_rates_are_those_of_a_plain_loop(
    people: tuple[Faces, npt.NDArray[np.float32]], tables: tuple[ThresholdTable, ...], rows: list[GapRates]
) -> None:
    faces, vectors = people
    for table in tables:
        own = {(cell.younger, cell.older): cell.threshold for cell in table.cells}
        seen: dict[tuple[float, bool], list[tuple[bool, bool]]] = {}
        for one, other in itertools.combinations(range(len(faces)), 2):
            gap = abs(float(np.subtract(*np.round(faces.ages_years[[one, other]] * 256) / 256)))
            low = max(edge for edge in GAP_EDGES_YEARS if edge <= gap)
            groups = sorted((int(faces.groups[one]), int(faces.groups[other])))
            threshold = own[groups[0], groups[1]]
            if threshold is None:
                continue
            score = np.einsum("d,d->", vectors[one], vectors[other])
            passes = (bool(score >= np.float32(table.one_size_threshold)), bool(score >= np.float32(threshold)))
            seen.setdefault((low, bool(faces.persons[one] == faces.persons[other])), []).append(passes)
        for row in (row for row in rows if row.at_false_accept_rate == table.false_accept_rate):
            for kind, same in ((row.different, False), (row.same, True)):
                expected = seen.get((row.from_years, same), [])
                assert kind.num_pairs == len(expected)
                if len(expected) < MIN_PAIRS:
                    assert (kind.one_size, kind.rectified) == (None, None)
                else:
                    shares = np.asarray(expected).mean(axis=0)
                    assert (kind.one_size, kind.rectified) == pytest.approx(tuple(shares), abs=2 / len(expected))


def test_the_one_threshold_errs_at_both_ends_and_the_rectified_ones_less(rows: list[GapRates]) -> None:
    told = [row for row in rows if row.at_false_accept_rate == 0.05 and row.different.num_pairs > 500]
    one_size = [row.different.one_size for row in told if row.different.one_size is not None]
    rectified = [row.different.rectified for row in told if row.different.rectified is not None]
    assert len(told) == len(one_size) == len(rectified) >= 8
    assert max(rectified) - min(rectified) < 0.6 * (max(one_size) - min(one_size))
    assert all(0.02 < rate < 0.09 for rate in rectified)


def test_a_draw_is_bounded_and_seeded(
    people: tuple[Faces, npt.NDArray[np.float32]], tables: tuple[ThresholdTable, ...]
) -> None:
    few = [*gap_rates(*people, tables, max_pairs=100, seed=0)]
    assert {row.different.num_pairs for row in few} <= {*range(101)}
    assert few == [*gap_rates(*people, tables, max_pairs=100, seed=0)]
    assert few != [*gap_rates(*people, tables, max_pairs=100, seed=1)]
    assert MAX_PAIRS * min(1e-4, *RATES) >= 20


def test_faces_without_a_group_or_a_threshold_are_in_no_pair(tables: tuple[ThresholdTable, ...]) -> None:
    _, vectors = drawn(40, 2)
    nowhere = faces_of([f"p{number}" for number in range(80)], [19.0] * 80, [20.5] * 80)
    assert set(nowhere.groups.tolist()) == {-1}
    assert [*gap_rates(nowhere, vectors, tables, max_pairs=1000, seed=0)] == []


def test_a_row_a_gap_and_rate_as_csv(rows: list[GapRates]) -> None:
    read = [*csv.DictReader(io.StringIO(gap_rates_csv(rows)))]
    assert len(read) == len(rows)
    for line, row in zip(read, rows, strict=True):
        assert (float(line["from_years"]), float(line["to_years"])) == (row.from_years, row.to_years)
        assert int(line["num_same"]) == row.same.num_pairs
        known = line["different_passing_rectified"]
        assert (float(known) if known else None) == row.different.rectified
