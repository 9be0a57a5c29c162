"""A small Wikimedia: people who never lived, files that show them, what was planted among these, and what must happen.

Everything follows from a seed. Clean files come first; plants are added on top, so their number changes nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote

import numpy as np

from cafdata.dates import age_between
from tests.wikimedia_faces import BROKEN, DUPLICATES, Cast, as_jpeg, photo
from tests.wikimedia_json import Json, dated, item_value, media_entity, person_item, statement

Outcome = Literal["kept", "source", "fetch", "decode", "duplicate", "review", "unlisted"]

NUM_PEOPLE = 36
FIRST_STRANGER = 5000
"""Number from which on people appear only where they do not belong."""
FIRST_PAGE = 70_001
LATEST_YEAR = 2024
"""No photo is from after it, so that nothing depends on the day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """What must happen to a picture."""

    picture_id: str
    person_id: str
    """Who the site says it shows."""
    age_years: int
    """Of who is shown, in whole years on the day of the photo."""
    outcome: Outcome
    """The stage that must drop it; "duplicate": one of it and `of` is kept; "review": a person must look at it;
    "unlisted": it is never asked about."""
    plant: str = ""
    """What was planted, "" where nothing was, "childhood" for a picture under 18, which `childhood = true` keeps."""
    reason: str = ""
    """Of a drop by the source."""
    of: str | None = None
    """The picture that it is a duplicate of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SitePerson:
    """Somebody with an item."""

    number: int
    """In the cast."""
    qid: str
    born: str
    """"1951-07-21"."""
    category: str
    refusal: str = ""
    """Why nobody may collect them."""
    item: Json = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteFile:
    """A file with its page and its picture."""

    page_id: int
    qid: str
    """Whose category or depicts statement leads to it."""
    title: str
    """With "File:"."""
    host: int
    """Number of the host that serves it."""
    path: str
    """On that host."""
    in_category: bool
    mime: str
    words: dict[str, str]
    entity: Json = field(repr=False)
    make: Callable[[], bytes] = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    is_gone: bool = False
    """Whether the host answers 404."""


class World:
    """People, files and the truth about them."""

    def __init__(
        self, *, seed: int = 0, num_pictures: int | None = None, faults: bool = True, num_hosts: int = 4
    ) -> None:
        """Make a world; pictures are drawn when they are asked for.

        Args:
            num_pictures: clean files; people are added until there are so many. All of 36 people if None.
            faults: whether anything is planted.
            num_hosts: hosts that serve pictures; one more has a robots.txt that cannot be read.
        """
        self.cast, self.seed, self.num_hosts = Cast(seed), seed, num_hosts
        self.people: dict[str, SitePerson] = {}
        self.files: dict[int, SiteFile] = {}
        self.truth: dict[str, Truth] = {}
        self._random = np.random.default_rng([seed, 3])
        number = 0
        while len(self.files) < num_pictures if num_pictures is not None else number < NUM_PEOPLE:
            self._add_person(number, None if num_pictures is None else num_pictures - len(self.files))
            number += 1
        if faults:
            self._plant()

    @cached_property
    def adults(self) -> list[SiteFile]:
        """Clean files of people of 18 and more."""
        return [self.files[int(one.picture_id[11:])] for one in self.truth.values() if one.outcome == "kept"]

    def data(self, page_id: int) -> bytes:
        """The picture of a file."""
        return self.files[page_id].make()

    def _add_person(self, number: int, most: int | None) -> None:
        """A person with a file for each face, or for the last `most` of them."""
        person = self._person(number)
        ages = self.cast.ages(number)[-most:] if most is not None else self.cast.ages(number)
        for place, age in enumerate(ages):
            is_portrait = place == len(ages) - 1
            exactness = 4 if (number + place) % 7 == 3 else 7 if (number + place) % 7 == 5 else 10
            captured = captured_at(person.born, age, self._random)[:exactness]
            own_date = not (is_portrait and number % 5 == 2)
            file = self._add_file(person, age, captured=captured if own_date else None, in_category=place % 4 != 1)
            if is_portrait:
                qualifiers = {} if own_date else {"P585": dated(captured)}
                person.item["claims"]["P18"] = [statement("P18", file.title.removeprefix("File:"), **qualifiers)]
            is_child = age_between(self._known_birth(person), captured)[0] < 18
            self._tell(
                file,
                age,
                outcome="source" if is_child else "kept",
                plant="childhood" if is_child else "",
                reason="taken in childhood" if is_child else "",
            )

    def _known_birth(self, person: SitePerson) -> str:
        value = person.item["claims"]["P569"][0]["mainsnak"]["datavalue"]["value"]
        return str(value["time"][1 : {9: 5, 10: 8, 11: 11}[value["precision"]]])

    def _person(
        self, number: int, *birth: Json, born: str | None = None, num_articles: int = 0, refusal: str = ""
    ) -> SitePerson:
        """Somebody new; of each eighth the site knows the year of birth only, or what `birth` says."""
        random = np.random.default_rng([self.seed, 4, number])
        if born is None:
            latest = LATEST_YEAR - 2 - max(self.cast.ages(number))
            year = int(random.integers(latest - 9, latest + 1))
            born = f"{year}-{random.integers(2, 13):02d}-{random.integers(1, 29):02d}"
        qid = f"Q{1001 + len(self.people)}"
        category = f"Person {number} (né & né)" if number % 3 == 0 else f"Person {number}"
        claims = [
            *(birth or (statement("P569", dated(born[:4] if number % 8 == 6 else born)),)),
            statement("P21", item_value("Q6581097" if self.cast.sex(number) == "male" else "Q6581072")),
            statement("P373", category),
        ]
        item = person_item(qid, *claims, num_articles=num_articles or int(random.integers(3, 11)))
        person = SitePerson(number=number, qid=qid, born=born, category=category, refusal=refusal, item=item)
        self.people[qid] = person
        return person

    def _add_file(
        self,
        person: SitePerson,
        age: int,
        *,
        captured: str | None,
        make: Callable[[], bytes] | None = None,
        shows: int | None = None,
        in_category: bool = True,
        words: dict[str, str] | None = None,
        depicts: tuple[str, ...] = (),
        host: int | None = None,
        folder: str = "commons",
        **changes: Any,
    ) -> SiteFile:
        """A file of a person, `shows` of another; found by what it depicts where it is not in the category."""
        page_id = FIRST_PAGE + len(self.files)
        name = f"Person {person.number} at {age}, {page_id}.{'png' if changes.get('mime') == 'image/png' else 'jpg'}"
        claims: list[Json] = [statement("P6216", item_value("Q50423863"))]
        if captured is not None:
            claims.append(statement("P571", dated(captured)))
        shown = depicts or (() if in_category and page_id % 2 else (person.qid,))
        claims += [statement("P180", item_value(qid)) for qid in shown]
        free = ("CC BY-SA 4.0", "CC BY 2.0", "CC0", "CC BY-SA 3.0 de", "Public domain")[page_id % 5]
        author = f"Photographer {page_id % 17}"
        file = SiteFile(
            page_id=page_id,
            qid=person.qid,
            title=f"File:{name}",
            host=page_id % self.num_hosts if host is None else host,
            path=f"/{folder}/{page_id % 16:x}/{quote(name.replace(' ', '_'))}",
            in_category=in_category,
            mime=str(changes.pop("mime", "image/jpeg")),
            words={"Artist": f'<a href="//example.org/{author}" title="x">{author}</a>', "LicenseShortName": free}
            | (words or {}),
            entity=media_entity(page_id, *claims),
            make=make or self._photo_of(shows if shows is not None else person.number, age, page_id),
            **changes,
        )
        self.files[page_id] = file
        return file

    def _photo_of(self, number: int, age: int, page_id: int) -> Callable[[], bytes]:
        return lambda: as_jpeg(photo(self.cast.face(number, age), np.random.default_rng([self.seed, 5, page_id])))

    def _tell(
        self, file: SiteFile, age: int, outcome: Outcome, plant: str = "", reason: str = "", of: str | None = None
    ) -> None:
        picture_id = f"wikimedia/M{file.page_id}"
        self.truth[picture_id] = Truth(
            picture_id=picture_id,
            person_id=f"wikidata/{file.qid}",
            age_years=age,
            outcome=outcome,
            plant=plant,
            reason=reason,
            of=of,
        )

    def _plant(self) -> None:
        """Add what goes wrong on a real site; each kind at least once, most in one or a half of a hundred."""
        one, half = max(1, len(self.adults) // 100), max(1, len(self.adults) // 200)
        for name, edit in DUPLICATES.items():
            for file, person, age in self._drawn(one):
                copy = self._add_file(
                    person, age, captured=self._captured(file), make=lambda f=file, e=edit: e(f.make())
                )
                self._tell(copy, age, "duplicate", name, of=f"wikimedia/M{file.page_id}")
        for place in range(max(1, round(len(self.adults) * 0.03))):
            self._plant_stranger(place)
        for name, spoil in BROKEN.items():
            for file, person, age in self._drawn(half):
                mime = "image/png" if name == "bomb" else "image/jpeg"
                broken = self._add_file(
                    person, age, captured=self._captured(file), make=lambda f=file, s=spoil: s(f.make()), mime=mime
                )
                self._tell(broken, age, "fetch" if name == "html" else "decode", name)
        for name, changes in {
            "robots": {"folder": "private"},
            "robots unreadable": {"host": self.num_hosts},
            "noai": {"headers": {"X-Robots-Tag": "noai, noimageai"}},
            "gone": {"is_gone": True},
        }.items():
            for file, person, age in self._drawn(half):
                self._tell(self._add_file(person, age, captured=self._captured(file), **changes), age, "fetch", name)
        self._plant_for_source(half)
        self._plant_people()

    def _plant_stranger(self, place: int) -> None:
        """A file in the category of somebody who is not on it, of a sex and an age of their own."""
        [(_, person, _)] = self._drawn(1)
        number = FIRST_STRANGER + place
        while self.cast.sex(number) == self.cast.sex(person.number):
            number += 1000
        latest = LATEST_YEAR - int(person.born[:4])
        grown = [years for years in self.cast.ages(number) if 20 <= years < latest]
        age = grown[place % len(grown)]
        captured = captured_at(person.born, age, self._random)
        self._tell(self._add_file(person, age, captured=captured, shows=number), age, "review", "wrong person")

    def _plant_for_source(self, count: int) -> None:
        """Files whose pages or data speak against them."""
        nc = {"LicenseShortName": "CC BY-NC 4.0", "LicenseUrl": "https://creativecommons.org/licenses/by-nc/4.0/"}
        kinds: dict[str, tuple[str, dict[str, Any]]] = {
            "non-commercial": ("licence is not for commercial use", {"words": nc}),
            "no licence": ("no licence", {"words": {"LicenseShortName": ""}}),
            "no author": ("no author", {"words": {"Artist": "<p></p>"}}),
            "no date": ("date of the photo: none", {"captured": None}),
            "before birth": ("photo from before the birth", {"captured": "1850"}),
            "drawing": ("not a picture file", {"mime": "image/svg+xml"}),
        }
        for name, (reason, changes) in kinds.items():
            for file, person, age in self._drawn(count):
                spoilt = self._add_file(person, age, **{"captured": self._captured(file), **changes})
                self._tell(spoilt, age, "source", name, reason)

    def _plant_people(self) -> None:
        """People who may not be collected, and two whose dates a person has to look at, with a few files each."""
        circa = {"P1480": item_value("Q5727902")}
        first = FIRST_STRANGER + 500
        refused = {
            "minor": self._person(first, born="2015-05-05", refusal="may be under 18 today"),
            "hardly known": self._person(first + 1, num_articles=2, refusal="too few Wikipedia articles"),
            "circa": self._person(
                first + 2, statement("P569", dated("1950"), **circa), born="1950-05-05", refusal="date of birth: circa"
            ),
        }
        for name, person in refused.items():
            for age in self.cast.ages(person.number)[:2] if name == "minor" else self.cast.ages(person.number)[-2:]:
                file = self._add_file(person, age, captured=captured_at(person.born, age, self._random))
                self._tell(file, age, "unlisted", name, person.refusal)
        doubtful = {
            "1 January": self._person(first + 3, statement("P569", dated("1938-01-01")), born="1938-01-01"),
            "two births": self._person(
                first + 4,
                statement("P569", dated("1938-03-11")),
                statement("P569", dated("1938-04-11")),
                born="1938-03-11",
            ),
        }
        for name, person in doubtful.items():
            for age in [years for years in self.cast.ages(person.number) if years >= 20]:
                file = self._add_file(person, age, captured=captured_at(person.born, age, self._random))
                self._tell(file, age, "review", name)
        for file, person, age in self._drawn(1):
            clean = [one.qid for one in self.people.values() if one.number < FIRST_STRANGER and one is not person]
            both = (person.qid, (clean or [next(iter(self.people))])[-1])
            pair = self._add_file(person, age, captured=self._captured(file), depicts=both)
            self._tell(pair, age, "review", "two people")

    def _drawn(self, count: int) -> list[tuple[SiteFile, SitePerson, int]]:
        """So many of the clean files of adults, with their people and ages; none that was drawn before."""
        adults = [file for file in self.adults if file.page_id not in self._taken]
        chosen = [adults[place] for place in self._random.permutation(len(adults))[:count]] or self.adults[:1]
        self._taken.update(file.page_id for file in chosen)
        return [(file, self.people[file.qid], self.truth[f"wikimedia/M{file.page_id}"].age_years) for file in chosen]

    @cached_property
    def _taken(self) -> set[int]:
        return set()

    def _captured(self, file: SiteFile) -> str:
        """When a photo of that age may have been taken, to the day."""
        person, age = self.people[file.qid], self.truth[f"wikimedia/M{file.page_id}"].age_years
        return captured_at(person.born, age, self._random)


def captured_at(born: str, age_years: int, random: np.random.Generator) -> str:
    """A day on which somebody has that age, not in January."""
    birth = date.fromisoformat(born)
    birthday = birth.replace(year=birth.year + age_years)
    days = [birthday + timedelta(days=int(number)) for number in random.integers(1, 364, 20)]
    return next(day for day in days if day.month > 1).isoformat()
