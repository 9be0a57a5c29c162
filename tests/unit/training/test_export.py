"""What a card says of strengths, and that the bundled cards say what their models do."""

import pytest

from core.generator import Generator, GeneratorConfig
from core.weights import BUNDLED, list_models
from tests.models import info_of
from training.export import command, strength


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


def test_what_to_type_names_where_a_run_started() -> None:
    typed = command({"preset": "grown192-10", "start_from": "small.safetensors"})
    assert typed == "python -m training train --preset grown192-10 --start-from small.safetensors --out RUN"
    assert "--start-from" not in command({"preset": "utk128-10", "start_from": None})


def test_the_bundled_model_is_as_strong_as_its_card_says() -> None:
    info = next(one for one in list_models(BUNDLED) if one.name == "agetrans-128-10")
    assert len(info.config["strengths"]) == 10
    assert f"- **Strength**: {strength(info)}." in (BUNDLED / info.card).read_text(encoding="utf-8")
