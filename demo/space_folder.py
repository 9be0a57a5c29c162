"""The folder that a Hugging Face Space is made of: this app with what it needs, and nothing else.

A Space installs its requirements before it has the repository's files. So `./stubs`, which stands in for the GUI build
of OpenCV here, cannot be named there: the GUI build is installed, and packages.txt brings the two libraries that it
loads. Constraints are no file of their own there either and become requirements.
"""

import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from core.files import write_atomic
from core.weights import MANIFEST, MANIFEST_VERSION, ModelInfo, list_models

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("core", "cafdata", "demo")
LEFT_OUT: Final = ("__pycache__", "space_folder.py", "__main__.py", "*.work")
Hardware = Literal["cpu-basic", "zero-a10g"]
CPU_INDEX: Final = "--extra-index-url https://download.pytorch.org/whl/cpu"
"""PyPI's torch brings gigabytes for graphics cards; that of this index is for processors only."""
SPACES: Final = "spaces==0.51.3"
PYTHON: Final[dict[str, str]] = {"cpu-basic": "3.11", "zero-a10g": "3.12.12"}
"""ZeroGPU runs on few versions of Python; 3.11 is none of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceOrder:
    """What kind of Space is wanted."""

    hardware: Hardware = "cpu-basic"
    """cpu-basic costs nothing; zero-a10g borrows a graphics card for each request (ZeroGPU)."""
    models: tuple[str, ...] = ()
    """Model repositories on the Hub to link to, as ORG/NAME."""
    datasets: tuple[str, ...] = ()
    """Dataset repositories on the Hub to link to, as ORG/NAME."""

    def __post_init__(self) -> None:
        if self.hardware not in get_args(Hardware):
            raise ValueError(f"hardware {self.hardware!r} is none of {', '.join(get_args(Hardware))}")
        for name in (*self.models, *self.datasets):
            if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
                raise ValueError(f"a repository on the Hub is named ORG/NAME, not {name!r}")


def build(out: Path, order: SpaceOrder) -> None:
    """Make the folder anew.

    Args:
        out: replaced if a Space was built there before; anything else there is left alone.
    Raises:
        ValueError: there is something else at `out`.
    """
    if out.exists() and any(out.iterdir()) and not (out / "packages.txt").is_file():
        raise ValueError(f"{out} holds something that is no Space built earlier; name another folder")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, out / package, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in ("app.py", "LICENSE"):
        shutil.copy2(ROOT / name, out / name)
    for name in ("packages.txt", ".gitattributes"):
        shutil.copy2(ROOT / "space" / name, out / name)
    requirements = requirements_for(order.hardware)
    write_atomic(out / "requirements.txt", requirements.encode())
    write_atomic(out / "README.md", readme_for(order, requirements).encode())
    copy_models(ROOT / "models", out / "models")


def copy_models(source: Path, out: Path) -> None:
    """The models that the app opens, with their cards: every generator, and the first estimator."""
    infos = list_models(source)
    estimators = [info for info in infos if info.architecture == "estimator"][:1]
    wanted = [info for info in infos if info.is_generator or info in estimators]
    out.mkdir()
    for info in wanted:
        for file in files_of(info):
            shutil.copy2(file, out / file.name)
    entries = [{name: value for name, value in asdict(info).items() if name != "folder"} for info in wanted]
    manifest = json.dumps({"version": MANIFEST_VERSION, "models": entries}, indent=2)
    write_atomic(out / MANIFEST, (manifest + "\n").encode())


def files_of(info: ModelInfo) -> list[Path]:
    """Weights, card, and what the card shows or says in numbers."""
    beside = [info.folder / f"{info.name}{suffix}" for suffix in (".jpg", ".json")]
    card = [info.folder / info.card] if info.card else []
    return [info.folder / info.file, *(file for file in (*card, *beside) if file.is_file())]


def requirements_for(hardware: Hardware) -> str:
    """requirements.txt of the Space: that of the repository without the stub, with its constraints."""
    lines = pinned(ROOT / "requirements.txt")
    names = {name_of(line) for line in lines}
    constraints = [line for line in pinned(ROOT / "constraints.txt") if name_of(line) not in names]
    lines += [line.replace("+headless", "") for line in constraints]
    if hardware == "cpu-basic":
        lines.insert(0, CPU_INDEX)
    else:
        lines.append(SPACES)
    return "\n".join(lines) + "\n"


def pinned(path: Path) -> list[str]:
    """Lines that name a package at one version."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if re.match(r"[\w.-]+==", line)]


def name_of(line: str) -> str:
    return line.partition("==")[0].lower()


def readme_for(order: SpaceOrder, requirements: str) -> str:
    """README.md with the head that tells the Hub what to run."""
    versions = dict(line.split("==") for line in requirements.splitlines() if "==" in line)
    head, body = (ROOT / "space" / "README.md").read_text(encoding="utf-8").removeprefix("---\n").split("---\n", 1)
    head += f"sdk_version: {versions['gradio']}\n"
    head += f'python_version: "{PYTHON[order.hardware]}"\n'
    head += f"suggested_hardware: {order.hardware}\n"
    for kind, names in (("models", order.models), ("datasets", order.datasets)):
        if names:
            head += f"{kind}:\n" + "".join(f"  - {name}\n" for name in names)
    return f"---\n{head}---\n{body}"
