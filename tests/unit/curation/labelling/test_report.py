"""The report of agreement: planted biases found, adjudicators left out, the worst pictures first."""

import json

import numpy as np
import pytest

from cafdata.record import AgeLabel, Record
from curation.labelling.report import agreement
from tests.make_archive import drawn_picture

AT = "2024-05-03T10:00:00+00:00"


def label(who: str, age_years: float) -> AgeLabel:
    return AgeLabel(annotator=who, verdict="age", age_years=age_years, labelled_at=AT)


def planted(num: int = 60) -> list[Record]:
    """Gold pictures; the second annotator says five years too much, one picture is out of all bounds."""
    random = np.random.default_rng(0)
    records = []
    for number in range(num):
        born = 2000 - number
        truth = 2010 - born
        labels = [label("a", truth), label("b", truth + 5), label("c", max(0.0, float(truth + random.integers(-1, 2))))]
        if number == 7:
            labels[2] = label("c", 99)
        records.append(
            drawn_picture(
                number,
                30,
                born=f"{born}-03-01",
                captured="2010-03-01",
                age_min_years=float(truth),
                age_max_years=float(truth),
                age_provenance="dates",
                labels=(*labels, label("adjudicator-9", 1)),
            ).record
        )
    return records


def test_planted_biases_are_found() -> None:
    found = agreement(planted())
    assert (found.num_pictures, found.num_ratings) == (60, 180)
    assert [one.name for one in found.annotators] == ["a", "b", "c"]
    bias = {one.name: one.beside_gold.bias_years for one in found.annotators if one.beside_gold}
    assert bias["a"] == pytest.approx(0, abs=0.01)
    assert bias["b"] == pytest.approx(5, abs=0.01)
    assert found.again[0].picture_id == planted()[7].picture_id
    assert len(found.again) == 20
    assert found.alpha_interval is not None and 0.8 < found.alpha_interval < 1
    assert found.intraclass is not None and found.intraclass.num_pictures == 60
    assert "20-29" in found.groups
    json.dumps(found.as_json())


def test_nothing_labelled_is_nothing_to_say() -> None:
    found = agreement([drawn_picture(1, 30).record])
    assert (found.num_pictures, found.alpha_interval, found.intraclass, found.again) == (0, None, None, ())
