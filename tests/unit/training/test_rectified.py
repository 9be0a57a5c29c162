"""Pass rates and distances on scores worked out by hand, and on Gaussian ones."""

import numpy as np
import pytest

from core.ages import TEN
from core.published import FACEPP
from core.thresholds import BUNDLED, QUANTILE_LEVELS, Cell, ThresholdTable, read_table
from training.real_scores import RealScores, known_scores, measured_scores
from training.rectified import RectifiedFigures, Scored, rectified_figures
from training.rectified_report import missing_section, rectified_section
from training.sections import to_markdown

TWENTIES, FIFTIES, TODDLERS = 5, 8, 0
REAL = RealScores(
    source="by hand",
    samples={(0, 5): np.linspace(0, 0.2, 101), (5, 8): np.linspace(0.3, 0.7, 101)},
    num_pairs={(0, 5): 101, (5, 8): 101},
)


def table(*cells: Cell, one_size: float | None = 0.5, recogniser: str = "hand") -> ThresholdTable:
    return ThresholdTable(
        recogniser=recogniser, recogniser_sha256=None, scale="cosine", false_accept_rate=1e-3,
        one_size_threshold=one_size, tail="none", data="nothing", data_sha256="0" * 64, made_with="hand", notes="none",
        cells=cells,
    )  # fmt: skip


TABLE = table(
    Cell(younger=0, older=5, threshold=0.1, low=0.05, high=0.15, method="fitted", num_different=99,
         false_accept_rate=1e-3),
    Cell(younger=5, older=8, threshold=0.4, method="empirical", num_different=99, false_accept_rate=2e-3,
         genuine_rate=0.7),
    Cell(younger=8, older=8, threshold=None, method="too few pairs"),
)  # fmt: skip


def scored(*rows: tuple[float, int, int]) -> Scored:
    scores, own, targets = zip(*rows, strict=True)
    return Scored(scores=np.asarray(scores, np.float64), own_groups=np.asarray(own), target_groups=np.asarray(targets))


def figures(*rows: tuple[float, int, int]) -> RectifiedFigures:
    return rectified_figures(scored(*rows), TABLE, REAL)


def test_each_output_is_held_against_the_threshold_of_its_gap() -> None:
    found = figures((0.12, 5, 0), (0.08, 5, 0), (0.45, 5, 8), (0.6, 5, 8), (0.9, 8, 8))
    assert [row.name for row in found.targets] == ["0-2", "50-69"]
    toddlers, fifties = found.targets
    assert (toddlers.common_rate, toddlers.rectified_rate) == (0, 0.5)
    assert (toddlers.rectified_rate_low, toddlers.rectified_rate_high) == (0, 1)
    assert (toddlers.threshold, toddlers.threshold_low, toddlers.threshold_high) == (0.1, 0.05, 0.15)
    # One of the three has no threshold of its own, but the one for all ages holds for it as well.
    assert (fifties.num_outputs, fifties.num_without) == (3, 1)
    assert fifties.common_rate == pytest.approx(2 / 3, abs=1e-6)
    assert (fifties.rectified_rate, fifties.false_accept_rate) == (1, 2e-3)
    assert fifties.methods == ("empirical", "too few pairs")
    assert (toddlers.genuine_rate_table, fifties.genuine_rate_table) == (None, 0.7)
    assert [row.name for row in found.cells] == ["0-2 and 20-29", "20-29 and 50-69", "50-69 and 50-69"]
    assert [row.num_outputs for row in found.from_twenties] == [2, 2], "of the paper's inputs"
    assert found.cells[2].rectified_rate is None
    assert found.cells[2].real is None


def test_real_pairs_of_the_same_gaps_stand_beside() -> None:
    found = figures((0.12, 5, 0), (0.45, 5, 8), (0.45, 8, 5))
    toddlers, twenties, fifties = found.targets
    assert toddlers.real.genuine_rate == pytest.approx(51 / 101)
    assert toddlers.real.genuine_common_rate == 0
    assert fifties.real.genuine_rate == twenties.real.genuine_rate == pytest.approx(76 / 101)
    assert fifties.real.genuine_common_rate == pytest.approx(51 / 101)
    assert fifties.real.mean_score == pytest.approx(0.5)
    assert fifties.real.num_pairs == 101
    assert found.real_source == "by hand"


def test_outputs_of_groups_without_real_pairs_are_compared_with_nothing() -> None:
    (fifties,) = figures((0.45, 5, 8), (0.1, 8, 8), (0.1, 0, 8)).targets
    assert fifties.common_rate == 0
    assert (fifties.real.num_outputs, fifties.real.common_rate, fifties.real.rectified_rate) == (1, 0, 1)
    assert fifties.compared_rates == (0, 1)
    told = to_markdown((rectified_section(figures((0.45, 5, 8), (0.1, 8, 8))),))
    assert "75.2% (outputs there: 100.0%)" in told
    whole = figures((0.45, 5, 8)).targets[0]
    assert whole.compared_rates == (whole.common_rate, whole.rectified_rate)
    assert "outputs there" not in to_markdown((rectified_section(figures((0.45, 5, 8))),))


