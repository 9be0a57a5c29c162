"""A card that lags behind its archive is found, and made anew without touching what people wrote."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cafdata.archive import Archive
from cafdata.card import MARK, write_card
from cafdata.card_upkeep import SUMMARY_JSON, Renewal, renew
from cafdata.croissant import CROISSANT
from cafdata.front_matter import split_readme
from cafdata.leftovers import CARD, MARKED, may_have_card
from cafdata.summary import summarise
from cafdata.summary_report import HEATMAP, write_summary
from core.images import decode_photo, encode_png
from tests.make_archive import drawn_picture, make_archive

WHOLE = {"README.md", "coverage.png", "croissant.json"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = make_archive(tmp_path / "archive", 3)
    write_card(made)
    return made


def wrong(archive: Archive) -> dict[str, list[str]]:
    """File -> what is said of it."""
    found: dict[str, list[str]] = {}
    for finding in archive.verify():
        assert (finding.kind, finding.row) == ("card", None)
        found.setdefault(finding.shard, []).append(finding.reason)
    return found


def drop(name: str) -> Callable[[Archive], None]:
    return lambda archive: (archive.folder / name).unlink()


CHANGES: dict[str, Callable[[Archive], object]] = {
    "taken out": lambda archive: archive.remove(["p00001/12"]),
    "added": lambda archive: archive.append([drawn_picture(7, 20)]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_card_of_before_is_found_and_made_anew(archive: Archive, change: Callable[[Archive], object]) -> None:
    assert wrong(archive) == {}
    (old,) = archive.manifest.shards
    change(archive)
    found = wrong(archive)
    assert set(found) == WHOLE
    if old not in archive.manifest.shards:
        assert found["croissant.json"][0].startswith(f"it names shards/{old.name}, which the manifest does not")
    assert found["croissant.json"][-1].startswith("it describes version 1.0.0 of the archive, which is at 2.0.0")
    assert any(reason.startswith("the region composition says") for reason in found["README.md"])
    assert renew(archive) == Renewal(made_anew=("README.md", "coverage.png", "croissant.json"))
    assert wrong(archive) == {}
    assert renew(archive) == Renewal()


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_of_another_system_say_nothing_else(archive: Archive, end: bytes) -> None:
    readme = archive.folder / "README.md"
    written = readme.read_bytes()
    foreign = written.replace(b"\n", end)
    readme.write_bytes(foreign)
    assert wrong(archive) == {}
    assert renew(archive) == Renewal() and readme.read_bytes() == foreign
    archive.remove(["p00001/12"])
    readme.write_bytes(readme.read_bytes().replace(b"\n", end))
    assert set(renew(archive).made_anew) == WHOLE
    assert wrong(archive) == {}
    head, body = split_readme(readme.read_text())
    assert [way["config_name"] for way in head["configs"]] == ["metadata", "pictures"]
    assert body.count("\n---\n") == 0 and body.startswith("# "), "one head"


def test_a_person_of_the_same_ages_elsewhere_is_still_seen_in_the_files(archive: Archive) -> None:
    """Person and picture for another: every count is as before, only the shards are others."""
    archive.remove(["p00001/12"])
    archive.append([drawn_picture(1, 12, sex=None)])
    assert set(wrong(archive)) == {"croissant.json"}


def test_a_summary_within_the_archive_follows_too(archive: Archive) -> None:
    write_summary(summarise(archive.records()), archive.folder)
    assert wrong(archive) == {}
    archive.remove(["p00001/12"])
    assert set(wrong(archive)) == WHOLE | {"summary.json"}
    assert set(renew(archive).made_anew) == WHOLE | {"summary.json", "summary.md"}
    assert wrong(archive) == {}


@pytest.mark.parametrize("text", ["[]", "{", '{"pages": 3}'])
def test_a_summary_of_somebody_else_is_let_be(archive: Archive, text: str) -> None:
    (archive.folder / "summary.json").write_text(text)
    archive.remove(["p00001/12"])
    renew(archive)
    assert wrong(archive) == {}
    assert (archive.folder / "summary.json").read_text() == text


def test_only_files_that_are_there_are_made_anew(archive: Archive) -> None:
    drop("coverage.png")(archive)
    archive.remove(["p00001/12"])
    assert renew(archive).made_anew == ("README.md", "croissant.json")
    drop("croissant.json")(archive)
    archive.remove(["p00001/04"])
    assert renew(archive).made_anew == ("README.md",)
    readme = archive.folder / "README.md"
    readme.write_text("# Ours\n\nAll by hand.\n")
    archive.remove(["p00001/25"])
    kept = readme.read_text()
    assert renew(archive) == Renewal()
    assert readme.read_text() == kept and "All by hand." in kept
    assert wrong(archive) == {}


def test_what_people_wrote_is_no_fault(archive: Archive) -> None:
    readme = archive.folder / "README.md"
    text = (
        readme.read_text().replace("To study how", "Why: how").replace("pretty_name: Faces", "pretty_name: Our faces")
    )
    readme.write_text(text.replace("## Citation", "## Quoting") + "\n## Thanks\n\nTo all.\n")
    assert wrong(archive) == {}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("18 pictures of 3 people", "19 pictures of 3 people", "the region summary says"),
        ("cafdata:splits:end", "cafdata:splits:fin", "do not begin and end in turn"),
        ("license: cc0-1.0", "license: mit", "its head says license: mit, the records cc0-1.0"),
        ("size_categories:\n- n<1K\n", "", "its head says size_categories: None"),
    ],
)
def test_facts_that_were_changed_by_hand_are_found(archive: Archive, before: str, after: str, said: str) -> None:
    readme = archive.folder / "README.md"
    assert before in readme.read_text()
    readme.write_text(readme.read_text().replace(before, after))
    (reason,) = wrong(archive)["README.md"]
    assert said in reason


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "no description of a data set"),
        (b"[]", "no description of a data set"),
        (b'{"distribution": [{}]}', "no description of a data set"),
        (b'{"distribution": 3}', "no description of a data set"),
        (b"{}", "it does not name shards/"),
    ],
)
def test_a_croissant_that_is_none_is_said(archive: Archive, data: bytes, said: str) -> None:
    (archive.folder / "croissant.json").write_bytes(data)
    assert said in wrong(archive)["croissant.json"][0]


def test_a_croissant_with_another_digest_or_version_is_found(archive: Archive) -> None:
    path = archive.folder / "croissant.json"
    values = json.loads(path.read_text())
    values["distribution"][0]["sha256"] = "0" * 64
    values["version"] = "9.0.0"
    path.write_text(json.dumps(values))
    first, second = wrong(archive)["croissant.json"]
    assert "another sha256 than the manifest" in first
    assert "version 9.0.0 of the archive, which is at 1.0.0" in second


def test_letters_of_the_heat_map_may_differ_and_shades_may_not(archive: Archive) -> None:
    path = archive.folder / "coverage.png"
    drawn = np.array(decode_photo(path.read_bytes()))
    drawn[drawn.sum(axis=2) < 100] = 80
    path.write_bytes(encode_png(drawn))
    assert wrong(archive) == {}
    drawn[60:64, 20:40] = (20, 78, 120)
    path.write_bytes(encode_png(drawn))
    assert set(wrong(archive)) == {"coverage.png"}
    path.write_bytes(b"no picture")
    assert set(wrong(archive)) == {"coverage.png"}


def test_a_damaged_shard_is_said_and_nothing_of_the_counts(archive: Archive) -> None:
    shard = archive.folder / "shards" / archive.manifest.shards[0].name
    shard.write_bytes(shard.read_bytes()[:-100])
    assert {finding.kind for finding in archive.verify()} == {"digest", "unreadable"}


def test_a_quick_look_misses_no_part_of_a_card(archive: Archive, tmp_path: Path) -> None:
    assert {*CARD} == {CROISSANT, HEATMAP, SUMMARY_JSON}
    assert MARK.search(MARKED.decode() + "summary:begin -->")
    plain = make_archive(tmp_path / "plain", 1)
    assert not may_have_card(plain.folder)
    for name in CARD:
        (plain.folder / name).write_text("{}")
        assert may_have_card(plain.folder)
        (plain.folder / name).unlink()
    for name in CARD[:2]:
        drop(name)(archive)
    assert may_have_card(archive.folder), "by the marks in the README"
