"""FaceAger on the astronaut: what moves, what may not, and what is refused. The weights are drawn at random."""

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from core.age_reader import AgeReader, PresentAge
from core.aging import FaceAger
from core.detect import FacePack, open_pack
from core.device import choose
from core.errors import NoFace
from core.generator import Generator, GeneratorConfig
from core.reference_estimator import ReferenceEstimator
from core.weights import LoadedModel
from tests.models import info_of, random_estimator

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
    given = PresentAge(years=33.0)
    aging = ager.transform(ASTRONAUT, ages_years=[33.0], present_age=given)
    assert aging.present_age == given
    assert (aging.results[0].photo == ASTRONAUT).all()


def test_without_an_estimator_the_generator_reads_the_present_age_itself(ager: FaceAger) -> None:
    aging = ager.transform(ASTRONAUT, ages_years=[5.0])
    assert aging.present_age is not None
    assert 0 <= aging.present_age.years <= 100
    assert aging.present_age.interval_years is None
    assert ager.present_age(ASTRONAUT, aging.face) == aging.present_age


def test_with_an_estimator_its_age_and_interval_count(ager: FaceAger, pack: FacePack) -> None:
    network = random_estimator()
    reader = AgeReader(LoadedModel(info=info_of(network), network=network), choose("cpu", "float32"))
    informed = FaceAger(ager.model, pack, choose("cpu", "float32"), reader)
    aging = informed.transform(ASTRONAUT, ages_years=[5.0, 70.0])
    assert aging.present_age is not None and aging.present_age.interval_years is not None
    low, high = aging.present_age.interval_years
    assert 0 <= low < aging.present_age.years < high <= 100
    assert informed.present_age(ASTRONAUT, aging.face) == aging.present_age
    assert reader.read(ASTRONAUT, [aging.face]) == [aging.present_age]
    assert ager.present_age(ASTRONAUT, aging.face) != aging.present_age
    # The change is counted from the age that is told: at that age nothing changes.
    at_present = informed.transform(ASTRONAUT, ages_years=[aging.present_age.years]).results[0]
    assert (at_present.photo == ASTRONAUT).all()
    told = ager.transform(ASTRONAUT, ages_years=[5.0, 70.0], present_age=aging.present_age)
    for one, other in zip(told.results, aging.results, strict=True):
        assert (one.photo == other.photo).all()


def test_models_of_the_wrong_kind_are_refused(ager: FaceAger, pack: FacePack) -> None:
    network, whole = random_estimator(), ReferenceEstimator().eval()
    compute = choose("cpu", "float32")
    with pytest.raises(ValueError, match="makes no pictures"):
        FaceAger(LoadedModel(info=info_of(network), network=network), pack, compute)
    with pytest.raises(ValueError, match="reads whole photos"):
        FaceAger(ager.model, pack, compute, AgeReader(LoadedModel(info=info_of(whole), network=whole), compute))
    with pytest.raises(ValueError, match="makes pictures"):
        AgeReader(ager.model, compute)


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
