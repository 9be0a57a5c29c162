"""The Transform tab: photo, consent, faces, the strip of ages, the comparison, downloads."""

from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.context import Context

from core.regions import LOCKS, Lock
from demo import consent
from demo.answering import Refusal, answering
from demo.boxes import age_range
from demo.delivery import SAVE, Delivery
from demo.language import Language
from demo.stopping import ARRIVING, IN_TURN, Askings, Updates, ending, in_order, in_turn_then, stops
from demo.studio import Sitting, Studio
from demo.transform import words
from demo.transform.layout import choices
from demo.transform.linking import Linking
from demo.uploads import EXAMPLE, photo_taken_in

SHOW_PICKED = """() => document.querySelector("#strip .selected")?.scrollIntoView(
  {inline: "center", block: "nearest", behavior: "smooth"})"""
REACHABLE = """() => document.querySelectorAll("#card, #card table").forEach(
  (part) => part.setAttribute("tabindex", "0"))"""
"""The card scrolls, and so may its tables, so the keyboard must come to them."""
SEARCH = "() => [window.location.search]"
COPY = """(query) => {
  const link = window.location.origin + window.location.pathname + query;
  if (navigator.clipboard) navigator.clipboard.writeText(link).catch(() => {});
  return link;
}"""


class TransformTab(Linking):
    """The tab and the answers to its events; what it keeps of a visitor lies in that visitor's `gr.State`."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        super().__init__(studio, say, delivery)
        self.wire()

    def wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        work = {**quiet, "concurrency_limit": 2, "concurrency_id": "work"}
        looking = {**quiet, **IN_TURN}
        waited = {**work, "show_progress": "minimal", "show_progress_on": self.progress}
        asked = [self.sitting, self.model, self.guardian, self.view, self.second]
        to_age = [*asked, self.mode, self.wanted, self.years]
        ordered = in_order(self.askings, self.moment, *to_age)
        running = in_turn_then(self.run.click, self.age, ordered, outputs=self.strip_parts, **waited)
        running[-1].success(None, None, None, js=SHOW_PICKED)

        showing = []
        for event, answer, more, mode in (
            (self.strip.select, self.show_group, [], "multiple"),
            (self.years.input, self.show_age, [self.years], "always_last"),
            (self.view.input, self.show_newest, [self.shown], "multiple"),
            (self.second.input, self.show_newest, [self.shown], "multiple"),
        ):
            ordered = in_order(self.showings, self.moment, *asked, *more)
            showing.append(event(answer, outputs=self.shown_parts, trigger_mode=mode, **ordered, **work))
        saved = [self.file, self.saving, self.stop_saving]
        saving = []
        for button, make in self.keepsakes():
            pressed = button.click(self.prepare, None, [self.saving, self.stop_saving], **quiet)
            to_save = in_order(self.showings, self.moment, *asked, self.shown)
            saving.append(pressed.then(self.for_this_face(make), outputs=saved, **to_save, **work))
            saving[-1].success(None, self.file, None, js=SAVE)
        stops([self.stop_saving.click], saving)
        self.stop_saving.click(self.stopped_saving, None, saved, **quiet)
        making = [*showing, *saving, *self.wire_family(work)]

        found = [*self.blank()]
        came = [self.photo, self.held, *found]
        seen = [self.held, self.consent, self.model, self.locks]
        to_look = {"fn": self.look_once, "outputs": found, **looking}
        to_look |= in_order(self.askings, self.moment, self.showings, *seen, self.sitting)
        stops([self.locks.input], running)
        to_lock = in_order(self.askings, self.moment, self.sitting, self.locks)
        changed_locks = self.locks.input(self.relock, outputs=[self.sitting, self.likeness], **to_lock, **looking)
        to_age_again = in_order(self.askings, self.moment, self.shown, *to_age) | {"trigger_mode": "multiple"}
        again = changed_locks.success(self.age_again, outputs=self.strip_parts, **to_age_again, **waited)
        arriving = [self.photo.input, self.photo.clear]
        changing = [self.consent.input, self.faces.select, self.model.input, self.mode.input]
        # An event's answers are given one after the other, so this comes before any that takes its time.
        pressed = [self.cancel.click, *arriving, self.example.click, *changing, self.guardian.input]
        stops(pressed, [*running, again])
        # What is shown or made of a face does not outlive the photo, the tick below it, nor another choice of face.
        stops([*arriving, self.example.click, *changing], making)
        stops([self.guardian.input], [*showing, *saving])
        to_stop = in_order(self.askings, self.moment)
        self.cancel.click(ending(self.stopped), outputs=[*self.stopped()], **to_stop, **quiet)
        changed = gr.on(arriving, self.arrive, self.photo, came, preprocess=False, **quiet, **ARRIVING)
        for arrived in (changed, self.example.click(self.take_example, None, came, **quiet, **ARRIVING)):
            arrived.then(**to_look)  # the tick may be set by now
        self.consent.input(**to_look)
        to_pick = in_order(self.askings, self.moment, self.showings, self.sitting, self.model)
        self.faces.select(self.pick, outputs=found, **to_pick, **looking)
        to_allow = in_order(self.askings, self.moment, self.showings, self.sitting, self.guardian)
        self.guardian.input(self.allow, outputs=self.allowed_parts, **to_allow, **looking)
        to_change = {"fn": self.change_model, "outputs": [*found, self.years, self.limits, self.card_box], **looking}
        to_change |= in_order(self.askings, self.moment, self.showings, *seen)
        self.model.input(**to_change)
        changed_mode = self.mode.input(self.change_mode, [self.mode, self.model], [self.model, self.wanted], **quiet)
        changed_mode.then(**to_change)
        self.card_box.expand(self.read_card, self.model, self.card, **quiet).then(None, None, None, js=REACHABLE)
        opened = [self.mode, self.model, self.view, self.wanted, self.years]
        assert Context.root_block is not None
        Context.root_block.load(self.open_link, self.query, opened, js=SEARCH, **quiet)

        self.share.click(self.link_to, [self.model, self.mode, self.shown, self.view], self.link, **quiet).then(
            None, self.link, self.link, js=COPY
        )

    def blank(self) -> Updates:
        """The page with no faces found: what every new photo starts from."""
        return {
            self.sitting: None,
            self.shown: None,
            self.notice: "",
            self.progress: "",
            self.found: gr.update(visible=False),
            self.faces: gr.update(value=[], visible=False),
            self.guardian: gr.update(value=False, visible=False),
            self.saving: "",
            self.stop_saving: gr.update(visible=False),
            self.likeness: "",
            **self.no_family(0),
            self.run: gr.update(interactive=False, visible=True),
            self.cancel: gr.update(visible=False),
            self.welcome: gr.update(visible=True),
            self.strip: gr.update(value=[], visible=False),
            self.result: gr.update(visible=False),
        }

    def arrive(self, upload: Any) -> Updates:
        """A photo was chosen, taken or removed. Its copy on disk is replaced by one without metadata."""
        if upload is None:
            return {**self.blank(), self.held: None}
        try:
            photo, path = photo_taken_in(self.studio, upload, self.delivery.folder)
        except Refusal as refusal:
            return {**self.blank(), self.held: None, self.photo: None, self.notice: self.trouble(str(refusal))}
        return {**self.blank(), self.photo: path, self.held: photo}

    def take_example(self) -> Updates:
        photo = self.studio.read(EXAMPLE.read_bytes())
        return {**self.blank(), self.photo: str(EXAMPLE), self.held: photo}

    def look(self, held: Any, agreed: bool, model: str, locks: list[Lock]) -> Updates:
        """Look for faces, but only in a photo that is there and whose people agreed."""
        if held is None:
            page = self.blank()
            del page[self.notice]  # it may say why a photo was refused
            return page
        if not agreed:
            return {**self.blank(), self.notice: self.hint(consent.TICK_FIRST)}
        try:
            with answering():
                sitting = replace(self.studio.look(held, model), locks=permitted_locks(locks))
                thumbnails = [self.delivery.show(face, "face") for face in self.studio.thumbnails(sitting)]
        except Refusal as refusal:
            return {**self.blank(), self.notice: self.trouble(str(refusal))}
        numbered = [(face, str(number)) for number, face in enumerate(thumbnails, 1)]
        return {
            **self.met(sitting),
            self.faces: gr.update(value=numbered, visible=len(numbered) > 1, selected_index=0),
        }

    def look_once(
        self,
        askings: Askings,
        moment_ms: float,
        showings: Askings,
        held: Any,
        agreed: bool,
        model: str,
        locks: list[Lock],
        sitting: Sitting | None,
    ) -> Updates:
        """The same, but not twice: a tick that comes while a photo is looked at must not undo what was made since.
        Nor out of order: a look asked for before a tick must not undo the tick."""
        if askings.is_late(moment_ms) or (agreed and sitting is not None and sitting.photo is held):
            return {self.sitting: sitting}
        showings.leave(moment_ms)
        looked = self.look(held, agreed, model, locks)
        askings.anew(moment_ms, looked)
        return looked

    def met(self, sitting: Sitting) -> Updates:
        """The page with one face picked and nothing made of it yet."""
        updates = self.blank()
        del updates[self.faces]
        face, age = sitting.face, sitting.present_age
        return {
            **updates,
            self.sitting: sitting,
            **self.no_family(len(sitting.faces)),
            self.found: gr.update(value=words.present(self.say, age, len(sitting.faces), face.warnings), visible=True),
            self.guardian: gr.update(value=False, visible=sitting.needs_guardian),
            self.notice: self.hint(consent.TICK_GUARDIAN) if sitting.needs_guardian else "",
            self.run: gr.update(interactive=not sitting.needs_guardian, visible=True),
        }

    def pick(
        self,
        askings: Askings,
        moment_ms: float,
        showings: Askings,
        sitting: Sitting | None,
        model: str,
        event: gr.SelectData,
    ) -> Updates:
        showings.leave(moment_ms)
        if sitting is None:
            return {**self.blank(), self.notice: self.trouble(consent.GONE)}
        try:
            with answering():
                page = self.met(self.studio.pick(sitting, int(event.index), model))
        except Refusal as refusal:
            page = {**self.blank(), self.notice: self.trouble(str(refusal))}
        askings.anew(moment_ms, page)  # last, for what began meanwhile with the face before
        return page

    def allow(
        self, askings: Askings, moment_ms: float, showings: Askings, sitting: Sitting | None, guardian: bool
    ) -> Updates:
        """The guardian's tick was set, or taken back, and with it all that was made."""
        showings.leave(moment_ms)
        if sitting is None:
            page = {**self.blank(), self.notice: self.trouble(consent.GONE)}
        else:
            told = "" if guardian else self.hint(consent.TICK_GUARDIAN)
            page = {**self.met(sitting), self.notice: told, self.run: gr.update(interactive=guardian, visible=True)}
        page = {part: page[part] for part in self.allowed_parts if part in page}
        askings.anew(moment_ms, page)
        return page

    def change_model(
        self,
        askings: Askings,
        moment_ms: float,
        showings: Askings,
        held: Any,
        agreed: bool,
        model: str,
        locks: list[Lock],
    ) -> Updates:
        low, high = age_range(self.studio.groups(model))
        page = {
            self.years: gr.update(minimum=low, maximum=high, value=min(50, high)),
            self.limits: words.limits(self.say, self.studio.info(model), self.studio.estimator),
            self.card_box: gr.update(open=False),
        }
        if not askings.is_late(moment_ms):
            showings.leave(moment_ms)
            page |= self.look(held, agreed, model, locks)
            askings.anew(moment_ms, page)
        return page

    def change_mode(self, mode: str, model: str) -> Updates:
        """The models of the mode; the one chosen stays if it is among them."""
        fitting = choices(self.studio, mode)
        names = [name for _, name in fitting]
        return {
            self.model: gr.update(choices=fitting, value=model if model in names else names[0]),
            self.wanted: None,
        }

    def read_card(self, model: str) -> str:
        """What the model's makers say of it, as Markdown."""
        info = self.studio.info(model)
        facts = self.say("Terms: {licence}", licence=info.licence)
        path = info.folder / info.card
        if not info.card or not path.is_file():
            return facts
        lines = path.read_text(encoding="utf-8").splitlines()
        return "\n".join(line for line in lines if not line.startswith("!["))  # its picture does not lie on the page

    def relock(self, askings: Askings, moment_ms: float, sitting: Sitting | None, locks: list[Lock]) -> Updates:
        askings.anew(moment_ms)
        if sitting is None:
            return {self.likeness: ""}
        return {self.sitting: replace(sitting, locks=permitted_locks(locks)), self.likeness: ""}


def permitted_locks(locks: list[Lock]) -> tuple[Lock, ...]:
    """The regions ticked, of those that there are."""
    return tuple(lock for lock in LOCKS if lock in (locks or ()))
