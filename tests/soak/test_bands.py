"""Simulated scores whose distribution is known: what is true lies within the bands that are stated."""

from statistics import NormalDist

import numpy as np
import pytest

from cafdata.calibration import Settings, calibrate_cell
from tests.simulated import drawn_people

NORMAL = NormalDist()
NUM_RUNS = 200


@pytest.mark.parametrize("own", [0.0, 0.3, 0.5])
def test_bands_hold_what_is_true_in_95_of_100_runs(own: float, is_full: bool) -> None:
    """Thresholds and genuine rates; by count and by fit, however much people differ.

    The rate of false accepts lies between those at the ends of the band just where the threshold lies within it.
    """
    rates = (0.05, 0.01, 1e-3, 1e-4)
    num_people, num_draws = (150, 1000) if is_full else (50, 120)
    settings = Settings(rates=rates, num_draws=num_draws, num_threads=1)
    true = np.asarray([NORMAL.inv_cdf(1 - rate) for rate in rates])
    genuine = [1 - NORMAL.cdf(threshold - 3) for threshold in true]
    hits = np.zeros((2, len(rates)))
    for run in range(NUM_RUNS):
        found = calibrate_cell((5, 5), drawn_people(num_people, 4, own, run), settings, knows_persons=True)
        for column, cell in enumerate(found.cells):
            assert cell.low is not None and cell.high is not None and cell.threshold is not None
            assert cell.genuine_low is not None and cell.genuine_high is not None
            hits[0, column] += cell.low <= true[column] <= cell.high
            hits[1, column] += cell.genuine_low <= genuine[column] <= cell.genuine_high
    assert hits.min() >= 0.95 * NUM_RUNS, hits
