"""The reference's age estimator against the values its own program gives."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.age_reader import AgeReader
from core.device import choose
from core.estimator import expectation
from core.reference_estimator import UNUSED_KEYS, ReferenceEstimator
from core.weights import LoadedModel
from tests.golden import draw, drawn_reference_estimator
from tests.models import info_of

PIXELS = 110 + 40 * draw("age_image", (2, 3, 224, 224))
"""(2, 3, 224, 224) float32: BGR, about 0..255."""


@pytest.fixture(scope="module")
def network() -> ReferenceEstimator:
    return drawn_reference_estimator()


def test_logits_and_ages_are_the_references(network: ReferenceEstimator, shared: Path) -> None:
    with np.load(shared / "golden" / "reference_age_estimator.npz") as golden:
        logits, ages = torch.from_numpy(golden["logits"]), torch.from_numpy(golden["ages"]).float()
    with torch.inference_mode():
        out = network(PIXELS)
        read = network.read(PIXELS.flip(1) / 127.5 - 1).years
    assert (out - logits).abs().max() < 1e-3
    assert (expectation(out.softmax(1)) - ages).abs().max() < 1e-3
    assert (read - ages).abs().max() < 1e-3  # the same pixels, given as RGB from -1 to 1


def test_keys_and_shapes_are_the_releases(shared: Path) -> None:
    manifest = json.loads((shared / "golden" / "reference_age_estimator_manifest.json").read_text())
    with torch.device("meta"):
        ours = {key: list(value.shape) for key, value in ReferenceEstimator().state_dict().items()}
    dropped = {key for key in manifest if key in UNUSED_KEYS or key.endswith(".num_batches_tracked")}
    assert ours == {key: shape for key, shape in manifest.items() if key not in dropped}
    assert manifest.keys() >= UNUSED_KEYS


def test_the_interval_is_around_the_age(network: ReferenceEstimator) -> None:
    with torch.inference_mode():
        reading = network.read(PIXELS.flip(1) / 127.5 - 1)
    assert (reading.low_years <= reading.years).all() and (reading.years <= reading.high_years).all()
    assert (reading.high_years > reading.low_years).all()


def test_other_shapes_are_refused(network: ReferenceEstimator) -> None:
    with pytest.raises(ValueError, match="224"):
        network(torch.zeros(1, 3, 128, 128))


def test_a_whole_photo_is_read_without_looking_for_a_face(network: ReferenceEstimator) -> None:
    reader = AgeReader(LoadedModel(info=info_of(network), network=network), choose("cpu", "float32"))
    wide = np.random.default_rng(0).integers(0, 256, (200, 400, 3), dtype=np.uint8)
    assert reader.takes_whole_photos
    assert 0 <= reader.read_whole(wide).years <= 100
    with pytest.raises(ValueError, match="whole photos"):
        reader.read(wide, [])
