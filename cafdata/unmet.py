"""What a takedown was asked for and no record has: gone before, or a name that the records write otherwise."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from cafdata.record import Record

MAX_NEAR: Final = 5

Asked = Literal["sha256", "person", "url"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmet:
    """One value that no record has."""

    asked: Asked
    """As what it was given."""
    value: str
    near: tuple[str, ...]
    """Values of records that are written almost so, such as fgnet/001 for 001; five at most."""

    def __str__(self) -> str:
        said = f"no picture here is of the {self.asked} {self.value}"
        if self.near:
            return f"{said}; if {' or '.join(self.near)} is meant, ask for that"
        if self.asked == "person":
            return f"{said}: it went before, or is written otherwise (who was read in from a layout is LAYOUT/NAME)"
        return f"{said}: it went before, or is written otherwise in the records"


def unmet_of(asked: Iterable[tuple[Asked, str]], records: Iterable[Record]) -> tuple[Unmet, ...]:
    """Those of the values that no record has, in their order."""
    had: dict[Asked, set[str]] = {"sha256": set(), "person": set(), "url": set()}
    for record in records:
        had["sha256"].add(record.sha256)
        had["person"].add(record.person_id)
        if record.source_url is not None:
            had["url"].add(record.source_url)
    return tuple(
        Unmet(asked=kind, value=value, near=_near(value, had[kind])) for kind, value in asked if value not in had[kind]
    )


def _near(value: str, known: Iterable[str]) -> tuple[str, ...]:
    """Those that are the value but for capitals, http or https and a last slash, or end in it behind a slash."""
    wanted = _bare(value)
    found = sorted(one for one in known if (bare := _bare(one)) == wanted or bare.endswith(f"/{wanted}"))
    return tuple(found[:MAX_NEAR])


def _bare(text: str) -> str:
    return text.casefold().removeprefix("https://").removeprefix("http://").rstrip("/")
