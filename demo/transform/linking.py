"""A link to a model, an age and a view: what the page does with one, and how one is made of the page."""

from typing import Any

import gradio as gr

from demo.boxes import age_range
from demo.stopping import Updates
from demo.studio import Target
from demo.transform import link
from demo.transform.family import Family
from demo.transform.layout import YEARS, choices


class Linking(Family):
    """Answers to a page opened by a link, and to whoever asks for one."""

    def open_link(self, query: str) -> Updates:
        """The page as a link says; whatever in it this page cannot do is passed over."""
        setting = link.read(query or "")
        modes = [mode for _, mode in self.mode.choices]
        mode = setting.mode if setting.mode in modes else None
        fitting = choices(self.studio, mode or YEARS)
        model = next((name for _, name in fitting if name == setting.model), None)
        if mode is None and model is not None:
            mode = self.studio.info(model).groups
        if mode is None:
            return {self.wanted: None}
        model = model or fitting[0][1]
        low, high = age_range(self.studio.groups(model))
        wanted = link.target_of(setting.age, self.studio.groups(model), high)
        years = wanted[1] if wanted and wanted[0] == "age" else min(50, high)
        return {
            self.mode: mode,
            self.model: gr.update(choices=choices(self.studio, mode), value=model),
            self.wanted: wanted,
            self.years: gr.update(minimum=low, maximum=high, value=years),
            **({self.view: setting.view} if setting.view else {}),
        }

    def link_to(self, model: str, mode: str, shown: Target | None, view: str) -> Any:
        """The part of the address that says what is shown."""
        age = None if shown is None else link.age_of(shown, self.studio.groups(model))
        return gr.update(value=link.Setting(model=model, mode=mode, age=age, view=view).query(), visible=True)
