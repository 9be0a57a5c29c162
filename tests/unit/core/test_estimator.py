"""The age estimator: hand-made distributions, the correction, the interval, what is refused."""

from typing import Any

import pytest
import torch

from core.estimator import Estimator, EstimatorConfig, estimator_config_from_json, expectation, quantile
from tests.models import TINY_ESTIMATOR, random_estimator


def on_years(**shares: float) -> torch.Tensor:
    """(1, 101) float32: `y20=0.5` puts half of the mass on 20 years."""
    row = torch.zeros(1, 101)
    for name, share in shares.items():
        row[0, int(name.removeprefix("y"))] = share
    return row


def test_the_expectation_is_the_mean_year() -> None:
    assert expectation(on_years(y20=0.25, y40=0.75)).item() == pytest.approx(35)


def test_a_quantile_lies_within_its_year() -> None:
    ten_years = on_years(**{f"y{year}": 0.1 for year in range(30, 40)})
    for share, years in ((0.1, 30.5), (0.25, 32.0), (0.5, 34.5), (0.9, 38.5)):
        assert quantile(ten_years, torch.tensor(share)).item() == pytest.approx(years, abs=1e-4)
    assert quantile(on_years(y0=1.0), torch.tensor(0.1)).item() == 0  # never below birth
    assert quantile(on_years(y100=1.0), torch.tensor(0.9)).item() == 100


def test_years_between_two_entries_of_the_correction_are_mixed() -> None:
    network = Estimator(TINY_ESTIMATOR)
    assert network.corrected(torch.tensor([0.0, 12.25, 100.0])).tolist() == [0.0, 12.25, 100.0]  # none at first
    network.correction_years[10], network.correction_years[11] = 8.0, 12.0
    network.correction_years[0], network.correction_years[100] = -3.0, 104.0
    said = network.corrected(torch.tensor([10.0, 10.25, 11.0, 0.0, 100.0]))
    assert said.tolist() == [8.0, 9.0, 12.0, 0.0, 100.0]  # an age stays within life


def test_the_interval_holds_its_share_and_the_age() -> None:
    network = Estimator(TINY_ESTIMATOR)
    flat = on_years(**{f"y{year}": 0.1 for year in range(30, 40)})
    reading = network.reading(flat)
    assert (reading.low_years.item(), reading.high_years.item()) == pytest.approx((30.5, 38.5), abs=1e-4)
    network.interval_mass.fill_(0.5)
    reading = network.reading(flat)
    assert (reading.low_years.item(), reading.high_years.item()) == pytest.approx((32.0, 37.0), abs=1e-4)
    lopsided = network.reading(on_years(y20=0.9, y90=0.1))  # the mean lies beyond the upper quantile
    assert lopsided.high_years.item() == lopsided.years.item() == pytest.approx(27)


def test_a_face_and_its_mirror_image_read_the_same_whatever_stands_beside_them() -> None:
    network = random_estimator()
    faces = torch.rand(3, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        here, there, alone = network.read(faces), network.read(faces.flip(3)), network.read(faces[1:2])
    for one, other, single in zip(here, there, alone, strict=True):
        assert one.shape == (3,)
        torch.testing.assert_close(one, other, rtol=0, atol=1e-3)
        torch.testing.assert_close(one[1:2], single, rtol=0, atol=1e-3)
    assert here.years.std() > 0.5


def test_the_output_has_its_shapes() -> None:
    out = random_estimator()(torch.zeros(2, 3, 32, 32))
    assert [tuple(part.shape) for part in out] == [(2, 101), (2,), (2, 16)]


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (3, 32, 32), (1, 1, 32, 32)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected faces"):
        random_estimator()(torch.zeros(shape))


@pytest.mark.parametrize(
    "fields",
    [
        {"channels": [8, 16]},
        {"channels": [], "blocks": []},
        {"size_px": 100},
        {"patch_px": 0},
        {"patch_px": True},
        {"blocks": [1, 2, 2, 0]},
        {"blocks": [1, 2, 2, 1000]},
        {"channels": [4, 8, 8, 8]},
        {"channels": [8.0, 8, 8, 8]},
    ],
)
def test_impossible_shapes_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"channels|size_px"):
        estimator_config_from_json(fields)


def test_a_config_comes_back_from_json() -> None:
    fields = {"size_px": 32, "patch_px": 4, "channels": [8, 16], "blocks": [1, 1]}
    assert estimator_config_from_json(fields) == TINY_ESTIMATOR
    assert estimator_config_from_json({}) == EstimatorConfig()
    with pytest.raises(TypeError):
        estimator_config_from_json({"depth": 3})
