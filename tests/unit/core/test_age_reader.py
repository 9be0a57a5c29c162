"""Ages read from faces of a photo, with an estimator that learnt nothing."""

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from core.age_reader import AgeReader, bundled_reader
from core.align import UTKFACE, crop
from core.detect import Face, FacePack, open_pack
from core.device import choose
from core.estimator import EstimatorConfig
from core.images import to_tensor
from core.weights import LoadedModel, add_model
from tests.models import info_of, random_estimator

TWO = np.concatenate([astronaut(), np.roll(astronaut(), 9, axis=0)[:, ::-1] // 2], axis=1)
"""Two faces that do not look alike."""


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    pack: FacePack = open_pack("embedded")
    return pack.detect(TWO)


def reader_with(config: EstimatorConfig, precision: str) -> AgeReader:
    network = random_estimator(config)
    compute = choose("cpu", "bfloat16" if precision == "bfloat16" else "float32")
    return AgeReader(LoadedModel(info=info_of(network), network=network), compute)


SMALL = EstimatorConfig(size_px=32, channels=(8, 16), blocks=(1, 1))


def test_each_face_is_read_for_itself_and_in_order(faces: list[Face]) -> None:
    reader = reader_with(SMALL, "float32")
    both = reader.read(TWO, faces)
    assert len(both) == len(faces) == 2
    assert abs(both[0].years - both[1].years) > 0.1
    for face, age in zip(faces, both, strict=True):
        (alone,) = reader.read(TWO, [face])
        assert alone.years == pytest.approx(age.years, abs=1e-3)
        assert age.interval_years is not None and age.interval_years[0] < age.years < age.interval_years[1]
    assert reader.read(TWO, []) == []


def test_the_network_gets_the_aligned_face_as_it_was_trained(faces: list[Face]) -> None:
    reader = reader_with(SMALL, "float32")
    matrix = UTKFACE.matrix(faces[0].points, faces[0].convention, 32)
    with torch.inference_mode():
        expected = reader.network.read(to_tensor(crop(TWO, matrix, 32)[None]))
    (age,) = reader.read(TWO, faces[:1])
    assert age.years == pytest.approx(expected.years.item())
    assert age.interval_years == pytest.approx((expected.low_years.item(), expected.high_years.item()))


def test_bfloat16_reads_about_the_same_age(faces: list[Face]) -> None:
    exact = reader_with(SMALL, "float32").read(TWO, faces)
    fast = reader_with(SMALL, "bfloat16").read(TWO, faces)
    for one, other in zip(exact, fast, strict=True):
        assert one.years != other.years  # else bfloat16 was not used
        assert one.years == pytest.approx(other.years, abs=1.5)


def test_an_empty_model_folder_has_no_reader(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("models")
    monkeypatch.setenv("AGETRANS_MODELS", str(folder))
    assert bundled_reader(choose("cpu", "float32")) is None
    info = add_model(random_estimator(), "reader", folder, licence="CC0")
    reader = bundled_reader(choose("cpu", "float32"))
    assert reader is not None and reader.info == info
