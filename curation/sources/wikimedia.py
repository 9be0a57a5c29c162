"""Wikidata's people and the pictures that Wikimedia Commons has of them, free to use, dated by both.

Dates of birth are those of Wikidata, dates of photos those of a file's own structured data, or of the statement by
which Wikidata names the picture; never the date of an upload. What is not certain is a doubt, for a person to look at.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar, Final

from cafdata.dates import age_between, first_day, last_day
from cafdata.fields import OLDEST_YEARS
from core.errors import SourceBroken
from curation.candidate import Candidate
from curation.sources.commons import File, find_files, read_files
from curation.sources.source import Ask, dropped
from curation.sources.statements import Dating
from curation.sources.wikidata import QID, Person, find_people, humans_among, read_people
from curation.stage import Drop

PREFIX: Final = "wikidata/"
PICTURE_PREFIX: Final = "wikimedia/"
Years = Mapping[str, frozenset[int]]
"""Person to the years from which pictures are wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wikimedia:
    """Wikidata and Wikimedia Commons as a source. Raises ValueError for settings that cannot be."""

    name: ClassVar[str] = "wikimedia"

    max_people: int = 100
    """People to look for, when neither `people` nor `tasks` names them."""
    min_sitelinks: int = 3
    """Wikipedias that must have an article on somebody: only public figures are collected."""
    born_from: int = 1920
    """First year of birth to look at."""
    born_to: int = 2000
    """Last year of birth to look at."""
    people: tuple[str, ...] | None = None
    """Items of the people to collect, such as Q42."""
    tasks: Path | None = None
    """File of `python -m curation plan`: people, and the years from which pictures of them are wanted."""
    max_files: int = 500
    """Files looked at for one person."""
    sparql: str = "https://query.wikidata.org/sparql"
    """Address of the query service."""
    wikidata: str = "https://www.wikidata.org/w/api.php"
    """Address of the API of Wikidata."""
    commons: str = "https://commons.wikimedia.org/w/api.php"
    """Address of the API of Commons."""

    def __post_init__(self) -> None:
        if self.max_people < 1:
            raise ValueError(f"max_people is 1 or more, got {self.max_people}")
        if self.min_sitelinks < 3:
            raise ValueError(
                f"min_sitelinks is 3 or more, for only public figures are collected, got {self.min_sitelinks}"
            )
        if not 1800 <= self.born_from <= self.born_to <= 2100:
            raise ValueError(f"born_from to born_to are years in order, got {self.born_from} to {self.born_to}")
        if self.max_files < 1:
            raise ValueError(f"max_files is 1 or more, got {self.max_files}")
        if self.people is not None and self.tasks is not None:
            raise ValueError("people and tasks both say whom to collect; leave one out")
        for qid in self.people or ():
            if not QID.fullmatch(qid):
                raise ValueError(f"people are items such as Q42, got {qid!r}")

    def candidates(self, ask: Ask) -> Iterator[Candidate | Drop]:
        """Every picture of every person, in order; or why it is none. Raises FetchRefused and SourceBroken."""
        today = datetime.now(UTC).date()
        years = read_tasks(self.tasks) if self.tasks is not None else {}
        if self.tasks is not None:
            qids = list(years)
        elif self.people is not None:
            qids = list(dict.fromkeys(self.people))
        else:
            born = range(self.born_from, self.born_to + 1)
            qids = list(find_people(ask, self.sparql, born, self.min_sitelinks, self.max_people))
        for person in read_people(ask, self.wikidata, qids, self.min_sitelinks, today):
            if isinstance(person, Drop):
                yield person
                continue
            for found in self._pictures(ask, person, years.get(person.qid), today):
                yield replace(found, person_id=person.person_id) if isinstance(found, Drop) else found

    def may_pass_over(self, picture_id: str) -> bool:
        """Whoever others have overtaken is not among the `max_people` known best any more, and is not read."""
        return self.people is None and self.tasks is None and picture_id.startswith(PICTURE_PREFIX)

    def _pictures(
        self, ask: Ask, person: Person, years: frozenset[int] | None, today: date
    ) -> Iterator[Candidate | Drop]:
        """What there is of one person."""
        found = find_files(ask, self.commons, person.qid, person.category)
        for page_id in found[self.max_files :]:
            yield dropped("more files of this person than max_files", f"M{page_id}")
        portraits = {_title(name): dating for name, dating in person.portraits}
        files = list(read_files(ask, self.commons, found[: self.max_files], list(portraits), today))
        depicted = {qid for file in files if isinstance(file, File) for qid in file.depicts} - {person.qid}
        others = humans_among(ask, self.sparql, sorted(depicted, key=_number)) if depicted else set()
        if not files:
            yield dropped("no picture on Commons", person.qid)
        for file in files:
            if isinstance(file, Drop):
                yield file
                continue
            made = candidate_of(person, file, portraits.get(file.title), others)
            yield made if isinstance(made, Drop) else _wanted(made, years)


