"""Why something is not published, or why the Hub did not do what it was asked for."""

from dataclasses import dataclass
from typing import Literal

from core.errors import CafError

Gate = Literal["archive", "card", "complete", "licence", "minor", "age", "split"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that holds back a release."""

    gate: Gate
    where: str
    """Picture id, or what else it is about."""
    reason: str


class ReleaseRefused(CafError):
    """An archive may not be published as it is; `faults` is everything that holds it back."""

    def __init__(self, sentence: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(sentence)
        self.faults = faults


class HubRefused(CafError):
    """The Hub, or what lies there, does not allow what was asked for; asking again would not help."""


class HubBusy(HubRefused):
    """The Hub could not be reached, was busy, or somebody else was writing; asking again may help."""
