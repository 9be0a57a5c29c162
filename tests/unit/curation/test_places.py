"""A run whose folder was moved, with everything beside it: it goes on, and finds its pictures where they lie now."""

import json
import shutil
from pathlib import Path

import pytest

from core.errors import CurationBroken
from curation.places import FILE, follow
from curation.recipe import read_recipe
from curation.run_folder import RunFolder, read_json, write_json
from tests.make_run import candidate

TEXT = 'archive = "faces"\n[source.folder]\nfolder = "photos"\n'


def begun(place: Path) -> RunFolder:
    """A run of a recipe, with a list of two pictures: one of the folder, one of somewhere else."""
    (place / "photos" / "anna").mkdir(parents=True)
    (place / "recipe.toml").write_text(TEXT)
    run = opened(place)
    local = candidate(1, 30, url=None, path=str(place / "photos" / "anna" / "30.jpg"))
    run.write_listed(0, [local, candidate(2, 30)])
    return run


def opened(place: Path) -> RunFolder:
    run = RunFolder(read_recipe(place / "recipe.toml"))
    run.open()
    follow(run)
    return run


def paths(run: RunFolder) -> list[str | None]:
    return [row["path"] for row in run.read_listed(0)]


def test_a_run_goes_on_where_it_was_moved_to(tmp_path: Path) -> None:
    before = paths(begun(tmp_path / "here"))
    shutil.move(tmp_path / "here", tmp_path / "there")
    run = opened(tmp_path / "there")
    assert paths(run) == [str(tmp_path / "there" / "photos" / "anna" / "30.jpg"), None]
    assert paths(opened(tmp_path / "there")) == paths(run) != before
    (tmp_path / "there" / "recipe.toml").write_text(TEXT.replace("photos", "others"))
    with pytest.raises(CurationBroken, match=r"other settings \(sources\)"):
        opened(tmp_path / "there")


def test_a_folder_that_was_begun_with_whole_paths_goes_on_and_may_be_moved_then(tmp_path: Path) -> None:
    run = begun(tmp_path / "here")
    said = run.folder / "recipe.json"
    write_json(said, read_json(said) | {"digest": run.recipe.placed_digest, "settings": {}})
    (run.folder / FILE).unlink()
    assert paths(opened(tmp_path / "here")) == paths(run)
    assert read_json(said)["digest"] == run.recipe.digest
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert paths(opened(tmp_path / "there"))[0] == str(tmp_path / "there" / "photos" / "anna" / "30.jpg")


def test_a_damaged_note_is_named(tmp_path: Path) -> None:
    run = begun(tmp_path / "here")
    assert json.loads((run.folder / FILE).read_text()) == [str(tmp_path / "here" / "photos")]
    (run.folder / FILE).write_text("3")
    with pytest.raises(CurationBroken, match=r"folders\.json is damaged"):
        follow(run)
