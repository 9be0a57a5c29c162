"""What a card says of strengths, and that the bundled cards say what their models do."""

import dataclasses
import json
from pathlib import Path

import pytest

from core.generator import Generator, GeneratorConfig
from core.weights import BUNDLED, list_models
from tests.models import info_of
from training.config import preset
from training.export import bare_config, command, strength, too_young


@pytest.mark.parametrize(
    ("strengths", "words"),
    [
        ((), "the changes are those that were trained"),
        ((0.8,) * 4, "the changes are 0.8 times those that were trained"),
        ((0.8, 0.7, 0.7, 0.75), "the changes are multiplied by 0.8 for 15-29, 0.7 for 30-39, 0.7 for 40-49, 0.75 for"),
    ],
)
def test_strength_in_words(strengths: tuple[float, ...], words: str) -> None:
    config = GeneratorConfig(
        size_px=32, groups="4", channels=(4, 8), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=8,
        strengths=strengths,
    )  # fmt: skip
    assert strength(info_of(Generator(config))).startswith(words)


def test_a_card_says_from_which_age_faces_were_learnt() -> None:
    for groups, said in (("4", "\n- It learnt no faces under 15 years: they change little, and not well."), ("10", "")):
        config = GeneratorConfig(
            size_px=32, groups=groups, channels=(4, 8), encoder_blocks=(0, 0), decoder_blocks=(0, 1), code_width=8
        )
        assert too_young(info_of(Generator(config))) == said


def test_what_to_type_names_what_a_run_was_given() -> None:
    plain = json.loads(json.dumps(dataclasses.asdict(preset("grown192-10")), default=str))
    plain["recogniser"] = Path(plain["recogniser"]).name
    assert command(plain) == "python -m training train --preset grown192-10 --out RUN"
    other = {**plain, "start_from": "small.safetensors", "learning_rate": 1e-4, "reader": None, "data": ["a.parquet"]}
    other |= {"recogniser": None, "identity_floor": 0.0}
    other["weights"] = {**plain["weights"], "hue": 0.0, "keep_sex": 5.0, "of_old": 1.0}
    assert command(other) == (
        "python -m training train --preset grown192-10 --data FILES --start-from small.safetensors "
        "--learning-rate 0.0001 --reader none --recogniser none --weight keep_sex 5 hue 0 --out RUN"
    )
    assert "--recogniser none --identity-floor 0.67 " in command({**other, "identity_floor": 0.67})
    del other["identity_floor"]  # as in runs from before there was one
    assert "--identity-floor" not in command(other)
    before = {**other, "preset": "detailed192-10", "generator": None, "weights": {"keep_sex": 5.0, "own_age": 4.0}}
    del before["jitter"]
    assert "--jitter 0 " in command(before) and command(before).endswith(
        " --weight keep_sex 5 saturation 0 kept 0 --out RUN"
    )
    wide = {**plain, "num_processes": 8, "precision": "bfloat16", "num_workers": 5}
    assert command(wide).startswith("torchrun --nproc-per-node 8 -m training train --preset grown192-10 --precision ")
    assert "--workers" not in command(wide)
    assert "--stream --precision bfloat16 --workers 5 " in command({**wide, "stream": True})


def test_places_of_files_are_kept_to_oneself(tmp_path: Path) -> None:
    given = {"data": ["/home/me/a.parquet"], "start_from": "/home/me/run", "recogniser": None}
    (tmp_path / "config.json").write_text(json.dumps({**given, "reader": "/home/me/reader.safetensors"}))
    assert "/home" not in json.dumps(bare_config(tmp_path))


@pytest.mark.parametrize(
    ("name", "num_groups"), [("agetrans-192-10", 10), ("agetrans-128-10", 10), ("agetrans-128-4", 4)]
)
def test_the_bundled_models_are_as_strong_as_their_cards_say(name: str, num_groups: int) -> None:
    info = next(one for one in list_models(BUNDLED) if one.name == name)
    assert len(info.config["strengths"]) == num_groups
    assert f"- **Strength**: {strength(info)}." in (BUNDLED / info.card).read_text(encoding="utf-8")
