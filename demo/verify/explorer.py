"""The threshold explorer: pick two age groups, a recogniser and a rate; see what is known of them."""

from typing import Any

import gradio as gr

from core.ages import TEN
from demo.language import Language
from demo.studio import Studio
from demo.verify import terms
from demo.verify.card import figures_of
from demo.verify.evidence import DEFAULT_RATE, RATES, source_named, sources
from demo.verify.facts import facts
from demo.verify.pairing import Pairing
from demo.verify.thresholds_map import PICK, threshold_map

OPENING = (5, 9)
"""What is shown at first: 20-29 and 70+."""
FALLBACK = "facepp-statistics"
"""Shown at first where the page's own recogniser has no table."""


class Explorer:
    """Components and answers of the explorer; built inside an open `gr.Tab`. No photo is involved."""

    def __init__(self, studio: Studio, say: Language) -> None:
        self.say = say
        self.card = figures_of(studio.info(studio.default_model))
        own = Pairing(studio).source
        self.first_key = FALLBACK if own is None else own.key
        self.build()
        self.wire()

    def build(self) -> None:
        say = self.say
        opening = (self.first_key, DEFAULT_RATE, *OPENING)
        intro = say(
            "How alike must two faces be to pass as one person? Each cell is a pair of age groups. With one threshold "
            "for all, children would pass as each other, and grown-ups would not pass as the children they were."
        )
        gr.HTML(f'<p class="verify-intro">{intro}</p>', padding=False)
        with gr.Row(elem_id="verify-explorer"):
            with gr.Column(scale=6, min_width=300, elem_id="verify-picking"):
                with gr.Row(elem_id="verify-tables"):
                    self.source = gr.Dropdown(
                        [(terms.name_of(say, source), source.key) for source in sources()],
                        value=self.first_key,
                        label=say("Recogniser and data"),
                        elem_id="verify-source",
                        filterable=False,
                        scale=3,
                    )
                    self.rate = gr.Dropdown(
                        terms.rates(say, RATES),
                        value=DEFAULT_RATE,
                        label=say("Strangers who may pass"),
                        elem_id="verify-explored-rate",
                        filterable=False,
                        scale=2,
                    )
                self.map = gr.HTML(self.mapped(*opening), elem_id="verify-map", padding=False, js_on_load=PICK)
                with gr.Row(elem_id="verify-groups"):
                    names = [(name.replace("-", "–"), group) for group, name in enumerate(TEN.names)]
                    self.younger, self.older = (
                        gr.Dropdown(names, value=group, label=label, elem_id=elem_id, filterable=False)
                        for group, label, elem_id in (
                            (OPENING[0], say("Age in the first photo"), "verify-group-1"),
                            (OPENING[1], say("Age in the second photo"), "verify-group-2"),
                        )
                    )
            with gr.Column(scale=6, min_width=300, elem_id="verify-knowing"):
                self.facts = gr.HTML(self.told(*opening), elem_id="verify-facts", padding=False)

    def wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        asked = [self.source, self.rate, self.younger, self.older]
        for choice in asked:
            choice.input(self.explore, asked, [self.map, self.facts], trigger_mode="always_last", **quiet)
        picked = [self.younger, self.older, self.facts]
        # Each, as "always_last" would answer the last click with the first one's cell.
        self.map.click(self.pick, [self.source, self.rate], picked, trigger_mode="multiple", **quiet)

    def explore(self, key: str, rate: float, first: int, second: int) -> dict[Any, Any]:
        """Something was chosen from a list."""
        return {self.map: self.mapped(key, rate, first, second), self.facts: self.told(key, rate, first, second)}

    def pick(self, key: str, rate: float, event: gr.EventData) -> dict[Any, Any]:
        """A cell of the map was chosen; the map has marked it already, and keeps the keyboard's place."""
        first, second = int(event.row), int(event.column)
        return {self.younger: first, self.older: second, self.facts: self.told(key, rate, first, second)}

    def mapped(self, key: str, rate: float, first: int, second: int) -> str:
        return threshold_map(self.say, source_named(key), rate, (first, second))

    def told(self, key: str, rate: float, first: int, second: int) -> str:
        return facts(self.say, source_named(key), rate, (first, second), self.card)
