"""What every source offers, and what it may ask of the world."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

from curation.candidate import Candidate
from curation.stage import Drop

Ask = Callable[[str, Mapping[str, str]], Any]
"""Address and query parameters to the JSON that is there; raises FetchRefused. Sources know no other way out."""


class Source(Protocol):
    """A frozen dataclass of settings that names candidates."""

    name: ClassVar[str]
    """What a recipe calls it."""

    def candidates(self, ask: Ask) -> Iterator[Candidate | Drop]:
        """Every picture that the source knows, or why it is none; the same answers give the same order.

        Raises:
            FetchRefused: what it asks is refused.
            SourceBroken: it is missing, unreadable, or says what cannot be.
        """

    def may_pass_over(self, picture_id: str) -> bool:
        """Whether a picture may be there yet though a reading does not come to it: it reads some people out of many.

        Such a source names the person in everything that it gives, Drops too, so it is seen who was read.
        """


def dropped(reason: str, detail: str = "") -> Drop:
    """Something that a source met and that is no candidate."""
    return Drop(stage="source", reason=reason, detail=detail)
