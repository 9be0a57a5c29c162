"""Files of Wikimedia Commons that may show somebody, with what their pages say: licence, author, date, people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from curation.sources.licences import DEDICATED, GFDL_ALONE, ITEMS, NOTHING_SAID, PUBLIC_DOMAIN, Licence, licence_of
from curation.sources.markup import plain
from curation.sources.mediawiki import BATCH, answers, entities
from curation.sources.source import Ask, dropped
from curation.sources.statements import Dating, best, date_of, items_of
from curation.sources.wikidata import EARLIEST_PHOTO
from curation.stage import Drop

PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/tiff"})
WIDTH_PX: Final = 1920
"""Of what is fetched at most; one of the widths that the servers of Wikimedia keep ready."""
WORDS: Final = ("Artist", "Attribution", "LicenseShortName", "LicenseUrl", "UsageTerms")
FILE_SPACE: Final = "6"
PAGE: Final = "500"
MAX_RESULTS: Final = 10_000
"""Of one search: the wiki refuses to begin a page further on."""
TITLES: Final = 4
"""Asked for at once: written into an address, one may take 700 letters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file that is free to use."""

    page_id: int
    title: str
    """With "File:" before it."""
    url: str
    """Of the picture, in a size that is enough."""
    page_url: str
    revision: str
    author: str
    licence: Licence
    attribution: str
    taken: Dating
    """The date that its own structured data give (P571); never that of its upload."""
    depicts: tuple[str, ...]
    """Items that it is said to show (P180)."""
    is_artwork: bool
    """Whether it reproduces a work of art, whose date is not that of a photo."""
    doubts: tuple[str, ...]


def find_files(ask: Ask, url: str, qid: str, category: str | None) -> list[int]:
    """Page ids of the files in somebody's category and of those said to depict them, in order, each once.

    Of the latter the ten thousand that came to Commons first, more than anybody is to be looked at.

    Args:
        url: of the API of Commons.
        qid: of the person.
        category: of the person, without "Category:".
    """
    found: set[int] = set()
    if category is not None:
        members = {
            "list": "categorymembers",
            "cmtitle": f"Category:{category}",
            "cmnamespace": FILE_SPACE,
            "cmprop": "ids|title",
            "cmlimit": PAGE,
        }
        found |= _page_ids(ask, url, members, "categorymembers")
    search = {
        "list": "search",
        "srsearch": f"haswbstatement:P180={qid}",
        "srnamespace": FILE_SPACE,
        "srsort": "create_timestamp_asc",
        "srprop": "",
        "srlimit": PAGE,
    }
    return sorted(found | _page_ids(ask, url, search, "search", MAX_RESULTS))


def read_files(
    ask: Ask, url: str, page_ids: Sequence[int], titles: Sequence[str], today: date
) -> Iterator[File | Drop]:
    """Files by their page ids or titles, in order of their page ids, each once; or why they may not be used."""
    pages: dict[int, dict[str, Any]] = {}
    asked = [("pageids", BATCH, [str(one) for one in page_ids]), ("titles", TITLES, list(titles))]
    for kind, size, names in asked:
        for start in range(0, len(names), size):
            for part in answers(ask, url, _details({kind: "|".join(names[start : start + size])})):
                for page in part.get("pages", []):
                    if isinstance(page, dict) and "pageid" in page and "missing" not in page:
                        pages.setdefault(int(page["pageid"]), {}).update(page)
                    elif isinstance(page, dict):
                        yield dropped("file is gone", str(page.get("title") or page.get("pageid"))[:200])
    ordered = sorted(pages)
    structured = {str(one["id"]): one for one in entities(ask, url, [f"M{number}" for number in ordered])}
    for number in ordered:
        try:
            yield file_of(pages[number], structured.get(f"M{number}", {}), today)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            yield dropped("file page cannot be read", f"M{number}: {type(error).__name__} {error}"[:200])


def file_of(page: Mapping[str, Any], entity: Mapping[str, Any], today: date) -> File | Drop:
    """A file as its page and its structured data have it, or why it may not be used.

    Args:
        page: of `prop=imageinfo|info`.
        entity: of `wbgetentities`; empty where there is none.
        today: no photo is from after it.
    """
    title, info = str(page["title"]), page["imageinfo"][0]
    mime = str(info.get("mime"))
    if mime not in PICTURES:
        return dropped("not a picture file", f"{title}: {mime}")
    words = {name: str(info.get("extmetadata", {}).get(name, {}).get("value", "")) for name in WORDS}
    licence, doubts = _licence(words, entity)
    if isinstance(licence, str):
        return dropped(licence, f"{title}: {plain(words['LicenseShortName'], 100)}".rstrip(": "))
    author = plain(words["Artist"])
    if not author:
        return dropped("no author", title)
    is_large = int(info["width"]) > WIDTH_PX or mime == "image/tiff"
    return File(
        page_id=int(page["pageid"]),
        title=title,
        url=str(info.get("thumburl") or info["url"]) if is_large else str(info["url"]),
        page_url=str(info["descriptionurl"]),
        revision=str(page["lastrevid"]),
        author=author,
        licence=licence,
        attribution=plain(words["Attribution"]) or f"{author}, {licence.name}, via Wikimedia Commons",
        taken=date_of(best(entity, "P571"), today, EARLIEST_PHOTO),
        depicts=tuple(items_of(entity, "P180")),
        is_artwork=bool(best(entity, "P6243")),
        doubts=doubts,
    )


def _licence(words: Mapping[str, str], entity: Mapping[str, Any]) -> tuple[Licence | str, tuple[str, ...]]:
    """What the page says, unless it says nothing that can be used and the structured data do."""
    named = plain(words["LicenseShortName"]) or plain(words["UsageTerms"])
    said = licence_of(named, plain(words["LicenseUrl"]))
    structured = sorted({ITEMS[one] for one in items_of(entity, "P275") if one in ITEMS}, key=lambda one: one.name)
    if not structured and DEDICATED.intersection(items_of(entity, "P6216")):
        structured = [PUBLIC_DOMAIN]
    if isinstance(said, str):
        return (structured[-1], ()) if said in (NOTHING_SAID, GFDL_ALONE) and structured else (said, ())
    if structured and said not in structured:
        return said, (f"licence: {said.name} by its page, {structured[-1].name} by its data",)
    return said, ()


def _details(chosen: Mapping[str, str]) -> dict[str, str]:
    return {
        **chosen,
        "prop": "imageinfo|info",
        "iiprop": "url|size|mime|extmetadata",
        "iiextmetadatafilter": "|".join(WORDS),
        "iiextmetadatalanguage": "en",
        "iiurlwidth": str(WIDTH_PX),
    }


def _page_ids(ask: Ask, url: str, parameters: Mapping[str, str], kind: str, max_results: int | None = None) -> set[int]:
    found: list[Any] = []
    for part in answers(ask, url, parameters):
        found += part.get(kind, [])
        if max_results is not None and len(found) >= max_results:
            break
    return {
        int(member["pageid"]) for member in found if isinstance(member, dict) and isinstance(member.get("pageid"), int)
    }
