"""Work that is no longer wanted ends when something is pressed, and only what was begun before."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final

import gradio as gr

Updates = dict[Any, Any]
"""What an event answers: components and what they become."""
IN_TURN: Final[dict[str, Any]] = {"concurrency_limit": 1, "concurrency_id": "look", "trigger_mode": "multiple"}
"""For events that say what is on the page: one after the other, so that what was asked first does not answer last, and
every one, as Gradio drops an event that comes while one of its kind is under way."""
ARRIVING: Final[dict[str, Any]] = {**IN_TURN, "concurrency_id": "arrive"}
"""The same for photos that come, or go: a later one is never put back by an earlier that took longer to be read."""


class Askings:
    """What a visitor asked for last. One a page, in a `gr.State` that the page's events share.

    A browser stops work only once it knows that it runs; an event that is on its way to begin, or waits for a place, is
    missed. So the work itself sees whether it is still wanted. Moments are those at which the browser began to ask, on
    a clock of its own, in milliseconds (`in_order`).
    """

    def __init__(self) -> None:
        self.newest = 0
        """How often something else was asked for."""
        self.latest_ms = 0.0
        """What was done before is answered no more."""
        self.ended_ms = 0.0
        """Work that was asked for before is wanted no more."""
        self.parts: tuple[Any, ...] = ()
        """Outputs of the work that goes on."""
        self.page: Updates = {}
        """What those of them are to be that were answered since the work was asked for."""

    def anew(self, moment_ms: float, page: Updates | None = None) -> None:
        """Something else is asked for: what goes on under `while_newest` ends, and what was on its way never begins.

        Args:
            page: what this answers, if work is not to follow. A message of the work may be on its way still and come
                to the page after it, so the work ends by saying the same of its own parts.
        """
        if page is not None:
            self.page |= copies({part: update for part, update in page.items() if part in self.parts})
        elif not self.has_ended(moment_ms):
            self.page = {}
        self.ended_ms = max(self.ended_ms, moment_ms)
        self.newest += 1

    def has_ended(self, moment_ms: float) -> bool:
        """Whether something else was asked for after this."""
        return moment_ms < self.ended_ms

    def is_late(self, moment_ms: float) -> bool:
        """Whether something was done after this and is answered already: two requests may pass each other on the way.

        Asked once for each thing done, of those that answer the same question.
        """
        if self.is_overtaken(moment_ms):
            return True
        self.overtake(moment_ms)
        return False

    def overtake(self, moment_ms: float) -> None:
        """What was done before this moment is answered no more."""
        self.latest_ms = max(self.latest_ms, moment_ms)

    def leave(self, moment_ms: float) -> None:
        """What was asked for of a face before is neither answered nor wanted any more."""
        self.overtake(moment_ms)
        self.anew(moment_ms)

    def is_overtaken(self, moment_ms: float) -> bool:
        """Whether something was done after this: for work of which two may go on at a time, when it has its answer."""
        return moment_ms < self.latest_ms

    def while_newest(self, moment_ms: float, steps: Generator[Updates], parts: Iterable[Any]) -> Iterator[Updates]:
        """Those steps, until something else is asked for, and then what the page is since.

        Args:
            parts: the outputs of the steps.
        """
        mine, self.parts = self.newest, tuple(parts)
        with closing(steps):
            if not self.has_ended(moment_ms):
                for step in steps:
                    if self.newest != mine:
                        break
                    yield step
        if (self.newest != mine or self.has_ended(moment_ms)) and self.page:
            yield copies(self.page)


def copies(page: Updates) -> Updates:
    """The same, apart: Gradio takes the values out of the updates that it is given."""
    return {part: dict(update) if isinstance(update, dict) else update for part, update in page.items()}


def ending(function: Callable[..., Updates]) -> Callable[..., Updates]:
    """An answer that ends work; its inputs are those of `in_order`."""

    def answered(askings: Askings, moment_ms: float, *asked: Any) -> Updates:
        page = function(*asked)
        askings.anew(moment_ms, page)
        return page

    return answered


def in_order(askings: Any, moment: Any, *seen: Any) -> dict[str, Any]:
    """For events whose answers must stand in the order they were asked for: their inputs, and how these are filled.

    Args:
        askings: a state of `Askings` that those events share.
        moment: a hidden number, filled by the browser as the event begins.
        seen: the other inputs.
    """
    count = 2 + len(seen)  # the browser hands over the outputs, too
    stamp = f"(...given) => [given[0], performance.now(), ...given.slice(2, {count})]"
    return {"inputs": [askings, moment, *seen], "js": stamp}


def in_turn_then(
    press: Callable[..., Any], function: Callable[..., Any], ordered: dict[str, Any], **options: Any
) -> list[Any]:
    """Long work that is asked for by a press, and begins when what was asked before it is on the page.

    Work that took a turn itself would keep everybody's looks waiting; so a turn is waited for, and given back. A press
    counts even while an earlier one is being stopped.

    Args:
        press: such as `button.click`.
        function, options: what is done then, as an event takes it.
        ordered: the inputs of `function` by `in_order`; the press asks anew.
    Returns:
        both events, for `stops`; the last is the work's own.
    """
    waiting = {"show_progress": "hidden", "api_visibility": "private"}
    waited = press(Askings.anew, outputs=None, **in_order(*ordered["inputs"][:2]), **waiting, **IN_TURN)
    return [waited, waited.success(function, trigger_mode="multiple", **ordered, **options)]


def stops(triggers: Sequence[Callable[..., Any]], running: Sequence[Any]) -> None:
    """Stop events the moment others come.

    Gradio's own `cancels`, given beside a function, stops what runs when that function is done, and with it what was
    begun in the meantime; so it is given alone. For the same reason this is to be called before anything else is wired
    to the triggers: a browser does what is wired to an event one after the other, each to its end. An event that was
    stopped still sets off what was chained to it by `then`, and not what was by `success`.

    Args:
        triggers: such as `button.click`, those of an open page.
        running: events, as their triggers gave them.
    """
    gr.on(list(triggers), None, None, None, cancels=list(running), show_progress="hidden", api_visibility="private")
