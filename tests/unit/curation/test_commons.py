"""Files out of Commons' answers: what their pages say, and why some may not be used."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest

from curation.sources.commons import File, file_of, find_files, read_files
from curation.sources.statements import Dating
from curation.stage import Drop
from tests.wikimedia_json import Json, dated, file_page, item_value, media_entity, statement

TODAY = date(2026, 11, 25)
WORDS = {"Artist": "<a href='/x'>Ann</a>", "LicenseShortName": "CC BY-SA 4.0"}


def page(words: Mapping[str, str] = WORDS, **changes: Any) -> Json:
    return file_page(
        7, "File:A.jpg", "https://up.example.org/a.jpg", "https://example.org/File:A.jpg", dict(words), **changes
    )


def file(*statements: Json, words: Mapping[str, str] = WORDS, **changes: Any) -> File:
    made = file_of(page(words, **changes), media_entity(7, *statements), TODAY)
    assert isinstance(made, File)
    return made


def refused(*statements: Json, words: Mapping[str, str] = WORDS, **changes: Any) -> str:
    made = file_of(page(words, **changes), media_entity(7, *statements), TODAY)
    assert isinstance(made, Drop)
    return made.reason


def taken(text: str = "1990-06-01") -> Json:
    return statement("P571", dated(text))


def depicts(*qids: str) -> list[Json]:
    return [statement("P180", item_value(qid)) for qid in qids]


def test_the_attribution_asked_for_is_kept() -> None:
    assert file(words=WORDS | {"Attribution": "<i>Ann</i> / Example"}).attribution == "Ann / Example"


def test_the_day_of_upload_is_no_date() -> None:
    assert file(timestamp="2011-05-03T10:00:00Z").taken == Dating(refusal="none")


@pytest.mark.parametrize("mime", ["image/svg+xml", "application/pdf", "video/webm", "image/gif"])
def test_what_is_no_photo_is_left_out(mime: str) -> None:
    assert refused(mime=mime) == "not a picture file"


def test_large_pictures_are_fetched_small() -> None:
    sizes = {"thumburl": "https://up.example.org/1920px-a.jpg"}
    assert file(width=4000, **sizes).url == "https://up.example.org/1920px-a.jpg"
    assert file(width=1920, **sizes).url == "https://up.example.org/a.jpg"
    assert file(width=800, mime="image/tiff", **sizes).url == "https://up.example.org/1920px-a.jpg"


def test_no_author_no_picture() -> None:
    assert refused(words={"LicenseShortName": "CC0"}) == "no author"
    assert refused(words={"LicenseShortName": "CC0", "Artist": "<p> </p>"}) == "no author"


def test_licences_of_page_and_data_together() -> None:
    by, other = statement("P275", item_value("Q20007257")), statement("P275", item_value("Q18199165"))
    nothing, gfdl = {"Artist": "Ann"}, {"Artist": "Ann", "LicenseShortName": "GFDL"}
    public = statement("P6216", item_value("Q19652"))
    assert refused(words=nothing) == "no licence"
    assert file(by, words=nothing).licence.name == "CC-BY-4.0"
    assert file(public, words=nothing).licence.name == "public domain"
    assert refused(words=gfdl) == "licence is the GFDL alone"
    assert file(other, words=gfdl).licence.name == "CC-BY-SA-4.0"
    assert refused(by, words={"Artist": "Ann", "LicenseShortName": "CC BY-NC 4.0"}) == (
        "licence is not for commercial use"
    )
    assert file(other).doubts == ()
    assert file(by).doubts == ("licence: CC-BY-SA-4.0 by its page, CC-BY-4.0 by its data",)
    assert file(words={"Artist": "Ann", "UsageTerms": "CC BY 4.0"}).licence.name == "CC-BY-4.0"


class Wiki:
    """Answers as Commons does, two members a page, one page with its details in two parts."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, str]] = []

    def ask(self, _url: str, parameters: Mapping[str, str]) -> Any:
        self.asked.append(parameters)
        if parameters.get("list") == "categorymembers":
            start = int(parameters.get("cmcontinue", "0"))
            members = [{"pageid": number, "ns": 6, "title": f"File:{number}.jpg"} for number in (9, 8, 5)]
            more = {"continue": {"cmcontinue": str(start + 2), "continue": "-||"}} if start + 2 < len(members) else {}
            return {"query": {"categorymembers": members[start : start + 2]}, **more}
        if parameters.get("list") == "search":
            return {"query": {"search": [{"pageid": 8, "title": "File:8.jpg"}, {"pageid": 3, "title": "File:3.jpg"}]}}
        if parameters["action"] == "wbgetentities":
            return {"entities": {one: media_entity(int(one[1:]), taken()) for one in parameters["ids"].split("|")}}
        numbers = [int(one) for one in parameters.get("pageids", "12").split("|")]
        pages = [page() | {"pageid": number, "title": f"File:{number}.jpg"} for number in numbers]
        if "iistart" not in parameters and len(pages) > 1:
            late = {name: value for name, value in pages[-1].items() if name != "imageinfo"}
            return {"query": {"pages": [*pages[:-1], late]}, "continue": {"iistart": "x"}}
        return {"query": {"pages": [pages[-1], {"ns": 6, "title": "File:Gone.jpg", "missing": True}]}}


