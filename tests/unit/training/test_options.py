"""Options on presets: what they change is what is trained with, and what they would not change is refused."""

from typing import Any

import pytest

from training.config import preset
from training.options import with_options
from training.trainer import Trainer


def test_the_pace_of_the_published_recipe_is_its_own() -> None:
    given = {"learning_rate": 1e-3, "ema_half_life_faces": 500.0}
    published = with_options(preset("reference-tiny"), given)
    assert (published.reference.learning_rate, published.reference.ema_half_life_faces) == (1e-3, 500)
    assert Trainer(published).state.generator_optimiser.param_groups[0]["lr"] == pytest.approx(1e-3 * 4 / 5)
    ours = with_options(preset("tiny"), given)
    assert (ours.learning_rate, ours.reference) == (1e-3, preset("tiny").reference)
    with pytest.raises(ValueError, match=r"learning_rate must be above 0, got 0\.0"):
        with_options(preset("reference-tiny"), {"learning_rate": 0.0})


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("reference-tiny", {"reader": "none"}, "the published recipe has no reader of ages; leave --reader out"),
        ("reference-tiny", {"recogniser": "none"}, "the published recipe has no identity band; leave --recogniser out"),
        ("reference-tiny", {"identity_floor": 0.0}, "no identity band; leave --identity-floor out"),
        ("reference-tiny", {"jitter": 1.0}, "the published recipe has no jitter; leave --jitter out"),
        ("tiny", {"jitter": 1.5}, "jitter must be from 0 to 1, got 1.5"),
        ("tiny", {"num_workers": 2}, "--workers does nothing without --stream"),
        ("tiny", {"steps_per_window": 2, "stream": False}, "--steps-per-window does nothing without --stream"),
        ("tiny", {"row_groups_per_window": 2}, "--row-groups-per-window does nothing without --stream"),
        ("tiny", {"num_threads": 0}, "num_threads must be at least 1, got 0"),
    ],
)
def test_what_would_do_nothing_is_refused(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        with_options(preset(name), given)


def test_every_preset_can_be_streamed() -> None:
    streamed = with_options(preset("tiny"), {"stream": True, "num_workers": 3})
    assert (streamed.stream, streamed.max_faces, streamed.num_workers) == (True, None, 3)


def test_another_recogniser_has_another_scale() -> None:
    assert with_options(preset("utk128-10"), {"recogniser": "none"}).recogniser is None
    assert with_options(preset("utk128-10"), {"recogniser": "other.onnx"}).identity_floor == 0
    assert with_options(preset("utk128-10"), {"recogniser": "a.onnx", "identity_floor": 0.3}).identity_floor == 0.3
    assert with_options(preset("utk128-10"), {}) == preset("utk128-10")
