"""Released AgeTransGAN checkpoints: pickled `.pt` files in, safetensors models out."""

import pickle
import re
import struct
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from core.errors import WeightsMissing, WeightsRefused
from core.reference import IDENTITY_SIZE_PX, ReferenceGenerator
from core.weights import ModelInfo, add_model

LICENCE = "AgeTransGAN's released weights; their authors state no licence"
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
        checkpoint: a `.pt` whose key `g_ema` holds the generator's state dict, or that state dict itself.
        folder: model folder to add it to, named after the file.
    Raises:
        WeightsMissing: no such file.
        WeightsRefused: it holds more than plain tensors, or not exactly this architecture's.
    """
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
        raise WeightsRefused(f"{checkpoint} holds no generator: neither `g_ema` nor a plain state dict.")
    stem = state.get("convs_e.0.0.weight")
    num_groups = stem.shape[1] - 3 if stem is not None and stem.ndim == 4 else 0
    octaves = sum(re.fullmatch(r"to_rgbs\.\d+\.bias", key) is not None for key in state)
    size_px = IDENTITY_SIZE_PX << octaves
    if num_groups not in NUM_GROUPS or not 1 <= octaves <= 6:
        raise WeightsRefused(f"{checkpoint} is no AgeTransGAN generator: {num_groups} groups, {size_px} px.")
    with torch.device("meta"):
        network = ReferenceGenerator(size_px, num_groups)
    expected = network.state_dict()
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
    network.load_state_dict({key: value.float() for key, value in state.items()}, strict=True, assign=True)
    return add_model(network, checkpoint.stem, folder, licence=LICENCE, dtype=torch.float32)


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
