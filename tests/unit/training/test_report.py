"""Bars and the page on which they stand."""

import dataclasses

import numpy as np
import pytest

from core.ages import TEN
from tests.judged import figures_of_a_perfect_generator
from tests.observed import observed
from training.bars import bars
from training.figures import Figures
from training.report import as_markdown, sheet


@pytest.fixture
def figures() -> Figures:
    return figures_of_a_perfect_generator()


def verdicts(figures: Figures) -> list[bool | None]:
    return [bar.is_reached for bar in bars(figures)]


def judged(figures: Figures, **changes: object) -> Figures:
    return dataclasses.replace(figures, judges=(dataclasses.replace(figures.judges[0], **changes),))  # type: ignore[arg-type]


def test_every_bar_says_whether_it_is_reached(figures: Figures) -> None:
    # Without real faces of six groups the first is not measured; of three sure inputs nothing is said of the sex.
    assert verdicts(figures) == [None, True, True, None, True, True, False]
    assert bars(figures)[-1].found == "35.0 dB", "shown rounded, but judged as it is"
    assert verdicts(dataclasses.replace(figures, surroundings=None, own_age_psnr_db=None))[-2:] == [None, None]


@pytest.mark.parametrize(
    ("differences", "is_reached"),
    [
        ((4, -4, 4, -4, 4, 4, 4, 4, 4, -6), True),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 6.1), False),
        ((-4.1, 0, 0, 0, 0, 0, 0, 0, 0, -5), False),
        ((None, 0, 0, 0, 0, 0, 0, 0, 0, 0), None),
    ],
)
def test_one_group_may_be_off_by_six_years_and_the_others_by_four(
    figures: Figures, differences: tuple[float | None, ...], is_reached: bool | None
) -> None:
    assert verdicts(judged(figures, difference_years=differences))[0] is is_reached


def test_shares_are_held_against_those_of_real_faces(figures: Figures) -> None:
    assert verdicts(judged(figures, within_one_group_ratio=0.8999))[1] is False
    assert verdicts(judged(figures, within_one_group_ratio=0.9))[1] is True
    assert verdicts(judged(figures, far_within_one_group_ratio=0.7999))[2] is False


def test_the_sex_bar_wants_thirty_inputs_of_sure_sex(figures: Figures) -> None:
    assert verdicts(judged(figures, sex_kept=0.97, num_sure=30))[3] is True
    assert verdicts(judged(figures, sex_kept=0.9699, num_sure=30))[3] is False
    for share in (0.5, 1.0, None):
        bar = bars(judged(figures, sex_kept=share, num_sure=29))[3]
        assert (bar.is_reached, bar.found) == (None, "not measured: sure of 29 inputs, at least 30 are needed")


def test_the_page_has_a_row_for_all_and_no_number_for_what_is_unknown(figures: Figures) -> None:
    page = as_markdown(figures)
    lines = page.splitlines()
    assert lines[0] == "# perfect on 4 faces, 40 outputs"
    assert "| own-age reconstruction | at least 27 dB | 27.0 dB | reached |" in lines
    assert "| beside the face after paste-back | at least 35 dB | 35.0 dB | **not reached** |" in lines
    assert "| 0-2 | 1.0 | 1.0 | +0.0 | 0.0 | 0.0 | 100.0% | 100.0% | 66.7% |" in lines
    assert "| 3-6 | 4.5 | - | - | 0.0 | - | 100.0% | - | 66.7% |" in lines
    assert "Not measured. There are no thresholds for hand." in lines
    assert f"| faces | four.parquet | {'1' * 64} |" in lines
    assert sum(line.startswith("| 70+ |") for line in lines) == 4
    assert sum(line.startswith("| male | 2 | hand |") for line in lines) == 1
    assert "nan" not in page.lower()
    assert "None" not in page
    for line in lines:
        assert len(line.split("|")) in (1, 5, 6, 10, 11), line


def test_the_sheet_shows_means_and_single_faces() -> None:
    seen = observed(np.asarray(TEN.typical_years))
    page = sheet(seen)
    again = sheet(seen)
    np.testing.assert_array_equal(page, again)
    tile, gap = 64, 4
    assert page.shape[1] == gap + 12 * (tile + gap)
    # Two rows of means and two of faces.
    assert page.shape[0] > 4 * tile
    assert page.shape[0] < 5 * (tile + gap + 20)
