"""Going on from an exported model: what it learnt is taken over, and not how strongly it is shown."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from core.discriminator import Discriminator, DiscriminatorConfig
from core.generator import Generator, GeneratorConfig, age_code
from core.weights import BUNDLED, add_model, load
from training.start import trained_networks
from training.state import discriminator_file, write_tensors

TINY = GeneratorConfig(size_px=32, channels=(4, 8), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=8)
JUDGE = DiscriminatorConfig(size_px=32, channels=(4, 8, 8), blocks=(0, 0, 0), width=8, map_width=4)


def exported(folder: Path, generator: Generator, **written: object) -> Path:
    """The file of a model as it is exported: beside it its discriminator and its run's configuration."""
    info = add_model(generator, "tiny", folder, licence="CC0", dtype=torch.float32)
    write_tensors(Discriminator(JUDGE).state_dict(), discriminator_file(info), {})
    (folder / "tiny.json").write_text(json.dumps({"discriminator": dataclasses.asdict(JUDGE), **written}))
    return folder / info.file


def change(generator: Generator) -> torch.Tensor:
    faces = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        made: torch.Tensor = generator(faces, age_code(generator.groups, [5, 80])) - faces
    return made


def test_strengths_do_not_go_into_training(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = Generator(TINY).eval()
    learnt = change(generator)
    generator.strengthen((0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9))
    taken, _ = trained_networks(exported(tmp_path, generator))
    assert taken.config == TINY
    torch.testing.assert_close(change(taken), learnt, rtol=0, atol=0)


def test_nor_does_one_that_lies_within_the_weights(tmp_path: Path) -> None:
    """As models were exported when they had one strength."""
    torch.manual_seed(0)
    generator = Generator(TINY).eval()
    learnt = change(generator)
    with torch.no_grad():
        for values in generator.decoder.head.parameters():
            values[: 3 * TINY.fold**2] *= 0.8
    torch.testing.assert_close(change(generator), 0.8 * learnt)
    taken, _ = trained_networks(exported(tmp_path, generator, strength=0.8))
    torch.testing.assert_close(change(taken), learnt)


@pytest.mark.parametrize("name", ["agetrans-192-10", "agetrans-128-10", "agetrans-128-4"])
def test_bundled_models_can_be_gone_on_from(name: str) -> None:
    path = BUNDLED / f"{name}.safetensors"
    taken, _ = trained_networks(path)
    shown = load(path).network
    assert isinstance(shown, Generator) and taken.config.strengths == ()
    faces, years = torch.rand(1, 3, shown.config.size_px, shown.config.size_px) * 2 - 1, shown.groups.typical_years[-1]
    with torch.no_grad():
        code = age_code(shown.groups, [years])
        learnt, made = taken(faces, code) - faces, shown(faces, code) - faces
    torch.testing.assert_close(shown.config.strengths[-1] * learnt, made, atol=1e-5, rtol=1e-3)
