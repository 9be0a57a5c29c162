"""The explorer's facts: exact rates beside what people read, bounds as bounds, nothing where nothing is known."""

import dataclasses
import re

import pytest

from core.published import ARCFACE, FACEPP, PairStatistics
from core.weights import default_model
from demo.language import Language
from demo.verify.card import figures_of
from demo.verify.evidence import RATES, Source, source_named
from demo.verify.facts import facts, flips_told, insufficient, lead, row_of

SAY = Language("en")
CARD = figures_of(default_model("10"))
MOBILE = source_named("mobilefacenet_112")


def exact(html: str) -> list[float]:
    return [float(value) for value in re.findall(r'<data value="([^"]+)">', html)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("key", "statistics"), [("arcface-statistics", ARCFACE), ("facepp-statistics", FACEPP)])
def test_shown_rates_follow_from_the_published_means(key: str, statistics: PairStatistics, rate: float) -> None:
    """Genuine rates to 1e-6 at the exact threshold, which the shown one is rounded from."""
    from statistics import NormalDist

    source = source_named(key)
    for younger, older in ((0, 5), (5, 9), (2, 8), (9, 9)):
        mean, std = statistics.different_mean[younger, older], statistics.different_std[younger, older]
        threshold = NormalDist(float(mean), float(std)).inv_cdf(1 - rate)
        shown = exact(row_of(SAY, source, rate, (older, younger), is_picked=False))
        is_reached = threshold <= 100
        genuine = statistics.genuine_rate(threshold, younger, older) if is_reached else 0
        assert shown == pytest.approx([rate if is_reached else 0, genuine], abs=1e-6)


def test_generated_faces_fall_where_the_card_says() -> None:
    told = facts(SAY, MOBILE, 0.001, (5, 9), CARD)
    made = told.split('id="verify-made"')[1].split("</p>")[0]
    assert "Of 50 faces of 20–29 that agetrans-192-10 made 70+" in made and "0.667" in made
    assert exact(made) == [0.68, 1.0] and "verify-spot made" in told
    assert "Not known for this choice" in facts(SAY, MOBILE, 0.001, (9, 5), CARD)
    assert "holds no such figures" in facts(SAY, MOBILE, 0.001, (5, 9), None)


def test_every_recogniser_has_a_row_and_the_picked_one_is_marked() -> None:
    told = facts(SAY, MOBILE, 0.01, (0, 0), CARD)
    assert told.count("<tr data-source=") == 5 and told.count("class=picked") == 1
    assert "none published for these two" in told and "44,850; 300" in told and "not measured" in told


def test_flips_say_which_way_and_how_sure() -> None:
    looser, stricter = (flips_told(SAY, MOBILE.flips(*groups, 0.001)) for groups in ((5, 9), (0, 0)))
    assert "more now pass" in looser and "0.09–0.1 %" in looser and "none were measured" in looser
    assert "at least" in stricter and "turned away" in stricter
    exact_ones = flips_told(SAY, source_named("facepp-statistics").flips(5, 9, 0.001))
    assert exact(exact_ones)[1] == pytest.approx(0.919064, abs=1e-6)
    assert "Not known" in flips_told(SAY, source_named("facepp-paper").flips(5, 9, 0.001))


def test_fewer_than_thirty_pairs_are_insufficient() -> None:
    table = MOBILE.table(0.001)
    cell = dataclasses.replace(table.cells[0], threshold=None, low=None, high=None, method="too few pairs",
                               num_different=29)  # fmt: skip
    few = Source(key="few", tables=(dataclasses.replace(table, cells=(cell,)),))
    told = facts(SAY, few, 0.001, (0, 0), None)
    assert "Insufficient pairs: 29, and at least 30 are needed." in told and "Nothing is known of the scores" in told
    assert insufficient(SAY, cell) in row_of(SAY, few, 0.001, (0, 0), is_picked=True)
    same = dataclasses.replace(table.cells[0], genuine_rate=0.5, num_same=29)
    few = Source(key="few", tables=(dataclasses.replace(table, cells=(same,)),))
    assert "insufficient pairs" in row_of(SAY, few, 0.001, (0, 0), is_picked=True)
    assert "no threshold in this table" in lead(SAY, few, table, None)


def test_thresholds_above_the_scale_and_of_an_unknown_rule_are_told() -> None:
    statistics, paper = source_named("facepp-statistics"), source_named("facepp-paper")
    assert "lies above the scale" in facts(SAY, statistics, 0.001, (0, 0), None)
    assert "does not say for which rate" in facts(SAY, paper, 0.001, (5, 9), None)
