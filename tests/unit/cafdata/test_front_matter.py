"""The head of a README: found where it is one, kept as it is, never mistaken for a line across the page."""

from pathlib import Path

import pytest

from cafdata.front_matter import configs, split_readme, with_configs
from core.errors import ArchiveBroken
from tests.make_archive import drawn_picture, make_archive

WAYS = configs({"train": ["shards/a.parquet"]}, {})


def test_only_a_line_of_its_own_ends_a_head() -> None:
    head = "license: other\nnote: before---\nmore: |\n  one\n  ---\n  two\nsize: 1\n"
    values, body = split_readme(f"---\n{head}---\n# Mine\n\n---\nWords.\n")
    assert values == {"license": "other", "note": "before---", "more": "one\n---\ntwo\n", "size": 1}
    assert body == "# Mine\n\n---\nWords.\n"
    assert split_readme("---\na: 1\n---") == ({"a": 1}, ""), "the last line may lack its end"


@pytest.mark.parametrize(
    "text",
    [
        "---\n\n# Mine\n\nWords: *these*.\n",
        "---\n# Mine\n",
        "---\nWords.\n",
        "---\n\n# Mine\n\n---\n\nWords.\n",
        "---\n# Mine\n---\nWords.\n",
        "---\n\nWords.\n\n---\n",
        "---\n",
        "---",
        "----\n# Mine\n---\n",
        "",
    ],
)
def test_a_text_that_begins_with_a_line_across_the_page_has_no_head(text: str) -> None:
    assert split_readme(text) == ({}, text)
    written = with_configs(text, WAYS)
    assert split_readme(written) == ({"configs": WAYS}, text)
    assert with_configs(written, WAYS) == written
    bare = with_configs(written, [])
    assert split_readme(bare) == ({}, text) and with_configs(bare, []) == bare


@pytest.mark.parametrize(
    "text",
    ["---\na: [\n---\n", "---\n# c\na: [\n---\nb\n", "---\n- a\n---\n", "---\nWords.\n---\n", "---\na: 1\n# Mine\n"],
)
def test_a_head_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ArchiveBroken, match=r"no YAML; mend or delete the file, or put an empty line"):
        split_readme(text)


def test_an_archive_whose_text_begins_so_grows(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a", 1)
    readme = archive.folder / "README.md"
    readme.write_text("---\n\n# Mine\n\nWords.\n")
    assert archive.append([drawn_picture(1, 30)]).num_added == 1
    head, body = split_readme(readme.read_text())
    assert body == "---\n\n# Mine\n\nWords.\n" and [way["config_name"] for way in head["configs"]] == [
        "metadata",
        "pictures",
    ]
