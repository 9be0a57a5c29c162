"""What the tables know: shares, flips, and that what is shown is what follows from the published statistics."""

import dataclasses
from statistics import NormalDist

import pytest

from core.published import ARCFACE, FACEPP, PairStatistics
from core.thresholds import CELLS, QUANTILE_LEVELS, Cell, ThresholdTable
from demo.verify.evidence import (
    RATES,
    Normal,
    Points,
    Share,
    Source,
    between,
    is_sufficient,
    source_named,
    source_of,
    sources,
)

MEASURED = ("dlib_resnet_v1", "mobilefacenet_112")


def test_all_bundled_tables_are_there_by_recogniser_and_origin() -> None:
    assert [source.key for source in sources()] == [
        *MEASURED,
        "arcface-statistics",
        "facepp-paper",
        "facepp-statistics",
    ]
    for source in sources():
        rates = tuple(table.false_accept_rate for table in source.tables)
        assert rates == (RATES if source.has_rates else (None,))
    with pytest.raises(ValueError, match="facepp-paper"):
        source_named("facepp")


def test_no_recogniser_gets_the_tables_of_another() -> None:
    own = source_named("dlib_resnet_v1").tables[0]
    assert source_of("dlib_resnet_v1", own.recogniser_sha256) is source_named("dlib_resnet_v1")
    assert source_of("dlib_resnet_v1", "0" * 64) is None and source_of("buffalo_l", own.recogniser_sha256) is None
    assert source_of("facepp", None) is source_named("facepp-statistics")  # the paper's own know no rate
    with pytest.raises(ValueError, match=r"none for 0\.05"):
        source_named("facepp-statistics").table(0.05)


@pytest.mark.parametrize(("key", "statistics"), [("arcface-statistics", ARCFACE), ("facepp-statistics", FACEPP)])
def test_rates_of_every_cell_follow_from_the_published_means(key: str, statistics: PairStatistics) -> None:
    """To 1e-6, on the scale 0..100 that they were published on; above its end nothing passes."""
    for table in source_named(key).tables:
        assert table.false_accept_rate is not None
        for younger, older in CELLS:
            cell = table.cell(younger, older)
            mean, std = statistics.different_mean[younger, older], statistics.different_std[younger, older]
            threshold = NormalDist(float(mean), float(std)).inv_cdf(1 - table.false_accept_rate)
            is_reached = threshold <= 100
            genuine = statistics.genuine_rate(threshold, younger, older) if is_reached else 0
            assert cell is not None
            assert cell.genuine_rate == pytest.approx(genuine, abs=1e-6)
            assert cell.false_accept_rate == pytest.approx(table.false_accept_rate if is_reached else 0, abs=1e-6)


def test_shares_of_strangers_at_their_own_thresholds_are_the_rates() -> None:
    for source in sources():
        if not source.has_rates:
            continue
        for younger, older in ((0, 0), (2, 5), (5, 9), (9, 9)):
            strangers = source.strangers(younger, older)
            assert strangers is not None
            for table in source.tables:
                cell = table.cell(younger, older)
                assert cell is not None and cell.threshold is not None
                share = strangers.passing(cell.threshold)
                expected = 0 if cell.threshold > source.highest else table.false_accept_rate
                assert share.is_exact and share.low == pytest.approx(expected, rel=1e-3)


def test_between_known_points_a_normal_tail_and_beyond_them_a_bound() -> None:
    normal = NormalDist(0.3, 0.1)
    scores = tuple(normal.inv_cdf(1 - rate) for rate in RATES)
    points = Points(scores=scores, shares=RATES)
    for rate in (0.005, 0.0003):
        share = points.passing(normal.inv_cdf(1 - rate))
        assert share.is_exact and share.low == pytest.approx(rate, rel=1e-9)
    assert points.passing(0.0) == Share(low=0.01, high=1.0)
    assert points.passing(0.9) == Share(low=0.0, high=0.0001)
    steps = [points.passing(scores[0] + (scores[2] - scores[0]) * step / 50).low for step in range(51)]
    assert steps == sorted(steps, reverse=True)


def test_nothing_passes_a_threshold_above_the_scale() -> None:
    assert Normal(mean=95, std=5, highest=100).passing(100.1) == Share(low=0, high=0)
    assert Normal(mean=95, std=5, highest=100).passing(95).low == 0.5


def test_flips_are_the_pairs_between_the_two_thresholds() -> None:
    source = source_named("facepp-statistics")
    flips = source.flips(9, 5, 0.001)
    table = source.table(0.001)
    cell = table.cell(5, 9)
    assert flips is not None and flips.is_looser and flips.same is not None and cell is not None
    assert cell.threshold is not None and table.one_size_threshold is not None and cell.genuine_rate is not None
    by_hand = FACEPP.genuine_rate(cell.threshold, 5, 9) - FACEPP.genuine_rate(table.one_size_threshold, 5, 9)
    assert flips.same.is_exact and flips.same.low == pytest.approx(by_hand)
    babies = source.flips(0, 0, 0.001)
    assert babies is not None and not babies.is_looser and babies.strangers is not None
    assert babies.strangers.low == pytest.approx(FACEPP.false_accept_rate(table.one_size_threshold, 0, 0))


def test_where_only_a_tail_is_known_flips_are_bounded() -> None:
    flips = source_named("mobilefacenet_112").flips(5, 9, 0.001)
    assert flips is not None and flips.is_looser and flips.same is None
    assert flips.strangers == Share(low=pytest.approx(0.0009), high=pytest.approx(0.001))  # type: ignore[arg-type]
    babies = source_named("mobilefacenet_112").flips(0, 0, 0.001)
    assert babies is not None and babies.strangers is not None and not babies.is_looser
    assert babies.strangers.low == pytest.approx(0.009) and babies.strangers.high == pytest.approx(0.999)
    assert source_named("facepp-paper").flips(5, 9, 0.001) is None
    assert between(None, 0, 1) is None


def with_cell(**values: object) -> ThresholdTable:
    table = source_named("mobilefacenet_112").table(0.001)
    cell = dataclasses.replace(table.cells[0], **values)  # type: ignore[arg-type]
    return dataclasses.replace(table, cells=(cell,))


def test_few_pairs_say_nothing() -> None:
    assert not is_sufficient(Cell(younger=0, older=0, threshold=None, method="too few pairs", num_different=29))
    assert not is_sufficient(Cell(younger=0, older=0, threshold=0.5, method="fitted", num_different=29))
    assert is_sufficient(Cell(younger=0, older=0, threshold=0.5, method="fitted", num_different=30))
    assert is_sufficient(Cell(younger=0, older=5, threshold=61.8, method="published"))
    quantiles = tuple(level / 2 for level in QUANTILE_LEVELS)
    few = Source(key="few", tables=(with_cell(num_same=29, same_quantiles=quantiles),))
    assert few.same_person(0, 0) is None
    enough = Source(key="enough", tables=(with_cell(num_same=30, same_quantiles=quantiles),)).same_person(0, 0)
    assert enough is not None and enough.passing(0.25) == Share(low=0.5, high=0.5)
