"""The card has every section, keeps what people wrote, and is the same when written twice."""

from pathlib import Path

import pytest

from cafdata.archive import Archive
from cafdata.card import card, sections_of, unwritten, write_card
from cafdata.front_matter import split_readme
from cafdata.summary import summarise
from core.errors import ArchiveBroken
from tests.make_archive import drawn_picture, drawn_pictures, make_archive

SECTIONS = [
    "Summary",
    "Motivation",
    "Composition by age group and decade",
    "People and minors",
    "Sources and licences",
    "How it was collected",
    "Age labels and their error",
    "Preprocessing",
    "Splits",
    "Known biases",
    "Personal data",
    "Prohibited uses",
    "Access",
    "Removal",
    "Retention",
    "Changelog",
    "Citation",
]


def headings(readme: str) -> list[str]:
    return [line.removeprefix("## ") for line in readme.splitlines() if line.startswith("## ")]


def test_every_section_is_there(tmp_path: Path) -> None:
    report = write_card(make_archive(tmp_path / "archive", 3))
    readme = (tmp_path / "archive" / "README.md").read_text()
    assert headings(readme) == SECTIONS
    assert "18 pictures of 3 people, aged 3 to 69" in readme
    assert set(report.to_be_written) == {
        "People and minors",
        "How it was collected",
        "Age labels and their error",
        "Removal",
        "Changelog",
        "Citation",
    }
    assert [Path(file).name for file in report.files] == ["coverage.png", "croissant.json", "README.md"]
    assert all(Path(file).is_file() for file in report.files)


def test_the_head_says_licence_size_and_how_to_load(tmp_path: Path) -> None:
    write_card(make_archive(tmp_path / "archive", 1))
    head = split_readme((tmp_path / "archive" / "README.md").read_text())[0]
    assert head["license"] == "cc0-1.0"
    assert head["size_categories"] == ["n<1K"]
    assert [config["config_name"] for config in head["configs"]] == ["metadata", "pictures"]
    assert "synthetic" not in head["tags"]


def test_licences_that_differ_are_other(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 1)
    write_card(archive)
    archive.append([drawn_picture(7, 30, licence="see the owner", is_synthetic=True)])
    write_card(archive)
    head = split_readme((tmp_path / "archive" / "README.md").read_text())[0]
    assert (head["license"], head["license_link"]) == ("other", "README.md")


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 2)
    write_card(archive)
    files = sorted(path for path in (tmp_path / "archive").rglob("*") if path.is_file() and path.name != "lock")
    before = [path.read_bytes() for path in files]
    write_card(archive)
    assert [path.read_bytes() for path in files] == before
    assert [*archive.verify()] == []


def test_words_of_people_stay_and_facts_follow_the_records(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 2)
    write_card(archive)
    path = tmp_path / "archive" / "README.md"
    changed = path.read_text()
    changed = changed.replace("**To be written:** how to cite this data set.", "Oak, 2031. <b>Faces</b>")
    changed = changed.replace("## Motivation\n", "## Motivation\n\nBecause.\n").replace(
        "pretty_name: Faces across", "pretty_name: Oak's"
    )
    changed = changed.replace("# An archive of faces across ages", "# Oak's faces\n\nHello.")
    changed += "\n## Thanks\n\nTo all.\n"
    path.write_text(changed)
    archive.append(drawn_pictures(1, first_person=10))
    write_card(archive)
    after = path.read_text()
    for kept in (
        "Oak, 2031. <b>Faces</b>",
        "## Motivation\n\nBecause.\n",
        "# Oak's faces\n\nHello.",
        "## Thanks\n\nTo all.\n",
    ):
        assert kept in after
    assert split_readme(after)[0]["pretty_name"] == "Oak's ages"
    assert "18 pictures of 3 people" in after and "12 pictures of 2 people" not in after
    assert headings(after) == [*SECTIONS, "Thanks"]
    assert "Citation" not in unwritten(after)


def test_sections_in_words_of_ones_own_get_the_facts_and_the_others_their_places() -> None:
    found = summarise(picture.record for picture in drawn_pictures(1))
    own = "# Mine\n\n## Known biases\n\nNone of your business.\n\n## Thanks\n\nTo all.\n\n## Retention\n\nA day."
    written = card(own, found)
    at = SECTIONS.index("Retention")
    assert headings(written) == [*SECTIONS[:at], "Thanks", *SECTIONS[at:]]
    biases = sections_of(written)["biases"]
    assert biases.endswith("None of your business.")
    assert "not stated for 6 pictures" in biases
    assert sections_of(written)["retention"] == "A day."
    assert card(written, found) == written


@pytest.mark.parametrize(
    "body",
    [
        "<!-- cafdata:summary:begin -->\n",
        "<!-- cafdata:summary:end -->\n",
        "<!-- cafdata:summary:end --><!-- cafdata:summary:begin -->\n",
        2 * "<!-- cafdata:summary:begin --><!-- cafdata:summary:end -->\n",
        "<!-- cafdata:summary:begin --><!-- cafdata:splits:end -->\n",
    ],
)
def test_broken_regions_are_refused(body: str) -> None:
    with pytest.raises(ArchiveBroken, match="do not begin and end in turn"):
        card(body, summarise([]))


def test_a_broken_head_is_refused_and_nothing_written(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 1)
    (tmp_path / "archive" / "README.md").write_text("---\n: [\n---\n")
    with pytest.raises(ArchiveBroken, match="YAML"):
        write_card(archive)
    assert not (tmp_path / "archive" / "croissant.json").exists()


def test_words_of_sources_cannot_break_out(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    evil = "x --> <script>alert(1)</script> | <!-- cafdata:splits:end --> ![a](http://evil.example/a.png)"
    archive.append([drawn_picture(1, 20, licence=evil, ethnicity=evil, author=evil, framing=evil)])
    for _ in range(2):
        write_card(archive)
    readme = (tmp_path / "archive" / "README.md").read_text()
    assert "<script" not in readme and "](http" not in readme
    assert headings(readme) == SECTIONS
    assert readme.count("cafdata:splits:end -->") == 1


def test_a_readme_that_was_deleted_is_written_with_how_to_load(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 1)
    write_card(archive)
    readme = tmp_path / "archive" / "README.md"
    whole = readme.read_bytes()
    readme.unlink()
    write_card(archive)
    assert split_readme(readme.read_text())[0]["configs"] and readme.read_bytes() == whole


def test_an_empty_archive_has_a_card_too(tmp_path: Path) -> None:
    write_card(Archive.create(tmp_path / "archive"))
    assert headings((tmp_path / "archive" / "README.md").read_text()) == SECTIONS
