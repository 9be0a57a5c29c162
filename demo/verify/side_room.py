"""One of the two photos: consent, its faces, the age of the one picked; the answers to what is done with it."""

from typing import Any

import gradio as gr

from core.align import Photo
from demo import consent, notices
from demo.answering import Refusal, answering
from demo.boxes import photo_box, tiles
from demo.consent import consent_box, guardian_box
from demo.delivery import FORGET_AFTER_S, Delivery
from demo.language import Language
from demo.stopping import Askings, Updates
from demo.studio import Studio
from demo.uploads import EXAMPLE, photo_taken_in
from demo.verify import words
from demo.verify.pairing import Pairing, Side


class SideRoom:
    """Components of one side, and what becomes of them; built inside an open row."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery, number: int) -> None:
        """Args: number: 1 or 2; the second can be made from the first."""
        self.studio, self.say, self.delivery, self.number = studio, say, delivery, number
        self.pairing = Pairing(studio)
        ages = self.pairing.groups()
        name = say("First photo") if number == 1 else say("Second photo")
        self.held: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.side: Any = gr.State(None, time_to_live=FORGET_AFTER_S)
        self.askings: Any = gr.State(Askings())
        with gr.Column(min_width=280, elem_id=f"verify-side-{number}", elem_classes="verify-side"):
            gr.HTML(f"<h2>{name}</h2>", padding=False)
            self.photo = photo_box(say, f"verify-photo-{number}", name, height_px=260)
            if number == 1:
                self.example = gr.Button(
                    say("Try it with the astronaut"), size="sm", elem_id="verify-example", elem_classes="verify-link"
                )
            else:
                with gr.Row(elem_id="verify-making"):
                    self.wanted = gr.Dropdown(
                        [(age.replace("-", "–"), index) for index, age in enumerate(ages)],
                        value=len(ages) - 1,
                        label=say("Or made from the first photo, at age"),
                        elem_id="verify-wanted",
                        filterable=False,
                    )
                    self.make = gr.Button(say("Make it"), size="sm", interactive=False, elem_id="verify-make")
            self.consent = consent_box(say, f"verify-consent-{number}")
            self.notice = gr.HTML(elem_id=f"verify-notice-{number}", elem_classes="verify-note", padding=False)
            self.faces = tiles(say("Faces, upright and of one size"), f"verify-faces-{number}", columns=4)
            self.found = gr.HTML(elem_id=f"verify-found-{number}", padding=False, visible=False)
            self.guardian = guardian_box(say, f"verify-guardian-{number}")
            self.years = gr.Number(
                label=say("Age in this photo, in years"),
                minimum=0,
                maximum=100,
                precision=0,
                elem_id=f"verify-years-{number}",
                visible=False,
            )
            self.moment = gr.Number(0, visible=False)

    @property
    def found_parts(self) -> list[Any]:
        """Components that change with every photo, consent and face."""
        return [*self.blank()]

    def blank(self) -> Updates:
        """The side with no faces found."""
        return {
            self.side: None,
            self.notice: "",
            self.faces: gr.update(value=[], visible=False),
            self.found: gr.update(visible=False),
            self.guardian: gr.update(value=False, visible=False),
            self.years: gr.update(value=None, visible=False),
            self.consent: gr.update(visible=True),
        }

    def arrive(self, upload: Any) -> Updates:
        """A photo was chosen, taken or removed. Its copy on disk is replaced by one without metadata."""
        gone = {**self.blank(), self.held: None}
        if upload is None:
            return gone
        try:
            photo, path = photo_taken_in(self.studio, upload, self.delivery.folder)
        except Refusal as refusal:
            return {**gone, self.photo: None, self.notice: self.trouble(str(refusal))}
        return {**gone, self.photo: path, self.held: photo}

    def take_example(self) -> Updates:
        photo = self.studio.read(EXAMPLE.read_bytes())
        return {**self.blank(), self.photo: str(EXAMPLE), self.held: photo}

    def look(self, held: Photo | None, agreed: bool) -> Updates:
        """Look for faces, but only in a photo that is there and whose people agreed."""
        if held is None:
            page = self.blank()
            del page[self.notice]  # it may say why a photo was refused
            return page
        if not agreed:
            return {**self.blank(), self.notice: self.hint(consent.TICK_FIRST)}
        try:
            with answering():
                return self.met(self.pairing.look(held))
        except Refusal as refusal:
            return {**self.blank(), self.notice: self.trouble(str(refusal))}

    def look_once(
        self, askings: Askings, moment_ms: float, held: Photo | None, agreed: bool, side: Side | None
    ) -> Updates:
        """The same, but not twice: a tick that comes while a photo is looked at must not undo what was made since.
        Nor out of order: a look asked for before a tick must not undo the tick."""
        if askings.is_late(moment_ms) or (agreed and side is not None and side.photo is held):
            return {self.side: side}
        return self.look(held, agreed)

    def met(self, side: Side) -> Updates:
        """One side with a face picked."""
        paths = [self.delivery.show(face, "face", side.made) for face in self.pairing.faces(side)]
        faces = [(path, str(number) if len(paths) > 1 else None) for number, path in enumerate(paths, 1)]
        age, years = side.present_age, self.say("As the face reads. Put the true age if you know it.")
        return {
            **self.blank(),
            self.side: side,
            self.faces: gr.update(value=faces, visible=True, selected_index=side.picked if len(faces) > 1 else None),
            self.found: gr.update(value=words.found(self.say, side), visible=True),
            self.guardian: gr.update(value=False, visible=side.needs_guardian),
            self.notice: self.hint(consent.TICK_GUARDIAN) if side.needs_guardian else "",
            self.years: gr.update(
                value=None if age is None else int(age.years),
                info=self.say("As it was asked for.") if side.is_made else years,
                visible=True,
            ),
            self.consent: gr.update(visible=not side.is_made),
        }

    def pick(self, side: Side | None, event: gr.SelectData) -> Updates:
        """Another face of the same photo."""
        if side is None:
            return {**self.blank(), self.notice: self.trouble(consent.GONE)}
        try:
            with answering():
                return self.met(self.pairing.pick(side, int(event.index)))
        except Refusal as refusal:
            return {**self.blank(), self.notice: self.trouble(str(refusal))}

    def trouble(self, sentence: str) -> str:
        return notices.trouble(self.say.sentence(sentence))

    def hint(self, text: str) -> str:
        return notices.hint(self.say(text))
