"""Safetensors files from disk: nothing of one is used before its hash, its header and every value were checked."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as format_safetensors
from torch import Tensor

from core.errors import WeightsMissing, WeightsRefused

MAX_HEADER_BYTES = 1 << 20
MAX_FILE_BYTES = 1 << 30
DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


def format_tensors(state: Mapping[str, Tensor], dtype: torch.dtype) -> bytes:
    """The bytes of a file that holds a state dict.

    Args:
        state: floating-point tensors by name.
        dtype: that of the file's matrices and kernels. Vectors and single numbers (biases, normalisation,
            tables of years) are kept as float32: they are few, and rounding them shows.
    Raises:
        ValueError: a value is not finite as stored.
    """
    tensors = {}
    for key, value in state.items():
        tensors[key] = value.detach().to(dtype if value.ndim > 1 else torch.float32).contiguous().cpu()
        if not tensors[key].isfinite().all():
            raise ValueError(f"{key} is not finite as {tensors[key].dtype}")
    data: bytes = format_safetensors(tensors)
    return data


def read_tensors(path: Path, sha256: str, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a file as float32, after every check.

    Args:
        path: an existing or missing file.
        sha256: of the whole file, as 64 hexadecimal digits.
        expected: tensors of any kind, of which the names and shapes count.
    Raises:
        WeightsMissing: there is no such file.
        WeightsRefused: it is damaged, swapped or hostile, or holds other tensors.
    """
    if not path.is_file():
        raise WeightsMissing(f"Weights are missing: there is no file {path}.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise WeightsRefused(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB and was not read.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise WeightsRefused(f"{path} is damaged or another file: its sha256 differs from the list's.")
    check_header(data, expected, str(path))
    try:
        tensors = parse_safetensors(data)
    except SafetensorError as error:
        raise WeightsRefused(f"{path} is no sound safetensors file: {error}.") from error
    for key, value in tensors.items():
        if not value.isfinite().all():
            raise WeightsRefused(f"{path} holds a weight that is no finite number, in {key}.")
    return {key: value.float() for key, value in tensors.items()}


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError if it names a key twice, of which readers would take different ones."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands twice")
    return dict(pairs)


def check_header(data: bytes, expected: Mapping[str, Tensor], what: str) -> None:
    """Refuse a safetensors file whose header does not list exactly the expected names and shapes.

    Raises WeightsRefused with the first thing that is wrong.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise WeightsRefused(f"{what} is no safetensors file, or is cut off.")
    try:
        header = json.loads(data[8 : 8 + length], object_pairs_hook=unique)
        entries = {key: value for key, value in header.items() if key != "__metadata__"}
        shapes = {key: (str(value["dtype"]), tuple(value["shape"])) for key, value in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WeightsRefused(f"{what} is no safetensors file: its header cannot be read.") from error
    missing, unknown = expected.keys() - shapes.keys(), shapes.keys() - expected.keys()
    if missing or unknown:
        key = min(missing or unknown)
        raise WeightsRefused(f"{what} {'lacks' if missing else 'has the unknown'} {key}: another architecture.")
    for key, (dtype, shape) in shapes.items():
        if dtype not in DTYPES:
            raise WeightsRefused(f"{what} stores {key} as {dtype}, not as one of {', '.join(DTYPES)}.")
        if shape != tuple(expected[key].shape):
            raise WeightsRefused(f"{what} has {key} of shape {shape}, not {tuple(expected[key].shape)}.")
