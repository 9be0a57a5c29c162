"""The one list of pictures and pairs that people have to look at, with the reason why and what they decided."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from cafdata import fields, lock
from cafdata.tombstones import Tombstones
from core.errors import ArchiveBroken
from core.files import write_atomic

FILE: Final = "queue.json"
VERSION: Final = 1

Kind = Literal["picture", "pair"]
SAME_PERSON: Final = "same_person"
NUM_PICTURES: Final = {"picture": 1, "pair": 2}
DECISIONS: Final = {"picture": ("keep", "remove"), "pair": (SAME_PERSON, "different_people", "same_picture")}
"""What can be decided of each kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewItem:
    """One question. Raises ValueError for what cannot be."""

    kind: Kind
    picture_ids: tuple[str, ...]
    """The picture, or the two of a pair; they need not be in the archive yet."""
    reason: str
    """Why it is doubtful, for the one who decides."""
    source: str
    """Who asks: a stage of curation, the app, an annotator."""
    added_at: str
    """ISO 8601."""
    decision: str | None = None
    """One of DECISIONS; None as long as it is open."""
    decided_by: str | None = None
    decided_at: str | None = None

    def __post_init__(self) -> None:
        fields.one_of("kind", self.kind, tuple(NUM_PICTURES))
        if len(self.picture_ids) != NUM_PICTURES[self.kind] or len(set(self.picture_ids)) != len(self.picture_ids):
            raise ValueError(f"a {self.kind} has {NUM_PICTURES[self.kind]} picture ids, got {self.picture_ids}")
        for name in self.picture_ids:
            fields.identifier("picture_ids", name)
        fields.text("reason", self.reason)
        fields.text("source", self.source)
        fields.timestamp("added_at", self.added_at)
        if (self.decision is None) != (self.decided_by is None) or (self.decision is None) != (self.decided_at is None):
            raise ValueError(f"decision, decided_by and decided_at come together, got {self.decision}")
        if self.decision is not None:
            fields.one_of("decision", self.decision, DECISIONS[self.kind])
            fields.text("decided_by", self.decided_by)
            fields.timestamp("decided_at", self.decided_at)

    @property
    def item_id(self) -> str:
        """16 hexadecimal digits that follow from the question: kind, pictures in any order, reason and source."""
        question = [self.kind, sorted(self.picture_ids), self.reason, self.source]
        return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:16]


class ReviewQueue:
    """The queue of an archive. Holds nothing in memory; writers wait for each other, a change takes milliseconds."""

    def __init__(self, archive: Path) -> None:
        self.folder = archive

    def items(self) -> tuple[ReviewItem, ...]:
        """All items, in the order they came in, decided ones too. Raises ArchiveBroken if the file is damaged."""
        path = self.folder / FILE
        try:
            values = json.loads(path.read_bytes())
            if values["version"] != VERSION:
                raise ArchiveBroken(f"{path} has version {values['version']}; this program reads {VERSION}")
            return tuple(ReviewItem(**item | {"picture_ids": tuple(item["picture_ids"])}) for item in values["items"])
        except FileNotFoundError:
            return ()
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveBroken(f"{path} is damaged ({error}); bring it back from a copy of the archive") from None

    def open_items(self) -> tuple[ReviewItem, ...]:
        """Those not decided yet."""
        return tuple(item for item in self.items() if item.decision is None)

    def add(self, items: Iterable[ReviewItem]) -> int:
        """Put questions in. Gives back how many are new.

        A question that is there already stays as it is, decided or not; one about a picture that was removed on
        request is dropped.
        """
        with lock.writing(self.folder, "queue.lock", is_patient=True):
            kept = {item.item_id: item for item in self.items()}
            removed = Tombstones.read(self.folder).values["picture_id"]
            fresh: dict[str, ReviewItem] = {}
            for item in items:
                if item.item_id not in kept and removed.isdisjoint(item.picture_ids):
                    fresh.setdefault(item.item_id, item)
            if fresh:
                self._write((*kept.values(), *fresh.values()))
            return len(fresh)

    def decide(self, item_id: str, decision: str, by: str, at: str) -> ReviewItem:
        """Write down what was decided, over an earlier decision if there is one. Gives back the item.

        Raises:
            ArchiveBroken: no such item.
            ValueError: a decision that is none for its kind.
        """
        with lock.writing(self.folder, "queue.lock", is_patient=True):
            kept = {item.item_id: item for item in self.items()}
            if item_id not in kept:
                raise ArchiveBroken(f"{self.folder / FILE} has no item {item_id}")
            decided = replace(kept[item_id], decision=decision, decided_by=by, decided_at=at)
            if decided != kept[item_id]:
                self._write((kept | {item_id: decided}).values())
            return decided

    def drop(self, picture_ids: Collection[str], *, spares_joins: bool = False) -> int:
        """Take out every item about these pictures. Gives back how many there were.

        Args:
            picture_ids: of pictures that are gone.
            spares_joins: leave those that were answered to show one person: under two names, perhaps.
        """
        gone = frozenset(picture_ids)
        with lock.writing(self.folder, "queue.lock", is_patient=True):
            items = self.items()
            kept = [
                item
                for item in items
                if gone.isdisjoint(item.picture_ids) or (spares_joins and item.decision == SAME_PERSON)
            ]
            if len(kept) < len(items):
                self._write(kept)
            return len(items) - len(kept)

    def _write(self, items: Iterable[ReviewItem]) -> None:
        values = {"version": VERSION, "items": [asdict(item) for item in items]}
        write_atomic(self.folder / FILE, (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode())
