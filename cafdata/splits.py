"""Train, validation and test without a person, or a picture, in two of them.

A person falls where a salted hash of the name falls, whoever else there is. Two people who share a picture (the
same photo filed under two names, re-encoded, mirrored, scaled or cropped) are kept together: a set of people so
connected goes where the member goes who falls, or is already, furthest towards train. So the order in which pictures
come does not matter, and whatever is added or taken out, people only ever move from test to validation and from there
to train, never back: what a model has learned from, or was chosen by, is not what it is judged by later.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from cafdata.duplicates import as_bits, near_pairs
from cafdata.manifest import SplitRule
from cafdata.record import Picture, Record, Split
from core.errors import ArchiveBroken, BadImage

TOWARDS_TRAIN: Final[tuple[Split, ...]] = ("test", "validation", "train")
"""The order in which people may move."""
Looks = Mapping[str, Sequence[str]]
"""Long hashes of pictures and their crops (cafdata.picture_hash.look), by picture id; who is not in it is no copy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """Two pictures in two splits that show the same person or are the same picture."""

    kind: Literal["person", "near_duplicate"]
    picture_ids: tuple[str, str]
    splits: tuple[Split, Split]


def split_of(position: float, rule: SplitRule) -> Split:
    """Split of a place between 0 and 1: test first, then validation, then train."""
    if position < rule.test_share:
        return "test"
    return "validation" if position < rule.test_share + rule.validation_share else "train"


def position_of(person_id: str, rule: SplitRule) -> float:
    """Where between 0 and 1 a person falls: SHA-256 of salt and name."""
    digest = hashlib.sha256(f"{rule.salt}\0{person_id}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


def assign_splits(
    records: Iterable[Record], rule: SplitRule, looks: Looks | None = None, *, anew: bool = False
) -> dict[str, Split]:
    """The split of every person.

    Args:
        records: of all pictures, in any order, with the splits that they are in.
        rule: salt and shares.
        looks: of every picture, or of those that `likely_copies` names: then a copy that was cropped is not
            recognised. Without any the records' hashes of 64 bits decide: nor is it then, and in a large archive people
            who look alike are kept together for nothing.
        anew: by the rule alone, as if nobody were in a split yet.
    """
    rows = list(records)
    houses = _Houses(row.person_id for row in rows)
    for one, other in near_duplicates(rows, looks):
        houses.join(rows[one].person_id, rows[other].person_id)
    furthest: dict[str, int] = {}
    reached = [(person, split_of(position_of(person, rule), rule)) for person in houses.parents]
    reached += [(row.person_id, row.split) for row in rows if row.split is not None and not anew]
    for person, split in reached:
        home = houses.home(person)
        furthest[home] = max(furthest.get(home, 0), TOWARDS_TRAIN.index(split))
    return {person: TOWARDS_TRAIN[furthest[houses.home(person)]] for person in houses.parents}


def leaks(records: Iterable[Record], looks: Looks | None = None) -> list[Leak]:
    """What ties two splits together; nothing where they are as `assign_splits` makes them.

    For each person who is in two splits one pair of pictures is named, for near duplicates every pair.
    Pictures without a split count for nothing.
    """
    rows = [row for row in records if row.split is not None]
    found = []
    firsts: dict[str, Record] = {}
    said: set[tuple[str, Split]] = set()
    for row in rows:
        first = firsts.setdefault(row.person_id, row)
        assert row.split is not None
        if first.split != row.split and (row.person_id, row.split) not in said:
            said.add((row.person_id, row.split))
            found.append(_leak("person", first, row))
    for one, other in near_duplicates(rows, looks):
        if rows[one].split != rows[other].split:
            found.append(_leak("near_duplicate", rows[one], rows[other]))
    return found


def near_duplicates(records: Sequence[Record], looks: Looks | None = None) -> npt.NDArray[np.int64]:
    """(M, 2) int64: numbers of two records that are of one picture, the lower first, each pair once."""
    if looks is None:
        hashes = as_bits([record.phash for record in records])
        pairs = near_pairs(hashes, hashes)
    else:
        numbers = np.array([n for n, record in enumerate(records) if record.picture_id in looks], np.int64)
        records = [records[number] for number in numbers]
        whole = as_bits([looks[record.picture_id][0] for record in records])
        parts = as_bits([value for record in records for value in looks[record.picture_id]])
        owners = np.repeat(np.arange(len(records)), [len(looks[record.picture_id]) for record in records])
        pairs = near_pairs(parts, whole)
        pairs = np.stack((numbers[owners[pairs[:, 0]]], numbers[pairs[:, 1]]), axis=1)
    both = np.sort(pairs, axis=1)
    return np.unique(both[both[:, 0] < both[:, 1]], axis=0)


def likely_copies(records: Sequence[Record]) -> set[str]:
    """Names of the pictures that 64 bits take for another person's: those to open before anybody is moved.

    Where both are in train already it makes no difference, and neither is named for it.
    """
    named: set[str] = set()
    for one, other in near_duplicates(records).tolist():
        pair = records[one], records[other]
        if pair[0].person_id != pair[1].person_id and any(record.split != "train" for record in pair):
            named.update(record.picture_id for record in pair)
    return named


def looks_of(pictures: Iterable[Picture], *, crops: bool = True) -> Iterator[tuple[Record, tuple[str, ...]]]:
    """Record and long hashes of each picture, to make `Looks` of.

    Args:
        crops: with its edges cut off too, which takes four times as long.
    Raises:
        ArchiveBroken: the bytes of one are no picture.
    """
    from cafdata.picture_hash import long_hash, look  # brings torch along
    from core.images import decode_photo

    for picture in pictures:
        try:
            yield picture.record, look(picture.data) if crops else (long_hash(decode_photo(picture.data)),)
        except BadImage as error:
            raise ArchiveBroken(f"picture {picture.record.picture_id} cannot be looked at: {error}") from None


class _Houses:
    """Union-find: people who have to stay together."""

    def __init__(self, people: Iterable[str]) -> None:
        self.parents = {person: person for person in people}

    def home(self, person: str) -> str:
        while self.parents[person] != person:
            self.parents[person] = person = self.parents[self.parents[person]]
        return person

    def join(self, one: str, other: str) -> None:
        self.parents[self.home(one)] = self.home(other)


def _leak(kind: Literal["person", "near_duplicate"], one: Record, other: Record) -> Leak:
    assert one.split is not None and other.split is not None
    return Leak(kind=kind, picture_ids=(one.picture_id, other.picture_id), splits=(one.split, other.split))
