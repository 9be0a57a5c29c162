"""Going on from an exported model: what it learnt is taken over, and not how strongly it is shown."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from core.discriminator import Discriminator, DiscriminatorConfig
from core.generator import Generator, GeneratorConfig, age_code
from core.weights import BUNDLED, add_model, load
from training.config import preset
from training.start import start_from, trained_networks, with_gains
from training.state import TrainingState, discriminator_file, write_tensors
from training.trainer import Trainer

TINY = GeneratorConfig(size_px=32, channels=(4, 8), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=8)
JUDGE = DiscriminatorConfig(size_px=32, channels=(4, 8, 8), blocks=(0, 0, 0), width=8, map_width=4)


def exported(folder: Path, generator: Generator, **written: object) -> Path:
    """The file of a model as it is exported: beside it its discriminator and its run's configuration."""
    info = add_model(generator, "tiny", folder, licence="CC0", dtype=torch.float32)
    write_tensors(Discriminator(JUDGE).state_dict(), discriminator_file(info), {})
    (folder / "tiny.json").write_text(json.dumps({"discriminator": dataclasses.asdict(JUDGE), **written}))
    return folder / info.file


def new_state(name: str) -> TrainingState[Generator, Discriminator]:
    """Of a preset, with fresh networks."""
    config = dataclasses.replace(preset(name), precision="float32", reader=None, recogniser=None)
    state: TrainingState[Generator, Discriminator] = Trainer(config).state
    return state


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


def test_a_generator_that_gets_gains_makes_the_same_of_a_face() -> None:
    torch.manual_seed(0)
    before = Generator(dataclasses.replace(TINY, size_px=128)).eval()
    after = with_gains(before)
    assert after.config == dataclasses.replace(before.config, detail_gains=True)
    faces = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1
    code = age_code(before.groups, [5, 80])
    with torch.no_grad():
        torch.testing.assert_close(after(faces, code), before(faces, code), rtol=0, atol=0)


def test_a_run_with_gains_starts_from_a_bundled_model_without(tmp_path: Path) -> None:
    """Also from one of fewer pixels; and it is gone on from itself."""
    state = new_state("detailed192-10")
    start_from(state, BUNDLED / "agetrans-128-10.safetensors")
    faces = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(1)) * 2 - 1
    code = age_code(state.generator.groups, [60])
    plain = new_state("grown192-10")
    start_from(plain, BUNDLED / "agetrans-128-10.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(state.average(faces, code), plain.average(faces, code), rtol=0, atol=0)
        state.average.decoder.head.bias[-18:] = -0.5
    add_model(state.average, "gaining", tmp_path, licence="CC0", dtype=torch.float32)
    again = load(tmp_path / "gaining.safetensors").network
    assert isinstance(again, Generator) and again.config.detail_gains
    with torch.no_grad():
        torch.testing.assert_close(again(faces, code), state.average.eval()(faces, code))
