"""Translations: every text that the page says, and every error that it can meet, is in every catalogue."""

import re
from pathlib import Path

import pytest

from cafdata.record import AGE_PROVENANCES, SEXES, SPLITS
from cafdata.sample import SAMPLE
from cafdata.summary import UNKNOWN
from core.containers import NOT_A_PICTURE, STRANGERS
from demo.admission import MALFORMED
from demo.admission import UNKNOWN as UNKNOWN_CALL
from demo.language import ENGLISH, NAMES, Language, catalogue
from demo.verify.evidence import sources
from tests.page_texts import ERRORS, ROOT, WORD, Said, blank, unsaid

CODES = [code for code in NAMES if code != ENGLISH]

PAGE = tuple(
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "demo").rglob("*.py"))
    if path.parent.name != "api" and path.name != "__main__.py"  # for programs and operators, in English
)
BELOW = (
    "core/aging.py",
    "core/clip_aging.py",
    "core/clip_decoding.py",
    "core/clips.py",
    "core/containers.py",
    "core/decoding.py",
    "core/family.py",
    "core/images.py",
    "core/isolation.py",
    "core/pack_embedded.py",
    "core/pack_insightface.py",
    "core/tensor_file.py",
    "core/weights.py",
    "cafdata/catalogue.py",
    "cafdata/hub_files.py",
    "cafdata/lock.py",
    "cafdata/manifest.py",
    "cafdata/queue.py",
    "cafdata/removal_requests.py",
)
"""Modules whose errors a visitor can meet."""

SAYING = {"say": (0, "text"), "html": (0, "text"), "sentence": (0, "finished"), "Refusal": (0, "sentence")}
CONTENT = re.compile(r"^(\S+)::(before|after) \{ content: \"\w", re.MULTILINE)
"""Words that a style sheet puts on the page: where, and before or after what."""
RAISING = {name: (0, "sentence") for name in ERRORS}

ON_THE_COMMAND_LINE = {
    "There is no file {}; check the path.",
    "{} cannot be read ({}); check its permissions.",
    "{} is a folder, not a picture; give the path of a picture file.",
    "{} has no item {}",
    "{} has no request {}",
}
"""Errors of these modules that only commands meet: the page names no paths, and keepers answer by command."""

SAID_ELSEWHERE = {
    "str(error)": "a CafError, whose texts are found where it is raised",
    "str(refusal)": "a Refusal, whose texts are found where it is raised",
    "sentence.decode('utf-8', 'replace')": "a BadImage or BadClip that the decoder's own process raised",
    "malformed[1]": "UNKNOWN or MALFORMED of demo/admission.py",
    "language_of(request)": "no text: the language of the page that says what is wrong",
    "catalogue.title": "the sample's name, tested below",
    "item.reason": "one of REASONS of demo/dataset/letterbox.py",
    "key": "words of records, tested below",
    "record.age_provenance": "words of records, tested below",
    "one": "licences, in the words of whoever gave them",
    "one.licence": "licences, in the words of whoever gave them",
    "table.notes": "notes of the bundled tables, tested below",
    "source.tables[0].data": "data of the bundled tables, tested below",
}
"""What is said without its text standing in the source -> where it is looked after."""

ALIKE = {
    "GIF": "a format",
    "Film (MP4)": "German and French",
    "Band": "German",
    "Video": "German",
    "Live": "German, of broadcasts and cameras",
    "Photo": "French",
    "Photo (PNG)": "French",
    "Options": "French",
    "Score": "French",
    "Licence": "French",
    "Licences": "French",
    "Source": "French",
    "validation": "French",
    "test": "French",
    "Real": "Spanish",
}
"""Texts that are the same in a language other than English -> in which, or why."""

RECORDED = (*SEXES, *SPLITS, *AGE_PROVENANCES, UNKNOWN, SAMPLE.name)
"""Words of records that the page shows, and the sample's name."""
TABLED = {table.notes for source in sources() for table in source.tables} | {
    source.tables[0].data for source in sources() if source.statistics is None and source.has_rates
}
"""What the bundled tables say of themselves, as the page shows it."""

FILLED = {
    "This picture stores its pixels in an unusual way (decimal numbers); save it as an ordinary JPEG.": "decimal num",
    "This request cannot be sent: the name has 1 to 2000 characters, got 0: ''.": "characters",
    "This request cannot be sent: the reason has 1 to 2000 characters, got 0: ''.": "characters",
    "This request cannot be sent: the address is an http or https address, got 'me'.": "is an",
}
"""Finished sentences with a fault in them -> what of it must be gone."""
FINISHED = ("This file is not a picture", "This request cannot be sent: the", "This picture stores its pixels")
"""How texts begin that are one of another's, with what was filled in."""

ROOM = '''"""A room."""
from demo import consent
FIRST, SECOND = "One.", "unused"
SOME = ("Three.", "Four.")
PAIRS = (("a", "Five."), ("b", "Seven."))
def build(say, age, picked):
    say(FIRST)
    say("Two " + "{years}.", years=age)
    [say(one) for one in SOME]
    for key, label in PAIRS:
        say(label)
    box(say, "x", text="Eight.")
    say(somewhere())
    gr.Button(say("Nine."), info="Ten", elem_id="not shown")
    raise Refusal(f"Six {age}.")
def box(say, name, text):
    return f"<p>{say(text)} Eleven</p>"
'''
"""A module with a text in every way that texts are said, and two that are not."""

