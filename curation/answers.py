"""What people answered to questions about pictures, and what follows from it for pictures and people.

An answer holds for every question of one asker about the same pictures, also if a later run words it otherwise. Where
several were answered, a picture that one answer removes is not brought back by a "keep" to another question.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from cafdata.queue import SAME_PERSON, ReviewItem

Key = tuple[str, frozenset[str], str]
REMOVE: Final = "remove"
KEEP: Final = "keep"


class Answers:
    """Answers out of a review queue."""

    def __init__(self, items: Iterable[ReviewItem]) -> None:
        """Args:
        items: all of a queue; of several answers the last counts, but "remove" outweighs "keep".
        """
        decided = [item for item in items if item.decision is not None]
        self._own: dict[str, ReviewItem] = {}
        self._last: dict[Key, ReviewItem] = {}
        for item in sorted(decided, key=lambda item: (_decided_at(item), item.item_id)):
            before = self._last.get(_key(item))
            self._own[item.item_id] = item
            if before is None or (before.decision, item.decision) != (REMOVE, KEEP):
                self._last[_key(item)] = item

    def of(self, item: ReviewItem) -> str | None:
        """The answer to a question: its own, unless the picture was removed later; None as long as there is none."""
        own, last = self._own.get(item.item_id), self._last.get(_key(item))
        if own is None or last is None:
            return None if last is None else last.decision
        is_removed_later = last.decision == REMOVE and _decided_at(own) < _decided_at(last)
        return REMOVE if is_removed_later else own.decision

    def to_picture(self, picture_id: str, source: str) -> str | None:
        """The answer to the question of one asker about one picture; None if it was not asked or not answered."""
        last = self._last.get(("picture", frozenset((picture_id,)), source))
        return None if last is None else last.decision

    def removed(self, source: str) -> set[str]:
        """Pictures that one asker asked about and that were answered to be removed."""
        return {
            name
            for (_, names, asker), item in self._last.items()
            if asker == source and item.decision == REMOVE
            for name in names
        }

    def people(self, person_of: Mapping[str, str]) -> dict[str, str]:
        """By the name that a source gave somebody, the name that all of this person's pictures go by.

        People of whom two pictures were answered to show the same person are one, by the first of their names.

        Args:
            person_of: picture id to the name that its source gave.
        """
        homes = {person: person for person in person_of.values()}

        def home(person: str) -> str:
            while homes[person] != person:
                homes[person] = person = homes[homes[person]]
            return person

        for key, item in sorted(self._last.items(), key=lambda one: sorted(one[0][1])):
            found = [person_of[name] for name in sorted(key[1]) if name in person_of]
            if item.decision == SAME_PERSON and len(found) == 2:
                first, second = sorted(map(home, found))
                homes[second] = first
        return {person: home(person) for person in homes}


def _decided_at(item: ReviewItem) -> datetime:
    return datetime.fromisoformat(item.decided_at or item.added_at)


def _key(item: ReviewItem) -> Key:
    return item.kind, frozenset(item.picture_ids), item.source
