"""What of a page's events hangs together."""

from typing import Any

import gradio as gr

Cause = tuple[Any, str]
"""A component and what happens to it: (button, "click")."""


def stopped_by(blocks: gr.Blocks, begun: Cause, cause: Cause) -> bool:
    """Whether what the one begins is stopped when the other happens."""
    events = blocks.fns
    running = {number for number, event in events.items() if (begun[0]._id, begun[1]) in event.targets and event.fn}
    ended = [event.cancels for event in events.values() if (cause[0]._id, cause[1]) in event.targets]
    return bool(running) and any(running & set(cancels) for cancels in ended)
