"""What people look at first: the uncertain, the rare, the contradicted; gold in between, the same every time."""

import dataclasses
from typing import Any

import pytest

from cafdata.record import AgeLabel, Record
from curation.labelling.selection import Selection, choose, known_age_years, needs
from tests.make_archive import drawn_picture


def record(number: int, **changes: Any) -> Record:
    return drawn_picture(number, 30, **changes).record


def wide(number: int, low: float, high: float, **changes: Any) -> Record:
    return record(number, age_min_years=low, age_max_years=high, **changes)


def gold(number: int) -> Record:
    return wide(number, 29.5, 29.6, born="1950-06-01", captured="1980-01-10", age_provenance="dates")


def test_the_uncertain_come_first() -> None:
    assert needs([wide(0, 30, 31), wide(1, 25, 36)])[0] < needs([wide(0, 30, 31), wide(1, 25, 36)])[1]


def test_the_rare_come_first() -> None:
    common = [wide(number, 30, 30) for number in range(9)]
    found = needs([*common, wide(9, 75, 75)])
    assert min(found[:9]) == max(found[:9]) < found[9]


def test_the_contradicted_come_first() -> None:
    read = ("age read by some-net", 60.0)
    plain, contradicted = needs([wide(0, 30, 31), wide(1, 30, 31, quality=(read,))])
    assert contradicted == pytest.approx(10 * plain)


def test_need_is_a_product_of_factors_from_a_tenth_to_one() -> None:
    read = ("age read by some-net", 100.0)
    (found,) = needs([wide(0, 30, 60, quality=(read,))])
    assert found == pytest.approx(1)
    least = needs([wide(number, 30, 30) for number in range(1000)])
    assert all(0.001 <= need < 0.02 for need in least)


def test_gold_is_known_by_its_dates_and_stays_gold() -> None:
    assert known_age_years(gold(0)) == pytest.approx(29.6, abs=0.05)
    assert known_age_years(record(0)) is None
    vague = wide(0, 29, 30.9, born="1950", captured="1980", age_provenance="dates")
    assert known_age_years(vague) is None


def test_chosen_pictures() -> None:
    labelled = AgeLabel(annotator="a", verdict="age", age_years=3, labelled_at="2024-05-03T10:00:00+00:00")
    records = [wide(number, 30, 30 + number) for number in range(10)]
    records += [gold(100 + number) for number in range(5)] + [record(200, labels=(labelled,))]
    selection = Selection(num_pictures=8, share_by_several=0.25, num_gold=3)
    chosen = choose(records, selection)
    assert chosen == choose(records[::-1], selection)
    golden = [one for one in chosen.by_several if known_age_years(one) is not None]
    rest = [one for one in (*chosen.by_several, *chosen.by_one) if one not in golden]
    assert (len(golden), len(chosen.by_several), len(chosen.by_one)) == (3, 5, 6)
    assert len({one.picture_id for one in (*chosen.by_several, *chosen.by_one)}) == 11
    assert all(not one.labels for one in rest)
    order = [need for one, need in zip(rest, needs(rest), strict=True)]
    assert order[0] == max(order)
    assert choose(records, Selection(num_gold=3, seed=1)) != choose(records, Selection(num_gold=3, seed=2))


def golden_of(records: list[Record], seed: int = 0, asked: frozenset[str] = frozenset()) -> frozenset[str]:
    selection = Selection(num_pictures=1, share_by_several=0, num_gold=20, seed=seed)
    return frozenset(one.picture_id for one in choose(records, selection, asked).by_several)


def test_a_growing_archive_keeps_its_gold() -> None:
    """What was asked stays; without word of that a few are displaced by newcomers, and no others are drawn."""
    records = [dataclasses.replace(gold(0), picture_id=f"p{number}", person_id=f"p{number}") for number in range(700)]
    first = golden_of(records[:500])
    assert len(first) == 20 and first != golden_of(records[:500], seed=1)
    ever = set(first)
    for size in range(500, 701, 20):
        assert golden_of(records[:size], asked=first) == first
        now = golden_of(records[:size])
        assert now - {one.picture_id for one in records[500:size]} <= first
        ever |= now
    assert len(ever) < 40
    # One that leaves is replaced; of more than twenty that were asked twenty are gold.
    left = [one for one in records if one.picture_id != min(first)]
    assert len(golden_of(left, asked=first) - first) == 1
    assert golden_of(records, asked=frozenset(ever)) < ever


def test_an_age_that_was_labelled_often_is_no_gap() -> None:
    """One picture at 75 is left to ask about and five at 30, but twenty at 75 have their labels."""
    labelled = AgeLabel(annotator="a", verdict="age", age_years=75, labelled_at="2024-05-03T10:00:00+00:00")
    records = [wide(number, 75, 75, labels=(labelled,)) for number in range(20)]
    records += [wide(20, 75, 75), *(wide(number, 30, 30) for number in range(21, 26))]
    chosen = choose(records, Selection(num_pictures=1, share_by_several=0, num_gold=0))
    assert [one.age_years for one in chosen.by_one] == [30]


def test_selections_that_cannot_be() -> None:
    for wrong in ({"num_pictures": 0}, {"share_by_several": 1.5}, {"num_gold": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Selection(**wrong)
