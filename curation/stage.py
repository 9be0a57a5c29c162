"""A stage takes an item and gives back what it made of it, or drops it with a reason that can be counted.

Stages are plain functions; nothing here knows how they are run. What a stage does not foresee costs one item, not the
run: it is dropped as "unforeseen", with the fault, so it is counted and seen.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from core.errors import BadImage, CafError

Taken = TypeVar("Taken")
Made = TypeVar("Made")

UNFORESEEN: Final = "unforeseen fault"
MAX_DETAIL: Final = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Drop:
    """Why an item ends here."""

    stage: str
    """"fetch", "decode", "faces", "quality", "duplicates", "people", "age" or "archive"."""
    reason: str
    """In words that are the same for all items of one kind, so they can be counted: "no face"."""
    detail: str = ""
    """What is special to this item."""
    is_passing: bool = False
    """Whether a later run may fare better: the server was busy, the line was down."""
    person_id: str | None = None
    """Who was looked for when this came of it, where a source says."""

    @property
    def is_final(self) -> bool:
        """Whether it says something of the item: not a fault that may pass, nor one of ours."""
        return not self.is_passing and self.reason != UNFORESEEN


def guarded(stage: str, function: Callable[[Taken], Made | Drop], item: Taken) -> Made | Drop:
    """Run a stage on one item; what it raises becomes a Drop. Ends of the process pass through."""
    try:
        return function(item)
    except BadImage as error:
        return Drop(stage=stage, reason="no usable picture", detail=str(error)[:MAX_DETAIL])
    except CafError as error:
        return Drop(stage=stage, reason=type(error).__name__, detail=str(error)[:MAX_DETAIL])
    except Exception as error:  # noqa: BLE001
        return Drop(stage=stage, reason=UNFORESEEN, detail=f"{type(error).__name__}: {error}"[:MAX_DETAIL])


class Reasons:
    """How many items each stage dropped, by reason, and how many were kept."""

    def __init__(self) -> None:
        self.num_kept = 0
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, outcome: object) -> None:
        """Count one outcome: a Drop, or anything else as kept."""
        if isinstance(outcome, Drop):
            self.counts[outcome.stage, outcome.reason] += 1
        else:
            self.num_kept += 1

    def as_json(self) -> dict[str, dict[str, int]]:
        """Stage to reason to count, most frequent first."""
        table: dict[str, dict[str, int]] = {}
        for (stage, reason), count in self.counts.most_common():
            table.setdefault(stage, {})[reason] = count
        return table
