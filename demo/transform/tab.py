"""The Transform tab: photo, consent, faces, the strip of ages, the comparison, downloads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from core.files import write_atomic
from core.images import encode_jpeg
from demo import consent, notices
from demo.answering import Refusal, answering
from demo.delivery import Delivery
from demo.language import Language
from demo.studio import Sitting, Studio, Target
from demo.transform import words
from demo.transform.layout import CLOSE_UP, Layout, age_range
from demo.uploads import uploaded

Updates = dict[Any, Any]

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "astronaut.jpg"
SHOW_PICKED = """() => document.querySelector("#strip .selected")?.scrollIntoView(
  {inline: "center", block: "nearest", behavior: "smooth"})"""
SAVE = """(file) => {
  if (!file || !file.url) return;
  const link = document.createElement("a");
  link.href = file.url; link.download = file.orig_name || "agetrans"; link.click();
}"""


class TransformTab(Layout):
    """The tab and the answers to its events; what it keeps of a visitor lies in that visitor's `gr.State`."""

    def __init__(self, studio: Studio, say: Language, delivery: Delivery) -> None:
        super().__init__(studio, say)
        self.delivery = delivery
        self.wire()

    def wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        work = {**quiet, "concurrency_limit": 2, "concurrency_id": "work"}
        made = [self.shown, self.heading, self.compare, self.result, self.progress]
        running = self.run.click(
            self.age,
            [self.sitting, self.model, self.guardian, self.view],
            [self.welcome, self.strip, self.run, self.cancel, *made],
            **work,
        )
        running.then(None, None, None, js=SHOW_PICKED)
        self.cancel.click(self.stopped, None, [self.progress, self.run, self.cancel], cancels=[running], **quiet)

        anew = {**work, "cancels": [running]}
        found = [*self.blank()]
        came = [self.photo, self.held, *found]
        changed = gr.on([self.photo.input, self.photo.clear], self.arrive, self.photo, came, preprocess=False, **anew)
        seen = [self.held, self.consent, self.model]
        for arrived in (changed, self.example.click(self.take_example, None, came, **anew)):
            arrived.then(self.look, seen, found, **work)  # by now the tick may have been set
        self.consent.input(self.look, seen, found, **anew)
        self.faces.select(self.pick, [self.sitting, self.model], found, **anew)
        self.guardian.input(self.allow, [self.sitting, self.guardian], [self.run, self.notice], **quiet)
        self.model.input(self.change_model, seen, [*found, self.years, self.limits], **anew)

        shown = [self.sitting, self.model, self.guardian, self.shown, self.view]
        self.strip.select(self.show_group, shown, made, **work)
        self.years.input(self.show_age, [*shown, self.years], made, trigger_mode="always_last", **work)
        self.view.input(self.show_again, shown, made, **work)
        for button, make in ((self.save_png, self.make_png), (self.save_zip, self.make_zip)):
            button.click(lambda: self.hint("Preparing the file …"), None, self.saving, **quiet).then(
                make, shown, [self.file, self.saving], **work
            ).then(None, self.file, None, js=SAVE)

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
            path = uploaded(upload, self.delivery.folder)
        except Refusal as refusal:
            return {**self.blank(), self.held: None, self.photo: None, self.notice: self.trouble(str(refusal))}
        try:
            with answering():
                photo = self.studio.read(path.read_bytes())
                write_atomic(path, encode_jpeg(photo))
        except Refusal as refusal:
            path.unlink(missing_ok=True)
            trouble = self.trouble(str(refusal))
            return {**self.blank(), self.held: None, self.photo: None, self.notice: trouble}
        return {**self.blank(), self.photo: str(path), self.held: photo}

    def take_example(self) -> Updates:
        photo = self.studio.read(EXAMPLE.read_bytes())
        return {**self.blank(), self.photo: str(EXAMPLE), self.held: photo}

    def look(self, held: Any, agreed: bool, model: str) -> Updates:
        """Look for faces, but only in a photo that is there and whose people agreed."""
        if held is None:
            return {self.sitting: None}
        if not agreed:
            return {**self.blank(), self.notice: self.hint(consent.TICK_FIRST)}
        try:
            with answering():
                sitting = self.studio.look(held, model)
                thumbnails = self.studio.thumbnails(sitting)
        except Refusal as refusal:
            return {**self.blank(), self.notice: self.trouble(str(refusal))}
        numbered = [(face, str(number)) for number, face in enumerate(thumbnails, 1)]
        return {
            **self.met(sitting),
            self.faces: gr.update(value=numbered, visible=len(numbered) > 1, selected_index=0),
        }

    def met(self, sitting: Sitting) -> Updates:
        """The page with one face picked and nothing made of it yet."""
        updates = self.blank()
        del updates[self.faces]
        face, age = sitting.face, sitting.present_age
        return {
            **updates,
            self.sitting: sitting,
            self.found: gr.update(value=words.present(self.say, age, len(sitting.faces), face.warnings), visible=True),
            self.guardian: gr.update(value=False, visible=sitting.needs_guardian),
            self.notice: self.hint(consent.TICK_GUARDIAN) if sitting.needs_guardian else "",
            self.run: gr.update(interactive=not sitting.needs_guardian),
        }

    def pick(self, sitting: Sitting | None, model: str, event: gr.SelectData) -> Updates:
        if sitting is None:
            return {**self.blank(), self.notice: self.trouble(consent.GONE)}
        try:
            with answering():
                return self.met(self.studio.pick(sitting, int(event.index), model))
        except Refusal as refusal:
            return {**self.blank(), self.notice: self.trouble(str(refusal))}

    def allow(self, sitting: Sitting | None, guardian: bool) -> Updates:
        may = sitting is not None and (guardian or not sitting.needs_guardian)
        return {
            self.run: gr.update(interactive=may),
            self.notice: "" if may else self.hint(consent.TICK_GUARDIAN),
        }

    def change_model(self, held: Any, agreed: bool, model: str) -> Updates:
        low, high = age_range(self.studio.groups(model))
        return {
            **self.look(held, agreed, model),
            self.years: gr.update(minimum=low, maximum=high, value=min(50, high)),
            self.limits: words.limits(self.say, self.studio.info(model), self.studio.estimator),
        }

    def age(self, sitting: Sitting | None, model: str, guardian: bool, view: str) -> Iterator[Updates]:
        """Make the strip, one age after the other; stops between two ages when cancelled."""
        names = self.studio.groups(model).names
        try:
            face_of = self.permitted(sitting, guardian)
            yield {
                self.welcome: gr.update(visible=False),
                self.progress: words.progress(self.say, 0, len(names), ""),
                self.strip: gr.update(value=[], visible=True, columns=max(len(names) // 2, 4)),
                self.run: gr.update(visible=False),
                self.cancel: gr.update(visible=True),
                self.result: gr.update(visible=False),
            }
            tiles: list[tuple[str, str]] = []
            with answering():
                for picture in self.studio.strip(face_of, model):
                    tiles.append((self.delivery.show(picture.tile, picture.name), picture.name))
                    done = words.progress(self.say, len(tiles), len(names), picture.name)
                    yield {self.strip: gr.update(value=tiles), self.progress: done}
            yield {
                **self.show(face_of, model, guardian, ("group", len(names) - 2), view),
                self.strip: gr.update(value=tiles, selected_index=len(names) - 2),
                **self.rested(""),
            }
        except Refusal as refusal:
            yield self.rested(self.trouble(str(refusal)))

    def rested(self, text: str) -> Updates:
        return {
            self.progress: text,
            self.run: gr.update(visible=True),
            self.cancel: gr.update(visible=False),
        }

    def stopped(self) -> Updates:
        return self.rested(self.hint("Stopped. The ages made so far are below."))

    def permitted(self, sitting: Sitting | None, guardian: bool) -> Sitting:
        """The sitting, if it may be worked on. Raises Refusal."""
        if sitting is None:
            raise Refusal(consent.GONE)
        if sitting.needs_guardian and not guardian:
            raise Refusal(consent.TICK_GUARDIAN)
        return sitting

    def show(self, sitting: Sitting | None, model: str, guardian: bool, target: Target | None, view: str) -> Updates:
        """Put one age beside the photo as it came."""
        if target is None:
            return {self.progress: ""}
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                picture = self.studio.picture(face_of, model, target)
                before = self.studio.before(face_of) if view == CLOSE_UP else face_of.photo
                after = picture.close_up if view == CLOSE_UP else picture.photo
                pair = (self.delivery.show(before, "today"), self.delivery.show(after, f"age_{picture.name}"))
        except Refusal as refusal:
            return {self.progress: self.trouble(str(refusal))}
        return {
            self.shown: target,
            self.heading: words.showing(self.say, picture.name, face_of.present_age),
            self.compare: pair,
            self.result: gr.update(visible=True),
            self.progress: "",
        }

    def show_group(
        self,
        sitting: Sitting | None,
        model: str,
        guardian: bool,
        _shown: Target | None,
        view: str,
        event: gr.SelectData,
    ) -> Updates:
        return self.show(sitting, model, guardian, ("group", int(event.index)), view)

    def show_age(
        self, sitting: Sitting | None, model: str, guardian: bool, _shown: Target | None, view: str, years: float
    ) -> Updates:
        return self.show(sitting, model, guardian, ("age", float(years)), view)

    def show_again(
        self, sitting: Sitting | None, model: str, guardian: bool, shown: Target | None, view: str
    ) -> Updates:
        return self.show(sitting, model, guardian, shown, view)

    def make_png(
        self, sitting: Sitting | None, model: str, guardian: bool, shown: Target | None, _view: str
    ) -> Updates:
        """The whole photo at the age on show, as a file."""
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                picture = self.studio.picture(face_of, model, shown or ("group", 0))
                path = self.delivery.picture(picture.photo, f"agetrans_{picture.file_word}")
        except Refusal as refusal:
            return {self.file: None, self.saving: self.trouble(str(refusal))}
        return {self.file: path, self.saving: self.hint("Saved: the whole photo, with its label.")}

    def make_zip(
        self, sitting: Sitting | None, model: str, guardian: bool, _shown: Target | None, _view: str
    ) -> Updates:
        """Every age, the sheet and the record, as one file."""
        try:
            face_of = self.permitted(sitting, guardian)
            with answering():
                path = self.delivery.file(self.studio.archive(face_of, model), "agetrans.zip")
        except Refusal as refusal:
            return {self.file: None, self.saving: self.trouble(str(refusal))}
        return {
            self.file: path,
            self.saving: self.hint("Saved: a PNG per age, a sheet, and how it was made."),
        }

    def trouble(self, sentence: str) -> str:
        return notices.trouble(self.say.sentence(sentence))

    def hint(self, text: str) -> str:
        return notices.hint(self.say(text))
