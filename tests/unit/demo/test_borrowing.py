"""Lent cards, without one: the lender here takes note of each loan, and copies what goes in and out as ZeroGPU does."""

from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch

from core.aging import FaceAger
from core.detect import open_pack
from core.device import choose, is_lent
from core.generator import Generator, GeneratorConfig
from core.images import resize
from core.reference import ReferenceGenerator
from core.weights import LoadedModel, add_model, load
from demo.answering import Refusal
from demo.borrowing import SPENT, START_S, Lend, LentAger, open_ager

TINY = {"size_px": 32, "channels": (8, 16), "encoder_blocks": (0, 0), "decoder_blocks": (1, 0), "code_width": 16}
ASTRONAUT: npt.NDArray[np.uint8] = skimage.data.astronaut()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    network = Generator(GeneratorConfig(groups="10", **TINY))  # type: ignore[arg-type]
    add_model(network, "tiny-10", folder, licence="none")
    return load(folder / "tiny-10.safetensors")


def sent(value: Any) -> Any:
    """A value as it arrives in another process."""
    return ForkingPickler.loads(ForkingPickler.dumps(value))


class Lender:
    """Runs what it is given on copies, as another process would, and counts."""

    def __init__(self) -> None:
        self.loans_s: list[float] = []

    def __call__(self, task: Callable[..., Any], seconds: Callable[..., float]) -> Callable[..., Any]:
        def borrowed(*args: Any, **asked: Any) -> Any:
            self.loans_s.append(seconds(*args, **asked))
            args, asked = sent((args, asked))
            return sent(task(*args, **asked))

        return borrowed


def lent_ager(model: LoadedModel, lend: Lend) -> LentAger:
    """On the processor, which stands in for the card."""
    plain = choose("cpu", "float32")
    return LentAger(model, open_pack("embedded"), plain, None, lend=lend, card=lambda: plain)


def test_a_lent_card_gives_the_same_pictures_in_one_loan(model: LoadedModel) -> None:
    pack, compute, lender = open_pack("embedded"), choose("cpu", "float32"), Lender()
    own, lent = FaceAger(model, pack, compute), lent_ager(model, lender)
    face = own.find_faces(ASTRONAUT)[0]
    age = own.present_age(ASTRONAUT, face)
    assert lent.present_age(ASTRONAUT, face) == age and len(lender.loans_s) == 1
    streamed = list(lent.stream(ASTRONAUT, ages_years=[8, 70], face=face, present_age=age))
    assert len(lender.loans_s) == 2
    for mine, theirs in zip(own.stream(ASTRONAUT, ages_years=[8, 70], face=face), streamed, strict=True):
        assert np.array_equal(mine.photo, theirs.photo) and mine.target == theirs.target


def test_a_loan_is_as_long_as_ages_and_resolution_ask(model: LoadedModel) -> None:
    ager = lent_ager(model, Lender())
    one, ten = (ager.seconds(ASTRONAUT, ages_years=[5.0] * count) for count in (1, 10))
    assert ten - START_S == pytest.approx(10 * (one - START_S))
    assert ager.seconds(ASTRONAUT) == ten, "every group"
    assert ager.seconds(resize(ASTRONAUT, 2048, 2048), ages_years=[5]) > one
    assert START_S < one < 60, "ZeroGPU's own default"


def test_what_is_wrong_with_the_order_costs_no_loan(model: LoadedModel) -> None:
    lender = Lender()
    ager = lent_ager(model, lender)
    with pytest.raises(ValueError, match="knows ages from"):
        ager.transform(ASTRONAUT, ages_years=[200])
    assert lender.loans_s == []


def test_a_share_that_is_used_up_is_said(model: LoadedModel) -> None:
    def none_left(_task: Any, _seconds: Any) -> Callable[..., Any]:
        def refuse(*_args: Any, **_asked: Any) -> Any:
            raise gr.Error("You have exceeded your GPU quota")

        return refuse

    ager = lent_ager(model, none_left)
    with pytest.raises(Refusal) as refused:
        list(ager.stream(ASTRONAUT, ages_years=[5]))
    assert str(refused.value) == SPENT


def test_small_networks_and_other_hosts_borrow_nothing(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    pack, compute = open_pack("embedded"), choose("cpu", "float32")
    assert not is_lent()
    large = LoadedModel(info=model.info, network=ReferenceGenerator(512, 10, max_channels=16))
    assert type(open_ager(large, pack, compute, None)) is FaceAger
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert is_lent() and choose().device.type == "cpu"
    assert type(open_ager(model, pack, compute, None)) is FaceAger
