"""The model zoo: which models are here, and the one way their weights get in and out.

A model folder holds safetensors files and `manifest.json`, which says of each what it is and its sha256.
Nothing of a file is used before its hash, its header, every name, shape and value have been checked. The
bundled folder is `models/` beside the packages; AGETRANS_MODELS names another.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as format_safetensors
from torch import Tensor, nn

from core.ages import group_system
from core.align import framing_named
from core.errors import WeightsMissing, WeightsRefused
from core.files import write_atomic
from core.generator import Generator, config_from_json
from core.reference import ReferenceGenerator

Architecture = Literal["agetrans", "reference"]
MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
BUNDLED = Path(__file__).resolve().parents[1] / "models"
MAX_HEADER_BYTES = 1 << 20
MAX_FILE_BYTES = 1 << 30
DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


FIELD_TYPES: dict[str, type] = {"config": dict, "size_px": int, "folder": Path}
"""Of ModelInfo's fields; all others are str."""
MAX_CONFIG_VALUE = 4096
"""More channels or blocks than any model has: building them would take the memory and time of many."""


def is_bounded(value: object) -> bool:
    """Whether a value of a config is text, a number up to MAX_CONFIG_VALUE, or a short list of these."""
    if isinstance(value, list | tuple):
        return len(value) <= 16 and all(not isinstance(one, list) and is_bounded(one) for one in value)
    return isinstance(value, str) or (isinstance(value, int | float) and abs(value) <= MAX_CONFIG_VALUE)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """What a manifest says of one model."""

    name: str
    """What users call it."""
    file: str
    """Its safetensors file, a bare name within the manifest's folder."""
    sha256: str
    """Of that file, 64 hexadecimal digits."""
    architecture: Architecture
    """ "agetrans" is core.generator, "reference" is core.reference."""
    config: dict[str, Any]
    """Fields of core.generator.GeneratorConfig; empty for a reference model."""
    groups: str
    """Age group system (core.ages)."""
    framing: str
    """How crops are framed (core.align)."""
    size_px: int
    """Side of the crops."""
    licence: str
    """Terms of the weights, one line."""
    card: str = ""
    """The card's file name within the folder; "" for none."""
    folder: Path = Path()
    """Where the manifest lies; not part of it."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, wanted = getattr(self, field.name), FIELD_TYPES.get(field.name, str)
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise TypeError(f"{field.name} {value!r} is not of type {wanted.__name__}")
        if not all(is_bounded(value) for value in self.config.values()):
            raise ValueError(f"config {self.config!r} has a value beyond {MAX_CONFIG_VALUE}")
        for what, file in (("file", self.file), ("card", self.card)):
            if file != Path(file).name and file:
                raise ValueError(f"{what} {file!r} is not a bare file name")
        if self.architecture not in get_args(Architecture):
            raise ValueError(f"architecture {self.architecture!r} is none of {', '.join(get_args(Architecture))}")
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"sha256 {self.sha256!r} is not 64 hexadecimal digits")
        if not 16 <= self.size_px <= 2048:
            raise ValueError(f"size_px {self.size_px} is not within 16..2048")
        group_system(self.groups)
        framing_named(self.framing)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LoadedModel:
    """A model whose weights passed every check."""

    info: ModelInfo
    network: nn.Module
    """Generator or ReferenceGenerator: float32, on the CPU, in evaluation mode, without gradients."""


def models_folder() -> Path:
    """AGETRANS_MODELS where that is set, else the bundled folder."""
    named = os.environ.get("AGETRANS_MODELS")
    return Path(named) if named else BUNDLED


def list_models(folder: Path | None = None) -> tuple[ModelInfo, ...]:
    """All models of a folder's manifest, in its order; none if there is no manifest.

    Raises:
        WeightsRefused: the manifest is damaged, of another version, or has an entry that cannot be.
    """
    folder = models_folder() if folder is None else folder
    path = folder / MANIFEST
    if not path.is_file():
        return ()
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        if written["version"] != MANIFEST_VERSION:
            raise ValueError(f"version {written['version']!r} is not {MANIFEST_VERSION}")
        infos = tuple(ModelInfo(**{**entry, "folder": folder}) for entry in written["models"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WeightsRefused(f"The model list {path} cannot be used: {error}.") from error
    names = [info.name for info in infos]
    if len(set(names)) != len(names):
        raise WeightsRefused(f"The model list {path} names a model twice.")
    return infos


def default_model(groups: str) -> ModelInfo:
    """First model with that group system. Raises WeightsMissing if there is none."""
    for info in list_models():
        if info.groups == groups:
            return info
    raise WeightsMissing(f"There is no model with {groups} age groups in {models_folder()}.")


def load(name_or_path: str | Path) -> LoadedModel:
    """Load a model by name, or by the path of its file in a folder with a manifest.

    Raises:
        WeightsMissing: no such model or file.
        WeightsRefused: the file is damaged, swapped or hostile, or does not fit its description.
    """
    path = Path(name_or_path)
    is_file = path.suffix == ".safetensors"
    folder = path.parent if is_file else models_folder()
    infos = list_models(folder)
    wanted = path.name if is_file else str(name_or_path)
    info = next((info for info in infos if (info.file if is_file else info.name) == wanted), None)
    if info is None:
        known = ", ".join(info.name for info in infos) or "none"
        raise WeightsMissing(f"There is no model {name_or_path} in {folder}; there: {known}.")
    network = _build(info)
    network.load_state_dict(_read(info, network.state_dict()), strict=True, assign=True)
    return LoadedModel(info=info, network=network.eval().requires_grad_(False))


def add_model(
    network: Generator | ReferenceGenerator,
    name: str,
    folder: Path,
    *,
    licence: str,
    groups: str | None = None,
    dtype: torch.dtype = torch.float16,
) -> ModelInfo:
    """Write a network into a model folder and its manifest; one of the same name is replaced.

    Args:
        network: its weights are stored as `dtype`.
        name: letters, digits, dots and dashes; the files are named after it.
        licence: terms of the weights, one line.
        groups: group system; by default the network's own.
    Raises:
        ValueError: an impossible name, or weights that are not finite.
        WeightsRefused: the folder's manifest is damaged.
    """
    if not name or not all(letter.isalnum() or letter in ".-_" for letter in name) or name.startswith("."):
        raise ValueError(f"a model's name has letters, digits, dots and dashes, not {name!r}")
    tensors = {key: value.detach().to(dtype).contiguous().cpu() for key, value in network.state_dict().items()}
    for key, value in tensors.items():
        if not value.isfinite().all():
            raise ValueError(f"{key} is not finite as {dtype}")
    data = format_safetensors(tensors)
    sha256 = hashlib.sha256(data).hexdigest()
    present = list_models(folder)
    # An old file is not overwritten: whenever this is killed, the manifest names a whole file of its hash.
    is_same = any(old.name == name and old.sha256 == sha256 and old.file == f"{name}.safetensors" for old in present)
    is_taken = (folder / f"{name}.safetensors").exists() and not is_same
    is_ours = isinstance(network, Generator)
    size_px = network.config.size_px if isinstance(network, Generator) else network.size_px
    system = network.config.groups if isinstance(network, Generator) else str(network.num_groups)
    info = ModelInfo(
        name=name,
        file=f"{name}-{sha256[:8]}.safetensors" if is_taken else f"{name}.safetensors",
        sha256=sha256,
        architecture="agetrans" if is_ours else "reference",
        config=json.loads(json.dumps(dataclasses.asdict(network.config))) if isinstance(network, Generator) else {},
        groups=groups or system,
        framing="utkface" if is_ours else "reference",
        size_px=size_px,
        licence=licence,
        card=f"{name}.md" if is_ours else "",
        folder=folder,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / info.file, data)
    # A replaced model keeps its place: the first of a group system is the default one.
    listed = {one.name: one for one in present} | {name: info}
    entries = [{k: v for k, v in dataclasses.asdict(one).items() if k != "folder"} for one in listed.values()]
    manifest = json.dumps({"version": MANIFEST_VERSION, "models": entries}, indent=2)
    write_atomic(folder / MANIFEST, (manifest + "\n").encode())
    for replaced in {old.file for old in present if old.name == name} - {info.file}:
        (folder / replaced).unlink(missing_ok=True)
    return info


def _build(info: ModelInfo) -> nn.Module:
    """The network of a description, without memory for its weights."""
    try:
        with torch.device("meta"):
            if info.architecture == "reference":
                return ReferenceGenerator(info.size_px, len(group_system(info.groups)))
            config = config_from_json(info.config)
            if (config.size_px, config.groups) != (info.size_px, info.groups):
                raise ValueError(f"config says {config.size_px} px and groups {config.groups}")
            return Generator(config)
    except (TypeError, ValueError) as error:
        raise WeightsRefused(f"The description of {info.name} cannot be used: {error}.") from error


def _read(info: ModelInfo, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a file as float32, after every check. `expected` has names and shapes."""
    path = info.folder / info.file
    if not path.is_file():
        raise WeightsMissing(f"The weights of {info.name} are missing: there is no file {path}.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise WeightsRefused(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB and was not read.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != info.sha256:
        raise WeightsRefused(f"{path} is damaged or not the file of {info.name}: its sha256 differs from the list's.")
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