def _wanted(candidate: Candidate, years: frozenset[int] | None) -> Candidate | Drop:
    """A candidate, or why it is not wanted."""
    assert candidate.captured is not None
    if years is not None and first_day(candidate.captured).year not in years:
        return dropped("from a year that is not asked for", f"{candidate.picture_id}: {candidate.captured}")
    return candidate


def candidate_of(person: Person, file: File, portrait: Dating | None, others: set[str]) -> Candidate | Drop:
    """A file as a picture of a person, or why it is none.

    Args:
        portrait: when the picture is from by the person's own item, if that names it.
        others: of the items that files depict, those that are people too.
    """
    taken, doubts = file.taken, [*person.doubts, *file.doubts]
    if portrait is not None and portrait.text is not None:
        if taken.text is None:
            taken = portrait
        elif last_day(taken.text) < first_day(portrait.text) or last_day(portrait.text) < first_day(taken.text):
            doubts.append(f"date of the photo: {taken.text} by the file, {portrait.text} by the person's item")
    if file.is_artwork:
        return dropped("picture of a work of art", file.title)
    if taken.text is None:
        return dropped(f"date of the photo: {taken.refusal}", f"{file.title}: {taken.detail}".rstrip(": "))
    also = sorted(others.intersection(file.depicts), key=_number)
    if also and person.qid not in file.depicts:
        return dropped("depicts somebody else", f"{file.title}: {', '.join(also)}")
    if last_day(taken.text) < first_day(person.born):
        return dropped("photo from before the birth", f"{file.title}: {taken.text}, born {person.born}")
    if person.died is not None and first_day(taken.text) > last_day(person.died):
        return dropped("photo from after the death", f"{file.title}: {taken.text}, died {person.died}")
    oldest = age_between(person.born, taken.text)[1]
    if oldest > OLDEST_YEARS:
        return dropped("older than anybody", f"{file.title}: {oldest:.0f} years")
    if also:
        doubts.append(f"depicts {len(also) + 1} people: {', '.join([person.qid, *also][:5])}")
    doubts += [f"date of the photo: {doubt}" for doubt in taken.doubts]
    try:
        return Candidate(
            picture_id=f"{PICTURE_PREFIX}M{file.page_id}",
            person_id=person.person_id,
            url=file.url,
            source_url=file.page_url,
            source_revision=file.revision,
            author=file.author,
            licence=file.licence.name,
            licence_url=file.licence.url,
            attribution=file.attribution,
            sex=person.sex,
            born=person.born,
            died=person.died,
            captured=taken.text,
            doubts=tuple(dict.fromkeys(doubts)),
        )
    except ValueError as error:
        return dropped("says what cannot be", f"M{file.page_id}: {error}"[:200])


def is_findable(person_id: str) -> bool:
    """Whether this source can look for somebody: who has an item on Wikidata."""
    return person_id.startswith(PREFIX) and QID.fullmatch(person_id.removeprefix(PREFIX)) is not None


def read_tasks(path: Path) -> Years:
    """People and years out of a file of tasks, in its order.

    Raises:
        SourceBroken: it is missing, or a line of it is no task; the first such is named.
    """
    if not path.is_file():
        raise SourceBroken(f"There is no file of tasks {path}; make one with python -m curation plan.")
    wanted: dict[str, frozenset[int]] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            qid, years = _task(json.loads(line))
        except ValueError as error:
            raise SourceBroken(f"{path.name}, line {number}: {error}; make the file anew.") from error
        wanted[qid] = wanted.get(qid, frozenset()) | years
    if not wanted:
        raise SourceBroken(f"{path} holds no task; there is nothing to look for.")
    return wanted


def _task(said: object) -> tuple[str, frozenset[int]]:
    if not isinstance(said, dict):
        raise ValueError("a task is an object with person_id and years")
    person, years = said.get("person_id"), said.get("years")
    if not isinstance(person, str) or not is_findable(person):
        raise ValueError(f"person_id is such as wikidata/Q42, got {str(person)[:80]!r}")
    if not isinstance(years, list) or not years or any(type(year) is not int for year in years):
        raise ValueError(f"years is a list of whole numbers, got {str(years)[:80]!r}")
    return person.removeprefix(PREFIX), frozenset(years)


def _title(name: str) -> str:
    """A file's name as the title of its page."""
    clean = name.replace("_", " ").strip()
    return f"File:{clean[:1].upper()}{clean[1:]}"


def _number(qid: str) -> int:
    return int(qid[1:])
