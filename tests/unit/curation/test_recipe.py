"""Recipes: what they may say, and one sentence for what they may not."""

from pathlib import Path

import pytest

from core.errors import CurationBroken
from curation.recipe import read_recipe, with_engine
from curation.sources.folder import Folder
from curation.sources.wikimedia import Wikimedia

WHOLE = """
archive = "faces"
pack = "embedded"
shard_pictures = 32
[source.folder]
folder = "photos"
[source.wikimedia]
max_people = 5
people = ["Q1", "Q2"]
[fetch]
contact = "me@example.org"
min_delay_s = 2
[faces]
size_px = 128
[checks]
childhood = true
[engine]
kind = "ray"
workers = 3
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_whole_recipe(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, WHOLE))
    assert recipe.archive == tmp_path / "faces"
    assert recipe.working == tmp_path / "faces.work"
    folder, wikimedia = recipe.sources
    assert isinstance(folder, Folder) and folder.folder == tmp_path / "photos"
    assert isinstance(wikimedia, Wikimedia) and wikimedia.people == ("Q1", "Q2")
    assert recipe.fetch is not None and recipe.fetch.min_delay_s == 2.0
    assert (recipe.faces.size_px, recipe.checks.childhood, recipe.engine.workers) == (128, True, 3)


def test_where_and_how_fast_it_is_done_is_not_what_is_done(tmp_path: Path) -> None:
    one = read_recipe(written(tmp_path, WHOLE))
    faster = read_recipe(written(tmp_path, WHOLE.replace("workers = 3", "workers = 9").replace('"ray"', '"native"')))
    other = read_recipe(written(tmp_path, WHOLE.replace("size_px = 128", "size_px = 64")))
    assert one.digest == faster.digest != other.digest


def test_a_recipe_that_was_moved_with_its_folders_is_the_same(tmp_path: Path) -> None:
    """Not so one whose folder lies elsewhere by a whole path."""
    places = [tmp_path / name for name in ("here", "there")]
    for text in (WHOLE, WHOLE.replace('"photos"', '"../photos"')):
        for place in places:
            place.mkdir(exist_ok=True)
        one, other = (read_recipe(written(place, text)) for place in places)
        assert one.digest == other.digest
        assert one.placed_digest != other.placed_digest
    whole = [read_recipe(written(place, WHOLE.replace('"photos"', f'"{tmp_path}/{place.name}x"'))) for place in places]
    assert whole[0].digest != whole[1].digest


def test_a_slash_behind_the_archive_changes_nothing(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, WHOLE.replace('"faces"', '"faces/"')))
    assert (recipe.archive, recipe.working) == (tmp_path / "faces", tmp_path / "faces.work")


def test_several_sources_of_one_kind(tmp_path: Path) -> None:
    text = 'archive = "a"\n[[source.folder]]\nfolder = "one"\n[[source.folder]]\nfolder = "two"\n'
    recipe = read_recipe(written(tmp_path, text))
    assert [source.folder.name for source in recipe.sources if isinstance(source, Folder)] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('archive = "a"', r"names no source; add a table such as \[source.wikimedia\]"),
        ('[source.folder]\nfolder = "x"', 'does not say where to; add archive = "FOLDER"'),
        ('archive = "a"\n[source.google]\nq = 1', "no source 'google'; there are wikimedia, urls, folder"),
        ('archive = "a"\n[source.folder]', r"folder is missing in \[source.folder\]"),
        ('archive = "a"\nbase = "b"\n[source.folder]\nfolder = "x"', "base is unknown; there are archive, checks, "),
        ('archive = "a"\nspeed = 9\n[source.folder]\nfolder = "x"', "speed is unknown; there are archive, "),
        ('archive = "a"\n[source.folder]\nfolder = 3', "source.folder.folder is 3, not Path"),
        ('archive = "a"\n[source.folder]\nfolder = "x"\n[faces]\nsize_px = 9', "size_px is 32 to 2048, got 9"),
        ('archive = "a"\n[source.folder]\nfolder = "x"\n[faces]\nsize_px = "9"', "faces.size_px is '9', not int"),
        ('archive = "a"\n[source.folder]\nfolder = "x"\n[faces]\nsize_px = true', "faces.size_px is True, not int"),
        ('archive = "a"\n[source.urls]\nfile = "x.csv"', "names no contact; add"),
        (
            'archive = "a"\n[source.urls]\nfile = "x.csv"\n[fetch]\ncontact = "me"',
            "contact is an e-mail or web address",
        ),
        ('archive = "a"\nworking = "a/b"\n[source.folder]\nfolder = "x"', "lies in the archive"),
        ('archive = "a"\n[source.folder]\nfolder = "x"\n[engine]\nkind = "spark"', 'kind is "native" or "ray"'),
        ('archive = "a"\n[source.folder]\nfolder = "x"\n[checks]\nfalse_accept_rate = 0.7', "false_accept_rate is"),
        ("archive = ", "Invalid value"),
        ("archive = 3\nsource = 4", "source is tables"),
    ],
)
def test_what_a_recipe_may_not_say(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CurationBroken, match=said) as caught:
        read_recipe(written(tmp_path, text))
    assert str(caught.value).startswith(f"The recipe {tmp_path / 'recipe.toml'}: ")


def test_a_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(CurationBroken, match="There is no recipe"):
        read_recipe(tmp_path / "none.toml")


def test_the_work_can_be_done_elsewhere(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, WHOLE.replace("workers = 3", 'workers = 3\naddress = "ray://a:1"')))
    assert with_engine(recipe, None, None, None) == recipe
    here = with_engine(recipe, "native", None, 5)
    assert (here.engine.kind, here.engine.address, here.engine.workers) == ("native", None, 5)
    assert here.digest == recipe.digest
    assert with_engine(here, "ray", "ray://b:2", None).engine.address == "ray://b:2"
    for kind, address, workers, said in (
        ("native", "ray://b:2", None, 'for kind "ray"'),
        (None, None, 0, "workers is 1 to"),
    ):
        with pytest.raises(ValueError, match=said):
            with_engine(recipe, kind, address, workers)  # type: ignore[arg-type]
