"""The room for two photos as it stands on the page: every component, in order, with its id."""

from typing import Any

import gradio as gr

from demo.delivery import FORGET_AFTER_S, Delivery
from demo.language import Language
from demo.stopping import Askings
from demo.studio import Studio
from demo.verify import terms
from demo.verify.evidence import DEFAULT_RATE, RATES
from demo.verify.side_room import SideRoom


class PairLayout:
    """Components of the room; built inside an open `gr.Tab`."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        self.studio, self.say, self.delivery = studio, say, delivery
        self.compared: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.askings: Any = gr.State(Askings())
        self.moment = gr.Number(0, visible=False)
        self.settled_on: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        intro = say(
            "Are these two photos of one person? To a program, children look much alike, and nobody looks much like "
            "their own childhood photo. So what is alike enough depends on the two ages."
        )
        gr.HTML(f'<p class="verify-intro">{intro}</p>', padding=False)
        with gr.Row(elem_id="verify-desk"):
            self.first = SideRoom(studio, say, delivery, 1)
            self.second = SideRoom(studio, say, delivery, 2)
        with gr.Row(elem_id="verify-asking"):
            self.rate = gr.Radio(
                terms.rates(say, RATES),
                value=DEFAULT_RATE,
                label=say("How many pairs of strangers may pass"),
                elem_id="verify-rate",
            )
            self.compare = gr.Button(
                say("Compare the two faces"), variant="primary", interactive=False, elem_id="verify-compare"
            )
        self.progress = gr.HTML(elem_id="verify-progress", elem_classes="verify-note", padding=False)
        self.result = gr.HTML(elem_id="verify-outcome", padding=False)
        with gr.Row(elem_id="verify-strip-row"):
            self.run = gr.Button(
                say("Compare the first face with itself at every age"), visible=False, elem_id="verify-run"
            )
            self.cancel = gr.Button(say("Stop"), variant="stop", visible=False, elem_id="verify-cancel")
        self.strip = gr.HTML(elem_id="verify-strip", padding=False)

    @property
    def both(self) -> list[Any]:
        """What is known of both sides, and their guardians' ticks."""
        return [part for one in self.sides for part in (one.side, one.guardian)]

    @property
    def settled(self) -> list[Any]:
        """Components that change when a side does."""
        second = self.second
        made = [second.photo, second.held, *second.found_parts]
        return [self.compare, second.make, self.compared, self.settled_on, self.result, *self.strip_parts, *made]

    @property
    def strip_parts(self) -> list[Any]:
        """Components that change as the first face is compared at every age."""
        return [self.strip, self.progress, self.run, self.cancel]

    @property
    def to_compare(self) -> list[Any]:
        """What a comparison is told."""
        return [*self.both, self.first.years, self.second.years, self.rate]

    @property
    def told_parts(self) -> list[Any]:
        """Components that its outcome goes to."""
        return [self.compared, self.settled_on, self.result, self.progress]

    @property
    def sides(self) -> tuple[SideRoom, SideRoom]:
        """First and second."""
        return self.first, self.second
