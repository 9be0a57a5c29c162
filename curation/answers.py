"""What people answered to questions about pictures, and what follows from it for pictures and people.

An answer holds for every question of one asker about the same pictures, also if a later run words it otherwise.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from cafdata.queue import ReviewItem

Key = tuple[str, frozenset[str], str]
SAME_PERSON: Final = "same_person"
REMOVE: Final = "remove"


class Answers:
    """Answers out of a review queue."""

    def __init__(self, items: Iterable[ReviewItem]) -> None:
        """Args:
        items: all of a queue; of several answers to one question the last counts.
        """
        decided = [item for item in items if item.decision is not None]
        self._answers: dict[Key, str] = {}
        for item in sorted(decided, key=lambda item: (item.decided_at or "", item.item_id)):
            assert item.decision is not None
            self._answers[_key(item)] = item.decision

    def of(self, item: ReviewItem) -> str | None:
        """The answer to a question; None as long as there is none."""
        return self._answers.get(_key(item))

    def to_picture(self, picture_id: str, source: str) -> str | None:
        """The answer to the question of one asker about one picture; None if it was not asked or not answered."""
        return self._answers.get(("picture", frozenset((picture_id,)), source))

    def removed(self, source: str) -> set[str]:
        """Pictures that one asker asked about and that were answered to be removed."""
        return {
            name
            for (_, names, asker), answer in self._answers.items()
            if asker == source and answer == REMOVE
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

        for key, answer in sorted(self._answers.items(), key=lambda one: sorted(one[0][1])):
            found = [person_of[name] for name in sorted(key[1]) if name in person_of]
            if answer == SAME_PERSON and len(found) == 2:
                first, second = sorted(map(home, found))
                homes[second] = first
        return {person: home(person) for person in homes}


def _key(item: ReviewItem) -> Key:
    return item.kind, frozenset(item.picture_ids), item.source
