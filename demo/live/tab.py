"""The Live tab: consent, the camera's frames one after the other, the strip of a frozen one, downloads."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import gradio as gr

from core.errors import NoFace
from demo import consent, notices
from demo.answering import Refusal, answering
from demo.delivery import SAVE, Delivery
from demo.language import Language
from demo.live import words
from demo.live.layout import Layout
from demo.live.mirror import STILL_LIMITS, Glance, Mirror, as_url, read_frame
from demo.stopping import Askings, Updates, ending, in_order, stops
from demo.studio import Sitting, Studio

NO_FACE = "No face in view. Look into the camera."
TICK_CONSENT = "Tick the first box to go on."


def tell(doing: str) -> str:
    """JavaScript that tells the camera to do something."""
    return f'() => {{ document.dispatchEvent(new CustomEvent("live", {{ detail: "{doing}" }})); }}'


class LiveTab(Layout):
    """The tab and the answers to its events; what it keeps of a visitor lies in that visitor's `gr.State`."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        super().__init__(studio, say)
        self.delivery = delivery
        self.mirror = Mirror(studio)
        self.wire()

    def wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        work = {**quiet, "concurrency_limit": 2, "concurrency_id": "work"}
        live = {**quiet, "concurrency_limit": 2, "concurrency_id": "live", "trigger_mode": "multiple"}
        self.start.click(None, None, None, js=tell("start"))
        self.stop.click(None, None, None, js=tell("stop"))
        self.freeze.click(None, None, None, js=tell("freeze"))
        aging = self.camera.submit(
            self.age,
            [self.glance, self.consent, self.guardian, self.years],
            [self.camera, self.glance, self.guardian],
            **live,
        )
        frozen = self.camera.pause(
            self.strip_anew,
            outputs=[*self.rested()],
            **in_order(self.askings, self.moment, self.glance, self.consent, self.guardian),
            **work,
        )
        saving = []
        for button, make in ((self.save_png, self.make_png), (self.save_zip, self.make_zip)):
            pressed = button.click(lambda: self.hint("Preparing the file …"), None, self.saved, **quiet)
            to_save = in_order(self.askings, self.moment, self.sitting, self.picked)
            saving.append(pressed.then(self.while_held(make), outputs=[self.file, self.saved], **to_save, **work))
            saving[-1].success(None, self.file, None, js=SAVE)
        # A frame still under way would bring back what is forgotten here, and a file would outlive what allowed it.
        forgetting = [self.camera.play, self.camera.pause, self.camera.stop, self.consent.input]
        stops(forgetting, [aging])
        stops([*forgetting, self.guardian.input], saving)
        stops(
            [self.cancel.click, self.camera.play, self.camera.stop, self.consent.input, self.guardian.input], [frozen]
        )
        told = in_order(self.askings, self.moment)
        self.cancel.click(ending(self.cancelled), outputs=[*self.cancelled()], **told, **quiet)
        self.camera.play(ending(self.opened), outputs=[*self.opened()], **told, **quiet)
        self.camera.stop(ending(self.closed), outputs=[*self.closed()], **told, **quiet)
        agreed = in_order(self.askings, self.moment, self.consent)
        self.consent.input(ending(self.agree), outputs=[*self.agree(False)], **agreed, **quiet).then(
            None, self.consent, None, js=f"(agreed) => {{ if (!agreed) ({tell('stop')})(); }}"
        )
        allowed = in_order(self.askings, self.moment, self.guardian)
        self.guardian.input(ending(self.allow), outputs=[*self.allow(False)], **allowed, **quiet)
        self.strip.select(self.pick, None, [self.picked, self.save_png], **quiet)

    def blank(self) -> Updates:
        """The page with the camera closed and nothing frozen."""
        return {
            self.glance: None,
            self.start: gr.update(visible=True),
            self.running: gr.update(visible=False),
            **self.no_strip(),
        }

    def no_strip(self) -> Updates:
        """The page with nothing frozen, whether the camera runs or not."""
        return {
            self.sitting: None,
            self.picked: None,
            self.progress: "",
            self.strip: gr.update(value=[], visible=False),
            self.saving: gr.update(visible=False),
            self.save_png: gr.update(interactive=False),
            self.saved: "",
        }

    def allow(self, guardian: bool) -> Updates:
        """The guardian's tick was set, or taken back, which takes the strip away. Frames ask for it one by one."""
        rested = {self.progress: "", self.cancel: gr.update(visible=False)}
        return rested if guardian else {**self.no_strip(), **rested}

    def agree(self, agreed: bool) -> Updates:
        """The tick was set, or taken back, which takes everything away."""
        if agreed:
            return {self.start: gr.update(interactive=True), self.notice: ""}
        start = gr.update(interactive=False, visible=True)
        return {**self.rested(), self.start: start, self.notice: self.hint(words.TICK_FIRST), self.camera: None}

    def rested(self) -> Updates:
        return {**self.blank(), self.cancel: gr.update(visible=False)}

    def opened(self) -> Updates:
        """The camera runs."""
        return {**self.rested(), self.start: gr.update(visible=False), self.running: gr.update(visible=True)}

    def closed(self) -> Updates:
        """The camera was stopped: nothing is remembered."""
        return {**self.rested(), self.guardian: gr.update(value=False, visible=False), self.camera: None}

    def age(self, glance: Glance | None, agreed: bool, guardian: bool, years: float, event: gr.EventData) -> Updates:
        """One frame of the camera, aged; or a word on why not."""
        answer: dict[str, Any] = {"serial": event._data.get("serial"), "picture": "", "note": "", "is_trouble": False}
        if not agreed:
            return {self.camera: {**answer, "note": self.say(TICK_CONSENT), "is_trouble": True}, self.glance: None}
        try:
            with answering():
                frame = read_frame(event._data)
                try:
                    seen = self.mirror.look(frame, glance, time.monotonic())
                except NoFace:
                    return {self.camera: {**answer, "note": self.say(NO_FACE)}, self.glance: None}
                if seen.needs_guardian and not guardian:
                    told = {**answer, "note": self.say(consent.TICK_GUARDIAN)}
                    return {self.camera: told, self.glance: seen, self.guardian: gr.update(visible=True)}
                picture, remembered = self.mirror.age(frame, seen, float(years))
        except Refusal as refusal:
            return {self.camera: {**answer, "note": self.say.sentence(str(refusal)), "is_trouble": True}}
        told = {**answer, "picture": as_url(picture), "note": words.reads(self.say, seen.present_age)}
        return {self.camera: told, self.glance: remembered}

    def strip_anew(
        self,
        askings: Askings,
        moment_ms: float,
        glance: Glance | None,
        agreed: bool,
        guardian: bool,
        event: gr.EventData,
    ) -> Iterator[Updates]:
        """Make the strip, until something else is asked for."""
        askings.anew(moment_ms)
        yield from askings.while_newest(moment_ms, self.make_strip(glance, agreed, guardian, event), self.rested())

    def make_strip(
        self, glance: Glance | None, agreed: bool, guardian: bool, event: gr.EventData
    ) -> Generator[Updates]:
        """All ages of the frame that was frozen, one after the other; stops between two when cancelled."""
        model = self.mirror.model
        names = self.studio.groups(model).names
        tiles: list[tuple[str, str]] = []
        try:
            if not agreed:
                raise Refusal(TICK_CONSENT)
            if glance is not None and glance.needs_guardian and not guardian:
                raise Refusal(consent.TICK_GUARDIAN)
            with answering():
                sitting = self.studio.look(read_frame(event._data, STILL_LIMITS), model)
                if sitting.needs_guardian and not guardian:
                    raise Refusal(consent.TICK_GUARDIAN)
                yield {
                    **self.blank(),
                    self.sitting: sitting,
                    self.progress: words.progress(self.say, 0, len(names), ""),
                    self.strip: gr.update(value=[], visible=True, columns=max(len(names) // 2, 4)),
                    self.cancel: gr.update(visible=True),
                }
                for picture in self.studio.strip(sitting, model):
                    tiles.append((self.delivery.show(picture.tile, picture.name, picture.made), picture.name))
                    done = words.progress(self.say, len(tiles), len(names), picture.name)
                    yield {self.strip: gr.update(value=tiles), self.progress: done}
        except Refusal as refusal:
            yield {**self.rested(), self.progress: self.trouble(str(refusal))}
            return
        yield {
            self.progress: self.hint("Pick an age to save it, or save them all. Start the camera to go on."),
            self.cancel: gr.update(visible=False),
            self.saving: gr.update(visible=True),
        }

    def cancelled(self) -> Updates:
        return {self.cancel: gr.update(visible=False), self.progress: self.hint("Stopped.")}

    def pick(self, event: gr.SelectData) -> Updates:
        return {self.picked: int(event.index), self.save_png: gr.update(interactive=True)}

    def while_held(self, make: Callable[..., Updates]) -> Callable[..., Updates]:
        """The same by the inputs of `in_order`, unless what is frozen is forgotten meanwhile."""

        def saved(askings: Askings, moment_ms: float, *asked: Any) -> Updates:
            made = make(*asked)
            return {self.file: None, self.saved: ""} if askings.has_ended(moment_ms) else made

        return saved

    def make_png(self, sitting: Sitting | None, picked: int | None) -> Updates:
        """The frozen frame at the age that was picked, as a file."""
        try:
            if sitting is None or picked is None:
                raise Refusal(consent.GONE)
            with answering():
                picture = self.studio.picture(sitting, self.mirror.model, ("group", picked))
                path = self.delivery.picture(picture.photo, f"agetrans_{picture.file_word}", picture.made)
        except Refusal as refusal:
            return {self.file: None, self.saved: self.trouble(str(refusal))}
        return {self.file: path, self.saved: self.hint("Saved: the whole picture, with its label.")}

    def make_zip(self, sitting: Sitting | None, _picked: int | None) -> Updates:
        """Every age of the frozen frame, the sheet and the record, as one file."""
        try:
            if sitting is None:
                raise Refusal(consent.GONE)
            with answering():
                path = self.delivery.file(self.studio.archive(sitting, self.mirror.model), "agetrans.zip")
        except Refusal as refusal:
            return {self.file: None, self.saved: self.trouble(str(refusal))}
        return {self.file: path, self.saved: self.hint("Saved: a PNG per age, a sheet, and how it was made.")}

    def trouble(self, sentence: str) -> str:
        return notices.trouble(self.say.sentence(sentence))

    def hint(self, text: str) -> str:
        return notices.hint(self.say(text))
