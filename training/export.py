"""A run's averaged generator as a model to hand on: safetensors, an entry in the manifest, a card with a picture."""

import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.ages import group_system
from core.align import UTKFACE, Photo, crop
from core.detect import open_pack
from core.errors import NoFace, RunBroken
from core.files import write_atomic
from core.generator import Generator, age_code
from core.images import encode_jpeg, read_photo, to_tensor, to_uint8
from core.marking import add_label
from core.sheet import contact_sheet
from core.weights import ModelInfo, add_model
from training.data import FaceSet, load_faces
from training.evaluate import weights_digest
from training.state import discriminator_file, export_discriminator, load_average, read_counters

COMPOSITES = ((4, 8, 0), (4, 8, 1), (22, 28, 0), (22, 28, 1), (62, 70, 0), (62, 70, 1))
"""First and last age in years, and sex (0 male, 1 female), of the composites on a card."""
FACES_IN_A_COMPOSITE = 8
"""A composite of so many people is nobody's face."""


def export(
    run: Path,
    name: str,
    licence: str,
    trained_on: str,
    strength: float,
    notes: str,
    models: Path,
    photo: Path | None,
    data: Path,
) -> ModelInfo:
    """Add a run's averaged generator to a model folder, with a card.

    Args:
        run: folder of a training run; `figures/` in it goes into the card.
        name: of the model, and of its files.
        licence: terms of the weights.
        trained_on: what data, for the card.
        strength: what the changes that the generator makes are multiplied by.
        notes: what else a reader of the card should know of the training, "" for nothing.
        models: model folder with its manifest.
        photo: its largest face opens the card's picture.
        data: Parquet file of faces, whose composites follow.
    Raises:
        RunBroken: no run, or it was not evaluated with just these weights.
    """
    generator = load_average(run, strength)
    figures = run / "figures"
    how = f"python -m training evaluate {run} --strength {strength:g} --out {figures}"
    if not (figures / "figures.json").is_file():
        raise RunBroken(f"{run} was not evaluated; run: {how}")
    judged = json.loads((figures / "figures.json").read_text(encoding="utf-8"))["weights_sha256"]
    if judged != weights_digest(generator):
        raise RunBroken(f"{run} was evaluated with other weights than its checkpoint's; run again: {how}")
    info = add_model(generator, name, models, licence=licence)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    config["data"] = [Path(file).name for file in config["data"]]
    for key in ("start_from", "recogniser"):
        config[key] = config[key] and Path(config[key]).name
    config["strength"] = strength
    write_atomic(models / f"{name}.json", (json.dumps(config, indent=2) + "\n").encode())
    export_discriminator(run, discriminator_file(info))
    inputs = [] if photo is None else [(photo.stem, _largest_face(read_photo(photo), info.size_px))]
    faces = load_faces((data,), info.size_px)
    inputs += [(f"{first}-{last}, {'mf'[sex]}", composite(faces, first, last, sex)) for first, last, sex in COMPOSITES]
    write_showcase(generator, inputs, models / f"{name}.jpg")
    write_atomic(
        models / f"{name}.md",
        card(
            run, info, trained_on, strength, notes, photo, (figures / "figures.md").read_text(encoding="utf-8")
        ).encode(),
    )
    return info


def card(
    run: Path, info: ModelInfo, trained_on: str, strength: float, notes: str, photo: Path | None, figures: str
) -> str:
    """Model card as Markdown: what it is, terms, training, limits, figures."""
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    counters = read_counters(run)
    steps, pictures, seconds = counters["step"], counters["faces"], counters["seconds"]
    shown = "Composites" if photo is None else f"The {photo.stem} and composites"
    start = f", started from the run `{Path(config['start_from']).name}`" if config["start_from"] else ""
    return f"""# {info.name}

![Inputs on the left, then every target group](./{info.name}.jpg)

{shown} of {FACES_IN_A_COMPOSITE} eval faces each: the input, then every target group.

- **Terms**: {info.licence}
- **What it does**: a {info.size_px} px face crop in UTKFace framing to any age of the groups
  {", ".join(group_system(info.groups).names)}; reads the present age.
- **Trained on**: {trained_on}
- **Training**: {steps} steps, {pictures} pictures{start}, {seconds / 3600:.1f} hours,
  {pictures / max(seconds, 1):.1f} pictures per second; the released weights are the moving average, stored as float16
  (the figures below were measured in float32).
- **Strength**: the changes are {strength:g} times those that were trained.{notes and chr(10) + "- **Notes**: " + notes}
- **Reproduce**: `python -m training train --preset {config["preset"]} --out RUN`; the run's configuration lies beside
  this card in `{info.name}.json`.

## Limits

- The crop reaches from brow to chin: hair, neck, ears and body do not age. Bald, grey or long hair stays as it is.
- {info.size_px} px: fine wrinkles come out soft. Much of the training data is softer than that.
- Faces turned far to the side, in part hidden, or under strong coloured light come out worse.
- The age labels of the data are themselves estimates, and so are judged ages below: compare them with what the same
  judge reads on real faces.
- The data holds more adults of 20 to 40 and more light-skinned people than the world does; expect worse results for
  others, and see the slices below.
- Outputs are plausible pictures, not forecasts. Not for identification, nor for decisions about people.

{re.sub(r"^#", "##", figures, flags=re.M)}"""


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


def composite(faces: FaceSet, first_years: int, last_years: int, sex: int) -> npt.NDArray[np.uint8]:
    """Mean of eight faces of that age and sex: (S, S, 3) uint8 RGB. ValueError if there are fewer."""
    fitting = np.flatnonzero(
        (faces.ages_years >= first_years) & (faces.ages_years <= last_years) & (faces.sexes == sex)
    )[:FACES_IN_A_COMPOSITE]
    if len(fitting) < FACES_IN_A_COMPOSITE:
        raise ValueError(f"only {len(fitting)} faces of {first_years}-{last_years} years and sex {sex}")
    mean: npt.NDArray[np.uint8] = faces.faces[fitting].mean(0).round().astype(np.uint8)
    return mean
