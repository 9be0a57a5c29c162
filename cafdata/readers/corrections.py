"""What a folder says otherwise than the archive that has its pictures already: labels that were corrected since."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cafdata.record import Record

READ: Final = ("person_id", "sex", "ethnicity", "captured", "born", "licence", "points", "framing")
"""Fields that an import fills from what the folder says."""
AGE: Final = ("age_min_years", "age_max_years", "age_provenance")
"""The same, where no annotator's labels were weighed in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """A picture whose record would be another if it came in today."""

    picture_id: str
    fields: tuple[str, ...]
    """Names of the fields of the record that differ."""

    def __str__(self) -> str:
        return f"{self.picture_id} is there already, with another {', '.join(self.fields)}"


def corrections(records: Iterable[Record], found: Mapping[str, Record]) -> Iterator[Correction]:
    """Pictures of an archive of which a folder says something else.

    What other commands write into records (splits, labels of annotators, further scores) is no difference.

    Args:
        records: of the archive.
        found: records as the folder has them, by picture id.
    """
    for record in records:
        now = found.get(record.picture_id)
        if now is None or now.sha256 != record.sha256:
            continue
        names = READ if record.labels else (*READ, *AGE)
        differing = [name for name in names if getattr(now, name) != getattr(record, name)]
        if not set(now.quality) <= set(record.quality):
            differing.append("quality")
        if differing:
            yield Correction(picture_id=record.picture_id, fields=tuple(differing))
