"""The Live tab as it stands on the page: every component, in order, with its id."""

from pathlib import Path
from typing import Any, Final

import gradio as gr

from demo.boxes import tiles
from demo.consent import consent_box, guardian_box
from demo.delivery import FORGET_AFTER_S
from demo.language import Language
from demo.live import words
from demo.motion import age_range
from demo.stopping import Askings
from demo.studio import Studio

CAMERA: Final = (Path(__file__).parent / "camera.js").read_text(encoding="utf-8")


class Layout:
    """Components of the tab; built inside an open `gr.Tab`."""

    def __init__(self, studio: Studio, say: Language) -> None:
        self.studio, self.say = studio, say
        self.build()

    def build(self) -> None:
        say = self.say
        low, high = age_range(self.studio)
        self.glance: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.sitting: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.askings: Any = gr.State(Askings())
        self.moment = gr.Number(0, visible=False)
        with gr.Row(elem_id="live-desk"):
            with gr.Column(scale=4, min_width=300, elem_id="live-side"):
                self.consent = consent_box(say, "live-consent", words.CONSENT)
                self.years = gr.Slider(
                    low, high, value=70, step=1, label=say("Age to show, in years"), elem_id="live-years", buttons=[]
                )
                self.guardian = guardian_box(say, "live-guardian")
                self.notice = gr.HTML(elem_id="live-notice", padding=False)
                self.start = gr.Button(
                    say("Start the camera"), variant="primary", interactive=False, elem_id="live-start"
                )
                with gr.Row(elem_id="live-running", visible=False) as self.running:
                    self.freeze = gr.Button(say("Freeze"), variant="primary", elem_id="live-freeze")
                    self.stop = gr.Button(say("Stop"), variant="stop", elem_id="live-stop")
            with gr.Column(scale=8, min_width=320, elem_id="live-stage"):
                self.camera = gr.HTML(
                    value=None, html_template=words.camera(say), js_on_load=CAMERA, elem_id="live-camera", padding=False
                )
                self.progress = gr.HTML(elem_id="live-progress", padding=False)
                self.cancel = gr.Button(say("Stop"), variant="stop", visible=False, elem_id="live-cancel")
                self.strip = tiles(say("Ages"), "live-strip", columns=5, is_strip=True)
                with gr.Row(visible=False, elem_id="live-saving") as self.saving:
                    self.save_png = gr.Button(say("Save this age (PNG)"), elem_id="live-save-png", interactive=False)
                    self.save_zip = gr.Button(say("Save all ages (ZIP)"), elem_id="live-save-zip")
                self.saved = gr.HTML(elem_id="live-saved", padding=False)
                self.file = gr.DownloadButton(elem_id="live-file", elem_classes="unseen")
        self.picked: Any = gr.State(None)
