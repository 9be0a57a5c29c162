"""A run's averaged generator as a model to hand on: safetensors, an entry in the manifest, a card with a picture."""

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cafdata.archive import Archive
from cafdata.record import Picture, Record
from cafdata.sample import COMPOSITE, SAMPLE
from core.ages import group_system
from core.align import UTKFACE, Photo, crop
from core.detect import open_pack
from core.errors import NoFace, RunBroken
from core.files import write_atomic
from core.generator import Generator, age_code
from core.images import decode_photo, encode_jpeg, read_photo, resize, to_tensor, to_uint8
from core.marking import add_label
from core.sheet import contact_sheet
from core.weights import ModelInfo, add_model
from training.config import preset
from training.digest import weights_digest
from training.loss_table import export_losses
from training.options import OF_STREAMING, OPTIONS
from training.state import discriminator_file, export_discriminator, load_average, read_counters
from training.terms import ModelTerms

NUM_COMPOSITES = 6
"""People of the bundled sample on a card: composites of a dozen faces each, so nobody's face."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Showcase:
    """What a card's picture is made of."""

    photo: Path | None
    """Photo whose largest face comes first; None for none."""
    sample: Path = SAMPLE
    """Archive whose composites follow."""

    def inputs(self, size_px: int) -> list[tuple[str, Photo]]:
        """Captions and (size_px, size_px, 3) faces. Raises NoFace, or ArchiveBroken for an archive that is none."""
        first = [] if self.photo is None else [(self.photo.stem, _largest_face(read_photo(self.photo), size_px))]
        archive = Archive(self.sample)
        names = sorted(one.picture_id for one in archive.records() if one.picture_id.endswith(f"/{COMPOSITE}"))
        chosen = [names[round(place)] for place in np.linspace(0, len(names) - 1, NUM_COMPOSITES)]
        people = {one.record.picture_id: one for one in archive.pictures(chosen)}
        return first + [(caption(people[name].record), resized(people[name], size_px)) for name in chosen]


def export(run: Path, terms: ModelTerms, models: Path, material: Showcase, strengths: Sequence[float]) -> ModelInfo:
    """Add a run's averaged generator to a model folder, with a card.

    Args:
        run: folder of a run of our recipe; `figures/` in it goes into the card.
        models: model folder with its manifest.
        strengths: what the changes that the generator makes are multiplied by: one number, or one a group.
    Raises:
        RunBroken: no run, or it was not evaluated with just these weights and strengths.
        ValueError: another number of strengths, or one that is not above 0 and at most 3.
    """
    generator = load_average(run, strengths)
    figures = run / "figures"
    listed = " ".join(f"{one:g}" for one in strengths)
    how = f"python -m training evaluate {run} --strength {listed} --out {figures}"
    if not (figures / "figures.json").is_file():
        raise RunBroken(f"{run} was not evaluated; run: {how}")
    judged = json.loads((figures / "figures.json").read_text(encoding="utf-8"))["weights_sha256"]
    if judged != weights_digest(generator):
        raise RunBroken(f"{run} was evaluated with other weights than its checkpoint's; run again: {how}")
    info = add_model(generator, terms.name, models, licence=terms.licence)
    config = bare_config(run)
    config["generator"] = info.config
    write_atomic(models / f"{info.name}.json", (json.dumps(config, indent=2) + "\n").encode())
    export_discriminator(run, discriminator_file(info))
    write_showcase(generator, material.inputs(info.size_px), models / f"{info.name}.jpg")
    judged_as = (figures / "figures.md").read_text(encoding="utf-8")
    text = card(info, terms, course(read_counters(run), config), export_losses(run, info), config, material, judged_as)
    write_atomic(models / f"{info.name}.md", text.encode())
    return info


def bare_config(run: Path) -> dict[str, Any]:
    """A run's configuration without the places of files on the machine it ran on."""
    config: dict[str, Any] = json.loads((run / "config.json").read_text(encoding="utf-8"))
    config["data"] = [Path(file).name for file in config["data"]]
    for key in ("start_from", "reader", "recogniser"):
        config[key] = config[key] and Path(config[key]).name
    return config


def card(
    info: ModelInfo,
    terms: ModelTerms,
    trained: str,
    losses: str,
    config: dict[str, Any],
    material: Showcase,
    figures: str,
) -> str:
    """Model card as Markdown: what it is, terms, training, limits, figures."""
    shown = "Composites" if material.photo is None else f"The {material.photo.stem} and composites"
    return f"""# {info.name}

![Inputs on the left, then every target group](./{info.name}.jpg)

{shown} of a dozen faces each (`cafdata/sample`): the input, then every target group.

- **Terms**: {info.licence}
- **What it does**: a {info.size_px} px face crop in UTKFace framing to any age of the groups
  {", ".join(group_system(info.groups).names)}; reads the present age.
- **Trained on**: {terms.trained_on}
- **Training**: {trained}; the released weights are the moving average, stored as float16
  (the figures below were measured in float32).
- **Losses**: {losses}.
- **Strength**: {strength(info)}.{noted(terms)}
- **Reproduce**: `{command(config)}`; the run's
  configuration lies beside this card in `{info.name}.json`.

## Limits

- The crop reaches from brow to chin: hair, neck, ears and body do not age. Bald, grey or long hair stays as it is.
- {info.size_px} px: fine wrinkles come out soft. Much of the training data is softer than that.
- Faces turned far to the side, in part hidden, or under strong coloured light come out worse.{too_young(info)}
- The age labels of the data are themselves estimates, and so are judged ages below: compare them with what the same
  judge reads on real faces. The recogniser that measures likeness below is the one that training held the person with.
- The data holds more adults of 20 to 40 and more light-skinned people than the world does; expect worse results for
  others, and see the slices below.
- Outputs are plausible pictures, not forecasts. Not for identification, nor for decisions about people.

{re.sub(r"^#", "##", figures, flags=re.M)}"""


