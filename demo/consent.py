"""Nobody's face is looked for before somebody says that it is all right; for a child, a guardian says it."""

import gradio as gr

from demo.language import Language

CONSENT = "The person in my photo is an adult and agrees to this, or it is me."
GUARDIAN = "This face reads as under 18. The person is an adult, or I am the guardian and agree."
TICK_FIRST = "Tick the box above, and the faces in your photo are looked for. Until then nothing is."
TICK_GUARDIAN = "Tick the second box to go on."
GONE = "This photo is no longer held here (photos are forgotten after ten minutes). Choose it again."


def consent_box(say: Language, elem_id: str, text: str = CONSENT) -> gr.Checkbox:
    """The tick without which nothing is computed; not set at first."""
    return gr.Checkbox(label=say(text), elem_id=elem_id, elem_classes="consent", container=False)


def guardian_box(say: Language, elem_id: str, text: str = GUARDIAN) -> gr.Checkbox:
    """The second tick, shown where the present age reads under 18."""
    return gr.Checkbox(label=say(text), elem_id=elem_id, elem_classes="consent", container=False, visible=False)
