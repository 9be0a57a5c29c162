"""Wikidata's and Commons' JSON, a statement at a time, in the shape that their APIs give it."""

from typing import Any

Json = dict[str, Any]

GREGORIAN, JULIAN = "Q1985727", "Q1985786"
PRECISIONS = {4: 9, 7: 10, 10: 11}
"""Letters of a date as cafdata writes it, to the precision of Wikidata."""


def time_value(time: str, precision: int, calendar: str = GREGORIAN, before: int = 0, after: int = 0) -> Json:
    """A time such as "+1952-03-11T00:00:00Z"."""
    return {
        "time": time,
        "timezone": 0,
        "before": before,
        "after": after,
        "precision": precision,
        "calendarmodel": f"http://www.wikidata.org/entity/{calendar}",
    }


def dated(text: str, **changes: Any) -> Json:
    """A time value for "1952", "1952-03" or "1952-03-11"."""
    return time_value(f"+{text}{'-00' * ((10 - len(text)) // 3)}T00:00:00Z", PRECISIONS[len(text)], **changes)


def item_value(qid: str) -> Json:
    """A value that is an item."""
    return {"entity-type": "item", "numeric-id": int(qid[1:]), "id": qid}


def snak(prop: str, value: Any) -> Json:
    """A snak; a text beginning with "somevalue" or "novalue" is one without a value."""
    if value in ("somevalue", "novalue"):
        return {"snaktype": value, "property": prop}
    kind = "string" if isinstance(value, str) else "wikibase-entityid" if "id" in value else "time"
    return {"snaktype": "value", "property": prop, "datavalue": {"value": value, "type": kind}}


def statement(prop: str, value: Any, rank: str = "normal", **qualifiers: Any) -> Json:
    """A statement; qualifiers as P585=value."""
    made: Json = {"mainsnak": snak(prop, value), "type": "statement", "id": f"{prop}$1", "rank": rank}
    if qualifiers:
        made["qualifiers"] = {name: [snak(name, one)] for name, one in qualifiers.items()}
        made["qualifiers-order"] = list(qualifiers)
    return made


def claims(*statements: Json) -> dict[str, list[Json]]:
    """Statements by property."""
    table: dict[str, list[Json]] = {}
    for one in statements:
        table.setdefault(one["mainsnak"]["property"], []).append(one)
    return table


def person_item(qid: str, *statements: Json, num_articles: int = 5) -> Json:
    """Item of a person, with articles in so many Wikipedias and a page on two other sites."""
    sites = [f"{language}wiki" for language in ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "cs")]
    sites = [*sites[:num_articles], "commonswiki", "enwikiquote"]
    return {
        "type": "item",
        "id": qid,
        "claims": claims(statement("P31", item_value("Q5")), *statements),
        "sitelinks": {site: {"site": site, "title": f"Person {qid}", "badges": []} for site in sites},
    }


def media_entity(page_id: int, *statements: Json) -> Json:
    """Structured data of a file."""
    return {
        "type": "mediainfo",
        "id": f"M{page_id}",
        "labels": {},
        "descriptions": {},
        "statements": claims(*statements),
    }


def file_page(page_id: int, title: str, url: str, page_url: str, words: dict[str, str], **changes: Any) -> Json:
    """A page of `prop=imageinfo|info`; words are those of extmetadata."""
    info = {
        "url": url,
        "descriptionurl": page_url,
        "descriptionshorturl": page_url,
        "size": 40_000,
        "width": 640,
        "height": 480,
        "mime": "image/jpeg",
        "extmetadata": {name: {"value": value, "source": "commons-desc-page"} for name, value in words.items()},
    }
    return {
        "pageid": page_id,
        "ns": 6,
        "title": title,
        "imagerepository": "local",
        "lastrevid": 9_000_000 + page_id,
        "imageinfo": [info | changes],
    }