def too_young(info: ModelInfo) -> str:
    """A limit of models whose groups begin later than life does, as one more point of a list; "" for others."""
    first = group_system(info.groups).first_years[0]
    return f"\n- It learnt no faces under {first} years: they change little, and not well." if first else ""


def course(counters: dict[str, Any], config: dict[str, Any]) -> str:
    """What a run did, in words."""
    start = f", started from `{config['start_from']}`" if config["start_from"] else ""
    hours, a_second = counters["seconds"] / 3600, counters["faces"] / max(counters["seconds"], 1)
    steps = f"{counters['step']} steps, {counters['faces']} pictures"
    return f"{steps}{start}, {hours:.1f} hours, {a_second:.1f} pictures per second"


def command(config: dict[str, Any]) -> str:
    """What to type to learn as such a run did: its preset, and what differs from that."""
    # What came later than a run it did without; of other options that it lacks nothing is known.
    config = {"jitter": 0.0, **config, "weights": {"saturation": 0.0, "kept": 0.0, **config["weights"]}}
    named = json.loads(json.dumps(dataclasses.asdict(preset(config["preset"])), default=str))
    named["recogniser"] = named["recogniser"] and Path(named["recogniser"]).name  # as `bare_config` has it
    if config["recogniser"] != named["recogniser"]:
        named["identity_floor"] = 0.0  # as --recogniser leaves it
    options = [f"--preset {config['preset']}"]
    options += ["--data FILES"] if config["data"] else []
    options += ["--stream"] if config.get("stream") else []
    unused = () if config.get("stream") else OF_STREAMING
    there = [name for name in OPTIONS if name in config and name not in unused]  # an older run lacks what came later
    changed = {OPTIONS[name]: config[name] for name in there if config[name] != named[name]}
    options += [f"{option} {said(value)}" for option, value in changed.items()]
    terms = [name for name in named["weights"] if name in config["weights"]]
    weights = [
        f"{name} {config['weights'][name]:g}" for name in terms if config["weights"][name] != named["weights"][name]
    ]
    options += [f"--weight {' '.join(weights)}"] if weights else []
    count = config.get("num_processes", 1)
    start = f"torchrun --nproc-per-node {count}" if count > 1 else "python"
    return f"{start} -m training train {' '.join(options)} --out RUN"


def said(value: Any) -> str:
    """A setting as an option takes it."""
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def strength(info: ModelInfo) -> str:
    """What a generator's changes are multiplied by, in words."""
    strengths = info.config["strengths"]
    if not strengths:
        return "the changes are those that were trained"
    if len(set(strengths)) == 1:
        return f"the changes are {strengths[0]:g} times those that were trained"
    names = group_system(info.groups).names
    each = ", ".join(f"{one:g} for {name}" for one, name in zip(strengths, names, strict=True))
    return f"the changes are multiplied by {each}; for an age between typical ones by a mix of the two"


def noted(terms: ModelTerms) -> str:
    """The notes as a further point of a list; nothing for none."""
    return f"\n- **Notes**: {terms.notes}" if terms.notes else ""


def showcase(generator: Generator, inputs: list[tuple[str, Photo]]) -> Photo:
    """Each captioned input (S, S, 3) and its outputs at every group, a row each, all labelled."""
    groups = generator.groups
    tiles, captions = [], []
    for caption, face in inputs:
        pictures = to_tensor(face[None])
        code = age_code(groups, groups.typical_years)
        with torch.inference_mode():
            repeated = pictures.expand(len(groups), -1, -1, -1)
            made = generator.decode(repeated, generator.encode(pictures).repeat(len(groups)), code)[0]
        tiles += [face, *(add_label(one) for one in to_uint8(made))]
        captions += [caption, *groups.names]
    return contact_sheet(tiles, captions, columns=1 + len(groups), tile_px=generator.config.size_px)


def write_showcase(generator: Generator, inputs: list[tuple[str, Photo]], path: Path) -> None:
    """Save `showcase` as a JPEG."""
    write_atomic(path, encode_jpeg(showcase(generator, inputs), quality=92))


def _largest_face(photo: Photo, size_px: int) -> Photo:
    """(size_px, size_px, 3) crop of the largest face in UTKFace framing."""
    faces = open_pack("embedded").detect(photo)
    if not faces:
        raise NoFace("No face found in the photo for the card.")
    return crop(photo, UTKFACE.matrix(faces[0].points, faces[0].convention, size_px), size_px)


def caption(record: Record) -> str:
    """Age and sex of a composite."""
    return f"{record.age_min_years:.0f}-{record.age_max_years:.0f}, {(record.sex or '')[:1]}"


def resized(picture: Picture, size_px: int) -> Photo:
    """(size_px, size_px, 3) uint8 RGB of a face in UTKFace framing."""
    return resize(decode_photo(picture.data), size_px, size_px)
