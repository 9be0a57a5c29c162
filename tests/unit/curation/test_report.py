"""The page at the end: right counts, faces within it, nothing that runs or asks elsewhere."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cafdata.queue import ReviewItem
from curation.deciding import Decided, Decision
from curation.report import FILE, page, thumb, whole_page, write_report
from curation.run_folder import RunFolder
from curation.sealing import seal
from curation.stage import Drop
from tests.make_run import candidate, dropped_row, filled, made_run, seen_row

HOSTILE = '<img src=x onerror=alert(1)>"\u202e&amp;'


class Tags(HTMLParser):
    """Tags of a page with their attributes; complains of ends that do not fit."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data + "\n"


def outcome(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "listed": 1234, "candidates": 6, "kept": 3, "held_for_review": 1, "people": 2, "added": 3,
        "dropped_while_listing": {"source": {"no licence": 1228}},
        "dropped": {"fetch": {"not found": 1}, "duplicates": {"same photo": 1}},
    }  # fmt: skip
    return given | changes


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    rows = [
        *(seen_row(candidate(person, age)) for person, age in ((1, 22), (1, 60), (2, 30), (3, 33), (1, 61))),
        dropped_row(candidate(4, 40), "not found"),
    ]
    return filled(made_run(tmp_path), rows)


@pytest.fixture
def decision() -> Decision:
    def one(person: str, low: float, high: float) -> Decided:
        return Decided(person_id=person, age_min_years=low, age_max_years=high, age_provenance="dates")

    return Decision(
        kept={
            "made/1-22": one("person-1", 22.6, 22.9),
            "made/1-60": one("person-1", 60.0, 61.5),
            "made/2-30": one(HOSTILE, 30.1, 30.4),
        },
        dropped={
            "made/1-61": Drop(stage="duplicates", reason="same photo", detail="made/1-60"),
            "made/4-40": Drop(stage="fetch", reason="not found"),
        },
        held={"made/3-33": [f"is it? {HOSTILE}", "and how old?"]},
    )


def sealed(run: RunFolder, decision: Decision) -> None:
    kept = {name: one for name, one in decision.kept.items() if one.person_id != HOSTILE}
    question = ReviewItem(
        kind="picture", picture_ids=("made/3-33",), reason="is it?", source="s", added_at="2026-01-01T00:00:00+00:00"
    )
    seal(run, kept, {}, [question], print)


def test_it_tells_what_became_of_everything(run: RunFolder, decision: Decision) -> None:
    sealed(run, decision)
    tags = Tags(page(run, decision, outcome()))
    lines = [line.strip() for line in tags.text.splitlines() if line.strip()]
    assert "1,234 pictures were named by 1 source(s), 6 could be asked for." in lines
    assert [lines[place + 1] for place, line in enumerate(lines) if line == "1,230"] == ["left out"]
    for words in ("no licence", "same photo", "person-1", "Waiting for review: 1", "22", "60 to 61"):
        assert words in lines, words
    assert any("is it?" in line and "; and how old?" in line for line in lines)
    shown = [tag for tag, _ in tags.found if tag == "img"]
    assert len(shown) == 1 + 3 + 1 + 1, "the map, those kept, the one that waits, the copy"


def test_it_runs_nothing_and_asks_nobody(run: RunFolder, decision: Decision) -> None:
    sealed(run, decision)
    write_report(run, decision, outcome())
    text = (run.folder / FILE).read_text()
    tags = Tags(text)
    assert {tag for tag, _ in tags.found}.isdisjoint({"script", "iframe", "object", "link", "form", "svg"})
    for _, attributes in tags.found:
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
        assert "href" not in attributes
    assert "\u202e" not in text and HOSTILE not in text
    assert "onerror" in html.unescape(text), "it is shown, as words"
    policy = next(one["content"] for tag, one in tags.found if tag == "meta" and "http-equiv" in one)
    assert policy is not None and policy.startswith("default-src 'none'")
    assert not re.search(r"https?://", text)


def test_a_run_that_kept_nothing_has_a_page_too(tmp_path: Path) -> None:
    run = filled(made_run(tmp_path), [dropped_row(candidate(4, 40), "not found")])
    seal(run, {}, {}, (), print)
    said = outcome(kept=0, people=0, held_for_review=0, dropped={}, dropped_while_listing={})
    tags = Tags(page(run, Decision(), said))
    assert "None was." in tags.text
    assert "Waiting for review" not in tags.text and "People" not in tags.text


def test_thumbs_are_small_pictures() -> None:
    address = thumb(seen_row(candidate(1, 22))["face"])
    assert address.startswith("data:image/jpeg;base64,") and len(address) < 12_000


def test_a_page_s_title_is_no_code() -> None:
    assert "<title>&lt;b&gt;</title>" in whole_page("<b>", ["<p>x</p>"])
