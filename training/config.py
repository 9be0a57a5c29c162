"""What a training run is told. Presets are named; every run writes the one it used."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from core.device import Precision
from core.discriminator import STDDEV_GROUP, DiscriminatorConfig
from core.generator import GeneratorConfig
from core.reference import MOST_CHANNELS
from core.reference_discriminator import ReferenceDiscriminatorConfig
from training.growing import grown_shapes
from training.reference_objective import ReferenceRecipe

RECOGNISER = Path(__file__).resolve().parents[2] / "shared/models/pack_scrfd_mobilefacenet/mobilefacenet_112.onnx"
"""The recogniser of the identity band where none is named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceConfig:
    """Shape of the published generator."""

    size_px: int = 1024
    """Side of the face crop: 32 to 1024, a power of two."""
    groups: str = "10"
    """Age group system (core.ages)."""
    max_channels: int = MOST_CHANNELS
    """Below the published 512: narrower everywhere, for trials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossWeights:
    """How much each term of training/losses.py counts."""

    age: float = 1.0
    """Age classification of outputs, by the discriminator's age head."""
    read_age: float = 0.3
    """Years that the reader reads from outputs: a second opinion, that the age head's habits cannot fool."""
    keep_sex: float = 3.0
    """The sex of the label, as the reader sees it in outputs from 15 years up."""
    identity: float = 4.0
    """How much less alike outputs are than real people on average over the gap of years, or than `identity_floor`."""
    tone: float = 1.0
    """Change of the cheeks' colour."""
    hue: float = 20.0
    """Colour that moves away from the line from grey to the face's own skin."""
    saturation: float = 0.0
    """Colour further from grey than the cheeks', or on grey's other side, where the photo's is not."""
    own_age: float = 8.0
    """L1 between input and output, fading as exp(-gap in groups): the own age gives the photo back."""
    mirror: float = 6.0
    """L1 between the output and the mirrored output of the mirrored input."""
    kept: float = 0.0
    """L1 between input and output where nothing is to change: beside the face, and the mouth. What may change is then
    all that the discriminator is shown."""
    mask: float = 0.05
    """Mean of the mask: what need not change is left alone."""
    present_age: float = 0.2
    """The generator's own reading of real faces' ages."""
    r1: float = 1.0
    """Gradient penalty on real faces (Mescheder et al. 2018), gamma."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """One run. The networks, the data, the objective and the schedule."""

    preset: str = ""
    """Name of the preset it came from, for the record."""
    generator: GeneratorConfig | ReferenceConfig = field(default_factory=GeneratorConfig)
    """Shape of the generator: ours, or the published one."""
    discriminator: DiscriminatorConfig | ReferenceDiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    """Shape of the discriminator, of the same kind."""
    weights: LossWeights = field(default_factory=LossWeights)
    """Weights of our objective's terms."""
    reference: ReferenceRecipe = field(default_factory=ReferenceRecipe)
    """The published objective and its schedule, for the published networks."""
    data: tuple[str, ...] = ()
    """Parquet files of faces: paths, patterns, or the Hub's hf:// addresses (training/parquet.py); empty: parts 0-2 of
    the UTKFace pack beside the repository."""
    stream: bool = False
    """Read faces as they are needed instead of holding all in memory."""
    row_groups_per_window: int = 8
    """Row groups of the files held at a time when streaming."""
    steps_per_window: int = 256
    """Steps before the next window when streaming."""
    num_workers: int = 2
    """Processes that decode pictures when streaming."""
    max_faces: int | None = None
    """Use only so many faces, evenly spread over the data."""
    minutes: float | None = None
    """Stop after so many minutes, with a checkpoint; None: no time limit."""
    num_steps: int = 100_000
    """Stop after so many steps."""
    warmup_steps: int = 1000
    """Steps in which the discriminator's age head learns from real faces alone."""
    batch_size: int = 16
    """Faces a step."""
    learning_rate: float = 4e-4
    """Adam's, for both networks."""
    own_age_share: float = 0.15
    """Share of a batch whose target age is its own."""
    jitter: float = 0.0
    """How much otherwise faces are framed and lit each time they come, 0..1 (training/augment.py)."""
    augment_target: float = 0.6
    """Mean sign of the discriminator's scores of real faces that augmentation keeps it at."""
    ema_half_life_faces: float = 5_000.0
    """Faces after which an old weight counts half in the averaged generator."""
    r1_every: int = 16
    """Steps between gradient penalties."""
    seed: int = 0
    """Fixes weights, batches, targets and flips."""
    precision: Precision = "auto"
    """float32, bfloat16, or auto: whichever a short measurement shows faster."""
    num_threads: int = 2
    """CPU threads of the step; part of what makes a resumed run bit-identical."""
    checkpoint_every_minutes: float = 5.0
    """Minutes between checkpoints."""
    grid_every_steps: int = 250
    """Steps between sample grids."""
    start_from: Path | None = None
    """Run folder or exported model to start from: of other age groups, or smaller."""
    reader: str | None = "age-reader-128"
    """Estimator, a model's name or file, that reads age and sex from outputs; None: the averaged encoder reads ages,
    and keep_sex does not count."""
    recogniser: Path | None = RECOGNISER
    """ArcFace-style ONNX recogniser that the identity band is measured with; None: the band does not count."""
    identity_floor: float = 0.67
    """Cosine that outputs for targets from 10 years up are held to even where real pictures of one person are less
    alike; a little above the 0.62 that one in a thousand pairs of strangers reach with that recogniser. 0: none."""
    num_processes: int = 1
    """Processes that each see batch_size faces a step; set by the launcher."""

    def __post_init__(self) -> None:
        if isinstance(self.generator, ReferenceConfig) != isinstance(self.discriminator, ReferenceDiscriminatorConfig):
            raise ValueError("generator and discriminator must both be ours or both the published ones")
        if self.generator.size_px != self.discriminator.size_px:
            raise ValueError(
                f"generator has {self.generator.size_px} px, discriminator {self.discriminator.size_px} px"
            )
        if self.generator.groups != self.discriminator.groups:
            raise ValueError(f"generator has groups {self.generator.groups}, discriminator {self.discriminator.groups}")
        for name in ("learning_rate", "ema_half_life_faces"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.identity_floor < 1:
            raise ValueError(f"identity_floor must be from 0 to below 1, got {self.identity_floor}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter must be from 0 to 1, got {self.jitter}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, got {self.batch_size}")
        if self.num_threads < 1:
            raise ValueError(f"num_threads must be at least 1, got {self.num_threads}")
        if self.stream and self.max_faces is not None:
            raise ValueError("max_faces has no meaning with stream; name fewer files")
        if self.num_processes > 1 and self.batch_size % STDDEV_GROUP:
            raise ValueError(f"with several processes batch_size must divide by {STDDEV_GROUP}, got {self.batch_size}")

    @property
    def faces_a_step(self) -> int:
        """Over all processes."""
        return self.batch_size * self.num_processes


def _published(size_px: int, groups: str, batch_size: int, max_channels: int = 512) -> TrainingConfig:
    """The published networks and objective; no warm-up, no reader, no band."""
    return TrainingConfig(
        generator=ReferenceConfig(size_px=size_px, groups=groups, max_channels=max_channels),
        discriminator=ReferenceDiscriminatorConfig(size_px=size_px, groups=groups, max_channels=max_channels),
        batch_size=batch_size,
        num_steps=750_000 if groups == "4" else 910_000,
        warmup_steps=0,
        own_age_share=0.0,
        reader=None,
        recogniser=None,
        grid_every_steps=1000,
    )


def preset(name: str) -> TrainingConfig:
    """The preset of that name. Raises ValueError for a name that is none."""
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return replace(PRESETS[name], preset=name)


def reweighted(config: TrainingConfig, weights: Mapping[str, float]) -> TrainingConfig:
    """The config with other weights for the terms named. Raises ValueError for a term or a weight that is none."""
    if weights and isinstance(config.generator, ReferenceConfig):
        raise ValueError("the published recipe has no terms of ours; leave --weight out")
    names = [field.name for field in fields(LossWeights)]
    for name, value in weights.items():
        if name not in names:
            raise ValueError(f"no term {name!r}; there are {', '.join(names)}")
        if not 0 <= value < math.inf:
            raise ValueError(f"the weight of {name} must be 0 or more, got {value}")
    return replace(config, weights=replace(config.weights, **weights)) if weights else config


def differences(before: Mapping[str, Any], now: Mapping[str, Any], under: str = "") -> list[str]:
    """What differs between two configurations as JSON has them, a line each: "weights.hue 20.0 -> 0.0"."""
    found = []
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{under}{name}.")
        elif old != new:
            found.append(f"{under}{name} {json.dumps(old)} -> {json.dumps(new)}")
    return found


PRESETS: dict[str, TrainingConfig] = {
    "tiny": TrainingConfig(
        generator=GeneratorConfig(
            size_px=32, channels=(8, 16, 24), encoder_blocks=(0, 0, 1), decoder_blocks=(0, 1, 1), code_width=32
        ),
        discriminator=DiscriminatorConfig(size_px=32, channels=(8, 16, 24), blocks=(0, 0, 0), width=32),
        batch_size=8,
        num_steps=60,
        warmup_steps=10,
        grid_every_steps=30,
        max_faces=512,
        precision="float32",
        num_threads=1,
        r1_every=4,
        checkpoint_every_minutes=0.02,
        reader=None,
        recogniser=None,
    ),
    "utk128-10": TrainingConfig(),
    "utk128-4": TrainingConfig(generator=GeneratorConfig(groups="4"), discriminator=DiscriminatorConfig(groups="4")),
    **{
        f"grown{size_px}-{groups}": TrainingConfig(generator=generator, discriminator=discriminator, batch_size=batch)
        for groups in ("10", "4")
        for (size_px, (generator, discriminator)), batch in zip(
            grown_shapes(groups).items(), (16, 8, 8, 4), strict=True
        )
    },
}
PRESETS |= {
    f"detailed{shape.size_px}-{groups}": replace(
        PRESETS[name],
        generator=replace(shape, detail_gains=True),
        weights=LossWeights(keep_sex=8.0, saturation=40.0, own_age=4.0, kept=20.0, mask=0.5),
        jitter=1.0,
    )
    for groups in ("10", "4")
    for name, shape in {
        f"utk128-{groups}": GeneratorConfig(groups=groups),
        **{f"grown{size_px}-{groups}": grown_shapes(groups)[size_px][0] for size_px in (192, 256)},
    }.items()
}
PRESETS |= {
    "reference-tiny": replace(
        _published(32, "10", 4, max_channels=16),
        num_steps=20,
        max_faces=256,
        precision="float32",
        num_threads=1,
        grid_every_steps=10,
        checkpoint_every_minutes=0.02,
    ),
    "reference-morph-256": _published(256, "morph-4", 8),
    "reference-cacd-256": _published(256, "morph-4", 8),
    **{
        f"reference-ffhq-{size_px}-{groups}": _published(size_px, groups, batch_size)
        for size_px, batch_size in ((128, 16), (256, 8), (512, 4), (1024, 4))
        for groups in ("4", "10")
    },
}
"""tiny: two minutes on any CPU, to see that everything works. utk128-*: for real, on the UTKFace pack.
grown192-10, grown256-10, grown512-10, grown1024-10 (and -4): the same at larger sizes, each with --start-from a model
of the size before. detailed128-10, detailed192-10, detailed256-10 (and -4): with gains of the photo's own detail and
the weights of agetrans-192-10, with --start-from a model of that size or the size before. reference-*: the published
recipe, with --data: Parquet files of FFHQ-Aging, MORPH or CACD."""
