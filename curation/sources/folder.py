"""Pictures on this machine: a folder a person, in it pictures named after an age or a date.

people.csv                     if there is one: person, and any of born, died, sex, licence, licence_url, author,
                               attribution, source_url; those who publish need most of them
<person>/<name>_<age>.jpg      or <age>.jpg: the age in years
<person>/<date>....jpg         1975, 1975-07 or 1975-07-21 first: when it was taken; needs `born` in people.csv
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from cafdata.dates import age_between, date_precision
from cafdata.readers.found import Fault, person_name, pictures_in, sex_of, whole_age, word
from cafdata.readers.tables import rows_of
from core.errors import DataBroken, SourceBroken
from curation.candidate import Candidate
from curation.sources.source import Ask, dropped
from curation.sources.urls import refuse_faults
from curation.stage import Drop

PEOPLE: Final = "people.csv"
TEXTS: Final = ("born", "died", "licence", "licence_url", "author", "attribution", "source_url")
KNOWN: Final = frozenset({"person", "sex", *TEXTS})
DATED: Final = re.compile(r"((?:18|19|20)\d\d(?:-\d\d(?:-\d\d)?)?)(?!\d|-\d\d(?!\d))", re.ASCII)
"""A year of photography, and what may follow it."""
Facts = Mapping[str, Mapping[str, str]]
"""Person to what is known of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """A folder of people as a source."""

    name: ClassVar[str] = "folder"

    folder: Path
    """Where the people's folders lie."""
    drop: bool = False
    """Leave out pictures whose names say nothing usable and count them; otherwise one such, and nothing is used."""

    def candidates(self, ask: Ask) -> Iterator[Candidate | Drop]:  # noqa: ARG002
        """The pictures in the order of their names.

        Raises:
            SourceBroken: no such folder, a faulty people.csv, no picture, or names that say nothing usable.
        """
        if not self.folder.is_dir():
            raise SourceBroken(f"There is no folder {self.folder}; check the path.")
        facts = read_people(self.folder / PEOPLE)
        if not self.drop:
            refuse_faults(self.folder.name, (one for one in self._findings(facts) if isinstance(one, Fault)))
        is_empty = True
        for found in self._findings(facts):
            is_empty = False
            yield dropped("faulty name", str(found)) if isinstance(found, Fault) else found
        if is_empty:
            raise SourceBroken(f"{self.folder} holds no picture; it is laid out as <person>/<name>_<age>.jpg.")

    def may_pass_over(self, picture_id: str) -> bool:  # noqa: ARG002
        """No: it is read to its end."""
        return False

    def _findings(self, facts: Facts) -> Iterator[Candidate | Fault]:
        for path in pictures_in(self.folder):
            relative = path.relative_to(self.folder)
            try:
                yield candidate_of(self.folder, relative, facts)
            except ValueError as error:
                yield Fault(where=relative.as_posix(), reason=str(error))


def candidate_of(folder: Path, relative: Path, facts: Facts) -> Candidate:
    """A picture as a candidate. Raises ValueError with what its name, or what is known of the person, lacks.

    Args:
        folder: where the people's folders lie.
        relative: the picture, below it.
        facts: of the people.
    """
    if len(relative.parts) < 2:
        raise ValueError("it lies in no person's folder")
    person = person_name(relative.parent.as_posix())
    known = facts.get(person, {})
    captured, age_years = _said(relative.stem)
    if age_years is None and "born" not in known:
        raise ValueError(f"the name has a date and no age; say in {PEOPLE} when {person} was born")
    if captured is not None and "born" in known:
        age_between(known["born"], captured)
    values: dict[str, Any] = {name: known[name] for name in TEXTS if name in known}
    return Candidate(
        picture_id=word(f"{folder.resolve().name}/{relative.as_posix()}", "file name"),
        person_id=person,
        path=str((folder / relative).resolve()),
        captured=captured,
        age_min_years=age_years,
        age_max_years=age_years,
        sex=sex_of(known["sex"]) if "sex" in known else None,
        **values,
    )


def read_people(path: Path) -> Facts:
    """What people.csv says; nothing where there is none.

    Raises:
        SourceBroken: it is no such table, or rows of it cannot be; each is named.
    """
    if not path.is_file():
        return {}
    facts: dict[str, dict[str, str]] = {}
    faults: list[Fault] = []
    try:
        for found in rows_of(path, ("person",)):
            if isinstance(found, Fault):
                faults.append(found)
                continue
            where, row = found
            if unknown := sorted(set(row) - KNOWN):
                raise SourceBroken(
                    f"{PEOPLE} has the unknown column {unknown[0]}; there are {', '.join(sorted(KNOWN))}."
                )
            try:
                person = person_name(row["person"])
                if person in facts:
                    raise ValueError(f"{person} is there twice")
                facts[person] = _facts(row)
            except ValueError as error:
                faults.append(Fault(where=where, reason=str(error)))
    except DataBroken as error:
        raise SourceBroken(f"{path} cannot be read: {str(error).rstrip('.')}.") from error
    refuse_faults(PEOPLE, iter(faults))
    return facts


def _facts(row: Mapping[str, str]) -> dict[str, str]:
    """A row's cells that hold something, checked."""
    known = {name: value for name, value in row.items() if value and name != "person"}
    for name in ("born", "died"):
        if name in known:
            date_precision(known[name])
    if "sex" in known:
        sex_of(known["sex"])
    return known


def _said(stem: str) -> tuple[str | None, float | None]:
    """When, or at what age, by the name of a file. A number after a date may be anything, so it is no age."""
    match = DATED.match(stem)
    if match is None:
        return None, whole_age(stem.rpartition("_")[2])
    date_precision(match[1])
    return match[1], None
