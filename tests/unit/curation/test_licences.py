"""Which licences are accepted, under which name, and why others are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.sources.licences import ITEMS, Licence, licence_of

CC = "https://creativecommons.org"

ACCEPTED = {
    ("CC0", ""): ("CC0-1.0", f"{CC}/publicdomain/zero/1.0/"),
    ("CC0 1.0", f"{CC}/publicdomain/zero/1.0/deed.en"): ("CC0-1.0", f"{CC}/publicdomain/zero/1.0/"),
    ("", "http://creativecommons.org/publicdomain/zero/1.0/deed.en"): ("CC0-1.0", f"{CC}/publicdomain/zero/1.0/"),
    ("Public domain", ""): ("public domain", f"{CC}/publicdomain/mark/1.0/"),
    ("PD-USGov", ""): ("public domain", f"{CC}/publicdomain/mark/1.0/"),
    ("", f"{CC}/publicdomain/mark/1.0/deed.de"): ("public domain", f"{CC}/publicdomain/mark/1.0/"),
    ("CC BY 2.0", "https://creativecommons.org/licenses/by/2.0"): ("CC-BY-2.0", f"{CC}/licenses/by/2.0/"),
    ("CC BY-SA 4.0", ""): ("CC-BY-SA-4.0", f"{CC}/licenses/by-sa/4.0/"),
    ("cc-by-sa-3.0-de", ""): ("CC-BY-SA-3.0-DE", f"{CC}/licenses/by-sa/3.0/de/"),
    ("CC BY-SA 3.0 de", f"{CC}/licenses/by-sa/3.0/de/deed.en"): ("CC-BY-SA-3.0-DE", f"{CC}/licenses/by-sa/3.0/de/"),
    ("CC BY 3.0 igo", ""): ("CC-BY-3.0-IGO", f"{CC}/licenses/by/3.0/igo/"),
    ("CC BY-SA 2.1 jp", ""): ("CC-BY-SA-2.1-JP", f"{CC}/licenses/by-sa/2.1/jp/"),
    ("CC BY-SA 3.0-2.5-2.0-1.0", ""): ("CC-BY-SA-3.0", f"{CC}/licenses/by-sa/3.0/"),
    ("Creative Commons Attribution-Share Alike 4.0 International", ""): (
        "CC-BY-SA-4.0",
        f"{CC}/licenses/by-sa/4.0/",
    ),
    ("Creative Commons Attribution 3.0 Unported license", ""): ("CC-BY-3.0", f"{CC}/licenses/by/3.0/"),
    ("CC BY", f"{CC}/licenses/by/2.5/au/"): ("CC-BY-2.5-AU", f"{CC}/licenses/by/2.5/au/"),
    ("", "//creativecommons.org/licenses/by-sa/2.0/"): ("CC-BY-SA-2.0", f"{CC}/licenses/by-sa/2.0/"),
}

REFUSED = {
    ("", ""): "no licence",
    ("CC BY-NC 4.0", ""): "licence is not for commercial use",
    ("CC BY-NC-SA 3.0", ""): "licence is not for commercial use",
    ("CC BY 4.0", f"{CC}/licenses/by-nc/4.0/"): "licence is not for commercial use",
    ("Creative Commons Attribution-NonCommercial 2.0", ""): "licence is not for commercial use",
    ("CC BY-ND 4.0", ""): "licence allows no changes",
    ("Attribution-NoDerivs 3.0", ""): "licence allows no changes",
    ("", f"{CC}/licenses/by-nd/2.0/"): "licence allows no changes",
    ("GFDL", ""): "licence is the GFDL alone",
    ("GNU Free Documentation License 1.2", ""): "licence is the GFDL alone",
    ("Fair use", ""): "not free",
    ("Non-free biog-pic", ""): "not free",
    ("All rights reserved", ""): "not free",
    ("No restrictions", "https://www.flickr.com/commons/usage/"): "licence is none of those accepted",
    ("CC BY", ""): "licence is none of those accepted",
    ("CC SA 1.0", ""): "licence is none of those accepted",
    ("CC BY 7.0", ""): "licence is none of those accepted",
    ("FAL", "http://artlibre.org/licence/lal/en"): "licence is none of those accepted",
    ("Attribution only", ""): "licence is none of those accepted",
    ("", "https://example.org/licenses/by/4.0/"): "licence is none of those accepted",
    ("CC BY", f"{CC}/licenses/by-sa/4.0/"): "licence is none of those accepted",
    ("CC BY 4.0", f"{CC}/licenses/by-sa/4.0/"): "licence and its address disagree",
    ("Public domain", f"{CC}/licenses/by/4.0/"): "licence and its address disagree",
}


@pytest.mark.parametrize(("said", "licence"), ACCEPTED.items())
def test_free_licences_get_their_name_and_address(said: tuple[str, str], licence: tuple[str, str]) -> None:
    assert licence_of(*said) == Licence(name=licence[0], url=licence[1])


@pytest.mark.parametrize(("said", "reason"), REFUSED.items())
def test_others_are_refused_with_a_reason(said: tuple[str, str], reason: str) -> None:
    assert licence_of(*said) == reason


@given(
    st.sampled_from(["by", "by-sa"]),
    st.sampled_from(["1.0", "2.0", "2.1", "2.5", "3.0", "4.0"]),
    st.sampled_from(["", "de", "jp", "igo", "scotland"]),
)
def test_name_and_address_of_a_licence_lead_back_to_it(kind: str, version: str, port: str) -> None:
    by_words = licence_of(f"CC {kind.upper()} {version} {port}".strip())
    assert isinstance(by_words, Licence)
    assert licence_of("", by_words.url) == by_words
    assert licence_of(by_words.name) == by_words
    assert licence_of(by_words.name, by_words.url) == by_words


@given(st.sampled_from(["", "CC ", "CC BY 4.0 ", "cc0 "]), st.sampled_from(["NC", "nd", "NonCommercial", "no-derivs"]))
def test_no_licence_with_these_words_is_accepted(before: str, word: str) -> None:
    assert isinstance(licence_of(before + word), str)


def test_items_are_licences_that_are_accepted() -> None:
    for licence in ITEMS.values():
        assert licence_of("", licence.url) == licence
