"""Calibrated cells and tables against plain counts, and published tables against their formulas."""

import dataclasses
from statistics import NormalDist

import numpy as np
import pytest

from cafdata.bootstrap import CellScores
from cafdata.calibration import (
    About,
    Settings,
    calibrate,
    calibrate_cell,
    cells_of,
    held_out_rates,
    one_size,
)
from cafdata.pairs import faces_of
from cafdata.published_tables import one_size as one_size_of_statistics
from cafdata.published_tables import paper_table, published_tables, statistics_table
from core.ages import TEN
from core.published import ARCFACE, FACEPP, FACEPP_THRESHOLDS
from core.thresholds import CELLS, QUANTILE_LEVELS, bundled_tables
from tests.simulated import drawn_people

NORMAL = NormalDist()
ABOUT = About(
    recogniser="drawn",
    recogniser_sha256=None,
    scale="cosine",
    data="drawn numbers",
    data_sha256="0" * 64,
    made_with="a test",
    notes="none",
)


def test_a_cell_says_what_a_plain_count_says() -> None:
    scores = drawn_people(120, 5, 0.3, 0)
    found = calibrate_cell((2, 6), scores, Settings(rates=(0.01, 0.1), num_draws=50), knows_persons=True)
    for rate, cell in zip((0.01, 0.1), found.cells, strict=True):
        assert (cell.younger, cell.older, cell.method) == (2, 6, "empirical") and cell.threshold is not None
        assert (cell.num_different, cell.num_same, cell.num_subjects) == (120 * 119 // 2, 600, 120)
        assert cell.false_accept_rate == np.mean(scores.different >= np.float32(cell.threshold))
        assert rate - 1 / 7140 <= cell.false_accept_rate <= rate
        assert cell.genuine_rate == np.mean(scores.same >= np.float32(cell.threshold))
        assert cell.equal_error_rate == pytest.approx(1 - NORMAL.cdf(1.5), abs=0.02)
        np.testing.assert_allclose(cell.same_quantiles, np.quantile(scores.same, QUANTILE_LEVELS), atol=1e-5)
        assert cell.held_out_rate == pytest.approx(rate, rel=0.5)
    assert len(found.trade_off) >= 6


def test_too_few_pairs_are_said() -> None:
    scores = drawn_people(8, 3, 0.3, 0)  # 28 pairs
    found = calibrate_cell((0, 0), scores, Settings(num_draws=10), knows_persons=True)
    assert all((cell.method, cell.threshold) == ("too few pairs", None) for cell in found.cells)
    assert found.trade_off == () and found.pool_thresholds is None
    more = calibrate_cell((0, 0), drawn_people(9, 3, 0.3, 0), Settings(num_draws=10), knows_persons=True)  # 36, 27
    assert all(cell.method == "fitted" and cell.genuine_rate is None for cell in more.cells)
    assert all(cell.same_quantiles is None and cell.equal_error_rate is None for cell in more.cells)
    assert more.trade_off == ()


def test_few_people_give_no_band() -> None:
    """Of two people every draw is the same two: a band of no width would be a lie."""
    for num_people, has_band in ((3, False), (9, False), (12, True)):
        one = drawn_people(num_people, 20, 0.3, 0)
        scores = CellScores(
            different=np.tile(one.different, 20),
            first=np.tile(one.first, 20),
            second=np.tile(one.second, 20),
            same=one.same,
            person=one.person,
            num_subjects=num_people,
        )
        for cell in calibrate_cell((0, 0), scores, Settings(num_draws=20), knows_persons=True).cells:
            assert cell.threshold is not None and cell.genuine_rate is not None
            bands = (cell.low, cell.high, cell.genuine_low, cell.genuine_high)
            assert [one is not None for one in bands] == [has_band] * 4


def test_same_person_pairs_of_one_person_give_no_band() -> None:
    scores = drawn_people(20, 3, 0.3, 0)
    of_one = dataclasses.replace(scores, same=scores.same, person=np.zeros_like(scores.person))
    for cell in calibrate_cell((0, 0), of_one, Settings(num_draws=20), knows_persons=True).cells:
        assert cell.low is not None and cell.genuine_rate is not None and cell.genuine_low is None


def test_held_out_people_show_what_a_threshold_is_worth() -> None:
    """Where one person scores high with everybody, a threshold set without them lets more pass than asked for."""
    even = drawn_people(150, 1, 0.0, 1)
    settings = Settings(rates=(0.01, 1e-4), num_draws=1)
    of_even, too_rare = held_out_rates(even, settings, knows_persons=True)
    assert of_even == pytest.approx(0.01, abs=0.004) and too_rare is None
    uneven = dataclasses.replace(even, different=even.different + 6 * (even.first == 0).astype(np.float32))
    own = calibrate_cell((0, 0), uneven, settings, knows_persons=True).cells[0].false_accept_rate
    of_uneven, _ = held_out_rates(uneven, settings, knows_persons=True)
    assert own is not None and own <= 0.01 and of_uneven is not None and of_uneven > 0.014


def test_tables_of_embeddings_are_whole_and_repeatable() -> None:
    """Ten people of each group, four pictures each, embeddings about their own direction."""
    generator = np.random.default_rng(0)
    ages = np.repeat(TEN.typical_years, 40)
    names = [f"g{number // 40}p{number // 4}" for number in range(400)]
    centres = np.repeat(generator.normal(size=(100, 24)), 4, axis=0)
    embeddings = (centres + 0.6 * generator.normal(size=(400, 24))).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    faces = faces_of(names, ages, ages)
    made = []
    for threads in (1, 2):
        settings = Settings(num_draws=40, num_threads=threads)
        tables, trade_offs = calibrate(cells_of(faces, embeddings, settings), ABOUT, settings, knows_persons=True)
        made.append(tables)
    assert made[0] == made[1] and [table.false_accept_rate for table in made[0]] == [0.01, 0.001, 0.0001]
    for table in made[0]:
        assert [(cell.younger, cell.older) for cell in table.cells] == list(CELLS)
        for cell in table.cells:
            assert cell.threshold is not None and cell.low is not None and cell.high is not None
            assert cell.low <= cell.threshold <= cell.high
            assert (cell.num_same == 60) == (cell.younger == cell.older) == (cell.genuine_rate is not None)
    assert [place for place in trade_offs if trade_offs[place]] == [(group, group) for group in range(10)]
    one, two, three = (table.one_size_threshold or 0 for table in made[0])
    assert 0 < one < two < three


def test_one_threshold_for_all_cells_weighs_them_alike() -> None:
    """Two cells, normal, means 0 and 2: where 1 - (F(t) + F(t - 2)) / 2 is the rate."""
    pools = []
    for mean in (0.0, 2.0):
        scores = drawn_people(400, 1, 0.0, 3)
        shifted = CellScores(
            different=(scores.different + np.float32(mean)),
            first=scores.first,
            second=scores.second,
            same=scores.same,
            person=scores.person,
            num_subjects=400,
        )
        found = calibrate_cell((5, 5), shifted, Settings(num_draws=1), knows_persons=True)
        assert found.pool_thresholds is not None
        pools.append(found.pool_thresholds)
    threshold = one_size(pools, 0.01)
    passing = [1 - NORMAL.cdf(threshold - mean) for mean in (0, 2)]
    assert np.mean(passing) == pytest.approx(0.01, rel=0.1)


def test_settings_that_cannot_be() -> None:
    for changes, fault in (
        ({"rates": (0.5,)}, "between 0 and 0.5"),
        ({"band_share": 1.0}, "between 0 and 1"),
        ({"num_draws": 0}, "num_draws is 1 or more"),
    ):
        with pytest.raises(ValueError, match=fault):
            Settings(**changes)  # type: ignore[arg-type]


def test_published_statistics_as_tables() -> None:
    table = statistics_table(FACEPP, 1e-3)
    cell = table.cell(5, 6)
    assert cell is not None and cell.threshold == pytest.approx(37.7 + 12.5 * NORMAL.inv_cdf(0.999), abs=1e-3)
    assert cell.genuine_rate == pytest.approx(FACEPP.genuine_rate(cell.threshold, 5, 6), rel=1e-4)
    assert cell.equal_error_rate == pytest.approx(1 - NORMAL.cdf((84.0 - 37.7) / (6.0 + 12.5)), rel=1e-4)
    cosines = statistics_table(ARCFACE, 1e-3).cell(5, 6)
    score = 50.5 + 3.9 * NORMAL.inv_cdf(0.999)
    assert cosines is not None and cosines.threshold == pytest.approx(score / 50 - 1, abs=1e-5)
    rates = [FACEPP.false_accept_rate(one_size_of_statistics(FACEPP, 1e-3), *place) for place in CELLS]
    assert np.mean(rates) == pytest.approx(1e-3, rel=1e-6)
    with pytest.raises(ValueError, match=r"between 0 and 0\.5"):
        statistics_table(FACEPP, 0.7)


def test_published_statistics_beyond_the_end_of_their_scale() -> None:
    """Babies' scores of Face++, 73.6 +- 9.3: at 1e-3 the threshold is 102.3, which nobody can score."""
    table = statistics_table(FACEPP, 1e-3)
    cell, next_cell = table.cell(0, 0), table.cell(5, 5)
    assert cell is not None and cell.threshold == pytest.approx(73.6 + 9.3 * NORMAL.inv_cdf(0.999), abs=1e-3)
    assert (cell.false_accept_rate, cell.genuine_rate) == (0, 0)
    assert next_cell is not None and (next_cell.false_accept_rate, next_cell.genuine_rate) > (0, 0)
    assert all(max(one.same_quantiles or ()) <= 100 for one in table.cells) and "beyond the end" in table.notes


def test_the_papers_thresholds_as_a_table() -> None:
    table = paper_table()
    for group, threshold in FACEPP_THRESHOLDS.items():
        cell = table.cell(5, group)
        assert cell is not None and (cell.threshold, cell.method) == (threshold, "published")
    assert table.cell(5, 5) is None and table.one_size_threshold is None


def test_bundled_tables_are_those_that_the_command_makes() -> None:
    bundled = bundled_tables()
    made = [table for _, table in published_tables((1e-2, 1e-3, 1e-4))]
    assert len(made) == 7 and all(table in bundled for table in made)
