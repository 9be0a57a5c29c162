"""A picture that a source names: where it lies, whom it is said to show, and what is known of both. Not fetched yet."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from cafdata import fields
from cafdata.dates import date_precision
from cafdata.record import SEXES, Sex


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One picture to look at. Raises ValueError, naming field and value, for what cannot be."""

    picture_id: str
    """The picture's name in the archive, the same at every run: "wikimedia/M1234"."""
    person_id: str
    """Who it is said to show: "wikidata/Q42"."""
    url: str | None = None
    """http or https address of the picture file; either this or `path`."""
    path: str | None = None
    """Picture file on this machine, absolute."""
    source_url: str | None = None
    """Page that describes the picture; the address itself where there is none."""
    source_revision: str | None = None
    author: str | None = None
    licence: str | None = None
    """"CC-BY-4.0" and the like (SPDX), or plain words."""
    licence_url: str | None = None
    attribution: str | None = None
    sex: Sex | None = None
    ethnicity: str | None = None
    """In the words of the source."""
    born: str | None = None
    """"1951", "1951-07" or "1951-07-21", as precisely as it is known; `captured` and `died` too."""
    died: str | None = None
    captured: str | None = None
    """When the photo was taken; never when it was uploaded."""
    age_min_years: float | None = None
    """Youngest age that a list gives, 0..130, together with `age_max_years`; dates are better where there are both."""
    age_max_years: float | None = None
    doubts: tuple[str, ...] = ()
    """What a person has to look at before this picture may be used, in a few words each."""

    def __post_init__(self) -> None:
        fields.identifier("picture_id", self.picture_id)
        fields.identifier("person_id", self.person_id)
        if self.person_id.lower() in fields.NOBODY:
            raise ValueError(f"person_id {self.person_id!r} names nobody; give each unknown person a name of their own")
        if (self.url is None) == (self.path is None):
            raise ValueError(f"a picture has either a url or a path, got {self.url!r} and {self.path!r}")
        for name in ("url", "source_url", "licence_url"):
            if (value := getattr(self, name)) is not None:
                fields.url(name, value)
        for name in ("path", "source_revision", "author", "licence", "attribution", "ethnicity"):
            if (value := getattr(self, name)) is not None:
                fields.text(name, value)
        if self.sex is not None:
            fields.one_of("sex", self.sex, SEXES)
        for name in ("born", "died", "captured"):
            if (value := getattr(self, name)) is not None:
                try:
                    date_precision(value)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        if (self.age_min_years is None) != (self.age_max_years is None):
            raise ValueError(f"an age is an interval, got {self.age_min_years} to {self.age_max_years}")
        if self.age_min_years is not None and self.age_max_years is not None:
            fields.number("age_min_years", self.age_min_years, 0, fields.OLDEST_YEARS)
            fields.number("age_max_years", self.age_max_years, self.age_min_years, fields.OLDEST_YEARS)
        for doubt in self.doubts:
            fields.text("doubts", doubt)

    def to_row(self) -> dict[str, Any]:
        """As plain values."""
        return {name: getattr(self, name) for name in FIELD_NAMES} | {"doubts": list(self.doubts)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Inverse of `to_row`; other columns are not looked at. Raises ValueError for what cannot be."""
        given = {name: row[name] for name in FIELD_NAMES if name in row}
        return cls(**given | {"doubts": tuple(row.get("doubts") or ())})


FIELD_NAMES: Final = tuple(field.name for field in dataclasses.fields(Candidate))
