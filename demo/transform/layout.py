"""The Transform tab as it stands on the page: every component, in order, with its id."""

from typing import Any

import gradio as gr

from core.ages import group_system
from demo.boxes import age_range, before_and_after, photo_box, tiles
from demo.consent import consent_box, guardian_box
from demo.delivery import FORGET_AFTER_S
from demo.language import Language
from demo.stopping import Askings
from demo.studio import Studio
from demo.transform import words

CLOSE_UP, WHOLE = "close-up", "whole"
YEARS = "years"
"""The mode in which one age is made, by the slider; the others are named after their system of groups."""


def modes(studio: Studio, say: Language) -> list[tuple[str, str]]:
    """How ages are picked, of those that some model here can do."""
    known = {info.groups for info in studio.models}
    told = [(say("Ten ages"), "10"), (say("Four ages"), "4")]
    told += [(say("{count} ages", count=len(group_system(name))), name) for name in sorted(known - {"10", "4"})]
    return [*((text, name) for text, name in told if name in known), (say("One year"), YEARS)]


def choices(studio: Studio, mode: str) -> list[tuple[str, str]]:
    """The models of a mode, each with the side of its crops."""
    fitting = [info for info in studio.models if mode in (YEARS, info.groups)]
    return [(f"{info.name} ({info.size_px} px)", info.name) for info in fitting]


class Layout:
    """Components of the tab; built inside an open `gr.Blocks`."""

    def __init__(self, studio: Studio, say: Language) -> None:
        self.studio, self.say = studio, say
        self.build()

    def build(self) -> None:
        studio, say = self.studio, self.say
        low, high = age_range(studio.groups(studio.default_model))
        self.held = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.sitting = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.shown: Any = gr.State(None)
        self.wanted: Any = gr.State(None)
        self.askings: Any = gr.State(Askings())
        self.showings: Any = gr.State(Askings())
        """Of the age that is shown large, and of what is saved or made of the face."""
        self.gatherings: Any = gr.State(Askings())
        """Of the picture of several faces."""
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=4, min_width=300, elem_id="side"):
                self.photo = photo_box(say, "photo", say("Photo"), height_px=230)
                self.example = gr.Button(say("Try it with the astronaut"), size="sm", elem_id="example")
                self.consent = consent_box(say, "consent")
                self.notice = gr.HTML(elem_id="notice", padding=False)
                self.found = gr.HTML(elem_id="found", padding=False, visible=False)
                self.faces = tiles(say("Faces"), "faces", columns=4)
                self.guardian = guardian_box(say, "guardian")
                mode = studio.info(studio.default_model).groups
                self.mode = gr.Radio(
                    modes(studio, say), value=mode, label=say("Show"), show_label=False, elem_id="mode"
                )
                self.run = gr.Button(say("Show the ages"), variant="primary", interactive=False, elem_id="run")
                self.cancel = gr.Button(say("Stop"), variant="stop", visible=False, elem_id="cancel")
                self.build_family()
                self.build_options(mode)
            with gr.Column(scale=8, min_width=320, elem_id="stage"):
                self.welcome = gr.HTML(words.welcome(say), elem_id="welcome", padding=False)
                self.progress = gr.HTML(elem_id="progress", padding=False)
                self.strip = tiles(say("Ages"), "strip", columns=5, is_strip=True)
                self.likeness = gr.HTML(elem_id="likeness", padding=False)
                self.build_together()
                with gr.Column(visible=False, elem_id="result") as self.result:
                    self.heading = gr.HTML(elem_id="heading", padding=False)
                    self.compare = before_and_after(say, "compare")
                    with gr.Row(elem_id="controls"):
                        self.years = gr.Slider(
                            low,
                            high,
                            value=50,
                            step=1,
                            label=say("Any age, in years"),
                            elem_id="years",
                            buttons=[],
                        )
                        self.view = gr.Radio(
                            [(say("Close-up"), CLOSE_UP), (say("Whole photo"), WHOLE)],
                            value=CLOSE_UP,
                            label=say("Show"),
                            elem_id="view",
                        )
                    self.beside = tiles(say("The same age by two models"), "beside", columns=2)
                    with gr.Row(elem_id="saving"):
                        self.save_png = gr.Button(say("Photo (PNG)"), elem_id="save-png")
                        self.save_zip = gr.Button(say("All ages (ZIP)"), elem_id="save-zip")
                        self.save_sheet = gr.Button(say("Sheet (PNG)"), elem_id="save-sheet")
                        self.save_gif = gr.Button(say("GIF"), elem_id="save-gif")
                        self.save_mp4 = gr.Button(say("Film (MP4)"), elem_id="save-mp4")
                        self.share = gr.Button(say("Copy link"), elem_id="share")
                        self.verify = gr.Button(say("Still the same person? Verify"), elem_id="verify-this")
                    self.link = gr.Textbox(
                        label=say("Link to this model, age and view; no photo is in it"),
                        interactive=False,
                        buttons=["copy"],
                        visible=False,
                        elem_id="link",
                    )
                    self.stop_saving = gr.Button(say("Stop"), size="sm", visible=False, elem_id="stop-saving")
                    self.saving = gr.HTML(elem_id="saving-note", padding=False)
                    self.file = gr.DownloadButton(elem_id="file", elem_classes="unseen")
        self.query = gr.Textbox(visible=False, elem_id="query")
        self.moment = gr.Number(0, visible=False)
        with gr.Accordion(say("What this can and cannot do"), open=False, elem_id="limits"):
            self.limits = gr.HTML(words.limits(say, studio.info(studio.default_model), studio.estimator))

    @property
    def shown_parts(self) -> list[Any]:
        """Components that change with the age that is shown large."""
        return [self.shown, self.heading, self.years, self.compare, self.beside, self.result, self.progress]

    @property
    def strip_parts(self) -> list[Any]:
        """Components that change as the strip is made."""
        return [self.welcome, self.strip, self.run, self.cancel, self.likeness, *self.shown_parts]

    def build_family(self) -> None:
        """Nothing here; `demo.transform.family` lists several faces."""

    def build_together(self) -> None:
        """Nothing here; `demo.transform.family` shows them in one picture."""

    def build_options(self, mode: str) -> None:
        """What most visitors leave as it is."""
        studio, say = self.studio, self.say
        with gr.Accordion(say("Options"), open=False, elem_id="options"):
            self.locks = gr.CheckboxGroup(
                [(say("Hair"), "hair"), (say("Glasses"), "glasses"), (say("Background"), "background")],
                label=say("Keep as it is"),
                elem_id="locks",
            )
            self.model = gr.Radio(
                choices(studio, mode), value=studio.default_model, label=say("Model"), elem_id="model"
            )
            self.second = gr.Dropdown(
                [(say("None"), ""), *choices(studio, YEARS)],
                value="",
                label=say("Show the same age by another model, side by side"),
                elem_id="second",
                visible=len(studio.models) > 1,
            )
            with gr.Accordion(say("About this model"), open=False, elem_id="card-box") as self.card_box:
                self.card = gr.Markdown(elem_id="card")
