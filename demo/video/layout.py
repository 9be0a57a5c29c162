"""The Video tab as it stands on the page: every component, in order, with its id."""

from typing import Any, Final

import gradio as gr

from demo.consent import consent_box, guardian_box
from demo.delivery import FORGET_AFTER_S
from demo.language import Language
from demo.motion import age_range
from demo.stopping import Askings
from demo.studio import Studio
from demo.video import words

SUFFIXES: Final = [".mp4", ".mov", ".m4v", ".webm", ".mkv"]
TOGETHER: Final = """
const others = (one) => [...element.querySelectorAll("video")].filter((video) => video !== one);
element.addEventListener("play", (event) => others(event.target).forEach((video) => {
  video.currentTime = event.target.currentTime; video.play().catch(() => {});
}), true);
element.addEventListener("pause", (event) => others(event.target).forEach((video) => video.pause()), true);
element.addEventListener("seeked", (event) => others(event.target).forEach((video) => {
  if (Math.abs(video.currentTime - event.target.currentTime) > 0.1) video.currentTime = event.target.currentTime;
}), true);
"""
"""JavaScript: players beside each other play, stop and wind together."""


class Layout:
    """Components of the tab; built inside an open `gr.Tab`."""

    def __init__(self, studio: Studio, say: Language) -> None:
        self.studio, self.say = studio, say
        self.build()

    def build(self) -> None:
        say = self.say
        low, high = age_range(self.studio)
        self.reel: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.seen: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.askings: Any = gr.State(Askings())
        self.moment = gr.Number(0, visible=False)
        with gr.Row(elem_id="video-desk"):
            with gr.Column(scale=4, min_width=300, elem_id="video-side"):
                self.file = gr.File(
                    label=say("Video"), file_types=SUFFIXES, height=150, elem_id="video-file", show_label=False
                )
                self.rules = gr.HTML(words.rules(say), elem_id="video-rules", padding=False)
                self.example = gr.Button(
                    say("Try it with four seconds of the astronaut"), size="sm", elem_id="video-example"
                )
                self.consent = consent_box(say, "video-consent", words.CONSENT)
                self.notice = gr.HTML(elem_id="video-notice", padding=False)
                self.found = gr.HTML(elem_id="video-found", padding=False, visible=False)
                self.guardian = guardian_box(say, "video-guardian")
                self.years = gr.Slider(
                    low, high, value=70, step=1, label=say("Age to show, in years"), elem_id="video-years", buttons=[]
                )
                self.run = gr.Button(say("Age the video"), variant="primary", interactive=False, elem_id="video-run")
                self.cancel = gr.Button(say("Stop"), variant="stop", visible=False, elem_id="video-cancel")
            with gr.Column(scale=8, min_width=320, elem_id="video-stage"):
                self.progress = gr.HTML(elem_id="video-progress", padding=False)
                self.welcome = gr.HTML(words.welcome(say), elem_id="video-welcome", padding=False)
                self.players = gr.HTML(elem_id="video-players", padding=False, js_on_load=TOGETHER)
                self.verdict = gr.HTML(elem_id="video-verdict", padding=False)
                self.save = gr.DownloadButton(say("Save the video (MP4)"), visible=False, elem_id="video-save")

    @property
    def made_parts(self) -> list[Any]:
        """Components that change as the clip is made."""
        return [self.progress, self.players, self.verdict, self.save, self.run, self.cancel, self.guardian]
