"""Model zoo: the one door through which weights come in and go out.

A model folder holds `manifest.json` and one safetensors file a model. Nothing read from a file is trusted:
its bytes are compared with the manifest's SHA-256, its header is bounded and checked, and every tensor must
have a name, shape and finite values that the architecture expects, before a network is made of it. Pickles
(`.pt`) are read only by `import_reference`, through torch's restricted unpickler, which runs no code.
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor, nn

from core.ages import group_system
from core.errors import WeightsMissing, WeightsRefused
from core.files import write_atomic
from core.generator import Generator, GeneratorConfig
from core.reference import ReferenceGenerator

FOLDER = Path(__file__).resolve().parents[1] / "models"
"""Models that come with the project."""
USER_FOLDER_VARIABLE = "AGETRANS_MODELS"
"""Environment variable that names a second folder, for the user's own."""
MANIFEST = "manifest.json"

MAX_FILE_BYTES = 2**30
MAX_CHECKPOINT_BYTES = 4 * 2**30
"""A released checkpoint may hold two generators, the discriminator and both optimisers."""
MAX_HEADER_BYTES = 2**20
DTYPES = ("F16", "BF16", "F32")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
DAMAGED_PICKLE = (
    # Everything torch's restricted unpickler and archive reader raise on damaged or refused files.
    torch.serialization.pickle.UnpicklingError,  # type: ignore[attr-defined]
    ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, MemoryError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip
REFERENCE_GROUPS = {10: "10", 4: "4"}
REFERENCE_LICENCE = "as of the checkpoint it was imported from"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """A model's entry in its folder's manifest."""

    name: str
    """On the command line and in the app."""
    file: str
    """Name of the safetensors file in the manifest's folder."""
    sha256: str
    """Of the file, in hexadecimal."""
    architecture: str
    """"agetrans" (core.generator) or "reference" (core.reference)."""
    config: dict[str, Any]
    """What the architecture is built from."""
    groups: str
    """Age group system (core.ages)."""
    framing: str
    """How its face crops are cut (core.align)."""
    size_px: int
    """Side of its face crops."""
    licence: str
    """Terms of the weights."""
    card: str
    """File name of the model card in the same folder, or nothing."""
    default: bool
    """Whether it is the one to take where only the groups are named."""
    folder: Path = FOLDER
    """Where the manifest lies; not part of it."""

    @property
    def path(self) -> Path:
        return self.folder / self.file


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LoadedModel:
    """A model ready to be placed on a device."""

    info: ModelInfo
    network: nn.Module
    """Generator or ReferenceGenerator, float32, on the CPU, in evaluation mode."""


def list_models() -> tuple[ModelInfo, ...]:
    """Models of the project's folder and of the user's. Nothing of the weights is read.

    Raises:
        WeightsMissing: the user's folder is named but has no manifest.
        WeightsRefused: a manifest is damaged, names a file outside its folder, or two share a name.
    """
    models = read_manifest(FOLDER) if (FOLDER / MANIFEST).is_file() else ()
    named = os.environ.get(USER_FOLDER_VARIABLE)
    if named and Path(named).resolve() != FOLDER:
        models += read_manifest(Path(named))
    names = [info.name for info in models]
    for name in names:
        if names.count(name) > 1:
            raise WeightsRefused(f"Two models are called {name}; rename one in {named}/{MANIFEST}.")
    return models


def default_model(groups: str) -> ModelInfo:
    """The model to take for a group system: its default one, else its first. WeightsMissing if none."""
    fitting = [info for info in list_models() if info.groups == groups]
    if not fitting:
        raise WeightsMissing(f"No model for the {groups} groups in {FOLDER}; add one or choose other groups.")
    return next((info for info in fitting if info.default), fitting[0])


def load(name_or_path: str | Path) -> LoadedModel:
    """Check a model's file and build its network.

    Args:
        name_or_path: a name of `list_models`, or a .safetensors file beside its manifest.
    Raises:
        WeightsMissing: no such model, file or manifest.
        WeightsRefused: anything about the file is not as it should be.
    """
    info = find(name_or_path)
    data = read_bounded(info.path, MAX_FILE_BYTES)
    digest = hashlib.sha256(data).hexdigest()
    if digest != info.sha256:
        raise WeightsRefused(f"{info.path} is not the file of its manifest (SHA-256 {digest}); fetch it again.")
    network = empty_network(info)
    fill(network, tensors_of(data, info.path), str(info.path))
    return LoadedModel(info=info, network=network.eval())


def find(name_or_path: str | Path) -> ModelInfo:
    path = Path(name_or_path)
    if path.suffix == ".safetensors":
        models, wanted = read_manifest(path.parent), [i for i in read_manifest(path.parent) if i.file == path.name]
    else:
        models = list_models()
        wanted = [info for info in models if info.name == str(name_or_path)]
    if not wanted:
        names = ", ".join(info.name for info in models) or "none"
        raise WeightsMissing(f"There is no model {name_or_path}; there are: {names}.")
    return wanted[0]


def read_bounded(path: Path, max_bytes: int) -> bytes:
    if not path.is_file():
        raise WeightsMissing(f"{path} is not there; fetch it, or choose another model.")
    if path.stat().st_size > max_bytes:
        raise WeightsRefused(f"{path} is larger than {max_bytes} bytes, so it is no model of this project.")
    return path.read_bytes()


def read_manifest(folder: Path) -> tuple[ModelInfo, ...]:
    """Entries of a folder's manifest. WeightsMissing without one, WeightsRefused for a damaged one."""
    path = folder / MANIFEST
    try:
        entries = json.loads(read_bounded(path, MAX_HEADER_BYTES))
        return tuple(checked(ModelInfo(**entry, folder=folder)) for entry in entries)
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsRefused(f"{path} is damaged ({error}); restore it.") from None


def checked(info: ModelInfo) -> ModelInfo:
    """The same entry, if every field is of its type and the file lies in the folder; else ValueError."""
    texts = (info.name, info.file, info.sha256, info.architecture, info.groups, info.framing, info.licence, info.card)
    if not all(isinstance(text, str) for text in texts) or not isinstance(info.config, dict):
        raise TypeError(f"an entry has fields of the wrong type: {info.name!r}")
    if type(info.size_px) is not int or type(info.default) is not bool:
        raise TypeError(f"size_px or default of {info.name!r} is of the wrong type")
    for name in (info.name, info.file, *([info.card] if info.card else [])):
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no plain name")
    if info.path.resolve().parent != info.folder.resolve():
        raise ValueError(f"{info.file!r} leads out of the folder")
    group_system(info.groups)
    return info


def empty_network(info: ModelInfo) -> nn.Module:
    """The architecture without values, which takes no memory whatever the config says."""
    config = {key: tuple(v) if isinstance(v, list) else v for key, v in info.config.items()}
    try:
        with torch.device("meta"):
            if info.architecture == "agetrans":
                return Generator(GeneratorConfig(**config))
            if info.architecture == "reference":
                return ReferenceGenerator(**config)
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise WeightsRefused(f"The config of {info.name} does not fit its architecture: {error}") from None
    raise WeightsRefused(f"{info.name} has the architecture {info.architecture!r}, which is not known here.")


def tensors_of(data: bytes, path: Path) -> dict[str, Tensor]:
    """Parse safetensors bytes. WeightsRefused for anything else, or a header that lies."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise WeightsRefused(f"{path} is no safetensors file (a header of {length} bytes); fetch it again.")
    try:
        header = json.loads(data[8 : 8 + length])
        dtypes = {entry["dtype"] for key, entry in header.items() if key != "__metadata__"}
        if not dtypes <= set(DTYPES):
            raise WeightsRefused(f"{path} holds numbers of type {sorted(dtypes)}; only {DTYPES} are weights.")
        return safetensors.load(data)
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsRefused(f"{path} is a damaged safetensors file ({error}); fetch it again.") from None


def fill(network: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Give the network its values as float32. WeightsRefused unless names, shapes and values are right."""
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    if unlike := sorted(set(expected) ^ set(state)):
        raise WeightsRefused(
            f"{where} is of another architecture: {len(unlike)} entries are missing or unknown, first {unlike[0]!r}."
        )
    for key, shape in expected.items():
        value = state[key]
        if type(value) not in (Tensor, nn.Parameter) or not value.is_floating_point() or value.is_sparse:
            raise WeightsRefused(f"{where} holds {key} as {type(value).__name__}, not as plain numbers.")
        if tuple(value.shape) != shape:
            raise WeightsRefused(f"{where} is of another shape: {key} is {tuple(value.shape)}, not {shape}.")
        if not torch.isfinite(value).all():
            raise WeightsRefused(f"{where} is damaged: {key} holds NaN or infinity.")
    network.load_state_dict({key: state[key].detach().float() for key in expected}, strict=True, assign=True)


def save(network: nn.Module, path: Path, metadata: Mapping[str, str], dtype: torch.dtype = torch.float16) -> str:
    """Write a network's values to a safetensors file, atomically.

    Returns:
        SHA-256 of the file, in hexadecimal.
    Raises:
        ValueError: a value is not finite in `dtype`.
    """
    state = {key: value.detach().cpu().to(dtype).contiguous() for key, value in network.state_dict().items()}
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{key} is not finite in {dtype}")
    data: bytes = safetensors.save(state, metadata=dict(metadata))
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()


def add_model(
    network: Generator | ReferenceGenerator,
    name: str,
    folder: Path,
    *,
    licence: str,
    framing: str = "utkface",
    dtype: torch.dtype = torch.float16,
) -> ModelInfo:
    """Save a network in a model folder and enter it in the manifest, replacing one of the same name.

    The first model of its groups in a folder becomes the default one.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"a model cannot be called {name!r}; use letters, digits, dots, dashes")
    if isinstance(network, Generator):
        architecture, groups = "agetrans", network.config.groups
        config, size_px = dataclasses.asdict(network.config), network.config.size_px
    else:
        architecture, groups = "reference", REFERENCE_GROUPS[network.num_groups]
        config, size_px = {"size_px": network.size_px, "num_groups": network.num_groups}, network.size_px
    folder.mkdir(parents=True, exist_ok=True)
    present = read_manifest(folder) if (folder / MANIFEST).is_file() else ()
    others = tuple(info for info in present if info.name != name)
    file = f"{name}.safetensors"
    info = ModelInfo(
        name=name,
        file=file,
        sha256=save(network, folder / file, {"name": name, "architecture": architecture}, dtype),
        architecture=architecture,
        config=config,
        groups=groups,
        framing=framing,
        size_px=size_px,
        licence=licence,
        card=f"{name}.md",
        default=not any(other.default and other.groups == groups for other in others),
        folder=folder,
    )
    entries = [dataclasses.asdict(each) for each in (*others, info)]
    for entry in entries:
        del entry["folder"]
    write_atomic(folder / MANIFEST, (json.dumps(entries, indent=1) + "\n").encode())
    return info


def import_reference(checkpoint: Path, folder: Path) -> ModelInfo:
    """Turn a released AgeTransGAN checkpoint into a model of the folder, named like the file, in float32.

    Args:
        checkpoint: `.pt` file: a dictionary with the key `g_ema`, or that state dict itself. Size and groups
            are read off its shapes.
        folder: model folder, made if absent.
    Raises:
        WeightsMissing: no such file.
        WeightsRefused: it holds more than plain weights, or weights of another architecture.
    """
    if not checkpoint.is_file():
        raise WeightsMissing(f"{checkpoint} is not there; give the path of a released .pt file.")
    if checkpoint.stat().st_size > MAX_CHECKPOINT_BYTES:
        raise WeightsRefused(f"{checkpoint} is larger than {MAX_CHECKPOINT_BYTES} bytes; no released one is.")
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except DAMAGED_PICKLE as error:
        cause = str(error).strip().partition("\n")[0]
        raise WeightsRefused(f"{checkpoint} is damaged or holds more than weights ({cause}).") from None
    state = content.get("g_ema", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsRefused(f"{checkpoint} holds no state dict of a generator (key g_ema).")
    network = network_like(state, checkpoint)
    fill(network, state, str(checkpoint))
    name = re.sub(r"[^A-Za-z0-9._-]", "-", checkpoint.stem).lstrip(".-") or "reference"
    return add_model(network, name, folder, licence=REFERENCE_LICENCE, framing="reference", dtype=torch.float32)


def network_like(state: Mapping[str, Tensor], checkpoint: Path) -> ReferenceGenerator:
    """The reference architecture of the size and groups a state dict seems to have, without values."""
    octaves = sum(re.fullmatch(r"to_rgbs\.\d+\.bias", str(key)) is not None for key in state)
    stem = state.get("convs_e.0.0.weight")
    num_groups = stem.shape[1] - 3 if stem is not None and stem.ndim == 4 else 0
    if not 1 <= octaves <= 6 or num_groups not in REFERENCE_GROUPS:
        raise WeightsRefused(
            f"{checkpoint} is no AgeTransGAN generator: {octaves} octaves and {num_groups} age groups in it."
        )
    with torch.device("meta"):
        return ReferenceGenerator(16 << octaves, num_groups)
