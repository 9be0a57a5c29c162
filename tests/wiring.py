"""What of a page's events hangs together."""

from typing import Any

import gradio as gr

Cause = tuple[Any, str]
"""A component and what happens to it: (button, "click")."""


def stopped_by(blocks: gr.Blocks, begun: Cause, cause: Cause) -> bool:
    """Whether the work that the one begins is stopped when the other happens: the last that it sets off here."""
    events = {number: event for number, event in blocks.fns.items() if event.fn}
    ended = [set(event.cancels) for event in blocks.fns.values() if (cause[0]._id, cause[1]) in event.targets]
    last = {number for number, event in events.items() if (begun[0]._id, begun[1]) in event.targets}
    while then := {number for number, event in events.items() if event.trigger_after in last}:
        last = then
    return bool(last) and any(last <= cancels for cancels in ended)
