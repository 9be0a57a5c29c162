"""Released AgeTransGAN checkpoints, generators and the age estimator: pickled files in, safetensors models out."""

import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from core.errors import WeightsMissing, WeightsRefused
from core.files import write_atomic
from core.reference import IDENTITY_SIZE_PX, ReferenceGenerator
from core.reference_estimator import UNUSED_KEYS, ReferenceEstimator
from core.weights import ModelInfo, add_model

LICENCE = "AgeTransGAN's released weights; their authors state no licence"
CARD = """# {name}

- **Terms**: {licence}
- **What it is**: weights of AgeTransGAN (Hsu, Xie, Chen, Lin, ECCV 2022) as its authors released them, brought in from
  `{file}` and kept as float32. Nothing was trained or changed here, and nothing measured when this card was written.

Outputs are guesses, not forecasts. Not for identification, nor for decisions about people.
"""
NUM_GROUPS = (4, 10)
UNREADABLE = (
    pickle.UnpicklingError, ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError,
    MemoryError, OSError, RuntimeError, TypeError, ValueError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
"""What torch's reader and its restricted unpickler raise on damaged or hostile files."""
MAX_BYTES = 4 << 30
"""A released checkpoint may hold two generators, the discriminator and both optimisers."""


def import_reference(checkpoint: Path, folder: Path) -> ModelInfo:
    """Turn a released checkpoint into a model.

    Args:
        checkpoint: a `.pt` whose key `g_ema` holds a generator's state dict, or that state dict itself, or the age
            estimator's; which of them it is shows in its keys.
        folder: model folder to add it to, named after the file.
    Raises:
        WeightsMissing: no such file.
        WeightsRefused: it holds more than plain tensors, or not exactly one of these architectures'.
    """
    state = read_state(checkpoint)
    network: ReferenceGenerator | ReferenceEstimator
    if "classage.weight" in state:
        network, state = estimator_for(state)
    else:
        network = generator_for(state, checkpoint)
    require_plain(state, network.state_dict(), checkpoint)
    network.load_state_dict({key: value.float() for key, value in state.items()}, strict=True, assign=True)
    info = add_model(network, checkpoint.stem, folder, licence=LICENCE, dtype=torch.float32)
    write_atomic(folder / info.card, CARD.format(name=info.name, licence=LICENCE, file=checkpoint.name).encode())
    return info


def read_state(checkpoint: Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint; only plain tensors are ever unpickled."""
    if not checkpoint.is_file():
        raise WeightsMissing(f"There is no checkpoint {checkpoint}.")
    refuse_compressed(checkpoint)
    try:
        # weights_only is stated: the environment can turn the default off, and with it run code from the file.
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsRefused(f"{checkpoint} is damaged or holds more than plain weights: {reason}") from error
    state = content.get("g_ema", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise WeightsRefused(f"{checkpoint} holds no network: neither `g_ema` nor a plain state dict.")
    return cast(dict[str, Tensor], state)


def generator_for(state: Mapping[str, Tensor], checkpoint: Path) -> ReferenceGenerator:
    """The generator, without memory for its weights, that a state dict seems to be of."""
    stem = state.get("convs_e.0.0.weight")
    num_groups = stem.shape[1] - 3 if stem is not None and stem.ndim == 4 else 0
    octaves = sum(re.fullmatch(r"to_rgbs\.\d+\.bias", key) is not None for key in state)
    size_px = IDENTITY_SIZE_PX << octaves
    if num_groups not in NUM_GROUPS or not 1 <= octaves <= 6:
        raise WeightsRefused(
            f"{checkpoint} is neither AgeTransGAN's age estimator nor its generator: {num_groups} groups, {size_px} px."
        )
    with torch.device("meta"):
        return ReferenceGenerator(size_px, num_groups)


def estimator_for(state: Mapping[str, Tensor]) -> tuple[ReferenceEstimator, dict[str, Tensor]]:
    """The age estimator, without memory for its weights, and a state dict without what nothing reads.

    Left out are the heads for other tasks and the counters of the normalisations, each by its name; anything
    else that does not belong stays, to be refused.
    """
    with torch.device("meta"):
        network = ReferenceEstimator()
    norms = {key.removesuffix("running_var") for key in network.state_dict() if key.endswith("running_var")}
    counters = {f"{norm}num_batches_tracked" for norm in norms}
    return network, {key: value for key, value in state.items() if key not in UNUSED_KEYS | counters}


def require_plain(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], checkpoint: Path) -> None:
    """Raises WeightsRefused unless the names, shapes and kinds of the tensors are those expected, all finite."""
    if state.keys() != expected.keys():
        key = min(state.keys() ^ expected.keys())
        raise WeightsRefused(f"{checkpoint} {'has the unknown' if key in state else 'lacks'} {key}.")
    for key, value in state.items():
        is_plain = value.layout == torch.strided and value.device.type == "cpu" and value.is_floating_point()
        if value.shape != expected[key].shape or not is_plain:
            what = f"{value.dtype} {tuple(value.shape)}, {value.layout}, on {value.device}"
            raise WeightsRefused(f"{checkpoint} has {key} as {what}, which cannot be.")
        if not value.isfinite().all():
            raise WeightsRefused(f"{checkpoint} holds a weight that is no finite number, in {key}.")


def refuse_compressed(checkpoint: Path) -> None:
    """Refuse what would grow in memory: torch stores its archives uncompressed, and no larger than released ones."""
    size, entries = checkpoint.stat().st_size, []
    try:
        if zipfile.is_zipfile(checkpoint):
            with zipfile.ZipFile(checkpoint) as archive:
                entries = archive.infolist()
    except UNREADABLE as error:
        raise WeightsRefused(f"{checkpoint} is a damaged archive: {error}") from error
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise WeightsRefused(f"{checkpoint} is compressed, which no checkpoint of torch is; unpack it first.")
    size = max(size, sum(entry.file_size for entry in entries))
    if size > MAX_BYTES:
        raise WeightsRefused(f"{checkpoint} takes {size >> 20} MiB, more than any released checkpoint.")
