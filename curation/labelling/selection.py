"""Which pictures people look at first, and which of them several people: where a label changes most.

The need of a picture is uncertainty x coverage gap x disagreement: how wide its age is known, how few pictures of its
age group there are, and how far the network reads outside of what is documented. Each is a factor from 0.1 to 1, so
one of them alone does not silence the others. Pictures whose age is documented to the year are mixed in as gold: they
look like any other, and what people say of them shows how far each of them is off.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from cafdata import fields
from cafdata.record import Record
from core.ages import TEN
from curation.labelling.evidence import age_read, has_dates, outside_years, stated_interval

LEAST_FACTOR: Final = 0.1
WIDE_YEARS: Final = 20.0
"""An age known no better than this is as uncertain as can be."""
FAR_YEARS: Final = 15.0
"""A network that reads this far outside the interval disagrees as much as can be."""
GOLD_YEARS: Final = 1.0
"""Widest interval by dates that counts as known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """How pictures are chosen. Raises ValueError for what cannot be."""

    num_pictures: int | None = None
    """At most so many; all without it."""
    share_by_several: float = 0.2
    """Share of them, the most needed, that several people see; 0 to 1."""
    num_gold: int = 20
    """Pictures of well known age mixed in, seen by several people; fewer where the archive has fewer."""
    seed: int = 0
    """Fixes which gold pictures are taken and where they stand."""

    def __post_init__(self) -> None:
        if self.num_pictures is not None:
            fields.whole("num_pictures", self.num_pictures, 1)
        fields.number("share_by_several", self.share_by_several, 0, 1)
        fields.whole("num_gold", self.num_gold, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Pictures in the order in which people should see them."""

    by_several: tuple[Record, ...]
    """The most needed, with gold among them."""
    by_one: tuple[Record, ...]


def known_age_years(record: Record) -> float | None:
    """The age, in years, where both dates say it to about a year whatever people think; None elsewhere."""
    interval = stated_interval(record) if has_dates(record) else None
    if interval is None or interval[1] - interval[0] > GOLD_YEARS:
        return None
    return (interval[0] + interval[1]) / 2


def needs(records: Sequence[Record], everything: Sequence[Record] | None = None) -> list[float]:
    """Need of each picture, 0.001 to 1: uncertainty x coverage gap x disagreement.

    Args:
        everything: the archive's records, among which age groups are counted; the same ones without it.
    """
    counts = Counter(_group(record) for record in (records if everything is None else everything))
    fewest = min(counts.values(), default=1)
    found = []
    for record in records:
        width = record.age_max_years - record.age_min_years
        interval = stated_interval(record)
        read = age_read(record)
        apart = 0.0 if read is None or interval is None else outside_years(read, interval)
        gap = (fewest / counts[_group(record)]) ** 0.5
        found.append(_factor(width / WIDE_YEARS) * _factor(gap) * _factor(apart / FAR_YEARS))
    return found


def choose(records: Sequence[Record], selection: Selection, asked: Collection[str] = ()) -> Chosen:
    """Pictures for several people and for one, most needed first; the same for the same archive and seed.

    Pictures that have a label are left out: those in dispute are asked about elsewhere. Gold is asked all the same.
    Gold that was asked of several people stays gold, so a growing archive asks of no more pictures than `num_gold`.

    Args:
        asked: picture ids that several people are asked about already.
    """
    draw = random.Random(selection.seed)
    known = (record for record in records if known_age_years(record) is not None)
    gold = sorted(known, key=lambda one: (one.picture_id not in asked, _lot(selection.seed, one.picture_id)))
    gold = gold[: selection.num_gold]
    golden = {record.picture_id for record in gold}
    rest = [record for record in records if record.picture_id not in golden and not record.labels]
    need = dict(zip((one.picture_id for one in rest), needs(rest, records), strict=True))
    rest.sort(key=lambda one: (-need[one.picture_id], one.picture_id))
    rest = rest[: selection.num_pictures]
    num_several = round(selection.share_by_several * len(rest))
    several = rest[:num_several]
    for record in gold:
        several.insert(draw.randint(0, len(several)), record)
    return Chosen(by_several=tuple(several), by_one=tuple(rest[num_several:]))


def _lot(seed: int, picture_id: str) -> bytes:
    """What a picture draws among those of known age; the others have no part in it."""
    return hashlib.sha256(f"{seed}\0{picture_id}".encode()).digest()


def _group(record: Record) -> int:
    return TEN.index_of(int(record.age_years))


def _factor(value: float) -> float:
    return LEAST_FACTOR + (1 - LEAST_FACTOR) * min(1.0, max(0.0, value))
