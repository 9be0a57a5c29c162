"""The Verify tab: a room for two photos, and the thresholds behind their verdict to look through."""

import gradio as gr

from demo.delivery import Delivery
from demo.language import Language
from demo.studio import Studio
from demo.verify.explorer import Explorer
from demo.verify.pair_room import PairRoom


class VerifyTab:
    """Both rooms; built inside an open `gr.Tab`."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        with gr.Tabs(elem_id="verify-rooms") as self.rooms:
            with gr.Tab(say("Two photos"), id="verify-pair", elem_id="verify-room-pair"):
                self.pair = PairRoom(studio, say, delivery)
            with gr.Tab(say("Threshold explorer"), id="verify-thresholds", elem_id="verify-room-thresholds"):
                self.explorer = Explorer(studio, say)
