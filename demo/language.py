"""What the page says, in the visitor's language. English is written where it is said; the others are catalogues.

A catalogue is `languages/CODE.json`: the English text, with its {placeholders}, to the translated one. Sentences that
come out of other packages finished, such as why a picture cannot be read, are known again by the same templates.
"""

import json
import re
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent / "languages"
ENGLISH: Final = "en"
NAMES: Final = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
"""Code (BCP 47) -> the language's own name, as the page lists them."""

SEPARATORS: Final = {"de": (".", ","), "fr": ("\u202f", ","), "es": (".", ",")}
"""Language -> what stands between thousands, and before decimals."""

PLACEHOLDER = re.compile(r"\{(\w+)(?::[^}]*)?\}")
WORD = re.compile(r"[^\W\d_]{2,}")
LEAST_WORDS: Final = 3


class Language:
    """Says texts in one language; a text that its catalogue lacks is said in English."""

    def __init__(self, code: str) -> None:
        """Raises ValueError for a language that there is no catalogue of."""
        if code not in NAMES:
            raise ValueError(f"there is no language {code!r}, only {', '.join(NAMES)}")
        self.code = code
        self.catalogue = catalogue(code)

    def __call__(self, text: str, /, **values: object) -> str:
        """A text, its {placeholders} filled in. Values are text as it stands; HTML is the caller's to escape."""
        return self.catalogue.get(text, text).format(**values) if values else self.catalogue.get(text, text)

    def html(self, text: str, /, **values: object) -> str:
        """The same with the values made safe for HTML; the text itself may hold markup."""
        return self(text, **{name: escape(str(value)) for name, value in values.items()})

    def number(self, written: str) -> str:
        """A number that is written as in English, such as "1,000" or "0.25", as this language writes it."""
        thousands, decimal = SEPARATORS.get(self.code, (",", "."))
        return written.translate({ord(","): thousands, ord("."): decimal})

    def sentence(self, finished: str) -> str:
        """A finished English sentence, translated if a template of the catalogue fits it, else as it is."""
        if finished in self.catalogue:
            return self.catalogue[finished]
        for pattern, translated in templates(self.code):
            if found := pattern.fullmatch(finished):
                return PLACEHOLDER.sub(lambda place: found[place[1]], translated)
        return finished


@lru_cache
def catalogue(code: str) -> dict[str, str]:
    """English text -> translated text; empty for English."""
    if code == ENGLISH:
        return {}
    texts: dict[str, str] = json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    return texts


@lru_cache
def templates(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The catalogue's texts with placeholders, as patterns; those that say most themselves first.

    Those with next to no words of their own, such as "{first} and {second}", would fit half of any other sentence.
    """
    with_places = [
        (text, told)
        for text, told in catalogue(code).items()
        if PLACEHOLDER.search(text) and len(WORD.findall(PLACEHOLDER.sub("", text))) >= LEAST_WORDS
    ]
    with_places.sort(key=lambda pair: -len(PLACEHOLDER.sub("", pair[0])))
    return tuple((pattern_of(text), told) for text, told in with_places)


def pattern_of(text: str) -> re.Pattern[str]:
    """What matches a text with anything at its placeholders."""
    parts, end, seen = [], 0, set()
    for place in PLACEHOLDER.finditer(text):
        name = place[1]
        parts += [re.escape(text[end : place.start()]), f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"]
        seen.add(name)
        end = place.end()
    return re.compile("".join([*parts, re.escape(text[end:])]), re.DOTALL)
