"""Several faces of one photo at once: each with its present age and a target of its own, in one picture."""

from typing import Any, Final

import gradio as gr

from core.ages import AgeGroups
from core.family import compose, family_sheet
from core.marking import mark
from core.transform import made_of
from demo import consent, notices
from demo.answering import Refusal, answering
from demo.boxes import age_range, before_and_after
from demo.consent import guardian_box
from demo.stopping import Askings, Updates, ending, in_order, stops
from demo.studio import Sitting, Target
from demo.transform import link, words
from demo.transform.saving import Saving

MAX_FACES: Final = 6
"""The largest faces are listed."""
LEAVE: Final = ""


class Family(Saving):
    """The panel for several faces, and its answers."""

    def build_family(self) -> None:
        """Where the faces are listed; inside an open column."""
        say = self.say
        with gr.Accordion(
            say("Several faces at once"), open=False, visible=False, elem_id="family-box"
        ) as self.family_box:
            self.members = [
                gr.Dropdown([], visible=False, allow_custom_value=True, elem_id=f"family-{number}")
                for number in range(1, MAX_FACES + 1)
            ]
            self.family_guardian = guardian_box(
                say, "family-guardian", "A face that is to change reads as under 18. I am the guardian and agree."
            )
            self.family_run = gr.Button(say("Age them together"), variant="primary", elem_id="family-run")
            self.family_notice = gr.HTML(elem_id="family-notice", padding=False)

    def build_together(self) -> None:
        """Where the picture of all appears; inside an open column."""
        say = self.say
        with gr.Column(visible=False, elem_id="family-result") as self.together:
            self.family_compare = before_and_after(say, "family-compare")
            with gr.Row(elem_id="family-saving"):
                self.family_png = gr.DownloadButton(say("Photo (PNG)"), elem_id="family-png")
                self.family_sheet = gr.DownloadButton(say("Sheet (PNG)"), elem_id="family-sheet")

    @property
    def allowed_parts(self) -> list[Any]:
        """Components that change with the guardian's tick."""
        return [self.notice, self.saving, self.stop_saving, self.together, *self.strip_parts]

    def meet(self, sitting: Sitting | None, model: str) -> Updates:
        """Read the age of every face and ask for a target for each."""
        try:
            if sitting is None:
                raise Refusal(consent.GONE)
            with answering():
                ages = [self.studio.pick(sitting, number, model).present_age for number in range(self.count(sitting))]
        except Refusal as refusal:
            return {self.family_notice: self.trouble(str(refusal))}
        groups = self.studio.groups(model)
        rows: Updates = {}
        for number, member in enumerate(self.members):
            if number >= len(ages):
                rows[member] = gr.update(visible=False)
                continue
            rows[member] = gr.update(
                choices=[(self.say("Leave as it is"), LEAVE), *((name, name) for name in groups.names)],
                value=LEAVE,
                label=words.member(self.say, number + 1, ages[number]),
                info=self.say("A group, or years"),
                visible=True,
            )
        young = any(age is not None and age.years < 18 for age in ages)
        return {**rows, self.family_guardian: gr.update(value=False, visible=young), self.family_notice: ""}

    def count(self, sitting: Sitting) -> int:
        return min(len(sitting.faces), MAX_FACES)

    def age_together(self, gatherings: Askings, moment_ms: float, showings: Askings, *asked: Any) -> Updates:
        """As `aged_together`, unless the photo is left meanwhile or what allowed it is taken back."""
        made = self.aged_together(*asked)
        return self.gone() if gatherings.has_ended(moment_ms) or showings.has_ended(moment_ms) else made

    def gone(self) -> Updates:
        return {self.together: gr.update(visible=False), self.family_notice: ""}

    def aged_together(self, sitting: Sitting | None, model: str, guardian: bool, *asked: str | None) -> Updates:
        """One photo with every face at its target."""
        groups = self.studio.groups(model)
        try:
            if sitting is None:
                raise Refusal(consent.GONE)
            with answering():
                aged, names = [], []
                for number, text in enumerate(asked[: self.count(sitting)]):
                    target = self.target_of(text, groups)
                    if target is None:
                        continue
                    picked = self.permitted(self.studio.pick(sitting, number, model), guardian)
                    aged.append(self.studio.picture(picked, model, target).aged)
                    names.append(aged[-1].target.name)
                photo = mark(compose(aged))
                made = made_of(self.studio.ager(model), [one.target for one in aged])
                sheet = family_sheet(aged, names, self.say("Today"))
                pair = (self.delivery.show(sitting.photo, "today"), self.delivery.show(photo, "family", made))
                files = (
                    self.delivery.picture(photo, "agetrans_family", made),
                    self.delivery.picture(sheet, "agetrans_sheet", made),
                )
        except Refusal as refusal:
            return {self.family_notice: self.trouble(str(refusal))}
        return {
            self.family_compare: pair,
            self.family_png: files[0],
            self.family_sheet: files[1],
            self.together: gr.update(visible=True),
            self.family_notice: "",
            self.welcome: gr.update(visible=False),
        }

    def target_of(self, text: str | None, groups: AgeGroups) -> Target | None:
        """What was picked or typed for one face; None leaves it as it is. Raises Refusal for what is no age."""
        said = (text or "").strip()
        if not said or said == self.say("Leave as it is"):
            return None
        low, high = age_range(groups)
        target = link.target_of(said, groups, high)
        if target is None:
            raise Refusal(f"Pick a group, or type years from {low} to {high}.")
        return target

    def no_family(self, num_faces: int) -> Updates:
        """The panel closed, offered where there are several faces."""
        return {
            self.family_box: gr.update(visible=num_faces > 1, open=False),
            self.together: gr.update(visible=False),
            self.family_notice: "",
        }

    def wire_family(self, work: dict[str, Any]) -> list[Any]:
        """Returns the events that make something of the photo."""
        asked = [self.sitting, self.model]
        met = self.family_box.expand(
            self.meet, asked, [*self.members, self.family_guardian, self.family_notice], **work
        )
        begun = self.family_run.click(
            lambda: notices.hint(self.say("Making the picture …")),
            None,
            self.family_notice,
            show_progress="hidden",
            api_visibility="private",
        )
        to_gather = in_order(self.gatherings, self.moment, self.showings, *asked, self.family_guardian, *self.members)
        gathered = [self.family_compare, self.family_png, self.family_sheet, self.together, self.family_notice]
        made = begun.success(self.age_together, outputs=[*gathered, self.welcome], **to_gather, **work)
        stops([self.family_guardian.input], [begun, made])
        self.family_guardian.input(
            ending(self.gone),
            outputs=[*self.gone()],
            **in_order(self.gatherings, self.moment),
            show_progress="hidden",
            api_visibility="private",
        )
        return [met, begun, made]
