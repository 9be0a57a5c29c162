"""A run of the published recipe as a model to hand on: safetensors, an entry in the manifest, a card."""

import json
from pathlib import Path

import torch

from core.ages import group_system
from core.align import framing_named
from core.files import write_atomic
from core.weights import ModelInfo, add_model
from training.export import bare_config, course, noted
from training.loss_table import export_losses
from training.state import discriminator_file, export_discriminator, load_reference_average, read_counters
from training.terms import ModelTerms


def export_reference(run: Path, terms: ModelTerms, models: Path, framing: str) -> ModelInfo:
    """Add the averaged generator of a run of a `reference-*` preset to a model folder, with a card.

    Weights stay float32: the published architecture is compared with its source to 1e-4.

    Args:
        run: the run's folder.
        models: model folder with its manifest.
        framing: how the faces it was trained on are framed (core.align): photos will be cut so for it.
    Raises:
        RunBroken: no such run with a checkpoint.
        ValueError: no such framing.
    """
    framing_named(framing)
    generator = load_reference_average(run)
    config = bare_config(run)
    groups = config["generator"]["groups"]
    info = add_model(
        generator, terms.name, models, licence=terms.licence, groups=groups, framing=framing, dtype=torch.float32
    )
    write_atomic(models / f"{info.name}.json", (json.dumps(config, indent=2) + "\n").encode())
    export_discriminator(run, discriminator_file(info))
    text = card(info, terms, course(read_counters(run), config), export_losses(run, info))
    write_atomic(models / f"{info.name}.md", text.encode())
    return info


def card(info: ModelInfo, terms: ModelTerms, trained: str, losses: str) -> str:
    """Model card as Markdown: what it is, terms, training, and what was not measured."""
    return f"""# {info.name}

- **Terms**: {info.licence}
- **What it does**: the generator published as AgeTransGAN (ECCV 2022), trained anew: a {info.size_px} px face crop in
  framing "{info.framing}" to the groups {", ".join(group_system(info.groups).names)}.
- **Trained on**: {terms.trained_on}
- **Training**: {trained}; the weights are the moving average, float32.
- **Losses**: {losses}.{noted(terms)}

Nothing was measured when this card was written: `python -m training evaluate {info.name} --out figures`.
Outputs are plausible pictures, not forecasts. Not for identification, nor for decisions about people.
"""
