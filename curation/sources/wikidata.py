"""People as Wikidata knows them: who is to be looked for, when they were born and died, where their pictures are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from cafdata.dates import first_day, last_day
from cafdata.record import Sex
from core.errors import SourceBroken
from curation.minors import is_grown_up
from curation.sources.mediawiki import entities
from curation.sources.source import Ask, dropped
from curation.sources.statements import Dating, best, date_of, items_of, qualified_date, texts_of, value_of
from curation.stage import Drop

HUMAN: Final = "Q5"
SEXES: Final[Mapping[str, Sex]] = {"Q6581097": "male", "Q6581072": "female"}
"""Others are kept without."""
QID: Final = re.compile(r"Q[1-9]\d{0,11}", re.ASCII)
EARLIEST_BIRTH: Final = 1700
"""Of anybody who lived to see a camera."""
EARLIEST_PHOTO: Final = 1826
NOT_WIKIPEDIAS: Final = frozenset(
    f"{name}wiki"
    for name in (
        "commons", "species", "meta", "wikidata", "mediawiki", "sources", "incubator", "foundation", "outreach",
        "wikimania", "wikifunctions", "test", "test2", "testwikidata",
    )
)  # fmt: skip
"""Sites that link to a person and are no Wikipedia of a language."""
MAX_ASKED: Final = 100
"""Items named in one query: an address has room for so many."""

Portrait = tuple[str, Dating]
"""File name on Commons, and when the picture is said to be from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody who may be collected."""

    qid: str
    """"Q42"."""
    born: str
    """As cafdata writes dates."""
    died: str | None
    sex: Sex | None
    category: str | None
    """Category of Commons, without "Category:"."""
    portraits: tuple[Portrait, ...]
    """Pictures that Wikidata itself names (P18)."""
    doubts: tuple[str, ...]

    @property
    def person_id(self) -> str:
        """Name in an archive."""
        return f"wikidata/{self.qid}"


def find_people(ask: Ask, url: str, years: Sequence[int], min_sitelinks: int, max_people: int) -> Iterator[str]:
    """Ids of people born in these years, those known in most languages first; of each year about as many.

    Args:
        url: of the SPARQL service.
        years: of birth.
        min_sitelinks: sites that have a page on them.
        max_people: this many at most.
    Raises:
        FetchRefused: the service refuses.
        SourceBroken: it answers something else.
    """
    page = -(-max_people // len(years))
    left = list(years)
    seen: set[str] = set()
    turn = 0
    while left:
        for year in tuple(left):
            found = _select(ask, url, born_query(year, min_sitelinks, page, page * turn))
            if len(found) < page:
                left.remove(year)
            for qid in found:
                if qid not in seen:
                    seen.add(qid)
                    yield qid
                if len(seen) == max_people:
                    return
        turn += 1


def born_query(year: int, min_sitelinks: int, limit: int, offset: int) -> str:
    """SPARQL for a page of the people born in a year; a year at a time, for the service gives each query a minute."""
    return (
        "SELECT DISTINCT ?person ?links WHERE { "
        "?person wdt:P569 ?born . hint:Prior hint:rangeSafe true . "
        f'FILTER("{year:04d}-01-01T00:00:00Z"^^xsd:dateTime <= ?born && '
        f'?born < "{year + 1:04d}-01-01T00:00:00Z"^^xsd:dateTime) '
        f"?person wdt:P31 wd:{HUMAN} ; wdt:P18 ?picture ; wikibase:sitelinks ?links . "
        f"FILTER(?links >= {min_sitelinks}) "
        f"}} ORDER BY DESC(?links) ?person LIMIT {limit} OFFSET {offset}"
    )


def humans_among(ask: Ask, url: str, qids: Sequence[str]) -> set[str]:
    """Which of some items are people; raises as `find_people`."""
    humans: set[str] = set()
    for start in range(0, len(qids), MAX_ASKED):
        named = " ".join(f"wd:{qid}" for qid in qids[start : start + MAX_ASKED])
        query = f"SELECT ?person WHERE {{ VALUES ?person {{ {named} }} ?person wdt:P31 wd:{HUMAN} . }}"
        humans |= set(_select(ask, url, query))
    return humans


def read_people(ask: Ask, url: str, qids: Sequence[str], min_sitelinks: int, today: date) -> Iterator[Person | Drop]:
    """People by their ids, or why they may not be collected.

    Args:
        url: of Wikidata's API.
        min_sitelinks: Wikipedias that have an article on them.
        today: everybody must surely have been born 18 years before.
    """
    for entity in entities(ask, url, qids, "claims|sitelinks"):
        try:
            found = person_of(entity, min_sitelinks, today)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            found = dropped("item cannot be read", f"{entity.get('id')}: {error}"[:200])
        yield replace(found, person_id=f"wikidata/{entity.get('id')}") if isinstance(found, Drop) else found


def person_of(entity: Mapping[str, Any], min_sitelinks: int, today: date) -> Person | Drop:
    """A person as an item has them, or why not. Raises what comes of an item of another shape."""
    qid = str(entity["id"])
    if HUMAN not in items_of(entity, "P31"):
        return dropped("not a person", qid)
    links = [site for site in entity.get("sitelinks") or {} if site.endswith("wiki") and site not in NOT_WIKIPEDIAS]
    if len(links) < min_sitelinks:
        return dropped("too few Wikipedia articles", f"{qid}: {len(links)}")
    birth = date_of(best(entity, "P569"), today, EARLIEST_BIRTH)
    if birth.text is None:
        return dropped(f"date of birth: {birth.refusal}", f"{qid}: {birth.detail}".rstrip(": "))
    if not is_grown_up(birth.text, None, today):  # the dead too
        return dropped("may be under 18 today", f"{qid}: born {birth.text}")
    death = date_of(best(entity, "P570"), today, EARLIEST_BIRTH)
    doubts = [f"date of birth: {doubt}" for doubt in birth.doubts]
    doubts += [f"date of death: {doubt}" for doubt in death.doubts]
    if death.text is None and death.refusal != "none":
        doubts.append(f"date of death: {death.refusal}")
    if death.text is not None and last_day(death.text) < first_day(birth.text):
        return dropped("died before birth", f"{qid}: born {birth.text}, died {death.text}")
    sexes = {SEXES.get(one) for one in items_of(entity, "P21")}
    return Person(
        qid=qid,
        born=birth.text,
        died=death.text,
        sex=sexes.pop() if len(sexes) == 1 else None,
        category=next(iter(texts_of(entity, "P373")), None),
        portraits=tuple(_portraits(entity, today)),
        doubts=tuple(doubts),
    )


def _portraits(entity: Mapping[str, Any], today: date) -> Iterator[Portrait]:
    for statement in best(entity, "P18"):
        name = value_of(statement["mainsnak"])
        if isinstance(name, str):
            yield name, qualified_date(statement, "P585", today, EARLIEST_PHOTO)


def _select(ask: Ask, url: str, query: str) -> list[str]:
    """Ids that a query binds to ?person, in order."""
    said = ask(url, {"query": query, "format": "json"})
    try:
        found = [row["person"]["value"].rpartition("/")[2] for row in said["results"]["bindings"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise SourceBroken(f"{url} answers no table of items; check the address of the SPARQL service.") from error
    return [qid for qid in found if QID.fullmatch(qid)]
