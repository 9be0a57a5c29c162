"""environment.json: what is in it, and that sittings append and never overwrite."""

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from core.device import choose
from core.errors import RunBroken
from training.environment import ENVIRONMENT_FILE, Environment, describe, read_environments, revision, write_environment


@pytest.fixture(scope="module")
def environment() -> Environment:
    return describe(choose("cpu", "float32"), 2, "ab" * 32)


def test_everything_that_figures_depend_on_is_named(environment: Environment) -> None:
    assert environment.python.startswith("3.")
    assert environment.processor and environment.instructions
    assert (environment.device, environment.precision, environment.num_processes) == ("cpu", "float32", 2)
    assert environment.num_threads >= 1
    assert {"torch", "numpy", "pillow", "safetensors"} <= environment.packages.keys()
    assert environment.data_sha256 == "ab" * 32


def test_the_same_environment_is_noted_once_and_another_is_appended(tmp_path: Path, environment: Environment) -> None:
    write_environment(tmp_path, environment, 0)
    write_environment(tmp_path, environment, 25)
    (first,) = read_environments(tmp_path / ENVIRONMENT_FILE)
    assert first["after_step"] == 0
    other = dataclasses.replace(environment, num_threads=environment.num_threads + 1)
    write_environment(tmp_path, other, 50)
    write_environment(tmp_path, environment, 75)
    entries = read_environments(tmp_path / ENVIRONMENT_FILE)
    assert entries[0] == first
    assert [entry["after_step"] for entry in entries] == [0, 50, 75]
    assert entries[1]["num_threads"] == other.num_threads
    assert {key: entries[2][key] for key in dataclasses.asdict(environment)} == dataclasses.asdict(environment)


@pytest.mark.parametrize("damage", ["[{", "{}", "[1]"])
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, environment: Environment, damage: str) -> None:
    path = tmp_path / ENVIRONMENT_FILE
    path.write_text(damage)
    with pytest.raises(RunBroken, match="is damaged"):
        write_environment(tmp_path, environment, 0)
    assert path.read_text() == damage


def test_the_revision_is_that_of_the_checkout_itself(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    assert revision(tmp_path) is None
    git("init", "-q")
    (tmp_path / "a.txt").write_text("1")
    git("add", "a.txt")
    git("commit", "-q", "-m", "one")
    git("tag", "-a", "v1", "-m", "a release")
    commit = git("rev-parse", "HEAD")
    assert revision(tmp_path) == commit
    (tmp_path / "a.txt").write_text("2")
    assert revision(tmp_path) == f"{commit}-dirty"
    (tmp_path / "inside").mkdir()
    assert revision(tmp_path / "inside") is None, "a copy inside another checkout is not that checkout"


def test_json_is_readable_by_others(tmp_path: Path, environment: Environment) -> None:
    write_environment(tmp_path, environment, 0)
    assert json.loads((tmp_path / ENVIRONMENT_FILE).read_text())[0]["packages"]["torch"]
