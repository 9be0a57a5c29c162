"""What models of both kinds make of faces, each given them as it expects them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from core.ages import FOUR, TEN
from core.align import UTKFACE
from core.generator import Generator, GeneratorConfig, age_code
from core.images import to_tensor
from core.reference import ReferenceGenerator
from core.weights import LoadedModel, ModelInfo
from tests.models import info_of, random_estimator
from training.contender import contender, unfiled


class Echo(ReferenceGenerator):
    """Gives back its crop, its blue replaced by the number of the largest group of the code."""

    def forward(self, faces: Tensor, group_code: Tensor, noise: object = None) -> Tensor:
        assert noise is None
        made = faces.clone()
        made[:, 2] = group_code.argmax(1)[:, None, None] / 5 - 1
        return made


def echo(framing: str, groups: str = "10", size_px: int = 64) -> LoadedModel:
    network = Echo(size_px, 10 if groups == "10" else 4, 4)
    info = ModelInfo(
        name="echo", file="", sha256="0" * 64, architecture="reference", config={"max_channels": 4}, groups=groups,
        framing=framing, size_px=size_px, licence="",
    )  # fmt: skip
    return LoadedModel(info=info, network=network)


def smooth_faces(size_px: int, count: int = 2) -> np.ndarray:
    """Faces of slow waves, which survive being warped there and back."""
    y, x = np.mgrid[:size_px, :size_px] / size_px
    waves = [
        np.stack([np.sin(5 * x + n) + np.cos(4 * y), np.sin(4 * x * y + n), np.cos(5 * y + n)], -1)
        for n in range(count)
    ]
    return (127 + 60 * np.stack(waves)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("framing", "tolerance"), [("utkface", 0), ("ffhq", 4), ("reference", 4)])
def test_what_the_published_network_makes_lies_where_the_face_lay(framing: str, tolerance: int) -> None:
    found = contender(echo(framing))
    assert (found.faces_px, found.groups) == (64, TEN)
    faces = smooth_faces(64)
    # Each face by its own points: one sits straight, the other turned, larger and to the side.
    straight = UTKFACE.template("arcface5", 64)
    turned = (straight - 32) @ np.array([[1.05, 0.15], [-0.15, 1.05]]) + [33, 31]
    outputs = found.age(faces, np.stack([straight, turned]), np.array([3, 80]))
    assert outputs.targets.shape == (2, 10, 64, 64, 3)
    assert np.isnan(outputs.present_years).all()
    inner = slice(4, -4)
    for row in range(2):
        for group in range(10):
            made = outputs.targets[row, group, inner, inner].astype(int)
            assert np.abs(made[..., :2] - faces[row, inner, inner, :2]).max() <= tolerance
            assert np.abs(made[..., 2] - 127.5 * group / 5).max() <= 1
    assert outputs.own[:, 32, 32, 2].tolist() == pytest.approx([127.5 / 5, 127.5 * 9 / 5], abs=1), "at 3 and 80 years"


def test_small_pictures_for_small_networks_and_no_more_than_faces_have() -> None:
    assert contender(echo("reference", size_px=32)).faces_px == 32
    assert contender(echo("reference", size_px=256)).faces_px == 200
    assert contender(echo("reference", groups="4")).groups == FOUR


def test_our_generator_is_given_faces_as_they_are() -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=32, groups="4", channels=(4, 8), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=8
    )
    network = Generator(config)
    found = contender(unfiled(network, "small"))
    assert (found.info.name, found.faces_px, found.groups) == ("small", 32, FOUR)
    faces, ages = smooth_faces(32), np.array([20, 61])
    outputs = found.age(faces, np.zeros((2, 5, 2)), ages)
    assert outputs.targets.shape == (2, 4, 32, 32, 3)
    with torch.inference_mode():
        alone = network(to_tensor(faces[1:]), age_code(FOUR, [61]))
        years = network.encode(to_tensor(faces)).present_age_years()
    np.testing.assert_allclose(outputs.own[1], (alone[0].clamp(-1, 1) + 1).permute(1, 2, 0) * 127.5, atol=0.51)
    np.testing.assert_allclose(outputs.present_years, years, rtol=1e-5)


def test_an_estimator_is_no_contender() -> None:
    estimator = random_estimator()
    with pytest.raises(ValueError, match="makes no pictures"):
        contender(LoadedModel(info=info_of(estimator), network=estimator))


def test_the_same_weights_have_the_same_digest() -> None:
    config = GeneratorConfig(size_px=32, channels=(4, 8), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=8)
    torch.manual_seed(1)
    one, other = Generator(config), Generator(config)
    first = contender(unfiled(one, "a")).weights_sha256
    assert contender(unfiled(other, "a")).weights_sha256 != first
    other.load_state_dict(one.state_dict())
    assert contender(unfiled(other, "b")).weights_sha256 == first
    one.strengthen((0.8,))
    other.strengthen((0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.7))
    digests = {first, *(contender(unfiled(network, "c")).weights_sha256 for network in (one, other))}
    assert len(digests) == 3, "strengths count as weights do"
