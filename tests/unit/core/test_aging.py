"""FaceAger on the astronaut: what moves, what may not, and what is refused. The weights are drawn at random."""

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from core.aging import FaceAger
from core.detect import FacePack, open_pack
from core.device import choose
from core.errors import NoFace
from core.generator import Generator, GeneratorConfig
from core.weights import LoadedModel
from tests.models import info_of

ASTRONAUT = astronaut()


def ager_with(groups: str, pack: FacePack, size_px: int = 64) -> FaceAger:
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=size_px,
        groups=groups,
        channels=(8, 12, 16),
        encoder_blocks=(0, 0, 1),
        decoder_blocks=(1, 1, 1),
        code_width=16,
    )
    network = Generator(config).eval()
    with torch.no_grad():
        network.decoder.head.weight.mul_(5)
    return FaceAger(LoadedModel(info=info_of(network), network=network), pack, choose("cpu", "float32"))


@pytest.fixture(scope="module")
def pack() -> FacePack:
    return open_pack("embedded")


@pytest.fixture(scope="module")
def ager(pack: FacePack) -> FaceAger:
    return ager_with("10", pack)


def test_ten_groups_by_default_in_their_order(ager: FaceAger) -> None:
    aging = ager.transform(ASTRONAUT)
    assert [aged.target.name for aged in aging.results] == list(ager.groups.names)
    for aged in aging.results:
        assert aged.photo.shape == ASTRONAUT.shape
        assert aged.face.shape == (64, 64, 3)
        assert aged.portrait.shape == (512, 512, 3)
        assert aged.photo.dtype == aged.face.dtype == aged.portrait.dtype == np.uint8


def test_outside_the_patch_nothing_moves_and_inside_something_does(ager: FaceAger) -> None:
    aged = ager.transform(ASTRONAUT, ages_years=[80]).results[0]
    outside = np.ones(ASTRONAUT.shape[:2], bool)
    outside[aged.region] = False
    assert outside.mean() > 0.5
    assert (aged.photo[outside] == ASTRONAUT[outside]).all()
    assert (aged.photo[aged.region] != ASTRONAUT[aged.region]).any()


def test_the_present_age_gives_the_photo_back(ager: FaceAger) -> None:
    aging = ager.transform(ASTRONAUT, ages_years=[33.0], present_age_years=33.0)
    assert aging.present_age_years == 33.0
    assert (aging.results[0].photo == ASTRONAUT).all()


def test_the_present_age_is_read_when_not_given(ager: FaceAger) -> None:
    aging = ager.transform(ASTRONAUT, ages_years=[5.0])
    assert aging.present_age_years is not None
    assert 0 <= aging.present_age_years <= 100
    assert ager.present_age(ASTRONAUT, aging.face) == pytest.approx(aging.present_age_years)


def test_calls_do_not_leak_into_each_other(ager: FaceAger) -> None:
    before = ager.transform(ASTRONAUT, groups=[9]).results[0].photo
    ager.transform(ASTRONAUT[:, ::-1].copy(), groups=[0])
    assert (ager.transform(ASTRONAUT, groups=[9]).results[0].photo == before).all()


def test_one_by_one_equals_all_at_once(ager: FaceAger) -> None:
    together = ager.transform(ASTRONAUT, ages_years=[5, 40, 80]).results
    streamed = list(ager.stream(ASTRONAUT, ages_years=[5, 40, 80]))
    for one, other in zip(together, streamed, strict=True):
        assert (one.photo == other.photo).all()


def test_faces_can_be_picked(ager: FaceAger) -> None:
    two = np.concatenate([ASTRONAUT, ASTRONAUT[:, ::-1]], axis=1)
    faces = ager.find_faces(two)
    assert len(faces) == 2
    changed = [
        np.flatnonzero((ager.transform(two, groups=[0], face=face).results[0].photo != two).any((0, 2)))
        for face in faces
    ]
    assert len(np.intersect1d(*changed)) == 0


def test_no_face_says_so(ager: FaceAger) -> None:
    with pytest.raises(NoFace, match="No face found in this photo"):
        ager.transform(np.full((200, 200, 3), 120, np.uint8))


def test_what_is_asked_must_suit_the_model(ager: FaceAger, pack: FacePack) -> None:
    with pytest.raises(ValueError, match="not both"):
        ager.transform(ASTRONAUT, ages_years=[5], groups=[0])
    with pytest.raises(ValueError, match=r"group numbers must be 0\.\.9, got 10"):
        ager.transform(ASTRONAUT, groups=[10])
    with pytest.raises(ValueError, match="from 15 to 120 years, not 5"):
        ager_with("4", pack).transform(ASTRONAUT, ages_years=[5])
