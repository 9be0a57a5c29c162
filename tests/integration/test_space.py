"""The folder of a Space: what is in it, and that it runs by itself, in an environment that knows nothing else."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect, sync_playwright

from core.weights import list_models, load
from demo.space_folder import ROOT, SpaceOrder, build
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.running_app import running_app

FIRST_RESULT_S = 60
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("space") / "built"
    command = [sys.executable, "-m", "demo", "space", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    return out


def head_of(folder: Path) -> dict[str, object]:
    _, head, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return dict(yaml.safe_load(head))


def test_its_head_tells_the_hub_what_to_run(folder: Path) -> None:
    head = head_of(folder)
    assert head["sdk"] == "gradio" and head["sdk_version"] == version("gradio")
    assert head["python_version"] == "3.11" and head["suggested_hardware"] == "cpu-basic"
    assert (folder / str(head["app_file"])).is_file() and (folder / str(head["license_link"])).is_file()
    assert len(str(head["short_description"])) <= 60
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {head["colorFrom"], head["colorTo"]} <= colours


def test_it_holds_what_the_app_needs_and_nothing_else(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "app.py", "core", "cafdata", "demo", "models", "README.md", "LICENSE", "requirements.txt", "packages.txt",
        ".gitattributes",
    }  # fmt: skip
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in {".pyc", ".parquet.tmp"} or ".discriminator." in path.name]
    assert not [path for path in files if path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < 60 * MEBIBYTE
    kept = re.findall(r"^\*(\.\w+) filter=lfs", (folder / ".gitattributes").read_text(), re.MULTILINE)
    texts = {".py", ".json", ".css", ".js", ".md", ".txt", ""}
    assert {path.suffix for path in files} <= {*kept, *texts}, "the Hub takes no binary file outside of LFS"


def test_its_models_are_whole(folder: Path) -> None:
    infos = list_models(folder / "models")
    assert [info.name for info in infos] == [
        "agetrans-192-10",
        "agetrans-128-10",
        "agetrans-128-4",
        "age-estimator-128",
    ]
    for info in infos:
        load(folder / "models" / info.file)
        assert (folder / "models" / info.card).is_file()


def test_its_requirements_name_nothing_that_is_not_there_yet(folder: Path) -> None:
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert not [line for line in lines if line.startswith((".", "-r", "-c")) or "headless\n" in line]
    pins = dict(line.split("==") for line in lines if "==" in line)
    assert pins["opencv-python"] == pins["opencv-python-headless"], "they share one folder"
    assert pins["gradio"] == version("gradio") and pins["torch"] == version("torch").partition("+")[0]
    assert (folder / "packages.txt").read_text().split() == ["libgl1", "libglib2.0-0"]


def test_zerogpu_wants_other_requirements(tmp_path: Path) -> None:
    build(tmp_path / "zero", SpaceOrder(hardware="zero-a10g", models=("org/name",), datasets=("org/faces",)))
    text = (tmp_path / "zero" / "requirements.txt").read_text()
    assert "spaces==" in text and "index-url" not in text
    head = head_of(tmp_path / "zero")
    assert head["suggested_hardware"] == "zero-a10g" and str(head["python_version"]).startswith("3.12")
    assert head["models"] == ["org/name"] and head["datasets"] == ["org/faces"]


def test_what_is_no_space_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something that is no Space"):
        build(tmp_path, SpaceOrder())
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    with pytest.raises(ValueError, match="named ORG/NAME"):
        SpaceOrder(models=("name",))


def written(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def bare(home: Path) -> dict[str, str]:
    """An environment that knows nothing of this repository."""
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "GRADIO_SERVER_NAME": "0.0.0.0", "PYTHONDONTWRITEBYTECODE": "1"}


def use(folder: Path, python: Path, scratch: Path, environment: Mapping[str, str]) -> float:
    """Start the folder's app and show ten ages of the astronaut in Chromium; seconds from start to the strip."""
    where = "import core, importlib.util as u; print(core.__file__, u.find_spec('curation'), u.find_spec('training'))"
    known = subprocess.run([python, "-c", where], cwd=folder, env=dict(environment), capture_output=True, text=True)
    assert known.stdout.split() == [str(folder / "core" / "__init__.py"), "None", "None"], known.stderr
    began_s = time.monotonic()
    with running_app(scratch, cwd=folder, python=python, environment=environment, options=()) as app:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page()
            page.set_default_timeout(60_000)
            page.goto(app.address)
            page.click("#example")
            page.check("#consent input")
            expect(page.locator("#found")).to_contain_text("One face found.", timeout=60_000)
            page.click("#run")
            expect(page.locator("#showing")).to_be_visible(timeout=60_000)
            took_s = time.monotonic() - began_s
            expect(page.locator("#strip .thumbnail-item")).to_have_count(10)
            expect(page.locator("#imprint")).to_contain_text("embedded")
            browser.close()
        assert "Traceback" not in app.log.read_text()
    return took_s


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; on Debian: apt-get install chromium")
def test_it_runs_by_itself_and_is_quick_to_its_first_result(folder: Path, tmp_path: Path) -> None:
    before = written(folder)
    assert use(folder, Path(sys.executable), tmp_path, bare(tmp_path)) < FIRST_RESULT_S
    assert written(folder) == before, "it writes into its own folder"


@pytest.mark.browser
@pytest.mark.skipif(os.environ.get("SOAK") != "full", reason="installs everything anew; SOAK=full does it")
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; on Debian: apt-get install chromium")
def test_it_runs_on_its_own_requirements(folder: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-r", "requirements.txt"]
    subprocess.run(install, cwd=folder, check=True, timeout=1800)
    subprocess.run([python, "-m", "pip", "check"], check=True, timeout=120)
    took_s = use(folder, python, tmp_path, bare(tmp_path))
    sys.stdout.write(f"first result after {took_s:.1f} s\n")
    assert took_s < FIRST_RESULT_S