def test_files_of_category_and_search_each_once_in_order() -> None:
    wiki = Wiki()
    assert find_files(wiki.ask, "http://c", "Q42", "Somebody & Co") == [3, 5, 8, 9]
    assert wiki.asked[0]["cmtitle"] == "Category:Somebody & Co"
    assert wiki.asked[-1]["srsearch"] == "haswbstatement:P180=Q42"
    assert find_files(wiki.ask, "http://c", "Q42", None) == [3, 8]


def test_a_search_ends_before_the_wiki_refuses_to_go_on() -> None:
    """Of somebody whom tens of thousands of files depict."""

    def ask(_url: str, parameters: Mapping[str, str]) -> Any:
        start = int(parameters.get("sroffset", "0"))
        if start >= 10_000:
            return {"error": {"code": "badvalue", "info": "sroffset is to be below 10000."}}
        results = [{"pageid": number, "title": f"File:{number}.jpg"} for number in range(start, start + 500)]
        return {"query": {"search": results}, "continue": {"sroffset": start + 500, "continue": "-||"}}

    assert find_files(ask, "http://c", "Q42", None) == list(range(10_000))


def test_details_in_parts_are_put_together() -> None:
    made = list(read_files(Wiki().ask, "http://c", [9, 5], ["File:12.jpg", "File:Gone.jpg"], TODAY))
    assert [one.page_id for one in made if isinstance(one, File)] == [5, 9, 12]
    assert {one.reason for one in made if isinstance(one, Drop)} == {"file is gone"}


def test_addresses_stay_short() -> None:
    """A fetcher refuses addresses of more than 4,096 letters."""
    wiki = Wiki()
    titles = [f"File:{'Ж' * 110} {number}.jpg" for number in range(9)]
    list(read_files(wiki.ask, "http://c", list(range(10**9, 10**9 + 60)), titles, TODAY))
    assert max(len(urlencode(parameters)) for parameters in wiki.asked) < 4000


def test_a_page_of_another_shape_costs_one_file() -> None:
    broken = [{"pageid": 1, "title": "File:1.jpg"}, {"pageid": 2, "title": "File:2.jpg", "imageinfo": []}]

    def ask(_url: str, parameters: Mapping[str, str]) -> Any:
        return {"entities": {}} if parameters["action"] == "wbgetentities" else {"query": {"pages": [*broken, page()]}}

    made = list(read_files(ask, "http://c", [1, 2, 7], [], TODAY))
    assert [one.reason if isinstance(one, Drop) else one.page_id for one in made] == [
        "file page cannot be read",
        "file page cannot be read",
        7,
    ]
