"""The Transform tab as it stands on the page: every component, in order, with its id."""

from typing import Any

import gradio as gr

from core.ages import AgeGroups
from demo.consent import consent_box, guardian_box
from demo.delivery import FORGET_AFTER_S
from demo.language import Language
from demo.studio import Studio
from demo.transform import words

CLOSE_UP, WHOLE = "close-up", "whole"


def choices(studio: Studio, say: Language) -> list[tuple[str, str]]:
    """Models as the visitor picks them: by the ages they know, and by name where that says too little."""
    spans = [studio.groups(info.name).names for info in studio.models]
    told = [
        say("{count} ages, {youngest} to {oldest}", count=len(names), youngest=names[0], oldest=names[-1])
        for names in spans
    ]
    return [
        (text if told.count(text) == 1 else f"{text} ({info.name})", info.name)
        for text, info in zip(told, studio.models, strict=True)
    ]


def age_range(groups: AgeGroups) -> tuple[int, int]:
    """Years the slider offers: 0-90 for the ten groups, less where a model knows less."""
    oldest = 90 if groups.typical_years[-1] > 70 else round(groups.typical_years[-1]) + 8
    return groups.first_years[0], oldest


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
        with gr.Row(elem_id="desk"):
            with gr.Column(scale=4, min_width=300, elem_id="side"):
                self.photo = gr.Image(
                    label=say("Photo"),
                    sources=["upload", "webcam", "clipboard"],
                    type="filepath",
                    image_mode=None,
                    height=330,
                    buttons=[],
                    show_label=False,
                    elem_id="photo",
                    webcam_options=gr.WebcamOptions(mirror=False),
                    placeholder=say("Drop a photo here\nor choose one"),
                )
                self.example = gr.Button(say("Try it with the astronaut"), size="sm", elem_id="example")
                self.consent = consent_box(say, "consent")
                self.notice = gr.HTML(elem_id="notice", padding=False)
                self.found = gr.HTML(elem_id="found", padding=False, visible=False)
                self.faces = gr.Gallery(
                    label=say("Faces"),
                    columns=4,
                    object_fit="cover",
                    allow_preview=False,
                    buttons=[],
                    format="jpeg",
                    interactive=False,
                    show_label=False,
                    elem_id="faces",
                    fit_columns=False,
                    visible=False,
                )
                self.guardian = guardian_box(say, "guardian")
                self.model = gr.Radio(
                    choices(studio, say),
                    value=studio.default_model,
                    label=say("Ages"),
                    elem_id="model",
                    visible=len(studio.models) > 1,
                )
                self.run = gr.Button(say("Show the ages"), variant="primary", interactive=False, elem_id="run")
                self.cancel = gr.Button(say("Stop"), variant="stop", visible=False, elem_id="cancel")
            with gr.Column(scale=8, min_width=320, elem_id="stage"):
                self.welcome = gr.HTML(words.welcome(say), elem_id="welcome", padding=False)
                self.progress = gr.HTML(elem_id="progress", padding=False)
                self.strip = gr.Gallery(
                    label=say("Ages"),
                    columns=5,
                    object_fit="cover",
                    allow_preview=False,
                    buttons=[],
                    interactive=False,
                    show_label=False,
                    elem_id="strip",
                    fit_columns=False,
                    visible=False,
                )
                with gr.Column(visible=False, elem_id="result") as self.result:
                    self.heading = gr.HTML(elem_id="heading", padding=False)
                    self.compare = gr.ImageSlider(
                        label=say("Before and after"),
                        type="filepath",
                        max_height=620,
                        show_label=False,
                        interactive=False,
                        buttons=["fullscreen"],
                        elem_id="compare",
                    )
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
                    with gr.Row(elem_id="saving"):
                        self.save_png = gr.Button(say("Save this photo (PNG)"), elem_id="save-png")
                        self.save_zip = gr.Button(say("Save all ages (ZIP)"), elem_id="save-zip")
                    self.saving = gr.HTML(elem_id="saving-note", padding=False)
                    self.file = gr.DownloadButton(elem_id="file", elem_classes="unseen")
        with gr.Accordion(say("What this can and cannot do"), open=False, elem_id="limits"):
            self.limits = gr.HTML(words.limits(say, studio.info(studio.default_model), studio.estimator))
