"""What Gradio keeps of each visitor, without what it would build a link to the page's state of.

For such links a session holds the description of every component of the page, in every language: made anew by the
event loop whenever a visitor comes and whenever a component changes, while everybody else waits, and holding the
latest value of each, such as a camera's last picture. No such link is made here (`/gradio_api/deep_link` is closed).
"""

from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.state_holder import SessionState, StateHolder


class Session(SessionState):  # type: ignore[misc]
    """State of one visitor; `config_values` stays empty."""

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))
        self.blocks_config.config_for_block = no_description

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self.config_values.clear()


class Sessions(StateHolder):  # type: ignore[misc]
    """Sessions of a page's visitors by name; one that is asked for and not there begins."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = Session(self.blocks)
        return super().__getitem__(session_id)


def no_description(*_component: object) -> dict[str, Any]:
    """In the stead of the description of a component."""
    return {}
