"""Bars and the page on which they stand."""

import dataclasses

import numpy as np
import pytest

from core.ages import TEN
from core.images import resize
from tests.judged import figures_of_a_perfect_generator
from tests.observed import observed
from training.bars import Bar, bars
from training.figures import Figures
from training.report import as_markdown, sheet, sheets_by_target


@pytest.fixture
def figures() -> Figures:
    return figures_of_a_perfect_generator()


def verdicts(figures: Figures) -> list[bool | None]:
    return [bar.is_reached for bar in bars(figures)]


def judged(figures: Figures, **changes: object) -> Figures:
    return dataclasses.replace(figures, judges=(dataclasses.replace(figures.judges[0], **changes),))  # type: ignore[arg-type]


def test_every_bar_says_whether_it_is_reached(figures: Figures) -> None:
    # Without real faces of six groups means and distances are not measured; of three sure inputs nothing is said of
    # the sex.
    assert verdicts(figures) == [None, True, True, None, True, None, True, True, False]
    assert bars(figures)[-1].found == "35.0 dB", "shown rounded, but judged as it is"
    assert verdicts(dataclasses.replace(figures, surroundings=None, own_age_psnr_db=None))[-2:] == [None, None]


@pytest.mark.parametrize(
    ("differences", "is_reached"),
    [
        ((3, -3, 3, -3, 3, 3, 3, 3, 3, -5), True),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 5.1), False),
        ((-3.1, 0, 0, 0, 0, 0, 0, 0, 0, -4), False),
        ((None, 0, 0, 0, 0, 0, 0, 0, 0, 0), None),
    ],
)
def test_one_group_may_be_off_by_five_years_and_the_others_by_three(
    figures: Figures, differences: tuple[float | None, ...], is_reached: bool | None
) -> None:
    assert verdicts(judged(figures, difference_years=differences))[0] is is_reached


def test_shares_are_held_against_those_of_real_faces(figures: Figures) -> None:
    assert verdicts(judged(figures, within_one_group_ratio=0.9199))[1] is False
    assert verdicts(judged(figures, within_one_group_ratio=0.92))[1] is True
    assert verdicts(judged(figures, far_within_one_group_ratio=0.8499))[2] is False


def test_the_sex_bar_wants_thirty_inputs_of_sure_sex(figures: Figures) -> None:
    assert verdicts(judged(figures, sex_kept=0.98, num_sure=30))[3] is True
    assert verdicts(judged(figures, sex_kept=0.9799, num_sure=30))[3] is False
    for share in (0.5, 1.0, None):
        bar = bars(judged(figures, sex_kept=share, num_sure=29))[3]
        assert (bar.is_reached, bar.found) == (None, "not measured: sure of 29 inputs, at least 30 are needed")


def test_distances_are_held_against_those_of_real_faces(figures: Figures) -> None:
    def bar(outputs: tuple[float, ...]) -> Bar:
        measured = dataclasses.replace(figures.frechet, outputs=outputs, real=(2.0,) * 10)
        return bars(dataclasses.replace(figures, frechet=measured))[5]

    assert bar((4.0,) * 10).is_reached is True
    beyond = bar((4.0,) * 8 + (4.1, 9.0))
    assert (beyond.is_reached, beyond.found) == (False, "worst 4.5 times, 2 of 10 groups beyond 2")


def test_cheeks_keep_their_colour_at_every_age_at_which_faces_show_their_sex(figures: Figures) -> None:
    def bar(changes: tuple[float | None, ...]) -> Bar:
        return bars(dataclasses.replace(figures, skin_change_by_target=changes))[6]

    assert bar((9.0,) * 4 + (3.0,) * 6).is_reached is True, "children's may change"
    assert bar((0.0,) * 4 + (3.1,) + (0.0,) * 5).is_reached is False
    assert bar((None,) * 10).is_reached is None


def test_the_page_has_a_row_for_all_and_no_number_for_what_is_unknown(figures: Figures) -> None:
    page = as_markdown(figures)
    lines = page.splitlines()
    assert lines[0] == "# perfect on 4 faces, 40 outputs"
    assert "| own-age reconstruction | at least 28 dB | 28.0 dB | reached |" in lines
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


def test_every_target_has_a_sheet_with_the_youngest_first() -> None:
    seen = observed(np.asarray(TEN.typical_years))
    sheets = sheets_by_target(seen)
    assert tuple(sheets) == TEN.names
    turned = dataclasses.replace(
        seen, shown=dataclasses.replace(seen.shown, rows=(3, 0), targets=seen.shown.targets[::-1])
    )
    for name, page in sheets.items():
        np.testing.assert_array_equal(page, sheets_by_target(turned)[name])
    young, old = seen.faces.faces[0], seen.faces.faces[3]
    expected = [young, seen.shown.targets[0, 5], old, seen.shown.targets[1, 5]]
    for column, picture in enumerate(expected):
        left = 4 + column * (64 + 4)
        strip = sheets["20-29"][:, left : left + 64]
        tile = resize(picture, 64, 64)
        assert any(np.array_equal(strip[top : top + 64], tile) for top in range(len(strip) - 63)), column
