"""Which data sets are made of one archive, and what each says of itself in edition.json.

On the Hub a gate is the whole repository's, so each tier is a repository of its own: NAME holds metadata for everyone,
NAME-pictures the same rows with their pictures, NAME-childhood pictures of today's adults as children, if these are
published at all. The last two are gated: their owners let in each reader by hand.
"""

import dataclasses
import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Self

from cafdata import fields
from curation.publishing.refusals import HubRefused
from curation.publishing.tables import DataPart

FILE: Final = "edition.json"
FORMAT: Final = "caf-edition"
FORMAT_VERSION: Final = 1
REPO: Final = re.compile(r"[A-Za-z0-9][\w-]{0,95}/[A-Za-z0-9](?:[\w.-]{0,80}[A-Za-z0-9])?", re.ASCII)
TAG: Final = re.compile(r"v([1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Edition:
    """One tier of what is published."""

    name: str
    """Also of the folder with its files, and of the configuration to load."""
    suffix: str
    """What the repository's name ends in."""
    with_pictures: bool
    is_gated: bool

    def repo(self, base: str) -> str:
        """Its repository, given that of the metadata."""
        return base + self.suffix


METADATA: Final = Edition(name="metadata", suffix="", with_pictures=False, is_gated=False)
PICTURES: Final = Edition(name="pictures", suffix="-pictures", with_pictures=True, is_gated=True)
CHILDHOOD: Final = Edition(name="childhood", suffix="-childhood", with_pictures=True, is_gated=True)
EDITIONS: Final = (CHILDHOOD, PICTURES, METADATA)
"""In the order in which they are published: what everyone sees comes last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A line of the changelog."""

    version: int
    day: str
    """"2026-11-25"."""
    text: str
    """What is different, counted; names nobody."""

    def __post_init__(self) -> None:
        fields.whole("version", self.version, 1)
        fields.text("text", self.text)
        date.fromisoformat(self.day)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """What edition.json says: which edition and version this is, of what rows and words, in which files."""

    edition: str
    version: int
    rows_sha256: str
    """Of the set of rows, whatever their order and the files they lie in."""
    words_sha256: str
    """Of what people wrote in the card."""
    num_pictures: int
    num_people: int
    parts: tuple[DataPart, ...]
    changes: tuple[Change, ...]
    """Newest first."""

    def __post_init__(self) -> None:
        fields.one_of("edition", self.edition, [edition.name for edition in EDITIONS])
        fields.whole("version", self.version, 1)
        fields.hexadecimal("rows_sha256", self.rows_sha256, 64)
        fields.hexadecimal("words_sha256", self.words_sha256, 64)
        fields.whole("num_pictures", self.num_pictures, 0)
        fields.whole("num_people", self.num_people, 0)

    def is_of(self, rows_sha256: str, words_sha256: str) -> bool:
        """Whether it has these rows and words."""
        return (self.rows_sha256, self.words_sha256) == (rows_sha256, words_sha256)

    def encode(self) -> bytes:
        """As the bytes of edition.json."""
        values = {"format": FORMAT, "format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def decode(cls, data: bytes, repo: str) -> Self:
        """Inverse of `encode`.

        Raises:
            HubRefused: it is damaged, or of a newer program; names the repository.
        """
        try:
            values: Any = json.loads(data)
            if values.pop("format") != FORMAT or values.pop("format_version") != FORMAT_VERSION:
                raise ValueError("it is of another format")
            values["parts"] = tuple(DataPart(**part) for part in values["parts"])
            values["changes"] = tuple(Change(**change) for change in values["changes"])
            return cls(**values)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise HubRefused(f"{FILE} of {repo} cannot be understood ({error}); look there yourself") from None


def check_repo(base: str) -> None:
    """Raise ValueError unless this can be the name of the metadata's repository."""
    if not REPO.fullmatch(base):
        raise ValueError(f"a repository is written ORG/NAME, got {base!r}")
    for edition in EDITIONS:
        if edition.suffix and base.endswith(edition.suffix):
            raise ValueError(f"name the repository of the metadata; {base!r} ends like one of the {edition.name}")


def tag_of(version: int) -> str:
    """Name of the tag that stands for a version."""
    return f"v{version}"


def version_of(tag: str) -> int:
    """Version that a tag stands for; 0 for any other tag."""
    match = TAG.fullmatch(tag)
    return int(match[1]) if match else 0
