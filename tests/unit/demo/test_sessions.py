"""What Gradio keeps of each visitor: what calls need, and no description of the page."""

import asyncio
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
from gradio.components import Component
from gradio.routes import App

from demo.sessions import Sessions


class Page:
    """A page that changes what a list offers, and notes what is chosen from it."""

    def __init__(self) -> None:
        with gr.Blocks(analytics_enabled=False) as self.blocks:
            self.noted = gr.State("nothing")
            self.offered = gr.Dropdown(["young"])
            self.text = gr.Textbox()
            gr.Button().click(lambda: gr.update(choices=["young", "old"]), None, self.offered)
            gr.Button().click(lambda one: (one, one), self.offered, [self.noted, self.text])
        App.create_app(self.blocks)
        self.sessions = Sessions()
        self.sessions.set_blocks(self.blocks)
        self.offering, self.choosing = list(self.blocks.fns.values())

    def call(self, visitor: str, fn: Any, *inputs: Any) -> list[Any]:
        state = self.sessions[visitor]
        done = asyncio.run(self.blocks.process_api(block_fn=fn, inputs=list(inputs), state=state))
        return list(done["data"])


def test_what_was_changed_for_a_visitor_holds_for_that_visitor() -> None:
    page = Page()
    page.call("a", page.offering)
    assert page.call("a", page.choosing, "old")[1] == "old"
    assert page.sessions["a"][page.noted._id] == "old"
    with pytest.raises(gr.Error, match="old"):
        page.call("b", page.choosing, "old")
    assert page.sessions["b"][page.noted._id] == "nothing"


def test_no_component_is_described_for_a_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    page, described = Page(), []
    honest: Callable[..., dict[str, Any]] = Component.get_config
    monkeypatch.setattr(Component, "get_config", lambda one, *rest: described.append(one) or honest(one, *rest))
    page.call("a", page.offering)
    page.call("a", page.choosing, "young")
    assert described == []
    assert page.sessions["a"].config_values == {}, "values of components, such as a camera's last picture"
