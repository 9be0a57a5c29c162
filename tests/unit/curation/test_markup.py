"""Markup of strangers becomes text, and nothing of it is left."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cafdata import fields
from curation.sources.markup import plain

CASES = {
    "Ann Smith": "Ann Smith",
    '<a href="//commons.wikimedia.org/wiki/User:Ann" title="User:Ann">Ann</a>': "Ann",
    "Ann &amp; Bob": "Ann & Bob",
    "A<br>B": "A B",
    "A<br/>B<p>C</p>D": "A B C D",
    "<b>Ann</b>, Bonn": "Ann, Bonn",
    "<script>alert(1)</script>Ann": "Ann",
    "<ScRiPt>alert(1)</sCrIpT >Ann": "Ann",
    "&lt;script&gt;alert(1)&lt;/script&gt;Ann": "Ann",
    "&amp;lt;b&amp;gt;Ann&amp;lt;/b&amp;gt;": "Ann",
    "<img src=x onerror=alert(1)>Ann": "Ann",
    "<span style='display: none'>q:Unknown</span>Unknown author": "Unknown author",
    "<span hidden>no</span>Ann": "Ann",
    "<div style='display:none'><b>no</b> no</div><i>Ann</i>": "Ann",
    "Ann <ann@example.org>": "Ann",
    "1 < 2 > 0": "1 2 0",
    "<!-- no -->Ann": "Ann",
    "<![CDATA[Ann]]>": "",
    "Ann\u202egro.elpmaxe": "Anngro.elpmaxe",
    "Ann\x00\x1b[31m": "Ann[31m",
    "Ann\u2028Bob\r\n\tCarl": "Ann Bob Carl",
    "": "",
    "<p></p>": "",
}


@pytest.mark.parametrize(("html", "text"), CASES.items())
def test_what_is_left_is_what_a_reader_sees(html: str, text: str) -> None:
    assert plain(html) == text


@given(st.text(alphabet=st.sampled_from("<>&;/!-lgtamp#x3c '\"=scriptabc\u202e\u0000 \n"), max_size=80))
def test_nothing_of_any_markup_is_left(html: str) -> None:
    text = plain(html)
    assert "<" not in text
    assert ">" not in text
    assert not any(unicodedata.category(sign)[0] == "C" for sign in text if sign not in fields.JOINERS)
    if text:
        fields.text("author", text)


def test_long_text_is_cut() -> None:
    text = plain("<b>" + "Ann " * 400 + "</b>")
    assert len(text) == 500
    assert text.endswith("...")


def test_names_of_the_world_stay_whole() -> None:
    assert plain("<b>محمد\u200cرضا</b> 王伟 Zoë") == "محمد\u200cرضا 王伟 Zoë"
