"""Licences under which a picture may be kept: CC0, public domain, CC BY and CC BY-SA, of every version and country."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

CREATIVE_COMMONS: Final = "https://creativecommons.org"
VERSIONS: Final = ("1.0", "2.0", "2.1", "2.5", "3.0", "4.0")
WORDS: Final = re.compile(
    r"(?:cc|creative commons) (?:by|attribution)(?P<alike> sa| share ?alike)? (?P<version>\d\.\d)"
    r"(?: \d\.\d)*(?: (?P<port>[a-z]{2,13}))?(?: (?:license|licence))?"
)
NOT_PORTS: Final = ("unported", "generic", "international", "license", "licence", "intl", "deed")
ADDRESS: Final = re.compile(
    r"(?:https?:)?//(?:www\.)?creativecommons\.org/licen[sc]es/(?P<kind>by(?:-sa)?)/(?P<version>\d\.\d)"
    r"(?:/(?P<port>[a-z]{2,13}))?(?:/.*)?"
)
DEDICATION: Final = re.compile(r"(?:https?:)?//(?:www\.)?creativecommons\.org/publicdomain/(zero|mark)/1\.0(?:/.*)?")
NOT_COMMERCIAL: Final = re.compile(r"\b(?:nc|non ?commercial)\b")
NO_CHANGES: Final = re.compile(r"\b(?:nd|no ?deriv(?:s|atives?)?)\b")
NOT_FREE: Final = re.compile(r"\b(?:fair ?use|non ?free|all rights reserved)\b")

NOTHING_SAID: Final = "no licence"
GFDL_ALONE: Final = "licence is the GFDL alone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Licence:
    """A licence that may be used."""

    name: str
    """In SPDX's form, such as "CC-BY-SA-3.0-DE"; "public domain" where it is that, for whatever reason."""
    url: str
    """Its text."""


CC0: Final = Licence(name="CC0-1.0", url=f"{CREATIVE_COMMONS}/publicdomain/zero/1.0/")
PUBLIC_DOMAIN: Final = Licence(name="public domain", url=f"{CREATIVE_COMMONS}/publicdomain/mark/1.0/")


def creative_commons(kind: str, version: str, port: str = "") -> Licence:
    """CC BY or CC BY-SA ("by", "by-sa") of a version, as it is for a country ("de") or for all ("")."""
    country = f"-{port.upper()}" if port else ""
    path = f"{port.lower()}/" if port else ""
    return Licence(
        name=f"CC-{kind.upper()}-{version}{country}", url=f"{CREATIVE_COMMONS}/licenses/{kind}/{version}/{path}"
    )


ITEMS: Final[Mapping[str, Licence]] = MappingProxyType(
    {
        "Q6938433": CC0,
        "Q7257361": PUBLIC_DOMAIN,
        "Q19652": PUBLIC_DOMAIN,
        "Q98592850": PUBLIC_DOMAIN,
        "Q30942811": creative_commons("by", "1.0"),
        "Q19125117": creative_commons("by", "2.0"),
        "Q18810333": creative_commons("by", "2.5"),
        "Q14947546": creative_commons("by", "3.0"),
        "Q18810143": creative_commons("by", "3.0", "us"),
        "Q20007257": creative_commons("by", "4.0"),
        "Q47001652": creative_commons("by-sa", "1.0"),
        "Q19068220": creative_commons("by-sa", "2.0"),
        "Q19113751": creative_commons("by-sa", "2.5"),
        "Q14946043": creative_commons("by-sa", "3.0"),
        "Q18195572": creative_commons("by-sa", "3.0", "nl"),
        "Q18199165": creative_commons("by-sa", "4.0"),
    }
)
"""Items of Wikidata that stand for licences (P275), newest of a kind last."""
DEDICATED: Final = frozenset({"Q19652", "Q88088423"})
"""Items for "public domain" as a copyright status (P6216)."""


def licence_of(words: str, url: str = "") -> Licence | str:
    """The licence that a name and an address stand for, or why it may not be used, in words that can be counted.

    Args:
        words: as a page shows it, such as "CC BY-SA 3.0 de"; of several versions the first named counts.
        url: of the licence's text, "" if none is given.
    """
    said = " ".join(re.sub(r"[^a-z0-9.]+", " ", words.lower()).split())
    address = url.strip().lower()
    linked = address.replace("-", " ").replace("/", " ")
    if not said and not address:
        return NOTHING_SAID
    if NOT_COMMERCIAL.search(said) or NOT_COMMERCIAL.search(linked):
        return "licence is not for commercial use"
    if NO_CHANGES.search(said) or NO_CHANGES.search(linked):
        return "licence allows no changes"
    if NOT_FREE.search(said):
        return "not free"
    if said.startswith(("gfdl", "gnu free documentation")):
        return GFDL_ALONE
    named, addressed = _by_words(said), _by_address(address)
    if named is None and said:
        bare = re.fullmatch(r"(?:cc|creative commons) (?:by|attribution)( sa| share ?alike)?", said)
        fits = bare is not None and addressed is not None and ("-SA-" in addressed.name) == bool(bare[1])
        return addressed if addressed is not None and fits else "licence is none of those accepted"
    if named is None:
        return addressed or "licence is none of those accepted"
    if addressed is not None and _family(named) != _family(addressed):
        return "licence and its address disagree"
    return named


def _by_words(said: str) -> Licence | None:
    if re.fullmatch(r"(?:cc ?0|cc zero|creative commons zero|creative commons cc0)(?: .*)?", said):
        return CC0
    if re.fullmatch(r"(?:public ?domain|pd)(?: .*)?", said):
        return PUBLIC_DOMAIN
    match = WORDS.fullmatch(said)
    if match is None or match["version"] not in VERSIONS:
        return None
    port = match["port"] or ""
    return creative_commons("by-sa" if match["alike"] else "by", match["version"], "" if port in NOT_PORTS else port)


def _by_address(address: str) -> Licence | None:
    dedication = DEDICATION.fullmatch(address)
    if dedication is not None:
        return CC0 if dedication[1] == "zero" else PUBLIC_DOMAIN
    match = ADDRESS.fullmatch(address)
    if match is None or match["version"] not in VERSIONS:
        return None
    port = match["port"] or ""
    return creative_commons(match["kind"], match["version"], "" if port in NOT_PORTS else port)


def _family(licence: Licence) -> str:
    """What it asks for, whatever its version."""
    if licence in (CC0, PUBLIC_DOMAIN):
        return "nothing"
    return "share alike" if "-SA-" in licence.name else "name the author"
