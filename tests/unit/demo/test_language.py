"""Languages: every text that the page says is in every catalogue, with the same placeholders."""

import pytest

from demo import language
from demo.language import Language, pattern_of


def test_english_is_what_is_written() -> None:
    say = Language("en")
    assert say("Age {name}", name="<7>") == "Age <7>"
    assert say.html("Age {name}", name="<7>") == "Age &lt;7&gt;"
    assert say.sentence("Nothing like it.") == "Nothing like it."


def test_a_language_without_a_catalogue_is_named() -> None:
    with pytest.raises(ValueError, match="'xx'"):
        Language("xx")


@pytest.mark.parametrize(
    ("code", "written"), [("en", "1,000.25"), ("de", "1.000,25"), ("fr", "1\u202f000,25"), ("es", "1.000,25")]
)
def test_numbers_are_written_as_the_language_does(code: str, written: str) -> None:
    assert Language(code).number("1,000.25") == written


def test_a_finished_sentence_is_known_by_its_template(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "It has {count} faces, {count}.": "{count} Gesichter",
        "It has {count} of {all} faces.": "{count}/{all}",
        "{a} and {b}": "{a} und {b}",
    }
    language.templates.cache_clear()
    monkeypatch.setattr(language, "catalogue", lambda code: found if code == "de" else {})
    say = Language("de")
    assert say.sentence("It has 3 faces, 3.") == "3 Gesichter"
    assert say.sentence("It has 3 of 5 faces.") == "3/5"
    assert say.sentence("Salt and pepper.") == "Salt and pepper."
    assert say.sentence("It has 3 faces, 4.") == "It has 3 faces, 4."
    language.templates.cache_clear()


def test_a_pattern_takes_letters_that_mean_something_to_it_as_they_are() -> None:
    assert pattern_of("(a) {x}?").fullmatch("(a) why?")
    assert not pattern_of("(a) {x}?").fullmatch("a why")


@pytest.mark.parametrize("code", [code for code in language.NAMES if code != "en"])
def test_a_translation_has_the_places_of_its_text_and_markup_that_closes(code: str) -> None:
    texts = language.catalogue(code)
    assert len(texts) > 200
    for text, told in texts.items():
        assert told.strip(), text
        assert sorted(language.PLACEHOLDER.findall(told)) == sorted(language.PLACEHOLDER.findall(text)), text
        assert told.count("<") == text.count("<"), text


@pytest.mark.parametrize("code", [code for code in language.NAMES if code != "en"])
def test_the_first_words_are_translated(code: str) -> None:
    say = Language(code)
    for text in ("One photo. Every age.", "Show the ages", "Transform", "Verify", "How it works"):
        assert say(text) != text, text
    assert say.sentence("No face found in this photo. Use one in which a face is seen from the front.").count(".") >= 1
