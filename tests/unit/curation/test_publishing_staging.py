"""What goes up is a list of files made here; cards say which edition they are of."""

import json
from pathlib import Path

import pytest

from cafdata.front_matter import split_readme
from curation.publishing.editions import CHILDHOOD, EDITIONS, METADATA, PICTURES, Change, Edition, Stamp
from curation.publishing.refusals import ReleaseRefused
from curation.publishing.staging import PAPERS, edition_readme, listed_files, words_sha256, write_papers
from curation.publishing.tables import archive_parts
from tests.make_release import make_release


def staged(tmp_path: Path, edition: Edition) -> tuple[Path, Stamp, str]:
    archive = make_release(tmp_path / "a", num_people=3)
    folder = tmp_path / "staged" / edition.name
    records = list(archive.records())
    wanted = {record.picture_id for record in records}
    stamp = Stamp(
        edition=edition.name,
        version=4,
        rows_sha256="0" * 64,
        words_sha256="1" * 64,
        num_pictures=len(records),
        num_people=3,
        parts=tuple(archive_parts(archive, wanted, {}, folder / edition.name, with_pictures=edition.with_pictures)),
        changes=(Change(version=4, day="2026-01-02", text="Changed."),),
    )
    readme = (archive.folder / "README.md").read_text()
    write_papers(folder, edition, "org/caf", readme, records, stamp)
    return folder, stamp, readme


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_a_card_names_its_files_and_its_gate(tmp_path: Path, edition: Edition) -> None:
    folder, stamp, _ = staged(tmp_path, edition)
    head, body = split_readme((folder / "README.md").read_text())
    (way,) = head["configs"]
    assert way["config_name"] == edition.name and way["default"] is True and "columns" not in way
    named = [path for files in way["data_files"] for path in files["path"]]
    assert sorted(named) == sorted(part.path for part in stamp.parts)
    assert ("extra_gated_prompt" in head) is edition.is_gated
    assert "- Version 4, 2026-01-02: Changed." in body and "org/caf" in body
    assert ("No picture is in it" in body) is (edition is METADATA)
    described = json.loads((folder / "croissant.json").read_text())
    files = {one["contentUrl"]: one["sha256"] for one in described["distribution"] if one["@type"] == "cr:FileObject"}
    assert files == {part.path: part.sha256 for part in stamp.parts}
    assert described["version"] == "4.0.0"
    assert ("ImageObject" in json.dumps(described["recordSet"])) is edition.with_pictures


def test_a_card_made_of_a_published_card_is_the_same(tmp_path: Path) -> None:
    folder, stamp, _ = staged(tmp_path, PICTURES)
    readme = (folder / "README.md").read_text()
    assert edition_readme(PICTURES, "org/caf", readme, stamp) == readme
    assert edition_readme(METADATA, "org/caf", readme, stamp).count("cafdata:edition:begin") == 1


def test_the_words_of_people_have_a_digest_and_the_counts_have_not(tmp_path: Path) -> None:
    folder, _, readme = staged(tmp_path, METADATA)
    assert words_sha256(readme) == words_sha256(readme.replace("9 pictures of 3 people", "8 pictures of 3 people"))
    assert words_sha256(readme) != words_sha256(readme.replace("Written: how to cite", "Cite"))
    assert words_sha256(readme) != words_sha256(readme.replace("Faces across ages", "Faces"))
    assert (folder / "README.md").exists()


PLANTED = (".env", "id_rsa", ".DS_Store", "embeddings.npy", "metadata/.env", "metadata/train-0.parquet.bak")


def test_nothing_but_the_list_goes_up(tmp_path: Path) -> None:
    folder, stamp, _ = staged(tmp_path, METADATA)
    for name in PLANTED:
        (folder / name).write_text("secret")
    (folder / "metadata" / "link.parquet").symlink_to("/etc/passwd")
    listed = listed_files(folder, stamp.parts)
    assert sorted(listed) == sorted([*PAPERS, *(part.path for part in stamp.parts)])


@pytest.mark.parametrize("which", ["README.md", "part", "folder"])
def test_a_link_in_the_place_of_a_file_is_refused(tmp_path: Path, which: str) -> None:
    folder, stamp, _ = staged(tmp_path, METADATA)
    path = {"part": folder / stamp.parts[0].path, "folder": folder / "metadata"}.get(which, folder / which)
    away = path.rename(tmp_path / "away")
    path.symlink_to(away)
    with pytest.raises(ReleaseRefused, match="is no file"):
        listed_files(folder, stamp.parts)


def test_childhood_is_named_as_what_it_is(tmp_path: Path) -> None:
    folder, _, _ = staged(tmp_path, CHILDHOOD)
    assert "pictures of today's adults as children, behind a gate" in (folder / "README.md").read_text()