UNSAID = {
    "AgeTrans": "the name",
    "AgeTrans: one photo, every age": "the title of the browser's tab, of which Gradio has one for all languages",
    "Send the file itself; addresses are not fetched from here.": "for programs: the page sends files",
}
"""Texts that stand in a component or in HTML and do not go through `say`."""


@pytest.fixture(scope="module")
def page() -> Said:
    said = Said(PAGE, SAYING | RAISING)
    said.texts |= {UNKNOWN_CALL, MALFORMED}  # handed on in pairs with their status
    return said


@pytest.fixture(scope="module")
def below() -> Said:
    return Said(BELOW, RAISING)


def lacking(code: str, texts: set[str]) -> list[str]:
    known = {blank(text) for text in catalogue(code)}
    return sorted(text for text in texts if WORD.search(text) and blank(text) not in known)


@pytest.mark.parametrize("code", CODES)
def test_every_text_of_the_page_is_translated(code: str, page: Said) -> None:
    assert len(page.texts) > 350
    assert lacking(code, page.texts) == []


@pytest.mark.parametrize("code", CODES)
def test_every_error_that_a_visitor_can_meet_is_translated(code: str, below: Said) -> None:
    """But for the kinds of what is no picture, which have a sentence each."""
    kinds = {NOT_A_PICTURE.format(kind=kind) for sentence, kind, _ in STRANGERS if sentence == NOT_A_PICTURE}
    texts = (below.texts - {NOT_A_PICTURE} - ON_THE_COMMAND_LINE) | kinds
    assert len(texts) > 60
    assert lacking(code, texts) == []


@pytest.mark.parametrize("code", CODES)
def test_nothing_is_translated_that_nobody_says(code: str, page: Said, below: Said) -> None:
    found = {*page.texts, *below.texts, *RECORDED, *TABLED}
    said = "\n".join(blank(text) for text in found)
    idle = [text for text in catalogue(code) if not re.search(pattern(text), said, re.MULTILINE)]
    assert [text for text in idle if not text.startswith(FINISHED)] == []


def pattern(text: str) -> str:
    """What matches a text of a catalogue where anything stands in its places, or nothing yet."""
    return "^" + re.escape(blank(text)).replace(r"\{\}", "(?:.+?)") + "$"


def test_what_is_said_without_its_text_in_the_source_is_known(page: Said, below: Said) -> None:
    """A new way to say something is looked at once, and listed with where its texts are."""
    assert {one.source for one in page.unknown | below.unknown} == set(SAID_ELSEWHERE)


def test_every_text_on_the_page_goes_through_say() -> None:
    assert {text for path in PAGE for text in unsaid(path)} == set(UNSAID)


@pytest.mark.parametrize("code", CODES)
def test_what_is_the_same_in_a_language_is_so_for_a_reason(code: str) -> None:
    alike = {text for text, told in catalogue(code).items() if text == told}
    assert alike <= set(ALIKE), sorted(alike - set(ALIKE))


@pytest.mark.parametrize("code", CODES)
def test_words_of_records_and_tables_are_translated(code: str) -> None:
    say = Language(code)
    assert [word for word in RECORDED if word not in catalogue(code)] == []
    assert [told for told in TABLED if say.sentence(told) == told] == []


@pytest.mark.parametrize("code", CODES)
def test_what_is_filled_into_a_sentence_is_not_left_in_english(code: str) -> None:
    """Where an error names a kind of file, or a fault of its own, each has its sentence."""
    say = Language(code)
    for sentence, kind, _ in STRANGERS:
        told = say.sentence(sentence.format(kind=kind))
        assert (kind in told) is (sentence != NOT_A_PICTURE), told
    for sentence, lost in FILLED.items():
        assert lost not in say.sentence(sentence), sentence


def test_a_new_text_is_found_wherever_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "room.py").write_text(ROOM, encoding="utf-8")
    said = Said(("demo/room.py",), SAYING | RAISING, tmp_path)
    assert said.texts == {"One.", "Two {years}.", "Three.", "Four.", "Five.", "Six {}.", "Seven.", "Eight.", "Nine."}
    assert {one.source for one in said.unknown} == {"somewhere()"}
    assert set(unsaid("demo/room.py", tmp_path)) == {"Ten", "Eleven"}


@pytest.mark.parametrize("code", CODES)
def test_words_in_style_sheets_are_translated(code: str) -> None:
    translated = (ROOT / "demo" / "languages" / "style.css").read_text(encoding="utf-8")
    rules = [rule for path in sorted((ROOT / "demo").rglob("style.css")) for rule in CONTENT.findall(path.read_text())]
    assert ("#compare", "before") in rules
    for place, part in rules:
        assert ":lang" in place or f"{place}:lang({code})::{part} {{ content: " in translated, place
