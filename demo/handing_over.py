"""From one tab to another: the age that Transform shows becomes the second photo of Verify."""

from typing import Any

import gradio as gr

from core.marking import mark
from demo.answering import Refusal, answering
from demo.stopping import Askings, Updates, in_order, stops
from demo.studio import Sitting, Target
from demo.transform.tab import TransformTab
from demo.verify.pairing import Side
from demo.verify.tab import VerifyTab

SHOW_VERDICT = """() => requestAnimationFrame(() =>
  document.querySelector("#verify-result")?.scrollIntoView({block: "center", behavior: "smooth"}))"""


class HandingOver:
    """A press in Transform, answered in Verify with both photos in place and held together."""

    def __init__(self, tabs: gr.Tabs, transform: TransformTab, verify: VerifyTab) -> None:
        """Built inside an open `gr.Blocks`, after both.

        Args:
            tabs: that both lie in, as "transform" and "verify".
        """
        self.tabs, self.transform, self.verify = tabs, transform, verify
        pair, first = verify.pair, verify.pair.first
        press = transform.verify.click
        stops([press], pair.running)
        giving = press(
            self.give,
            outputs=[tabs, verify.rooms, transform.saving, first.photo, first.held, *first.found_parts, *pair.settled],
            **in_order(
                transform.showings,
                transform.moment,
                pair.askings,
                transform.sitting,
                transform.model,
                transform.guardian,
                transform.shown,
                pair.rate,
            ),
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=2,
            concurrency_id="work",
        )
        giving.success(None, None, None, js=SHOW_VERDICT)
        stops([transform.consent.input], [giving])

    def give(self, showings: Askings, moment_ms: float, askings: Askings, *asked: Any) -> Updates:
        """As `laid_out`, unless the face is left in Transform meanwhile, or what allowed it is taken back.

        Args:
            showings: of Transform.
            askings: of Verify.
        """
        made = self.laid_out(askings, moment_ms, *asked)
        return {self.transform.saving: ""} if showings.has_ended(moment_ms) else made

    def laid_out(
        self,
        askings: Askings,
        moment_ms: float,
        sitting: Sitting | None,
        model: str,
        guardian: bool,
        target: Target | None,
        rate: float,
    ) -> Updates:
        """Both photos laid out in Verify, which comes to the front; or why not, where the button is."""
        transform, pair = self.transform, self.verify.pair
        first, second = pair.sides
        try:
            face_of = transform.permitted(sitting, guardian)
            if target is None:
                return {transform.saving: ""}
            with answering():
                picture = transform.studio.picture(face_of, model, target)
                one = Side(
                    photo=face_of.photo, faces=face_of.faces, picked=face_of.picked, present_age=face_of.present_age
                )
                other = pair.pairing.second(one, picture.aged, picture.made)
                today = transform.delivery.show(one.photo, "today")
                made = transform.delivery.show(mark(other.photo), "made", other.made)
        except Refusal as refusal:
            return {transform.saving: transform.trouble(str(refusal))}
        return {
            self.tabs: gr.update(selected="verify"),
            self.verify.rooms: gr.update(selected="verify-pair"),
            transform.saving: "",
            **first.met(one),
            first.photo: today,
            first.held: one.photo,
            first.consent: gr.update(value=True, visible=True),
            first.guardian: gr.update(value=guardian, visible=one.needs_guardian),
            first.notice: "",
            **pair.settle(askings, moment_ms, one, guardian, other, False),
            **second.met(other),
            second.photo: made,
            second.held: None,
            **pair.hold_together(one, guardian, other, False, years_of(one), years_of(other), rate),
        }


def years_of(side: Side) -> float | None:
    """The age of which the whole years stand below a photo."""
    return None if side.present_age is None else side.present_age.years