def test_the_distance_tells_too_alike_from_too_strange() -> None:
    alike, strange = figures((0.9, 5, 8)).targets[0], figures((0.1, 5, 8)).targets[0]
    assert (alike.real.distance_more, alike.real.distance_less) == (pytest.approx(0.4), 0)
    assert (strange.real.distance_more, strange.real.distance_less) == (0, pytest.approx(0.4))
    assert (alike.real.above, alike.real.below) == (1, 0)
    assert (strange.real.above, strange.real.below) == (0, 1)
    same = figures(*((float(score), 5, 8) for score in np.linspace(0.3, 0.7, 101))).targets[0]
    assert same.real.distance == pytest.approx(0, abs=1e-9)
    assert same.real.below == pytest.approx(0.05, abs=0.01)
    assert same.real.above == pytest.approx(0.05, abs=0.01)
    assert same.real.distance_drawn is not None
    assert 0 < same.real.distance_drawn < 0.03, "even real scores, drawn anew, are not at 0"


def test_the_table_is_identified() -> None:
    found = figures((0.5, 5, 8)).table
    assert (found.recogniser, found.version, found.false_accept_rate) == ("hand", 1, 1e-3)
    other = rectified_figures(scored((0.5, 5, 8)), table(*TABLE.cells[:1]), REAL).table
    assert len(found.sha256) == 64
    assert other.sha256 != found.sha256


def test_the_papers_own_scores_come_out_as_published() -> None:
    """Scores drawn as real pairs' are spread: they pass as often as the published statistics say real pairs do."""
    paper = read_table(BUNDLED / "facepp-paper.json")
    random = np.random.default_rng(0)
    drawn = random.normal(FACEPP.same_mean[0, 5], FACEPP.same_std[0, 5], 4000).clip(0, 100)
    found = rectified_figures(scored(*((score, 5, 0) for score in drawn)), paper, known_scores(paper))
    (row,) = found.from_twenties
    assert (row.threshold, row.common_rate) == (61.8, None), "the paper names no threshold for all ages"
    assert row.real.genuine_rate == pytest.approx(0.0955, abs=0.002)
    assert row.rectified_rate == pytest.approx(0.0955, abs=0.015)
    assert row.real.distance is not None
    assert row.real.distance_drawn is not None
    assert row.real.distance < 3 * row.real.distance_drawn
    assert "facepp" in found.real_source


def test_what_is_known_of_real_pairs_is_named() -> None:
    assert "not measured for hand" in known_scores(TABLE).source
    quantiles = tuple(np.linspace(0.2, 0.8, len(QUANTILE_LEVELS)).tolist())
    own = known_scores(table(Cell(younger=1, older=2, threshold=0.4, method="fitted", same_quantiles=quantiles)))
    assert "quantiles of real pairs in the threshold table" in own.source
    assert set(own.samples) == {(1, 2)}
    assert np.interp(0.5, (np.arange(1000) + 0.5) / 1000, own.samples[1, 2]) == pytest.approx(0.5, abs=0.05)
    arcface = known_scores(read_table(BUNDLED / "arcface-statistics-0.001.json"))
    assert arcface.samples[5, 9].mean() == pytest.approx(2 * 72.0 / 100 - 1, abs=1e-3)
    assert arcface.of(9, 5) is arcface.samples[5, 9]


def test_real_pairs_of_an_archive_are_counted_and_too_few_left_out() -> None:
    from cafdata.pairs import faces_of

    people = [f"person {number}" for number in range(40)]
    ages = [25.0] * 40 + [60.0] * 40 + [1.0] * 3
    random = np.random.default_rng(0)
    young = random.normal(size=(40, 16))
    old = young + random.normal(size=(40, 16))
    embeddings = np.concatenate([young, old, young[:3]])
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)
    found = measured_scores(faces_of([*people, *people, *people[:3]], ages, ages), embeddings, "drawn")
    assert set(found.samples) == {(5, 8)}
    assert found.num_pairs[5, 8] == 40
    expected = np.sort((embeddings[:40] * embeddings[40:80]).sum(1))
    np.testing.assert_allclose(found.samples[5, 8], expected, atol=1e-6)
    assert TEN.names[5] == "20-29"


def test_tables_for_people() -> None:
    found = figures((0.12, 5, 0), (0.08, 5, 0), (0.9, 8, 8), (0.45, 8, 5))
    page = to_markdown((rectified_section(found),)).splitlines()
    assert any("at 0.001; table version 1" in line and "Real pairs: by hand" in line for line in page)
    toddlers = "| 0-2 | 2 | 0.100 | 0.050 to 0.150 | 0.001 | 0.0% | 0.0% | 50.0% | 0.0% to 100.0% | 50.5% | - |"
    assert page.count(toddlers) == 2, "from 20-29, and from all"
    assert "| 50-69 | 1 (1 without threshold) | - | - | - | 100.0% | - | - | - | - | - |" in page
    assert any(line.startswith("| 0-2 | 0.100 | 0.100 |") and line.endswith("| 101 |") for line in page)
    assert missing_section("No table.").blocks == ("Not measured. No table.",)
