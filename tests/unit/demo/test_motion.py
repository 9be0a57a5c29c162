"""Moving pictures get a quick model, whatever the default is."""

from pathlib import Path

import pytest
import torch

from core.generator import Generator, GeneratorConfig
from core.weights import add_model
from demo.motion import age_range, quick_model
from demo.studio import Studio


def add(name: str, groups: str, size_px: int, folder: Path) -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(
        size_px=size_px, channels=(4, 8), encoder_blocks=(0, 0), decoder_blocks=(1, 0), code_width=8, groups=groups
    )
    add_model(Generator(config), name, folder, licence="none, it learnt nothing")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path))
    return tmp_path


def test_a_large_default_gives_way_to_the_smallest(folder: Path) -> None:
    add("a-large", "10", 512, folder)
    add("b-small", "4", 32, folder)
    studio = Studio(pack="embedded")
    assert studio.default_model == "a-large" and quick_model(studio) == "b-small"
    assert age_range(studio) == (15, 70)


def test_a_quick_default_is_taken(folder: Path) -> None:
    add("a-quick", "10", 64, folder)
    add("b-smaller", "4", 32, folder)
    studio = Studio(pack="embedded")
    assert quick_model(studio) == "a-quick"
    assert age_range(studio) == (0, 90)
