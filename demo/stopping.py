"""Work that is no longer wanted ends when something is pressed, and only what was begun before."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import gradio as gr

IN_TURN: Final[dict[str, Any]] = {"concurrency_limit": 1, "concurrency_id": "look"}
"""For events that say what is on the page: one after the other, so that what was asked first does not answer last."""


def stops(triggers: Sequence[Callable[..., Any]], running: Sequence[Any]) -> None:
    """Stop events the moment others come.

    Gradio's own `cancels`, given beside a function, stops what runs when that function is done, and with it what was
    begun in the meantime; so it is given alone.

    Args:
        triggers: such as `button.click`, those of an open page.
        running: events, as their triggers gave them.
    """
    gr.on(list(triggers), None, None, None, cancels=list(running), show_progress="hidden", api_visibility="private")
