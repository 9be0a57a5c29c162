"""One step of our objective: every term is there, and what holds the outputs back only acts where it should."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from core.estimator import Estimator
from core.generator import Generator
from tests.drawn import face_parquet
from tests.models import TINY_ESTIMATOR, random_estimator
from training.augment import draw_jitter
from training.config import LossWeights, TrainingConfig, preset
from training.face_area import may_change
from training.inputs import Inputs, to_inputs
from training.objective import AgingObjective, Witnesses, at_size
from training.processes import Processes
from training.recogniser import FrozenRecogniser
from training.source import open_source
from training.trainer import Trainer


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    file = face_parquet(tmp_path_factory.mktemp("data") / "faces.parquet")
    return dataclasses.replace(preset("tiny"), data=(str(file),), warmup_steps=1)


def trainer_with(config: TrainingConfig, witnesses: Witnesses) -> tuple[Trainer, list[Inputs]]:
    trainer = Trainer(config, Processes())
    trainer.objective = AgingObjective(trainer.state, config, trainer.compute, witnesses, trainer.processes)
    source = open_source(config, trainer.processes)
    return trainer, [to_inputs(source.batch(step), trainer.groups, trainer.compute) for step in range(3)]


def test_warm_up_reads_ages_only_then_every_term_is_there(config: TrainingConfig) -> None:
    trainer, inputs = trainer_with(config, Witnesses(reader=random_estimator()))
    assert trainer.step(inputs[0]).keys() == {"age_real", "present_age"}
    before = {name: value.clone() for name, value in trainer.state.generator.state_dict().items()}
    terms = trainer.step(inputs[1])
    held = {"own_age", "mirror", "tone", "hue", "saturation", "keep_sex", "mask"}
    assert {"d", "g", "read_age", "augment", *held} <= terms.keys()
    assert "r1" not in terms
    assert all(np.isfinite(value) for value in terms.values())
    assert any(not torch.equal(value, before[name]) for name, value in trainer.state.generator.state_dict().items())


def test_inputs_are_framed_by_the_seed_and_only_where_asked(config: TrainingConfig) -> None:
    framed = []
    for jitter, kept in ((0.0, 0.0), (0.0, 4.0), (1.0, 4.0), (1.0, 4.0)):
        weights = dataclasses.replace(config.weights, kept=kept)
        trainer, inputs = trainer_with(dataclasses.replace(config, jitter=jitter, weights=weights), Witnesses())
        assert isinstance(trainer.objective, AgingObjective)
        framed.append(trainer.objective.framed(inputs[1], torch.Generator().manual_seed(5)))
    plain, held, one, same = framed
    assert torch.equal(plain.faces, held.faces) and plain.may_change is None
    assert held.may_change is not None and torch.equal(held.may_change, may_change(32).expand(8, -1, -1, -1))
    drawn = draw_jitter(8, 1.0, torch.Generator().manual_seed(5))
    assert torch.equal(one.faces, drawn.of_faces(plain.faces)) and torch.equal(one.faces, same.faces)
    assert one.may_change is not None and torch.equal(one.may_change, drawn.of_weights(held.may_change))
    assert torch.equal(one.target_code, plain.target_code)


def test_input_and_output_are_framed_alike(config: TrainingConfig) -> None:
    """A generator that changes nothing gives back what it was given, whichever way that lies."""
    trainer, inputs = trainer_with(dataclasses.replace(config, jitter=1.0), Witnesses())
    trainer.step(inputs[0])
    assert isinstance(trainer.state.generator, Generator)
    torch.nn.init.zeros_(trainer.state.generator.decoder.head.weight)
    torch.nn.init.zeros_(trainer.state.generator.decoder.head.bias)
    assert trainer.step(inputs[1])["own_age"] == 0


@pytest.mark.parametrize("kept", [0.0, 4.0])
@pytest.mark.parametrize("of", ["warm_up", "real", "made", "generator"])
def test_what_may_not_change_is_hidden_from_the_discriminator(config: TrainingConfig, kept: float, of: str) -> None:
    """With the term, painting it over changes nothing that the discriminator says, in any step; without it does."""
    said = []
    for painted in (False, True):
        weights = dataclasses.replace(config.weights, kept=kept)
        trainer, inputs = trainer_with(dataclasses.replace(config, weights=weights, r1_every=1), Witnesses())
        objective, random = trainer.objective, torch.Generator().manual_seed(0)
        assert isinstance(objective, AgingObjective)
        given = objective.framed(inputs[1], random)
        over = torch.where(may_change(32) == 0, 1.0, given.faces) if painted else given.faces
        if of == "warm_up":
            said.append([objective.warm_up(dataclasses.replace(given, faces=over))["age_real"]])
        elif of == "generator":
            said.append([objective.generator_terms(given, over, random)[term][1].item() for term in ("g", "age_made")])
        else:
            real, made = (over, given.faces) if of == "real" else (given.faces, over)
            terms = objective.discriminator_step(dataclasses.replace(given, faces=real), made, random)
            said.append([terms[term] for term in (("d", "age_real", "r1") if of == "real" else ("d",))])
    for one, other in zip(*said, strict=True):
        assert (one == other) == bool(kept)


def test_the_penalty_comes_every_so_many_steps(config: TrainingConfig) -> None:
    trainer, inputs = trainer_with(dataclasses.replace(config, r1_every=2), Witnesses())
    seen = ["r1" in trainer.step(inputs[number % 3]) for number in range(6)]
    assert seen == [False, False, True, False, True, False]


def test_the_readers_weights_stay_as_they_are_and_the_sex_term_moves_the_generator(config: TrainingConfig) -> None:
    nothing = dict.fromkeys((term.name for term in dataclasses.fields(LossWeights)), 0)
    only_sex = LossWeights(**{**nothing, "keep_sex": 1, "r1": 1})
    gradients = []
    for weights in (only_sex, dataclasses.replace(only_sex, keep_sex=0)):
        reader = random_estimator()
        before = {name: value.clone() for name, value in reader.state_dict().items()}
        trainer, inputs = trainer_with(dataclasses.replace(config, weights=weights), Witnesses(reader=reader))
        trainer.step(inputs[0])
        trainer.step(inputs[1])
        head = trainer.state.generator.decoder.head.weight.grad
        assert head is not None
        gradients.append(head.clone())
        assert all(torch.equal(value, before[name]) for name, value in reader.state_dict().items())
    assert not torch.equal(*gradients)


def test_faces_of_another_size_are_brought_to_the_readers() -> None:
    reader: Estimator = random_estimator(TINY_ESTIMATOR)
    faces = torch.rand(2, 3, 64, 64)
    assert at_size(faces, reader).shape == (2, 3, 32, 32)
    assert at_size(faces[:, :, :32, :32], reader).shape == (2, 3, 32, 32)


def test_the_band_holds_an_output_only_below_real_people(config: TrainingConfig, shared: Path) -> None:
    recogniser = FrozenRecogniser(shared / "models/pack_scrfd_mobilefacenet/mobilefacenet_112.onnx")
    trainer, inputs = trainer_with(config, Witnesses(recogniser=recogniser))
    objective = trainer.objective
    assert isinstance(objective, AgingObjective)
    random = torch.Generator().manual_seed(0)
    _, same = objective.witnessed(inputs[0], inputs[0].faces, random)["identity"]
    assert same == 0
    _, strangers = objective.witnessed(inputs[0], torch.randn_like(inputs[0].faces).clamp(-1, 1), random)["identity"]
    assert strangers > 0


def test_the_floor_holds_outputs_for_older_targets_more_than_real_people_hold(
    config: TrainingConfig, shared: Path
) -> None:
    recogniser = FrozenRecogniser(shared / "models/pack_scrfd_mobilefacenet/mobilefacenet_112.onnx")

    def held(floor: float, target_years: float) -> float:
        changed = dataclasses.replace(config, identity_floor=floor)
        trainer, inputs = trainer_with(changed, Witnesses(recogniser=recogniser))
        assert isinstance(trainer.objective, AgingObjective)
        batch = dataclasses.replace(inputs[0], target_years=torch.full_like(inputs[0].target_years, target_years))
        noise = torch.randn(batch.faces.shape, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
        made = 0.7 * batch.faces + 0.3 * noise
        return float(trainer.objective.witnessed(batch, made, torch.Generator().manual_seed(0))["identity"][1])

    assert held(0.99, 10) > held(0.0, 10)
    assert held(0.99, 9) == held(0.0, 9)
    with pytest.raises(ValueError, match=r"identity_floor must be from 0 to below 1, got 1\.5"):
        held(1.5, 10)
