"""The threshold table that a run holds faces against."""

import dataclasses
from pathlib import Path

import pytest

from core.errors import CurationBroken, TableMissing
from core.thresholds import BUNDLED
from curation.pipeline import state_of, thresholds_of
from curation.recipe import CheckRules, read_recipe
from curation.run_folder import RunFolder


def run_with(tmp_path: Path, checks: CheckRules) -> RunFolder:
    path = tmp_path / "recipe.toml"
    path.write_text('archive = "faces"\npack = "embedded"\n[source.folder]\nfolder = "photos"\n')
    run = RunFolder(dataclasses.replace(read_recipe(path), checks=checks))
    run.folder.mkdir(exist_ok=True)
    return run


def test_the_bundled_table_of_the_pack_at_the_rate_of_the_recipe(tmp_path: Path) -> None:
    table = thresholds_of(run_with(tmp_path, CheckRules(false_accept_rate=0.01)))
    assert (table.recogniser, table.false_accept_rate) == ("dlib_resnet_v1", 0.01)


def test_a_table_of_ones_own_is_for_the_rate_that_the_recipe_says(tmp_path: Path) -> None:
    own = BUNDLED / "dlib_resnet_v1-0.01.json"
    assert thresholds_of(run_with(tmp_path, CheckRules(false_accept_rate=0.01, thresholds=own))).cells
    with pytest.raises(CurationBroken, match=r"is for false accepts at 0.01, the recipe asks for 0.001; say"):
        thresholds_of(run_with(tmp_path, CheckRules(thresholds=own)))


def test_thresholds_calibrated_anew_at_the_same_path_are_something_new(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_bytes((BUNDLED / "dlib_resnet_v1-0.01.json").read_bytes())
    run = run_with(tmp_path, CheckRules(false_accept_rate=0.01, thresholds=own))
    before = state_of(run)
    assert state_of(run) == before
    own.write_bytes((BUNDLED / "dlib_resnet_v1-0.001.json").read_bytes())
    assert state_of(run) != before


def test_thresholds_of_another_recogniser_are_not_taken(tmp_path: Path) -> None:
    other = BUNDLED / "mobilefacenet_112-0.001.json"
    with pytest.raises(TableMissing, match="do not carry over"):
        thresholds_of(run_with(tmp_path, CheckRules(thresholds=other)))
