"""Several faces: what is asked for each, and nothing of a child without its guardian."""

from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import skimage.data
import torch

from core.ages import TEN
from core.generator import Generator, GeneratorConfig
from core.weights import add_model
from demo.answering import Refusal
from demo.delivery import Delivery
from demo.language import Language
from demo.studio import Studio
from demo.transform import family
from demo.transform.tab import TransformTab


@pytest.fixture
def tab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TransformTab:
    torch.manual_seed(0)
    config = GeneratorConfig(size_px=32, channels=(8, 16), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=16)
    add_model(Generator(config), "tiny-10", tmp_path / "models", licence="none")
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path / "models"))
    with gr.Blocks(analytics_enabled=False):
        return TransformTab(Studio(pack="embedded"), Language("en"), Delivery(str(tmp_path / "cache")))


def test_a_target_is_a_group_or_years_or_nothing(tab: TransformTab) -> None:
    assert tab.target_of("70+", TEN) == ("group", 9)
    assert tab.target_of(" 33 ", TEN) == ("age", 33.0)
    assert tab.target_of(None, TEN) is None and tab.target_of("", TEN) is None
    with pytest.raises(Refusal, match="years from 0 to 90"):
        tab.target_of("ninety", TEN)


def test_each_face_is_asked_for_and_a_child_needs_its_guardian(tab: TransformTab) -> None:
    photo = skimage.data.astronaut()
    pair = tab.studio.look(np.ascontiguousarray(np.concatenate([photo, photo[:, ::-1]], axis=1)), "tiny-10")
    asked = tab.meet(pair, "tiny-10")
    assert [asked[member]["visible"] for member in tab.members] == [True, True] + [False] * (family.MAX_FACES - 2)
    ages = [tab.studio.pick(pair, number, "tiny-10").needs_guardian for number in (0, 1)]
    assert asked[tab.family_guardian]["visible"] == any(ages)
    made = tab.aged_together(pair, "tiny-10", True, "5", "70+")
    assert made[tab.together]["visible"] and Path(made[tab.family_png]).is_file()
    refused = tab.aged_together(pair, "tiny-10", False, "5", "70+")
    assert (tab.together in refused) != any(ages)
    assert "no longer held" in tab.aged_together(None, "tiny-10", True, "5")[tab.family_notice]
