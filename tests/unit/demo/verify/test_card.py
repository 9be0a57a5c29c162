"""Figures of the model's card: read, not computed; a card without them says nothing."""

import dataclasses
from pathlib import Path

from core.ages import TEN
from core.weights import default_model
from demo.verify.card import figures_of, read_figures, rows_of

CARD = """# a model

### Rectified verification (drawn)

Thresholds of drawn, false accepts at 0.01; table version 1.

Inputs of 20-29, as in the paper:

| target group | outputs | pass one for all | real pairs | pass rectified | real pairs |
| --- | --- | --- | --- | --- | --- |
| 70+ | 40 | 25.0% | 5.9% | 97.5% | 79.0% |

| target group | score | real |
| --- | --- | --- |
| 70+ | 0.596 | 0.440 |

All inputs:

| target group | outputs | pass one for all | pass rectified |
| --- | --- | --- | --- |
| 70+ | 400 | 1.0% | 2.0% |

### What should stay
"""


def test_the_bundled_card() -> None:
    found = figures_of(default_model("10"))
    assert found is not None and found.recogniser == "mobilefacenet_112" and found.source_group == 5
    assert sorted(found.by_target) == [group for group in range(len(TEN)) if group != 5]
    for made in found.by_target.values():
        assert made.num_outputs == 50 and 0 <= made.passes_one_size <= made.passes_rectified <= 1
    means = [found.by_target[group].mean_score for group in sorted(found.by_target)]
    assert means == [0.299, 0.514, 0.737, 0.815, 0.833, 0.865, 0.821, 0.742, 0.667]


def test_only_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text(CARD)
    found = read_figures(tmp_path / "card.md", "model")
    assert found is not None
    made = found.of("drawn", 0.01, 5, 9)
    assert made is not None
    assert (made.num_outputs, made.mean_score, made.passes_one_size, made.passes_rectified) == (40, 0.596, 0.25, 0.975)
    for other in (("drawn", 0.001, 5, 9), ("other", 0.01, 5, 9), ("drawn", 0.01, 9, 5), ("drawn", 0.01, 5, 8)):
        assert found.of(*other) is None


def test_cards_without_such_figures(tmp_path: Path) -> None:
    for number, text in enumerate(("# nothing", CARD.replace("20-29", "21-28"), CARD.replace("accepts at", "at"))):
        (tmp_path / f"{number}.md").write_text(text)
        assert read_figures(tmp_path / f"{number}.md", "model") is None
    info = default_model("10")
    assert figures_of(dataclasses.replace(info, card="")) is None
    assert figures_of(dataclasses.replace(info, folder=tmp_path)) is None


def test_of_two_columns_of_one_name_the_first_counts() -> None:
    assert list(rows_of("| a | b | a |\n| --- | --- | --- |\n| 1 | 2 | 3 |\n")) == [{"a": "1", "b": "2"}]
