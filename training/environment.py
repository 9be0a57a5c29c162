"""What a run was computed with, written beside it: machine, versions, source, data."""

import dataclasses
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from core.device import Compute
from core.errors import RunBroken
from core.files import write_atomic

ENVIRONMENT_FILE = "environment.json"
PACKAGES = (
    "accelerate",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "safetensors",
    "scipy",
    "torch",
)
"""Distributions whose code has a part in what is computed or read."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """Everything beside the configuration that the figures of a run may depend on."""

    python: str
    """Version of the interpreter."""
    platform: str
    """Operating system and C library."""
    processor: str
    """Name of the CPU, and of the accelerator where one is used."""
    instructions: str
    """Widest vector instructions that torch found; what is summed in which order depends on them."""
    device: str
    """Where the networks are, such as "cpu"."""
    precision: str
    """Of the activations: float32 or bfloat16."""
    num_threads: int
    """CPU threads of a step."""
    num_processes: int
    """Processes that share a step."""
    packages: dict[str, str]
    """Version of each of PACKAGES that is installed."""
    revision: str | None
    """Commit of the source, with "-dirty" if files differ from it; None outside a git checkout."""
    data_sha256: str
    """Digest of the data source."""


def describe(compute: Compute, num_processes: int, data_sha256: str) -> Environment:
    """What this process is about to compute with."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        processor=_processor(compute.device),
        instructions=torch.backends.cpu.get_cpu_capability(),
        device=str(compute.device),
        precision=str(compute.dtype).removeprefix("torch."),
        num_threads=torch.get_num_threads(),
        num_processes=num_processes,
        packages=_versions(),
        revision=revision(Path(__file__).resolve().parents[1]),
        data_sha256=data_sha256,
    )


def write_environment(run: Path, environment: Environment, step: int) -> None:
    """Note in `run`/environment.json what steps after `step` are computed with.

    The file holds a list, one entry a change: a sitting in the same environment as the last adds nothing, one in
    another adds an entry, and none is ever removed. Raises RunBroken if the file is damaged.
    """
    path = run / ENVIRONMENT_FILE
    entries = read_environments(path)
    now = dataclasses.asdict(environment)
    if entries and {key: entries[-1].get(key) for key in now} == now:
        return
    started = datetime.now(UTC).isoformat(timespec="seconds")
    entries.append({"after_step": step, "started": started, **now})
    write_atomic(path, (json.dumps(entries, indent=2) + "\n").encode())


def read_environments(path: Path) -> list[dict[str, Any]]:
    """Entries of an environment.json, oldest first; none if there is no file. Raises RunBroken if it is damaged."""
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunBroken(f"{path} is damaged: {error}; move it away to go on") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RunBroken(f"{path} is damaged: it holds no list of environments; move it away to go on")
    return entries


def revision(source: Path) -> str | None:
    """Commit of the git checkout whose top folder is `source`, "-dirty" behind it if changed; None if it is none."""
    command = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    # Without the ceiling, a copy inside somebody else's checkout would get that one's commit.
    surroundings = os.environ | {"GIT_CEILING_DIRECTORIES": str(source.parent)}
    try:
        answer = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _versions() -> dict[str, str]:
    installed = {distribution.name.lower(): distribution.version for distribution in metadata.distributions()}
    return {name: installed[name] for name in PACKAGES if name in installed}


def _processor(device: torch.device) -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    if device.type == "cpu":
        return processor
    return f"{processor}; {torch.get_device_module(device).get_device_name(device)}"
