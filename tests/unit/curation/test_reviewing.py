"""Questions for people: listed, shown with their faces, answered."""

from pathlib import Path

import pytest

from cafdata.archive import Archive
from cafdata.queue import ReviewItem, ReviewQueue
from core.errors import ArchiveBroken, CurationBroken
from curation.deciding import Decided
from curation.report import thumb
from curation.reviewing import MAX_SHOWN, decide_item, face_files, places_of, questions, write_page
from curation.run_folder import RunFolder
from curation.sealing import seal
from tests.make_run import candidate, dropped_row, filled, made_run, seen_row

AT = "2026-01-02T03:04:05+00:00"


def asked(*pictures: str, reason: str = "is it?") -> ReviewItem:
    kind = "picture" if len(pictures) == 1 else "pair"
    return ReviewItem(kind=kind, picture_ids=pictures, reason=reason, source="curation people", added_at=AT)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """One picture in the archive, one that waits, one without a face; two questions."""
    rows = [seen_row(candidate(1, 22)), seen_row(candidate(2, 30)), dropped_row(candidate(3, 30), "not found")]
    made = filled(made_run(tmp_path), rows)
    kept = Decided(person_id="person-1", age_min_years=22, age_max_years=22, age_provenance="dates")
    items = [asked("made/1-22", "made/2-30"), asked("made/2-30", reason="<b>who</b>?"), asked("made/3-30")]
    seal(made, {"made/1-22": kept}, {}, items, print)
    return made


def test_an_archive_or_a_recipe_names_both_folders(run: RunFolder, tmp_path: Path) -> None:
    archive, working = run.recipe.archive, run.recipe.working
    assert places_of(archive) == (archive, working)
    (tmp_path / "photos").mkdir()
    (tmp_path / "recipe.toml").write_text('archive = "archive"\n[source.folder]\nfolder = "photos"\n')
    assert places_of(tmp_path / "recipe.toml") == (archive, working)
    with pytest.raises(CurationBroken, match="neither an archive nor a recipe"):
        places_of(tmp_path)


def test_an_archive_can_be_named_from_within(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.recipe.archive)
    assert places_of(Path()) == (Path(), run.recipe.working)


def test_faces_come_from_the_archive_and_from_what_waits(run: RunFolder) -> None:
    wanted = ["made/1-22", "made/2-30", "made/3-30", "made/unknown"]
    found = face_files(run.recipe.archive, run.recipe.working, wanted)
    assert found == {
        f"made/{name}": seen_row(candidate(*map(int, name.split("-"))))["face"] for name in ("1-22", "2-30")
    }
    [only] = Archive(run.recipe.archive).pictures()
    assert face_files(run.recipe.archive, run.recipe.archive / "nowhere", wanted) == {"made/1-22": only.data}


def test_open_questions_are_listed_until_they_are_answered(run: RunFolder) -> None:
    archive = run.recipe.archive
    first, second, third = questions(archive)
    assert first["pictures"] == ["made/1-22", "made/2-30"]
    assert first["choices"] == ["same_person", "different_people", "same_picture"]
    assert second["choices"] == ["keep", "remove"]
    said = decide_item(archive, second["item"], "remove", "anna")
    assert said == {"item": second["item"], "decision": "remove", "decided_by": "anna"}
    assert [one["item"] for one in questions(archive)] == [first["item"], third["item"]]
    everything = {one["item"]: one["decision"] for one in questions(archive, decided=True)}
    assert everything == {first["item"]: None, second["item"]: "remove", third["item"]: None}
    assert ReviewQueue(archive).items()[1].decided_at is not None


def test_answers_that_are_none_are_refused(run: RunFolder) -> None:
    archive = run.recipe.archive
    item = next(questions(archive))["item"]
    with pytest.raises(ValueError, match="decision is one of same_person"):
        decide_item(archive, item, "keep", "anna")
    with pytest.raises(ArchiveBroken, match="has no item 0123"):
        decide_item(archive, "0123", "keep", "anna")
    assert all(one["decision"] is None for one in questions(archive, decided=True))


def test_the_page_shows_questions_with_their_faces_as_words(run: RunFolder, tmp_path: Path) -> None:
    archive, working = run.recipe.archive, run.recipe.working
    assert write_page(archive, working, tmp_path / "page.html") == 3
    text = (tmp_path / "page.html").read_text()
    assert text.count(thumb(seen_row(candidate(2, 30))["face"])) == 2
    assert text.count("<img") == 3
    assert "<b>who" not in text and "&lt;b&gt;who" in text
    for one in questions(archive):
        assert one["item"] in text
    assert "3 questions" in text


def test_a_long_queue_is_shown_in_parts(run: RunFolder, tmp_path: Path) -> None:
    archive = run.recipe.archive
    ReviewQueue(archive).add(asked("made/3-30", reason=f"question {number}") for number in range(MAX_SHOWN))
    assert write_page(archive, run.recipe.working, tmp_path / "page.html") == MAX_SHOWN
    text = (tmp_path / "page.html").read_text()
    assert f"{MAX_SHOWN + 3:,} questions" in text and f"The first {MAX_SHOWN} are shown" in text
