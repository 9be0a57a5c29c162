"""The model zoo: which models are here, and the one way their weights get in and out.

A model folder holds safetensors files and `manifest.json`, which says of each what it is and its sha256.
Nothing of a file is used before its hash, its header, every name, shape and value have been checked. The
bundled folder is `models/` beside the packages; AGETRANS_MODELS names another.
"""

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from core.ages import group_system
from core.align import framing_named
from core.errors import WeightsMissing, WeightsRefused
from core.estimator import Estimator, estimator_config_from_json
from core.files import write_atomic
from core.generator import Generator, config_from_json
from core.reference import MOST_CHANNELS, ReferenceGenerator
from core.reference_estimator import SIZE_PX, ReferenceEstimator
from core.tensor_file import format_tensors, read_tensors

Architecture = Literal["agetrans", "reference", "estimator", "reference-estimator"]
GENERATORS: tuple[Architecture, ...] = ("agetrans", "reference")
Network = Generator | ReferenceGenerator | Estimator | ReferenceEstimator
WHOLE = "whole"
"""Framing of a network that is given whole pictures and no crops."""
MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
BUNDLED = Path(__file__).resolve().parents[1] / "models"
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
    """ "agetrans" is core.generator, "estimator" core.estimator; "reference" is core.reference, and so on."""
    config: dict[str, Any]
    """Fields of GeneratorConfig or EstimatorConfig; for a reference model empty, or max_channels if it is narrower."""
    groups: str
    """Age group system (core.ages); "" for an estimator, which knows years."""
    framing: str
    """How crops are framed (core.align); "whole" for the reference's estimator, which is given whole pictures."""
    size_px: int
    """Side of the crops, or of the shrunk picture."""
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
        if self.is_generator:
            group_system(self.groups)
        elif self.groups:
            raise ValueError(f"an estimator has no groups, this one says {self.groups!r}")
        if self.architecture != "reference-estimator":
            framing_named(self.framing)
        elif self.framing != WHOLE:
            raise ValueError(f"the reference's estimator is given whole pictures, not framing {self.framing!r}")

    @property
    def is_generator(self) -> bool:
        """Whether it makes pictures; else it is an estimator and reads ages."""
        return self.architecture in GENERATORS


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LoadedModel:
    """A model whose weights passed every check."""

    info: ModelInfo
    network: Network
    """As the description says: float32, on the CPU, in evaluation mode, without gradients."""


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
    """First generator with that group system. Raises WeightsMissing if there is none."""
    for info in list_models():
        if info.is_generator and info.groups == groups:
            return info
    raise WeightsMissing(f"There is no model with {groups} age groups in {models_folder()}.")


def default_estimator() -> ModelInfo:
    """First estimator of our own, which reads faces. Raises WeightsMissing if there is none."""
    for info in list_models():
        if info.architecture == "estimator":
            return info
    raise WeightsMissing(
        f"There is no age estimator in {models_folder()}: put back the bundled models folder, train one "
        "(python -m training train-estimator), or name a model with --model."
    )


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
    weights = read_tensors(info.folder / info.file, info.sha256, network.state_dict())
    network.load_state_dict(weights, strict=True, assign=True)
    return LoadedModel(info=info, network=network.eval().requires_grad_(False))


def add_model(
    network: Network,
    name: str,
    folder: Path,
    *,
    licence: str,
    groups: str | None = None,
    framing: str | None = None,
    dtype: torch.dtype = torch.float16,
) -> ModelInfo:
    """Write a network into a model folder and its manifest; one of the same name is replaced.

    Args:
        network: its matrices and kernels are stored as `dtype`, all else as float32.
        name: letters, digits, dots and dashes; the files are named after it.
        licence: terms of the weights, one line.
        groups: group system of a generator; by default the network's own.
        framing: how its crops are framed; by default as this kind of network was first trained.
    Raises:
        ValueError: an impossible name, or weights that are not finite.
        WeightsRefused: the folder's manifest is damaged.
    """
    if not name or not all(letter.isalnum() or letter in ".-_" for letter in name) or name.startswith("."):
        raise ValueError(f"a model's name has letters, digits, dots and dashes, not {name!r}")
    data = format_tensors(network.state_dict(), dtype)
    sha256 = hashlib.sha256(data).hexdigest()
    present = list_models(folder)
    # An old file is not overwritten: whenever this is killed, the manifest names a whole file of its hash.
    is_same = any(old.name == name and old.sha256 == sha256 and old.file == f"{name}.safetensors" for old in present)
    is_taken = (folder / f"{name}.safetensors").exists() and not is_same
    description = _describe(network)
    if groups is not None:
        description["groups"] = groups
    if framing is not None:
        description["framing"] = framing
    info = ModelInfo(
        name=name,
        file=f"{name}-{sha256[:8]}.safetensors" if is_taken else f"{name}.safetensors",
        sha256=sha256,
        licence=licence,
        card=f"{name}.md",
        folder=folder,
        **description,
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


def _describe(network: Network) -> dict[str, Any]:
    """The fields of ModelInfo that follow from a network."""
    match network:
        case Generator() | Estimator():
            config = json.loads(json.dumps(dataclasses.asdict(network.config)))
            is_generator = isinstance(network, Generator)
            architecture, groups = ("agetrans", config["groups"]) if is_generator else ("estimator", "")
            framing, size_px = "utkface", network.config.size_px
        case ReferenceGenerator():
            architecture, groups = "reference", str(network.num_groups)
            is_published = network.max_channels == MOST_CHANNELS
            config = {} if is_published else {"max_channels": network.max_channels}
            framing, size_px = "reference", network.size_px
        case ReferenceEstimator():
            architecture, groups, config = "reference-estimator", "", {}
            framing, size_px = WHOLE, SIZE_PX
    return {
        "architecture": architecture, "config": config, "groups": groups, "framing": framing, "size_px": size_px,
    }  # fmt: skip


def _build(info: ModelInfo) -> Network:
    """The network of a description, without memory for its weights."""
    try:
        with torch.device("meta"):
            network = _network(info)
        described = _describe(network)
        for field in ("size_px", "groups"):
            # Of the reference's generators the number of groups is known, but not which they are.
            is_told = field == "size_px" or info.architecture != "reference"
            if is_told and described[field] != getattr(info, field):
                raise ValueError(f"{field} is {getattr(info, field)!r}, but the network has {described[field]!r}")
    except (TypeError, ValueError) as error:
        raise WeightsRefused(f"The description of {info.name} cannot be used: {error}.") from error
    return network


def _network(info: ModelInfo) -> Network:
    match info.architecture:
        case "agetrans":
            return Generator(config_from_json(info.config))
        case "estimator":
            return Estimator(estimator_config_from_json(info.config))
        case "reference":
            return ReferenceGenerator(info.size_px, len(group_system(info.groups)), **info.config)
        case "reference-estimator":
            return ReferenceEstimator()
