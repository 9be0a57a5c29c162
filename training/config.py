"""What a training run is told. Presets are named; every run writes the one it used."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from core.device import Precision
from core.discriminator import DiscriminatorConfig
from core.generator import GeneratorConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class LossWeights:
    """How much each term of training/losses.py counts."""

    age: float = 1.0
    """Age classification of outputs, by the discriminator's age head."""
    read_age: float = 0.3
    """Years that the averaged encoder reads from outputs: a second reader, that the first one's habits cannot fool."""
    own_age: float = 8.0
    """L1 between input and output, fading as exp(-gap in groups): the own age gives the photo back."""
    cycle: float = 2.5
    """L1 between the input and the output brought back to the input's age."""
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
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    """Shape of the generator."""
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    """Shape of the discriminator."""
    weights: LossWeights = field(default_factory=LossWeights)
    """Weights of the loss terms."""
    data: tuple[Path, ...] = ()
    """Parquet files of faces; empty: parts 0-2 of the UTKFace pack beside the repository."""
    max_faces: int | None = None
    """Use only the first so many faces of the data."""
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
    """Run folder or exported model to start from, such as ten groups for a four-group run."""

    def __post_init__(self) -> None:
        if self.generator.size_px != self.discriminator.size_px:
            raise ValueError(
                f"generator has {self.generator.size_px} px, discriminator {self.discriminator.size_px} px"
            )
        if self.generator.groups != self.discriminator.groups:
            raise ValueError(f"generator has groups {self.generator.groups}, discriminator {self.discriminator.groups}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, got {self.batch_size}")


def preset(name: str) -> TrainingConfig:
    """The preset of that name. Raises ValueError for a name that is none."""
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return replace(PRESETS[name], preset=name)


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
    ),
    "utk128-10": TrainingConfig(),
    "utk128-4": TrainingConfig(generator=GeneratorConfig(groups="4"), discriminator=DiscriminatorConfig(groups="4")),
}
"""tiny: two minutes on any CPU, to see that everything works. utk128-*: for real, on the UTKFace pack."""
