"""HTML that strangers wrote, as plain text: no tag, no script, no hidden sign of it is left."""

import unicodedata
from html.parser import HTMLParser
from typing import Final

from cafdata.fields import JOINERS

SILENT: Final = frozenset({"script", "style", "template", "noscript", "title"})
"""Elements whose content is not shown."""
EMPTY: Final = frozenset({"br", "hr", "img", "wbr", "input", "meta", "link", "area", "base", "col", "embed", "source"})
"""Elements that have no end."""
MAX_ROUNDS: Final = 5
"""How often markup may be written as entities within entities."""


class _Text(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(" ")
        if tag not in EMPTY:
            style = "".join(value or "" for name, value in attrs if name == "style").replace(" ", "").lower()
            is_hidden = tag in SILENT or "display:none" in style or any(name == "hidden" for name, _ in attrs)
            self._open.append((tag, is_hidden))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(" ")
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        if not any(is_hidden for _, is_hidden in self._open):
            self.parts.append(data)


def plain(html: str, max_characters: int = 500) -> str:
    """What HTML says, on one line, fit for a record; "" if it says nothing.

    Markup that was written as entities goes too, and single angle brackets, so no reader that takes the text for HTML
    finds any. Signs that are not shown are left out; what is too long ends with "...".
    """
    text = html
    for _ in range(MAX_ROUNDS):
        parser = _Text()
        parser.feed(text)
        parser.close()
        before, text = text, "".join(parser.parts)
        if text == before or not ("<" in text or "&" in text):
            break
    text = " ".join(_shown(text).split())
    for sign in ",.;:)":
        text = text.replace(f" {sign}", sign)
    return text if len(text) <= max_characters else text[: max_characters - 3].rstrip() + "..."


def _shown(text: str) -> str:
    """Without angle brackets and signs that do not show; line breaks as spaces."""
    kept = []
    for sign in text:
        kind = unicodedata.category(sign)
        if sign.isspace() or sign in "<>":
            kept.append(" ")
        elif kind[0] != "C" or sign in JOINERS:
            kept.append(sign)
    return "".join(kept)
