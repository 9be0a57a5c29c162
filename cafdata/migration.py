"""Rows of older versions of the record, brought up to the present one step at a time."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from cafdata.record import RECORD_VERSION, Row

VERSION_0_FIELDS: Final = frozenset({"version", "file", "age", "person", "image"})


def migrate(row: Mapping[str, Any]) -> Row:
    """The row as the present version writes it; a present row comes back as it is.

    Args:
        row: of any version; a row without `version` is of the present one. Where a step has to measure the
            picture, `image` holds it: {"bytes": ..., "path": ...}.
    Raises:
        ValueError: a version that is none, from a newer program, or a row that lacks what a step needs.
        BadImage: the picture of a row cannot be read.
    """
    brought = dict(row)
    version = brought.setdefault("version", RECORD_VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version <= RECORD_VERSION:
        raise ValueError(f"version is {version!r}; this program knows 0 to {RECORD_VERSION}")
    while brought["version"] < RECORD_VERSION:
        brought = STEPS[brought["version"]](brought)
    return brought


def _from_version_0(row: Row) -> Row:
    """Version 0 knew only file, age and person; the rest is measured on the picture."""
    from cafdata.picture_hash import measure  # brings torch along, which no present row needs

    unknown = set(row) - VERSION_0_FIELDS
    if unknown:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))} in a row of version 0")
    missing = [name for name in ("file", "age", "person", "image") if row.get(name) is None]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing in a row of version 0")
    facts = measure(row["image"]["bytes"])
    return {
        "version": 1,
        "picture_id": row["file"],
        "person_id": row["person"],
        "sha256": facts.sha256,
        "phash": facts.phash,
        "age_min_years": row["age"],
        "age_max_years": row["age"],
        "age_provenance": "given",
        "width_px": facts.width_px,
        "height_px": facts.height_px,
        "image": row["image"],
    }


STEPS: Final[dict[int, Callable[[Row], Row]]] = {0: _from_version_0}
"""From each version to the next."""
