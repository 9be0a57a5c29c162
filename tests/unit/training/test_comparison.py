"""Figures of several models in one table."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.judged import figures_of_a_perfect_generator, rectified_by_hand
from training.comparison import compare, comparison_section, write_comparison
from training.figures import Figures


@pytest.fixture
def one() -> Figures:
    return figures_of_a_perfect_generator()


def other(one: Figures, **changes: object) -> Figures:
    return dataclasses.replace(one, model="other", weights_sha256="2" * 64, **changes)  # type: ignore[arg-type]


def test_every_model_has_a_column(one: Figures, tmp_path: Path) -> None:
    found = compare([one, other(one, surroundings=None, own_age_psnr_db=20.0)])
    assert found.models == ("perfect", "other")
    # Of the nine bars three are not measured and one more without photos.
    assert found.bars_reached == ("5 of 6", "4 of 5")
    rows = {row.name: row.values for row in found.rows}
    assert rows["own-age reconstruction, dB"] == (28.0, 20.0)
    assert rows["beside the face after paste-back, dB"] == (34.96, None)
    assert rows["worst difference of group means, years (hand)"] == (2.0, 2.0)
    assert rows["pass the rectified thresholds, mean over target groups"] == (None, None)
    write_comparison(found, tmp_path)
    assert json.loads((tmp_path / "comparison.json").read_text())["models"] == ["perfect", "other"]
    page = (tmp_path / "comparison.md").read_text().splitlines()
    assert "|  | perfect | other |" in page
    assert "| beside the face after paste-back, dB | 35.0 | - |" in page
    assert "| within one group of the target, over real (hand) | 100.0% | 100.0% |" in page
    assert comparison_section(found).title == "Models side by side"


def test_thresholds_are_in_the_table_where_there_are_any(one: Figures) -> None:
    rectified = rectified_by_hand()
    found = compare([one, other(one, rectified=rectified, why_not_rectified=None)])
    rows = {row.name: row.values for row in found.rows}
    # Alike by 0.4: more than the thresholds of all but the smallest gaps of the youngest and oldest.
    expected = np.mean([row.rectified_rate for row in rectified.targets if row.rectified_rate is not None])
    assert rows["pass the rectified thresholds, mean over target groups"] == (None, pytest.approx(expected, abs=1e-6))
    assert 0.5 < expected < 1
    more = rows["distance to the scores of real pairs: towards too alike"][1]
    assert more == pytest.approx(np.mean([row.real.distance_more for row in rectified.targets if row.real]), abs=1e-6)


def test_only_what_was_judged_alike_is_compared(one: Figures) -> None:
    with pytest.raises(ValueError, match="other faces"):
        compare([one, other(one, data_sha256="3" * 64)])
    renamed = (dataclasses.replace(one.judges[0], judge="foot"),)
    with pytest.raises(ValueError, match="other judges"):
        compare([one, other(one, judges=renamed)])
